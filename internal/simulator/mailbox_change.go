package simulator

import "time"

// Put stores an event in a person's mailbox, as if it had been made in
// Outlook, and returns its Graph id in the immutable form. With e.ID set it
// replaces that event, or, when the id is that of an occurrence, makes an
// exception of it. The error names a calendar, zone or id that does not
// exist, or an end before the start.
func (s *Simulator) Put(p *Person, e Event) (id string, err error) { return p.mailbox.put(e) }

// Remove deletes an event, a whole series or one occurrence of it. An id that
// the mailbox does not hold is an error.
func (s *Simulator) Remove(p *Person, id string) error { return p.mailbox.remove(id) }

// Occurrence is one event of a calendar view, for tests that compare what is
// shown with what is there.
type Occurrence struct {
	Event
	ID, MasterID string // immutable; MasterID is empty for a single event
	// Begins and Ends are instants. Those of all-day events are the midnights
	// of the zone that the event was made in.
	Begins, Ends time.Time
}

// Occurrences lists what a person's calendars show between two instants,
// those of other people's shared calendars included, in no particular order.
func (s *Simulator) Occurrences(p *Person, from, until time.Time) []Occurrence {
	var list []Occurrence
	for _, g := range p.mailbox.groups {
		for _, c := range g.calendars {
			for _, o := range p.mailbox.view(c, from, until) {
				one := Occurrence{Event: *o.event, ID: o.item.key.id(o.date, true), Begins: o.start, Ends: o.end}
				if o.date != "" {
					one.MasterID = o.item.key.id("", true)
				}
				list = append(list, one)
			}
		}
	}
	return list
}
