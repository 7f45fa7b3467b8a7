package server

import (
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
)

// A span is when an event happens, for machines (h-event: RFC 3339 with the
// offset, or the date alone) and for people.
type span struct {
	Start, End string // datetime attributes
	From, Till string // Till is empty when one text says it all
}

// timeOf writes when in the clock of loc. Within one day the date is left to
// whatever heading the event stands under.
func timeOf(l *locale.Locale, when calendar.When, loc *time.Location, h12 bool) span {
	if when.AllDay {
		return span{Start: when.First.String(), End: when.Until.String(), From: l.T("All day")}
	}
	start, end := when.Start.In(loc), when.End.In(loc)
	s := span{Start: start.Format(time.RFC3339), End: end.Format(time.RFC3339), From: l.Clock(start, h12)}
	if end.After(start) {
		s.Till = l.Clock(end, h12)
	}
	return s
}

// dateTimeOf writes when with its dates, to stand alone.
func dateTimeOf(l *locale.Locale, when calendar.When, loc *time.Location, h12 bool) span {
	s := timeOf(l, when, loc, h12)
	if when.AllDay {
		last := when.Until.AddDays(-1)
		if last == when.First {
			s.From = l.Date(when.First.UTC(), locale.Full) + ", " + l.T("all day")
			return s
		}
		s.From = l.Date(when.First.UTC(), locale.Full)
		s.Till = l.Date(last.UTC(), locale.Full)
		return s
	}
	start, end := when.Start.In(loc), when.End.In(loc)
	s.From = l.Date(start, locale.Full) + ", " + s.From
	if calendar.DateOf(start) != calendar.DateOf(end) {
		s.Till = l.Date(end, locale.Full) + ", " + l.Clock(end, h12)
	}
	return s
}

// zoneText names a zone as it is at that time: "Berlin (UTC+01:00)".
func zoneText(l *locale.Locale, loc *time.Location, at time.Time) string {
	return l.City(loc.String()) + " (" + locale.Offset(at.In(loc)) + ")"
}

// minutes writes a time of day given in minutes since midnight.
func minutes(l *locale.Locale, m int, h12 bool) string {
	return l.Clock(time.Date(2000, 1, 1, m/60, m%60, 0, 0, time.UTC), h12)
}

// zone returns the zone that a person's times are shown in: the one chosen in
// the settings, else the mailbox's, else UTC.
func (s *Server) zone(v *visitor, home graph.Home) *time.Location {
	if loc := location(v.settings.Zone); loc != nil {
		return loc
	}
	if home.Settings.Location != nil {
		return home.Settings.Location
	}
	return time.UTC
}

// hour12 reports whether times are written with a.m. and p.m.
func (v *visitor) hour12(home graph.Home) bool {
	switch v.settings.Clock {
	case "12":
		return true
	case "24":
		return false
	}
	if pattern := home.Settings.TimeFormat; pattern != "" {
		// .NET: h is 1 to 12, H is 0 to 23; what stands in quotes is text, as in
		// "HH 'h' mm".
		for i, part := range strings.Split(pattern, "'") {
			if i%2 == 0 && strings.Contains(part, "h") {
				return true
			}
		}
		return false
	}
	return v.locale.Hour12()
}
