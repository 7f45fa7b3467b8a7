package graph

import (
	"strings"
	"time"
)

// Settings is what the mailbox says about how its owner wants to see time.
// Graph has no first day of the week and no second time zone.
type Settings struct {
	Zone       string         // as it came: usually a Windows name, may be IANA or empty
	Location   *time.Location // of Zone; UTC when ZoneKnown is false
	ZoneKnown  bool
	TimeFormat string // .NET pattern such as "HH:mm", may be empty
	DateFormat string // likewise
	Language   string // BCP 47, may be empty
	// WorkDays, WorkStart and WorkEnd are the working hours, in minutes after
	// midnight in WorkZone. No days means that none came.
	WorkDays           []time.Weekday
	WorkStart, WorkEnd int
	WorkZone           *time.Location // Location, unless a known zone of its own is named
	AutoReply          AutoReply
}

// AutoReply is the state of automatic replies.
type AutoReply struct {
	Status     string    // disabled, alwaysEnabled, scheduled; empty if unknown
	Start, End time.Time // when scheduled, else zero
}

type wireSettings struct {
	Zone       string `json:"timeZone"`
	TimeFormat string `json:"timeFormat"`
	DateFormat string `json:"dateFormat"`
	Language   struct {
		Locale string `json:"locale"`
	} `json:"language"`
	Hours     wireHours     `json:"workingHours"`
	AutoReply wireAutoReply `json:"automaticRepliesSetting"`
}

type wireHours struct {
	Days  []string `json:"daysOfWeek"`
	Start string   `json:"startTime"`
	End   string   `json:"endTime"`
	// A customTimeZone names itself "Customized Time Zone" and gives rules
	// instead. It describes the zone that the mailbox was set up in, which
	// timeZone names better, and so its rules are not read.
	Zone struct {
		Name string `json:"name"`
	} `json:"timeZone"`
}

type wireAutoReply struct {
	Status string    `json:"status"`
	Start  *wireTime `json:"scheduledStartDateTime"`
	End    *wireTime `json:"scheduledEndDateTime"`
}

func decodeSettings(body []byte) (Settings, error) {
	var w wireSettings
	if err := decode(body, &w); err != nil {
		return Settings{}, err
	}
	s := Settings{Zone: w.Zone, TimeFormat: w.TimeFormat, DateFormat: w.DateFormat, Language: w.Language.Locale}
	s.Location, s.ZoneKnown = ZoneFor(w.Zone)
	if !s.ZoneKnown {
		s.Location = time.UTC
	}
	s.WorkZone = s.Location
	if loc, known := ZoneFor(w.Hours.Zone.Name); known {
		s.WorkZone = loc
	}
	start, okStart := minutes(w.Hours.Start)
	end, okEnd := minutes(w.Hours.End)
	if okStart && okEnd && start < end {
		s.WorkStart, s.WorkEnd = start, end
		s.WorkDays = weekdays(w.Hours.Days)
	}
	s.AutoReply = w.AutoReply.value()
	return s, nil
}

func (w wireAutoReply) value() AutoReply {
	a := AutoReply{Status: enum(w.Status, "", "disabled", "alwaysEnabled", "scheduled")}
	if a.Status != "scheduled" || w.Start == nil || w.End == nil {
		return a
	}
	var err error
	if a.Start, err = w.Start.instant(); err != nil {
		return AutoReply{Status: a.Status}
	}
	if a.End, err = w.End.instant(); err != nil {
		return AutoReply{Status: a.Status}
	}
	return a
}

// minutes reads "08:00:00.0000000"; the end of a day may be 24:00 or one tick
// before.
func minutes(s string) (int, bool) {
	if strings.HasPrefix(s, "24:00") {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04:05", s)
	if err != nil {
		return 0, false
	}
	m := t.Hour()*60 + t.Minute()
	if t.Second() == 59 {
		m++
	}
	return m, true
}

func weekdays(names []string) []time.Weekday {
	var days []time.Weekday
	for _, n := range names {
		if d, ok := weekday(n); ok {
			days = append(days, d)
		}
	}
	return days
}

func weekday(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(name, d.String()) {
			return d, true
		}
	}
	return 0, false
}
