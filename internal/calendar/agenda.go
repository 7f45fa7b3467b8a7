package calendar

import (
	"slices"
	"time"
)

// A DayList is the events of one day as a list.
type DayList struct {
	Date  Date
	Items []Item
}

// An Item is an event in a day's list.
type Item struct {
	Piece
	// WholeDay says that the event takes the day from its beginning to its end,
	// whether or not it is an all-day event.
	WholeDay bool
}

// ListDays lists the events of each of the days, which are in ascending order,
// for somebody in loc: first what takes the whole day, then by start. An event
// of several days is on the list of each that it touches. The order of the
// events does not matter.
func ListDays(days []Date, loc *time.Location, events []Event) []DayList {
	w := newWindow(days, loc)
	lists := make([]DayList, len(days))
	for i, d := range days {
		lists[i].Date = d
	}
	for _, e := range inOrder(events, func(*Event) bool { return true }, byStart) {
		w.daily(e, func(day int, p Piece) {
			lists[day].Items = append(lists[day].Items, Item{p, w.whole(e, day)})
		})
	}
	for _, list := range lists {
		slices.SortStableFunc(list.Items, func(a, b Item) int { return trueFirst(a.WholeDay, b.WholeDay) })
	}
	return lists
}

// whole reports whether e, which touches the day, takes all of it.
func (w window) whole(e *Event, day int) bool {
	return e.When.AllDay || !e.When.Start.After(w.starts[day]) && !e.When.End.Before(w.ends[day])
}
