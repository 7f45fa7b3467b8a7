package simulator

import "time"

// Event is one entry of a pretend mailbox: a single appointment, or a series
// when Recurrence is set. The zero value of every field but Start and End is
// what an ordinary appointment has, so that a row of the demo world or a test
// says only what is special about it.
type Event struct {
	// ID is empty for a new event; [Simulator.Put] returns it.
	ID string
	// Calendar is the name of the calendar that holds the event; empty means
	// the person's default calendar.
	Calendar string
	// Subject is sent as null when empty, as Graph does.
	Subject string
	// Start and End are wall-clock times of Zone: only their year to second
	// count, not their location. For all-day events both are midnights and
	// End is the day after the last.
	Start, End time.Time
	// Zone is the Windows name of the zone that the event was made in; empty
	// means the mailbox's own, or UTC where the mailbox has none.
	Zone   string
	AllDay bool

	// Recurrence makes a series of which Start and End are the first.
	Recurrence *Recurrence

	// ShowAs, Sensitivity, Importance and Response are sent as they stand;
	// empty means busy (free for all-day events), normal, normal and, by who
	// organises, organizer or accepted.
	ShowAs, Sensitivity, Importance, Response string
	Cancelled                                 bool

	// Organizer is the owner of the calendar when empty.
	Organizer     Contact
	Attendees     []Attendee
	HideAttendees bool

	// Places are the rooms or addresses, Online the address of a Teams
	// meeting.
	Places []Place
	Online string

	Categories []string
	// Body is HTML; the preview and the text form are made from it.
	Body        string
	text        func() string // that form; set once the event is stored
	Attachments bool
	// Extra holds properties that the CSDL does not declare; event is an
	// open type.
	Extra map[string]any
}

// Contact is a name with an address.
type Contact struct{ Name, Address string }

// Attendee is a person or room invited to an event. Type is required when
// empty, Response none.
type Attendee struct {
	Contact
	Type, Response string
}

// Place is where an event happens. Type is a locationType, default when
// empty; URI and Email are left out when empty.
type Place struct {
	Name, Type, URI, Email string
	Street, City, Country  string
}

// Recurrence says how a series repeats, in Graph's own words: Pattern is
// daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly or
// relativeYearly. Weeks begin on Monday. A series without Until and Count
// has no end; Until is the last date, Count the number of occurrences.
type Recurrence struct {
	Pattern  string
	Interval int // 0 means 1
	Days     []time.Weekday
	Index    string // first to last, for the relative patterns
	Until    time.Time
	Count    int
}

// occurrence is one entry of a calendar view: an event on one day.
type occurrence struct {
	item       *item
	event      *Event
	start, end time.Time
	kind       string // Graph's event type
	date       string // of a series: the day the pattern gives
}

func (o occurrence) overlaps(from, until time.Time) bool {
	if o.start.Equal(o.end) {
		return !o.start.Before(from) && o.start.Before(until)
	}
	return o.start.Before(until) && o.end.After(from)
}

// item is a stored event with what was changed in single occurrences.
type item struct {
	Event
	key     key
	changes map[string]*Event // by the pattern's date; nil: deleted
	version int               // of the mailbox at the last change
}

const isoDate = "2006-01-02"

// location is the zone in which the event's wall-clock times are read.
func (i *item) location() *time.Location { return locate(i.Zone) }

// place gives the occurrence of e that starts on a day, as instants.
func (i *item) place(e *Event, day time.Time, kind, date string) occurrence {
	loc, s := i.location(), e.Start
	start := time.Date(day.Year(), day.Month(), day.Day(), s.Hour(), s.Minute(), s.Second(), 0, loc)
	var end time.Time
	if span := wall(e.End).Sub(wall(e.Start)); e.AllDay {
		end = start.AddDate(0, 0, int(span.Hours()/24))
	} else if kind == "occurrence" {
		end = start.Add(span)
	} else {
		t := e.End
		end = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, loc)
	}
	return occurrence{item: i, event: e, start: start, end: end, kind: kind, date: date}
}

// wall forgets the zone of a wall-clock time, so that two of them differ by
// what the clock on the wall shows.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// between lists what of the item a view from from until until shows.
func (i *item) between(from, until time.Time) []occurrence {
	if i.Recurrence == nil {
		if o := i.place(&i.Event, i.Start, "singleInstance", ""); o.overlaps(from, until) {
			return []occurrence{o}
		}
		return nil
	}
	var list []occurrence
	add := func(o occurrence) {
		if o.overlaps(from, until) {
			list = append(list, o)
		}
	}
	// A day of slack on both sides: dates here are of the event's zone.
	span := wall(i.End).Sub(wall(i.Start))
	for day := range i.Recurrence.days(i.Start, from.Add(-span).AddDate(0, 0, -1), until.AddDate(0, 0, 1)) {
		date := day.Format(isoDate)
		if _, changed := i.changes[date]; !changed {
			add(i.place(&i.Event, day, "occurrence", date))
		}
	}
	for date, e := range i.changes {
		if e != nil {
			add(i.place(e, e.Start, "exception", date))
		}
	}
	return list
}

// on finds the occurrence of a date, as long as the series still has it.
func (i *item) on(date string) (occurrence, bool) {
	if e, changed := i.changes[date]; changed {
		if e == nil {
			return occurrence{}, false
		}
		return i.place(e, e.Start, "exception", date), true
	}
	day, err := time.Parse(isoDate, date)
	if err != nil || i.Recurrence == nil {
		return occurrence{}, false
	}
	for d := range i.Recurrence.days(i.Start, day, day) {
		if d.Equal(day) {
			return i.place(&i.Event, day, "occurrence", date), true
		}
	}
	return occurrence{}, false
}
