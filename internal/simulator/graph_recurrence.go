package simulator

import (
	"slices"
	"strings"
	"time"
)

type (
	wireRecurrence struct {
		Pattern wirePattern `json:"pattern"`
		Range   wireRange   `json:"range"`
	}
	wirePattern struct {
		Type           string   `json:"type"`
		Interval       int      `json:"interval"`
		Month          int      `json:"month"`
		DayOfMonth     int      `json:"dayOfMonth"`
		DaysOfWeek     []string `json:"daysOfWeek,omitempty"`
		FirstDayOfWeek string   `json:"firstDayOfWeek"`
		Index          string   `json:"index"`
	}
	wireRange struct {
		Type      string `json:"type"`
		StartDate string `json:"startDate"`
		EndDate   string `json:"endDate"`
		Zone      string `json:"recurrenceTimeZone"`
		Count     int    `json:"numberOfOccurrences"`
	}
)

// recurrence writes a series' pattern with the noughts that Exchange sends
// for what a pattern does not use.
func (i *item) recurrence() *wireRecurrence {
	r := i.Recurrence
	w := &wireRecurrence{
		Pattern: wirePattern{Type: r.Pattern, Interval: max(r.Interval, 1), FirstDayOfWeek: "monday", Index: orElse(r.Index, "first")},
		Range:   wireRange{Type: "noEnd", StartDate: i.Start.Format(isoDate), EndDate: "0001-01-01", Zone: orElse(i.Zone, "UTC"), Count: r.Count},
	}
	for _, day := range r.Days {
		w.Pattern.DaysOfWeek = append(w.Pattern.DaysOfWeek, strings.ToLower(day.String()))
	}
	if slices.Contains([]string{"absoluteMonthly", "absoluteYearly"}, r.Pattern) {
		w.Pattern.DayOfMonth = i.Start.Day()
	}
	if strings.HasSuffix(r.Pattern, "Yearly") {
		w.Pattern.Month = int(i.Start.Month())
	}
	switch {
	case r.Count > 0:
		w.Range.Type = "numbered"
	case r.Until != time.Time{}:
		w.Range.Type, w.Range.EndDate = "endDate", r.Until.Format(isoDate)
	}
	return w
}
