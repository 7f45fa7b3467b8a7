package calendar

import (
	"slices"
	"time"
)

// A MonthWeek is one week of a month view.
type MonthWeek struct {
	Days  []Date
	Bars  []Bar  // what is [When.Long]; Lane is the line in the cells
	Cells []Cell // one for each day
}

// A Cell is a day of a month view.
type Cell struct {
	Date  Date
	Chips []Chip  // in reading order
	More  []Piece // what did not fit, in reading order; it stands in the last line
}

// A Chip is an event on one line of a cell; Line counts from 0 and avoids the
// bars that cross the cell.
type Chip struct {
	Piece
	Line int
}

// MonthLayout places the events in the weeks, which are in ascending order
// ([MonthGrid]), for somebody in loc. A cell has at most lines lines; one that
// needs more keeps its last line for "+n" and folds what is left. A bar that
// would be folded in one of its cells is folded in all of that week. With
// lines 0 nothing is folded.
//
// Every event that touches a day of the weeks is in the result for each such
// day, as a bar, a chip or folded, and the order of the events does not matter.
// MonthLayout takes O(n·log n) for n events.
func MonthLayout(weeks [][]Date, loc *time.Location, events []Event, lines int) []MonthWeek {
	if lines <= 0 {
		lines = len(events) + 1
	}
	all := newWindow(slices.Concat(weeks...), loc)
	long := make([][]*Event, len(weeks))
	chips := make([][]Piece, len(all.days))
	weekOf := make([]int, 0, len(all.days))
	for i, week := range weeks {
		weekOf = append(weekOf, slices.Repeat([]int{i}, len(week))...)
	}
	firstDay := map[*Event]Date{}
	for _, e := range inOrder(events, func(*Event) bool { return true }, byStart) {
		if !e.long() {
			all.daily(e, func(day int, p Piece) { chips[day] = append(chips[day], p) })
			continue
		}
		if first, last, ok := all.touched(e); ok {
			firstDay[e] = all.days[first]
			for week := weekOf[first]; week <= weekOf[last]; week++ {
				long[week] = append(long[week], e)
			}
		}
	}
	month := make([]MonthWeek, len(weeks))
	from := 0
	for i, days := range weeks {
		until := from + len(days)
		w := window{days, all.starts[from:until], all.ends[from:until]}
		bars, _ := lay(w, long[i])
		month[i] = w.week(bars, chips[from:until], lines)
		month[i].markFirst(firstDay)
		from = until
	}
	return month
}

// week fits bars and chips into the cells of a week.
func (w window) week(bars []Bar, chips [][]Piece, lines int) MonthWeek {
	m := MonthWeek{Days: w.days, Cells: make([]Cell, len(w.days))}
	full := make([]bool, len(w.days)) // the last line says "+n"
	for i := range full {
		full[i] = len(chips[i]) > lines
	}
	count := make([]int, len(w.days))
	for _, b := range bars {
		for day := b.Column; day < b.Column+b.Span; day++ {
			count[day]++
			full[day] = full[day] || b.Lane >= lines || count[day]+len(chips[day]) > lines
		}
	}
	// A bar in the last line gives way in all its cells to "+n" in one of
	// them. The others need not become full: each has the line that it left.
	fits := func(b Bar) bool {
		return b.Lane < lines-1 || b.Lane == lines-1 && !slices.Contains(full[b.Column:b.Column+b.Span], true)
	}
	var out []Bar
	for _, b := range bars {
		if fits(b) {
			m.Bars = append(m.Bars, b)
		} else {
			out = append(out, b)
		}
	}
	for _, b := range out {
		for day := b.Column; day < b.Column+b.Span; day++ {
			m.Cells[day].More = append(m.Cells[day].More, w.piece(b.Event, day, day))
		}
	}
	used := make([]map[int]bool, len(w.days))
	for i := range used {
		used[i] = map[int]bool{}
	}
	for _, b := range m.Bars {
		for day := b.Column; day < b.Column+b.Span; day++ {
			used[day][b.Lane] = true
		}
	}
	for day := range m.Cells {
		room := lines
		if full[day] {
			room--
		}
		m.Cells[day].fill(w.days[day], chips[day], used[day], room)
	}
	return m
}

// fill puts the chips on the free lines of a cell, as far as there is room.
func (c *Cell) fill(d Date, chips []Piece, used map[int]bool, room int) {
	c.Date = d
	line := 0
	for _, p := range chips {
		for used[line] {
			line++
		}
		if line >= room {
			c.More = append(c.More, p)
			continue
		}
		c.Chips = append(c.Chips, Chip{p, line})
		line++
	}
}

// markFirst marks the pieces of long events that stand for them. Those of
// chips are marked already.
func (m *MonthWeek) markFirst(firstDay map[*Event]Date) {
	for i, b := range m.Bars {
		m.Bars[i].First = firstDay[b.Event] == m.Days[b.Column]
	}
	for _, c := range m.Cells {
		for i, p := range c.More {
			if p.Event.long() {
				c.More[i].First = firstDay[p.Event] == c.Date
			}
		}
	}
}
