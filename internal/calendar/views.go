package calendar

import (
	"fmt"
	"slices"
	"time"
)

// A View is a way to look at the calendar, written as in its URL.
type View string

// The views there are.
const (
	Day      View = "day"
	WorkWeek View = "workweek"
	Week     View = "week"
	Month    View = "month"
	Agenda   View = "agenda"
)

// AgendaDays is how many days the agenda lists from its date on, and how far
// it turns.
const AgendaDays = 14

// ParseView reads a view as it stands in a URL.
func ParseView(s string) (View, error) {
	switch v := View(s); v {
	case Day, WorkWeek, Week, Month, Agenda:
		return v, nil
	}
	return "", fmt.Errorf("not a view: %q", s)
}

// Days returns the days that v shows around d, in ascending order. Weeks begin
// with firstDay. The work week has the days named in workDays, Monday to
// Friday when there are none; the month has whole weeks ([MonthGrid]); the
// agenda begins with d. Days beyond [FirstDate] and [LastDate] can be among
// them: they are shown, but [ParseDate] refuses them in a link.
func Days(v View, d Date, firstDay time.Weekday, workDays []time.Weekday) []Date {
	switch v {
	case WorkWeek:
		return workWeek(WeekStart(d, firstDay), workDays)
	case Week:
		return run(WeekStart(d, firstDay), 7)
	case Month:
		return slices.Concat(MonthGrid(d, firstDay)...)
	case Agenda:
		return run(d, AgendaDays)
	default:
		return []Date{d}
	}
}

// Next returns the date to which v turns forward from d. It is false when that
// date is after [LastDate]. From the end of a month, a shorter next month
// gives its last day.
func Next(v View, d Date) (Date, bool) { return turn(v, d, 1) }

// Prev returns the date to which v turns back from d. It is false when that
// date is before [FirstDate].
func Prev(v View, d Date) (Date, bool) { return turn(v, d, -1) }

func turn(v View, d Date, by int) (Date, bool) {
	var to Date
	switch v {
	case WorkWeek, Week:
		to = d.AddDays(7 * by)
	case Month:
		to = addMonth(d, by)
	case Agenda:
		to = d.AddDays(AgendaDays * by)
	default:
		to = d.AddDays(by)
	}
	return to, to.shown()
}

// addMonth keeps the day of the month where the other month has it, so that
// turning never skips February as time.AddDate would.
func addMonth(d Date, by int) Date {
	first := DateOf(time.Date(d.Year, d.Month+time.Month(by), 1, 0, 0, 0, 0, time.UTC))
	last := DateOf(time.Date(first.Year, first.Month+1, 0, 0, 0, 0, 0, time.UTC))
	first.Day = min(d.Day, last.Day)
	return first
}

// WeekStart returns the first day of the week that has d.
func WeekStart(d Date, firstDay time.Weekday) Date {
	return d.AddDays(-int(d.Weekday()-firstDay+7) % 7)
}

// WeekNumber returns the number, after ISO 8601, of the week of seven days
// that begins with start: that of its Thursday. So weeks that begin on Sunday
// or Saturday have the number of the Monday in them.
func WeekNumber(start Date) int {
	thursday := start.AddDays(int(time.Thursday-start.Weekday()+7) % 7)
	_, week := thursday.UTC().ISOWeek()
	return week
}

// MonthGrid returns the weeks, of seven days each, that hold the month of d:
// from four to six, with days of the months beside it where a week has them.
func MonthGrid(d Date, firstDay time.Weekday) [][]Date {
	first := Date{d.Year, d.Month, 1}
	next := addMonth(first, 1)
	var weeks [][]Date
	for start := WeekStart(first, firstDay); start.Compare(next) < 0; start = start.AddDays(7) {
		weeks = append(weeks, run(start, 7))
	}
	return weeks
}

// SmallMonth returns the weeks of a small month to jump with: those of
// [MonthGrid] and as many of the next as make six, so that it keeps its height
// while one turns through the year.
func SmallMonth(d Date, firstDay time.Weekday) [6][7]Date {
	var month [6][7]Date
	day := WeekStart(Date{d.Year, d.Month, 1}, firstDay)
	for week := range month {
		for i := range month[week] {
			month[week][i] = day
			day = day.AddDays(1)
		}
	}
	return month
}

// Bounds returns the instants between which the days lie for somebody in loc:
// the first of the first day and the first after the last. The days are in
// ascending order, and there is at least one.
func Bounds(days []Date, loc *time.Location) (from, until time.Time) {
	return days[0].Start(loc), days[len(days)-1].AddDays(1).Start(loc)
}

func run(d Date, n int) []Date {
	days := make([]Date, n)
	for i := range days {
		days[i] = d.AddDays(i)
	}
	return days
}

func workWeek(start Date, workDays []time.Weekday) []Date {
	work := func(d Date) bool {
		if len(workDays) == 0 {
			return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
		}
		return slices.Contains(workDays, d.Weekday())
	}
	days := run(start, 7)
	return slices.DeleteFunc(days, func(d Date) bool { return !work(d) })
}
