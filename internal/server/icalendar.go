package server

import (
	"bytes"
	"strings"
	"time"

	"daybook/internal/graph"

	ics "github.com/arran4/golang-ical"
)

// icalendar writes one occurrence as an iCalendar object (RFC 5545): instants
// in UTC, so that no VTIMEZONE is needed; whole days as dates, the end
// exclusive as everywhere. The series is left out: the file is about the event
// on the page.
func icalendar(d graph.Detail, now time.Time) ([]byte, error) {
	e := d.Event
	c := ics.NewCalendar()
	c.SetProductId("-//Daybook//EN")
	c.SetMethod(ics.MethodPublish)
	uid := d.ICalUID
	if uid == "" {
		uid = e.ID
	}
	if e.SeriesID != "" {
		// Occurrences may share the series' UID; without a RECURRENCE-ID they
		// would replace each other in whatever reads the file.
		uid += "-" + startText(e.When.AllDay, e.When.First.UTC(), e.When.Start)
	}
	v := c.AddEvent(oneLine(uid))
	v.SetDtStampTime(now.UTC())
	if e.When.AllDay {
		v.SetAllDayStartAt(e.When.First.UTC())
		v.SetAllDayEndAt(e.When.Until.UTC())
	} else {
		v.SetStartAt(e.When.Start.UTC())
		if e.When.End.After(e.When.Start) { // RFC 5545, section 3.8.2.2
			v.SetEndAt(e.When.End.UTC())
		}
	}
	set := func(property ics.ComponentProperty, value string) {
		if value = strings.TrimSpace(oneLine(value)); value != "" {
			v.SetProperty(property, value)
		}
	}
	set(ics.ComponentPropertySummary, e.Subject)
	set(ics.ComponentPropertyLocation, e.Place)
	for _, name := range e.Categories {
		v.AddProperty(ics.ComponentPropertyCategories, oneLine(name))
	}
	set(ics.ComponentPropertyUrl, e.WebLink)
	if e.JoinURL != "" {
		set(ics.ComponentPropertyDescription, e.JoinURL)
	}
	if e.State.Cancelled {
		v.SetStatus(ics.ObjectStatusCancelled)
	} else if e.State.ShowAs == "tentative" {
		v.SetStatus(ics.ObjectStatusTentative)
	} else {
		v.SetStatus(ics.ObjectStatusConfirmed)
	}
	if e.State.ShowAs == "free" {
		v.SetTimeTransparency(ics.TransparencyTransparent)
	} else {
		v.SetTimeTransparency(ics.TransparencyOpaque)
	}
	if e.State.Sensitivity == "private" || e.State.Sensitivity == "personal" {
		v.SetClass(ics.ClassificationPrivate)
	} else if e.State.Sensitivity == "confidential" {
		v.SetClass(ics.ClassificationConfidential)
	}
	if a := oneLine(e.Organizer.Address); a != "" {
		v.SetOrganizer("mailto:"+a, ics.WithCN(parameter(e.Organizer.Name)))
	}
	var b bytes.Buffer
	err := c.SerializeTo(&b, ics.WithNewLineWindows) // whatever this system's line ends are
	return b.Bytes(), err
}

func startText(allDay bool, first, start time.Time) string {
	if allDay {
		return first.Format("20060102")
	}
	return start.UTC().Format("20060102T150405Z")
}

// parameter takes out of a name what a parameter must not hold unless quoted
// (RFC 5545 section 3.2); the library would put a backslash before it, which
// readers do not know there.
func parameter(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case ',', ';', ':', '"', '\\':
			return ' '
		case '\'':
			return '’'
		}
		return r
	}, oneLine(s))
	return strings.Join(strings.Fields(s), " ")
}

// oneLine takes control characters out of text that comes from outside: a
// line break in it would begin a property of the sender's choosing.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
