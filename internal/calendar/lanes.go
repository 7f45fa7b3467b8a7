package calendar

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// A Bar is an event that lies across whole days: over Span of the shown days
// from Column on, in the lane with the number Lane. Both count from 0.
type Bar struct {
	Piece
	Column, Span, Lane int
}

// Lanes lays out the lane of all-day events above the days, which are in
// ascending order, for somebody in loc: the bars of every event that is
// [When.Long] and touches one of the days, lane by lane, and in how many lanes
// they are. That is the least number in which no two bars lie over one another.
// What began earlier is higher; the order of the events does not matter. Lanes
// takes O(n·log n) for n events.
func Lanes(days []Date, loc *time.Location, events []Event) (bars []Bar, lanes int) {
	bars, lanes = lay(newWindow(days, loc), inOrder(events, (*Event).long, byStart))
	for i := range bars {
		bars[i].First = true
	}
	return bars, lanes
}

func (e *Event) long() bool { return e.When.Long() }

// lay gives each bar the highest lane that is free where it begins.
func lay(w window, events []*Event) (bars []Bar, lanes int) {
	for _, e := range events {
		if first, last, ok := w.touched(e); ok {
			bars = append(bars, Bar{Piece: w.piece(e, first, last), Column: first, Span: last - first + 1})
		}
	}
	slices.SortStableFunc(bars, inLanes)
	var free, taken laneHeap
	for i := range bars {
		b := &bars[i]
		for len(taken) > 0 && taken[0].until <= b.Column {
			free.put(lane{number: heap.Pop(&taken).(lane).number})
		}
		if len(free) > 0 {
			b.Lane = heap.Pop(&free).(lane).number
		} else {
			b.Lane = lanes
			lanes++
		}
		taken.put(lane{until: b.Column + b.Span, number: b.Lane})
	}
	slices.SortStableFunc(bars, func(a, b Bar) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Column, b.Column))
	})
	return bars, lanes
}

// inLanes orders bars by their first day. On the same day what goes on from
// before comes first, then the longer, then all-day events.
func inLanes(a, b Bar) int {
	return cmp.Or(
		cmp.Compare(a.Column, b.Column),
		trueFirst(a.ContinuesBefore, b.ContinuesBefore),
		cmp.Compare(b.Span, a.Span),
		trueFirst(a.Event.When.AllDay, b.Event.When.AllDay),
	)
}

// trueFirst orders what is true before what is not.
func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// A lane is taken until a column; free ones are ordered by number alone.
type lane struct{ until, number int }

type laneHeap []lane

func (h *laneHeap) put(l lane) { heap.Push(h, l) }

func (h laneHeap) Len() int { return len(h) }
func (h laneHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].until, h[j].until), cmp.Compare(h[i].number, h[j].number)) < 0
}
func (h laneHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *laneHeap) Push(x any)   { *h = append(*h, x.(lane)) }
func (h *laneHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
