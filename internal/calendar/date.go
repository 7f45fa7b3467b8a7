package calendar

import (
	"cmp"
	"fmt"
	"time"
)

// A Date is a day of the Gregorian calendar, in no particular time zone. The
// zero Date is no day; [Date.IsZero] tells. Dates compare with == and
// [Date.Compare].
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// The first and last day that Daybook shows; [ParseDate] refuses others.
var (
	FirstDate = Date{1900, time.January, 1}
	LastDate  = Date{2200, time.December, 31}
)

// ParseDate reads a date written as 2006-01-02. It refuses days that do not
// exist and days before [FirstDate] or after [LastDate].
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("not a date: %q", s)
	}
	d := DateOf(t)
	if !d.shown() {
		return Date{}, fmt.Errorf("date out of range: %s", d)
	}
	return d, nil
}

// shown reports whether d is a day that Daybook shows.
func (d Date) shown() bool { return d.Compare(FirstDate) >= 0 && d.Compare(LastDate) <= 0 }

// DateOf returns the day on which t falls in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// String returns the date as 2006-01-02.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// UTC returns midnight of d in UTC: the form in which a Date is handed to
// code that formats dates.
func (d Date) UTC() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Start returns the first instant at which clocks in loc show d or a later
// day. Where clocks go forward at midnight that is not 00:00. A day that a
// zone left out (30 December 2011 in Samoa) starts when the next one does, and
// so lasts no time. d lasts from d.Start(loc) until d.AddDays(1).Start(loc),
// and every instant belongs to exactly one day in this sense.
func (d Date) Start(loc *time.Location) time.Time {
	midnight := d.UTC()
	// No zone is a day or more from UTC: this is before d everywhere.
	t := midnight.Add(-24 * time.Hour).In(loc)
	for {
		end := steady(t)
		_, offset := t.Zone()
		start := midnight.Add(-time.Duration(offset) * time.Second)
		if start.Before(t) {
			start = t
		}
		if start.Before(end) {
			return start.In(loc)
		}
		t = end
	}
}

// steady returns an instant after t until which clocks in t's location are not
// changed. They need not change then.
func steady(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	switch {
	case end.IsZero():
		return t.AddDate(1, 0, 0)
	case !end.After(t):
		// On the last day of a leap year after 2037 Go's end is the beginning
		// of that day. No zone changes its clocks then.
		return t.Add(time.Hour)
	}
	return end
}

// AddDays returns the date n days after d, or before it when n is negative.
func (d Date) AddDays(n int) Date { return DateOf(d.UTC().AddDate(0, 0, n)) }

// DaysSince returns how many days d is after e.
func (d Date) DaysSince(e Date) int {
	// Not by a Duration, which cannot hold the years from FirstDate to LastDate.
	const day = 24 * 60 * 60
	return int((d.UTC().Unix() - e.UTC().Unix()) / day)
}

// Weekday returns the day of the week of d.
func (d Date) Weekday() time.Weekday { return d.UTC().Weekday() }

// Compare returns -1, 0 or +1 as d is before, at or after e.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}
