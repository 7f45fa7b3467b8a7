package calendar

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"
)

// A Piece is the part of an event that is drawn in one place: a block, a bar,
// a chip or a line of a list.
type Piece struct {
	Event *Event // into the slice that was laid out
	// First is true for exactly one piece of each event in a page's layout, the
	// earliest: the piece that stands for the occurrence where others repeat it.
	First bool
	// ContinuesBefore and ContinuesAfter say that the event began before the
	// first day of this piece, or goes on after its last.
	ContinuesBefore, ContinuesAfter bool
}

// window is the days that are shown, in ascending order, and when they are.
type window struct {
	days   []Date
	starts []time.Time
	ends   []time.Time
}

func newWindow(days []Date, loc *time.Location) window {
	w := window{days: days}
	for i, d := range days {
		var start time.Time
		if i > 0 && days[i-1].AddDays(1) == d {
			start = w.ends[i-1]
		} else {
			start = d.Start(loc)
		}
		w.starts = append(w.starts, start)
		w.ends = append(w.ends, d.AddDays(1).Start(loc))
	}
	return w
}

// empty reports whether the zone has left the i-th day out.
func (w window) empty(i int) bool { return !w.starts[i].Before(w.ends[i]) }

// touched returns the first and the last of the shown days that e touches.
func (w window) touched(e *Event) (first, last int, ok bool) {
	if when := e.When; when.AllDay {
		until := when.last()
		first = sort.Search(len(w.days), func(i int) bool { return w.days[i].Compare(when.First) >= 0 })
		last = sort.Search(len(w.days), func(i int) bool { return w.days[i].Compare(until) > 0 }) - 1
		return first, last, first <= last
	}
	start, end := e.When.span()
	first = sort.Search(len(w.days), func(i int) bool { return w.ends[i].After(start) })
	last = sort.Search(len(w.days), func(i int) bool {
		// What has no length is in the day that begins with it.
		return !w.starts[i].Before(end) && !(w.starts[i].Equal(end) && end.Equal(start))
	}) - 1
	for first <= last && w.empty(first) {
		first++
	}
	for first <= last && w.empty(last) {
		last--
	}
	return first, last, first <= last
}

// piece returns the part of e in the shown days first to last.
func (w window) piece(e *Event, first, last int) Piece {
	p := Piece{Event: e}
	if e.When.AllDay {
		p.ContinuesBefore = e.When.First.Compare(w.days[first]) < 0
		p.ContinuesAfter = e.When.last().Compare(w.days[last]) > 0
	} else {
		p.ContinuesBefore = e.When.Start.Before(w.starts[first])
		p.ContinuesAfter = e.When.End.After(w.ends[last])
	}
	return p
}

// daily calls draw with the piece of e on each of the shown days.
func (w window) daily(e *Event, draw func(day int, p Piece)) {
	first, last, ok := w.touched(e)
	if !ok {
		return
	}
	for day := first; day <= last; day++ {
		if !e.When.AllDay && w.empty(day) {
			continue
		}
		p := w.piece(e, day, day)
		p.First = day == first
		draw(day, p)
	}
}

// inOrder returns the events that want asks for, sorted by order.
func inOrder(events []Event, want func(*Event) bool, order func(a, b *Event) int) []*Event {
	var sorted []*Event
	for i := range events {
		if want(&events[i]) {
			sorted = append(sorted, &events[i])
		}
	}
	slices.SortStableFunc(sorted, order)
	return sorted
}

// byStart orders events by start, longer ones first, then by what tells equal
// ones apart, so that the order in which they came does not matter. An all-day
// event counts from midnight to midnight UTC.
func byStart(a, b *Event) int {
	aStart, aEnd := a.When.span()
	bStart, bEnd := b.When.span()
	if c := cmp.Or(aStart.Compare(bStart), bEnd.Compare(aEnd)); c != 0 {
		return c
	}
	return byIdentity(a, b)
}

func byIdentity(a, b *Event) int {
	return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.CalendarID, b.CalendarID),
		strings.Compare(a.Subject, b.Subject))
}

func (w When) span() (start, end time.Time) {
	if w.AllDay {
		return w.First.UTC(), w.last().AddDays(1).UTC()
	}
	return w.Start, w.end()
}
