package calendar

import (
	"sort"
	"time"
)

// An Axis is the vertical scale that the days of a day or week view share: rows
// of hours, drawn in steps of [StepMinutes] from the top of what is shown.
//
// Most days have the rows 0 to 23. Where clocks go back on one of the days, the
// repeated time is a row of its own, in which the other days are blank; where
// they go forward, the skipped time is blank on its day. So on every day a step
// that is not blank lasts as long as any other, and what is drawn further down
// happens later.
//
// An Axis does not change and is safe for concurrent use.
type Axis struct {
	Rows  []Row
	Steps int // the height of all rows

	loc    *time.Location
	window window
	days   []timeline
	bands  []band
	top    int // the step of the whole axis with which the shown part begins
}

// StepMinutes is how many minutes a step of the axis is.
const StepMinutes = 5

const (
	stepSeconds = 60 * StepMinutes
	hourSteps   = 60 / StepMinutes
	daySteps    = 24 * hourSteps
	// leastSteps is the height below which an event is hard to read and to hit:
	// pages make it the 24 pixels that WCAG 2.5.8 asks of a target.
	leastSteps = 25 / StepMinutes
)

// An Extent is a part of the axis, in steps.
type Extent struct{ Top, Height int }

// Bottom returns the step at which x ends.
func (x Extent) Bottom() int { return x.Top + x.Height }

// A Row is an hour of the axis, or the part of one that a change of clocks
// leaves.
type Row struct {
	Extent
	Hour, Minute int  // what clocks show at its top
	Repeated     bool // clocks have gone back: they show this time again
}

// Hours is the part of the day that a view shows at least, in minutes from
// midnight. When End is not after Start, as in the zero Hours, that is all of
// it.
type Hours struct{ Start, End int }

// NewAxis returns the axis of the days, which are in ascending order, for
// somebody in loc. It shows the hours, padded to whole ones with an hour of air
// at both ends, and more where an event of these days that belongs into the
// grid would otherwise not be inside.
func NewAxis(days []Date, loc *time.Location, hours Hours, events []Event) *Axis {
	a := &Axis{loc: loc, window: newWindow(days, loc)}
	clocks := make([][]reading, len(days))
	for i, d := range days {
		clocks[i] = readings(d, a.window.starts[i], a.window.ends[i])
	}
	a.bands = bandsOf(clocks)
	for i := range days {
		a.days = append(a.days, newTimeline(clocks[i], a.bands))
	}
	a.crop(a.needed(hours, events))
	return a
}

// needed returns which part of the whole axis must be shown.
func (a *Axis) needed(hours Hours, events []Event) Extent {
	if hours.Start, hours.End = max(hours.Start, 0), min(hours.End, 24*60); hours.End <= hours.Start {
		return Extent{0, a.bands[len(a.bands)-1].Bottom()}
	}
	top := a.from(floor(hours.Start, 60) - 60)
	bottom := a.until(ceil(hours.End, 60) + 60)
	for i := range events {
		if events[i].When.Long() {
			continue
		}
		a.window.daily(&events[i], func(day int, p Piece) {
			x := a.days[day].extent(p)
			top, bottom = min(top, x.Top), max(bottom, x.Bottom())
		})
	}
	return Extent{top, bottom - top}
}

// crop cuts the axis down to the rows that have some of shown.
func (a *Axis) crop(shown Extent) {
	for _, row := range rowsOf(a.bands) {
		if row.Top < shown.Bottom() && row.Bottom() > shown.Top {
			a.Rows = append(a.Rows, row)
		}
	}
	a.top = a.Rows[0].Top
	for i := range a.Rows {
		a.Rows[i].Top -= a.top
		a.Steps += a.Rows[i].Height
	}
}

// from returns the step of the whole axis at which a clock time, in minutes
// from midnight, begins on a day without a change.
func (a *Axis) from(minutes int) int {
	steps := min(max(minutes/StepMinutes, 0), daySteps)
	at := 0
	for _, b := range a.bands {
		if !b.repeated && b.wall <= steps {
			at = b.Top + min(steps-b.wall, b.Height)
		}
	}
	return at
}

