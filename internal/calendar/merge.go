package calendar

import "slices"

// Merge returns the events of all lists in order of their start, each
// occurrence once: of several with the same ID, which a person who reads one
// mailbox through several calendars gets, it keeps that of the earliest list,
// and in a list the earliest. Put the calendar first whose owner sees most. An
// event without an ID is like no other.
//
// An all-day event counts from midnight UTC. The lists are not changed.
func Merge(lists ...[]Event) []Event {
	seen := map[string]bool{}
	var merged []Event
	for _, list := range lists {
		for _, e := range list {
			if e.ID != "" && seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			merged = append(merged, e)
		}
	}
	slices.SortStableFunc(merged, func(a, b Event) int { return byStart(&a, &b) })
	return merged
}
