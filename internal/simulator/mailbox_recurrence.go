package simulator

import (
	"iter"
	"slices"
	"time"
)

// days yields the dates, as midnights of UTC, on which a series that begins
// with first has an occurrence between the dates of from and until, both
// included.
func (r *Recurrence) days(first, from, until time.Time) iter.Seq[time.Time] {
	begin := midnight(first)
	return func(yield func(time.Time) bool) {
		last := midnight(until)
		if end, ends := r.end(first); ends && end.Before(last) {
			last = end
		}
		day := midnight(from)
		if day.Before(begin) {
			day = begin
		}
		for ; !day.After(last); day = day.AddDate(0, 0, 1) {
			if r.matches(begin, day) && !yield(day) {
				return
			}
		}
	}
}

// end is the date of the last occurrence, if there is one.
func (r *Recurrence) end(first time.Time) (time.Time, bool) {
	if r.Count == 0 {
		return midnight(r.Until), !r.Until.IsZero()
	}
	open := *r
	open.Count = 0
	left, last := r.Count, midnight(first)
	for day := range open.days(first, first, first.AddDate(100, 0, 0)) {
		last = day
		if left--; left == 0 {
			break
		}
	}
	return last, true
}

// matches tells whether the pattern of a series that begins on begin has
// the date day, which is not before it.
func (r *Recurrence) matches(begin, day time.Time) bool {
	step := max(r.Interval, 1)
	months := int(day.Month()-begin.Month()) + 12*(day.Year()-begin.Year())
	switch r.Pattern {
	case "daily":
		return int(day.Sub(begin).Hours()/24)%step == 0
	case "weekly":
		weeks := int(monday(day).Sub(monday(begin)).Hours() / 24 / 7)
		return weeks%step == 0 && slices.Contains(r.Days, day.Weekday())
	case "absoluteMonthly":
		return months%step == 0 && day.Day() == begin.Day()
	case "absoluteYearly":
		return months%(12*step) == 0 && day.Day() == begin.Day()
	case "relativeMonthly":
		return months%step == 0 && r.nth(day)
	case "relativeYearly":
		return months%(12*step) == 0 && r.nth(day)
	}
	return false
}

// nth tells whether day is the first, second, … or last of the pattern's
// weekdays in its month.
func (r *Recurrence) nth(day time.Time) bool {
	if !slices.Contains(r.Days, day.Weekday()) {
		return false
	}
	if r.Index == "last" {
		return day.AddDate(0, 0, 7).Month() != day.Month()
	}
	return slices.Index(indexes, r.Index) == (day.Day()-1)/7
}

var indexes = []string{"first", "second", "third", "fourth", "last"}

// midnight is the date of t, as shown by its own clock, at midnight of UTC.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// monday is the Monday on or before the date of t.
func monday(t time.Time) time.Time {
	return midnight(t).AddDate(0, 0, -(int(t.Weekday())+6)%7)
}
