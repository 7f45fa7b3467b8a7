package calendar

import (
	"slices"
	"sort"
)

// A DayGrid is what is drawn in one day's column of the hours.
type DayGrid struct {
	Date   Date
	Blank  []Extent // what the day does not have of the axis
	Blocks []Block  // in reading order
	More   []More   // what did not fit, in reading order
}

// A Block is an event in the grid. The events that overlap one another, each
// with the next, share the day's width in Columns of equal width; the block
// takes Span of them from Column on, counted from 0.
type Block struct {
	Piece
	Extent
	Column, Span, Columns int
}

// A More stands in the last of Columns for the events that found no column.
type More struct {
	Extent
	Columns int
	Pieces  []Piece // in reading order, at least two
}

// Layout places the events that are not [When.Long] on the days of the axis,
// side by side where they would cover one another. At most maxColumns, and at
// least one, are side by side; the rest is folded. Every event that touches a
// day of the axis is in the result, as a block or folded, once for each day it
// touches. The order of the events does not matter. Layout takes
// O(n·log n + n·maxColumns) for n events.
//
// Overlap is judged by what is drawn: an event is at least as high as one of
// 25 minutes. Events that the axis was not made for ([NewAxis]) are drawn at
// its edge when they are beyond it.
func (a *Axis) Layout(events []Event, maxColumns int) []DayGrid {
	days := make([]DayGrid, len(a.window.days))
	blocks := make([][]Block, len(days))
	for _, e := range inOrder(events, func(e *Event) bool { return !e.When.Long() }, byStart) {
		a.window.daily(e, func(day int, p Piece) {
			x := a.shown(a.days[day].extent(p), leastSteps)
			blocks[day] = append(blocks[day], Block{Piece: p, Extent: x})
		})
	}
	for i, date := range a.window.days {
		days[i] = DayGrid{Date: date, Blank: a.Blank(i)}
		for _, c := range clusters(blocks[i]) {
			shown, more := arrange(c, max(maxColumns, 1))
			days[i].Blocks = append(days[i].Blocks, shown...)
			days[i].More = append(days[i].More, more...)
		}
	}
	return days
}

// clusters divides blocks, ordered by their tops, where one ends before the
// next begins and nothing else goes on.
func clusters(blocks []Block) [][]Block {
	var all [][]Block
	first, bottom := 0, 0
	for i, b := range blocks {
		if i > first && b.Top >= bottom {
			all = append(all, blocks[first:i])
			first = i
		}
		bottom = max(bottom, b.Bottom())
	}
	if first < len(blocks) {
		all = append(all, blocks[first:])
	}
	return all
}

// arrange gives each block of a cluster its columns, and folds what finds none
// of n.
func arrange(cluster []Block, n int) (shown []Block, more []More) {
	used, left := assign(cluster, n)
	if left > 0 {
		// The last column is for what does not fit into the others.
		used = n
		assign(cluster, n-1)
		more = fold(cluster, n)
	}
	taken := make([][]Extent, used)
	for i := range cluster {
		if b := &cluster[i]; b.Column != folded {
			b.Columns = used
			taken[b.Column] = append(taken[b.Column], b.Extent)
			shown = append(shown, *b)
		}
	}
	for _, m := range more {
		taken[used-1] = append(taken[used-1], m.Extent)
	}
	if left > 0 {
		slices.SortFunc(taken[used-1], func(a, b Extent) int { return a.Top - b.Top })
	}
	for i := range shown {
		widen(&shown[i], taken)
	}
	return shown, more
}

// folded is the column of a block that found none.
const folded = -1

// assign puts each block into the first of n columns that is free at its top,
// and returns how many columns that took and how many blocks found none.
func assign(cluster []Block, n int) (used, left int) {
	var bottoms []int
	for i := range cluster {
		b := &cluster[i]
		b.Column = slices.IndexFunc(bottoms, func(bottom int) bool { return bottom <= b.Top })
		switch {
		case b.Column >= 0:
			bottoms[b.Column] = b.Bottom()
		case len(bottoms) < n:
			b.Column = len(bottoms)
			bottoms = append(bottoms, b.Bottom())
		default:
			b.Column = folded
			left++
		}
	}
	return len(bottoms), left
}

// fold gathers the blocks without a column into what stands in the last of n.
// One that overlaps no other such block gets the last column for itself.
func fold(cluster []Block, n int) []More {
	var left []Block
	var index []int
	for i, b := range cluster {
		if b.Column == folded {
			left, index = append(left, b), append(index, i)
		}
	}
	var all []More
	done := 0
	for _, group := range clusters(left) {
		if len(group) == 1 {
			cluster[index[done]].Column = n - 1
		} else {
			m := More{Extent: group[0].Extent, Columns: n}
			for _, b := range group {
				m.Height = max(m.Bottom(), b.Bottom()) - m.Top
				m.Pieces = append(m.Pieces, b.Piece)
			}
			all = append(all, m)
		}
		done += len(group)
	}
	return all
}

// widen lets b take the columns to its right in which nothing is beside it.
func widen(b *Block, taken [][]Extent) {
	b.Span = 1
	for _, column := range taken[b.Column+1:] {
		i := sort.Search(len(column), func(i int) bool { return column[i].Bottom() > b.Top })
		if i < len(column) && column[i].Top < b.Bottom() {
			return
		}
		b.Span++
	}
}
