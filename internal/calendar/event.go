package calendar

import "time"

// An Event is one occurrence of a meeting or appointment, as it is drawn in a
// view. What only the event's own page shows is package graph's to add.
type Event struct {
	ID         string // opaque; case-sensitive; may hold '/', '+' and '='
	CalendarID string // of the calendar it was read from
	SeriesID   string // of the series it is an occurrence of, or empty
	Subject    string // may be empty
	Place      string // the location's name, may be empty
	Organizer  Person
	Attendees  []Person // for search; empty when hidden or unknown
	Categories []string // by name, in the owner's order
	JoinURL    string   // of the online meeting; always https, or empty
	WebLink    string   // opens the event in Outlook; always https, or empty
	When       When
	State      State
}

// A Person is somebody's name and e-mail address; either may be empty.
type Person struct {
	Name, Address string
}

// When says when an event happens: a span of instants, or whole days.
type When struct {
	AllDay bool
	// Start and End are set for timed events, in UTC. End is not before Start
	// and equals it for an event of no length.
	Start, End time.Time
	// First and Until are set for all-day events. Until is the day after the
	// last one, and so always after First.
	First, Until Date
}

// State is how an event stands: what it means for its owner's time, and what
// the owner has answered. Unknown values of an enumeration are kept as they
// came, in lower camel case as Graph documents them.
type State struct {
	ShowAs         string // free, tentative, busy, oof, workingElsewhere, unknown
	Response       string // none, organizer, tentativelyAccepted, accepted, declined, notResponded
	Sensitivity    string // normal, personal, private, confidential
	Importance     string // low, normal, high
	Cancelled      bool
	IsOrganizer    bool
	IsOnline       bool
	HasAttachments bool
}