// until returns the step of the whole axis before which a clock time has come
// on a day without a change: above a repeated time that begins there.
func (a *Axis) until(minutes int) int {
	steps := min(max(minutes/StepMinutes, 0), daySteps)
	at := 0
	for _, b := range a.bands {
		if !b.repeated && b.wall < steps {
			at = b.Top + min(steps-b.wall, b.Height)
		}
	}
	return at
}

// Between returns the part of the axis between two clock times, in minutes
// from midnight, as far as it is shown: to shade working hours, say.
func (a *Axis) Between(from, until int) Extent {
	return a.shown(Extent{a.from(from), a.until(until) - a.from(from)}, 0)
}

// shown cuts a part of the whole axis down to what is shown, at least as many
// steps as least.
func (a *Axis) shown(x Extent, least int) Extent {
	top := min(max(x.Top-a.top, 0), a.Steps-least)
	bottom := min(max(x.Bottom()-a.top, top+least), a.Steps)
	return Extent{top, bottom - top}
}

// At returns where t is on the axis: the index of the day and the step. It is
// false when t is on none of the days or not among the hours shown.
func (a *Axis) At(t time.Time) (day, step int, ok bool) {
	day = sort.Search(len(a.days), func(i int) bool { return a.window.ends[i].After(t) })
	if day == len(a.days) || t.Before(a.window.starts[day]) {
		return 0, 0, false
	}
	step = a.days[day].start(t.Unix()) - a.top
	if step < 0 || step >= a.Steps {
		return 0, 0, false
	}
	return day, step, true
}

// Instant returns when a step of a day begins. It is false where the day is
// blank.
func (a *Axis) Instant(day, step int) (time.Time, bool) {
	at := int64(step+a.top) * stepSeconds
	for _, s := range a.days[day] {
		if at >= s.axis && at < s.at(s.until) {
			return time.Unix(s.from+at-s.axis, 0).In(a.loc), true
		}
	}
	return time.Time{}, false
}

// Blank returns the parts of the shown axis, top to bottom, that a day does not
// have: time that its clocks skip, or that those of another day repeat.
func (a *Axis) Blank(day int) []Extent {
	var blank []Extent
	end := 0
	gap := func(until int) {
		if until = min(until, a.Steps); until > end {
			blank = append(blank, Extent{end, until - end})
		}
	}
	for _, s := range a.days[day] {
		first, last := s.steps()
		gap(first - a.top)
		end = max(end, last-a.top)
	}
	gap(a.Steps)
	return blank
}

// A Label is what clocks in a second zone show at the top of a row.
type Label struct {
	// At is the instant, in the second zone, at which the row begins on the
	// day that the label was taken from. It is the zero time when the row
	// begins on none of the shown days.
	At time.Time
	// DayShift is how many days later than that day it is in the second zone;
	// negative when it is earlier.
	DayShift int
	// Except has the indexes of the shown days on which clocks in the second
	// zone show another time at this row: one of the zones has changed its
	// clocks between.
	Except []int
}

// Labels returns the label of each row for a second zone. It is right for as
// many of the days as possible; for the first of them, when there is a choice.
func (a *Axis) Labels(second *time.Location) []Label {
	labels := make([]Label, len(a.Rows))
	for i, row := range a.Rows {
		labels[i] = a.label(row.Top, second)
	}
	return labels
}

func (a *Axis) label(step int, second *time.Location) Label {
	type clock struct{ hour, minute, shift int }
	var clocks []clock
	var days []int
	var at []time.Time
	count := map[clock]int{}
	for day, date := range a.window.days {
		t, ok := a.Instant(day, step)
		if !ok {
			continue
		}
		t = t.In(second)
		c := clock{t.Hour(), t.Minute(), DateOf(t).DaysSince(date)}
		clocks, days, at = append(clocks, c), append(days, day), append(at, t)
		count[c]++
	}
	best := -1
	for i, c := range clocks {
		if best < 0 || count[c] > count[clocks[best]] {
			best = i
		}
	}
	if best < 0 {
		return Label{}
	}
	label := Label{At: at[best], DayShift: clocks[best].shift}
	for i, c := range clocks {
		if c != clocks[best] {
			label.Except = append(label.Except, days[i])
		}
	}
	return label
}
