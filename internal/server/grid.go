package server

import (
	"fmt"
	"slices"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/locale"
)

// gridView is hours down and days across.
type gridView struct {
	Columns    int
	SecondZone bool
	Zones      []string // names over the columns of hours
	Hours      []hourRow
	Days       []dayView
	MoreHours  viewLink
}

// An hourRow labels one row of the axis, in the second zone first if there is
// one.
type hourRow struct {
	Class  string
	Labels []string
}

// columnsOf is how many events stand side by side at most: what can still be
// read at 1280 pixels.
func columnsOf(days int) int {
	switch {
	case days == 1:
		return 6
	case days <= 5:
		return 4
	}
	return 3
}

func (d *drawing) grid(kind calendar.View, date calendar.Date, days []calendar.Date, events []calendar.Event, a ask) *gridView {
	work := calendar.Hours{Start: d.home.Settings.WorkStart, End: d.home.Settings.WorkEnd}
	if work.End <= work.Start {
		work = calendar.Hours{Start: 8 * 60, End: 17 * 60}
	}
	hours := work
	if today := d.now.In(d.loc); slices.Contains(days, calendar.DateOf(today)) {
		// The line at the present time is worth a few rows of night.
		hours.Start, hours.End = min(hours.Start, today.Hour()*60), max(hours.End, today.Hour()*60+59)
	}
	if a.all {
		hours = calendar.Hours{}
	}
	axis := calendar.NewAxis(days, d.loc, hours, events)
	g := &gridView{Columns: len(days), MoreHours: viewLink{Name: d.T("Show all 24 hours"), Href: hoursHref(kind, date, a)}}
	if a.all {
		g.MoreHours.Name = d.T("Show working hours only")
	} else if len(axis.Rows) >= 24 {
		g.MoreHours = viewLink{}
	}
	d.label(g, axis)

	bars, lanes := calendar.Lanes(days, d.loc, events)
	for i, day := range axis.Layout(events, columnsOf(len(days))) {
		v := d.day(day.Date)
		v.Lanes = min(lanes, maxLanes)
		v.Hold = fmt.Sprintf("for dh%d ds%d", axis.Steps/stepsPerHour, axis.Steps%stepsPerHour)
		for _, x := range day.Blank {
			v.Shades = append(v.Shades, "gap "+place(x.Top, x.Height))
		}
		if d.worksHere(day.Date) && d.worksOn(day.Date) {
			for _, x := range []calendar.Extent{axis.Between(0, work.Start), axis.Between(work.End, 24*60)} {
				if x.Height > 0 {
					v.Shades = append(v.Shades, "off "+place(x.Top, x.Height))
				}
			}
		}
		if at, step, ok := axis.At(d.now); ok && at == i {
			v.Now = fmt.Sprintf("at h%d s%d", step/stepsPerHour, step%stepsPerHour)
		}
		v.AllDay = d.bars(bars, i, v.Lanes)
		v.Timed = d.blocks(day, len(days))
		v.Empty = len(v.Timed) == 0 && !slices.ContainsFunc(bars, func(b calendar.Bar) bool { return b.Column <= i && i < b.Column+b.Span })
		g.Days = append(g.Days, v)
	}
	return g
}

// tinySteps is the height below which a block has room for one line.
const tinySteps = 8

func (d *drawing) blocks(day calendar.DayGrid, days int) []item {
	items := make([]item, 0, len(day.Blocks)+len(day.More))
	more := day.More
	fold := func(until int) {
		for len(more) > 0 && more[0].Top < until {
			m := more[0]
			more = more[1:]
			i := item{Class: fmt.Sprintf("%s k%d-%d w1-%d", place(m.Top, m.Height), m.Columns-1, m.Columns, m.Columns), Name: "+" + d.Number(len(m.Pieces))}
			for _, p := range m.Pieces {
				i.Folded = append(i.Folded, d.item(p))
			}
			items = append(items, i)
		}
	}
	for _, b := range day.Blocks {
		fold(b.Top)
		classes := []string{place(b.Top, b.Height)}
		if b.Columns > 1 {
			classes = append(classes, fmt.Sprintf("k%d-%d w%d-%d", b.Column, b.Columns, b.Span, b.Columns))
			if b.Span == 1 && days > 1 {
				classes = append(classes, "slim")
			}
		}
		if b.Height < tinySteps {
			classes = append(classes, "tiny")
		}
		items = append(items, d.item(b.Piece, classes...))
	}
	fold(1 << 30)
	return items
}

// bars describes the events of whole days that begin in a column, and once more
// those that go on in it, which only a list of days shows. What is in a lane
// that there is no room for is folded into the last one.
func (d *drawing) bars(all []calendar.Bar, column, lanes int) []item {
	last := lanes - 1
	if !slices.ContainsFunc(all, func(b calendar.Bar) bool { return b.Lane > last }) {
		last = lanes
	}
	var items []item
	more := item{Class: fmt.Sprintf("lane%d", last)}
	for _, b := range all {
		switch {
		case b.Column < column && column < b.Column+b.Span:
			p := b.Piece
			p.First = false
			i := d.item(p, "days again")
			i.When = d.whole(b.Event)
			items = append(items, i)
		case b.Column != column:
		case b.Lane < last:
			items = append(items, d.bar(b))
		default:
			more.Folded = append(more.Folded, d.item(b.Piece))
		}
	}
	if n := len(more.Folded); n > 0 {
		more.Name = d.T("+%d more", n)
		items = append(items, more)
	}
	return items
}

// bar describes an event of whole days, which on a narrow screen says in words
// how far it goes.
func (d *drawing) bar(b calendar.Bar) item {
	i := d.item(b.Piece, fmt.Sprintf("days lane%d", b.Lane))
	if b.Span > 1 {
		i.Class += fmt.Sprintf(" span%d", b.Span)
	}
	i.When = d.whole(b.Event)
	return i
}

// maxLanes is how many lanes grid.css has.
const maxLanes = 30

// worksHere reports whether the working hours are meant in the clock shown on a
// day: the mailbox's are in a zone of its own, those chosen in the settings are
// not.
func (d *drawing) worksHere(date calendar.Date) bool {
	own := d.home.Settings.WorkZone
	return d.set.WorkEnd > 0 || own == nil || date.Start(own).Equal(date.Start(d.loc))
}

// worksOn reports whether the person works on the day of the week of date.
func (d *drawing) worksOn(date calendar.Date) bool {
	days := d.home.Settings.WorkDays
	if len(days) == 0 {
		return date.Weekday() != time.Saturday && date.Weekday() != time.Sunday
	}
	return slices.Contains(days, date.Weekday())
}

// label writes the hours beside the grid, and those of the second zone.
func (d *drawing) label(g *gridView, axis *calendar.Axis) {
	second := location(d.set.SecondZone)
	g.SecondZone = second != nil
	g.Zones = []string{d.City(d.loc.String())}
	if g.SecondZone {
		g.Zones = []string{d.City(d.set.SecondZone), g.Zones[0]}
	}
	var others []calendar.Label
	if g.SecondZone {
		others = axis.Labels(second)
	}
	for i, row := range axis.Rows {
		at := time.Date(2000, 1, 1, row.Hour, row.Minute, 0, 0, time.UTC)
		text := d.clockLabel(at)
		if row.Repeated {
			text += " ↻"
		}
		h := hourRow{Class: fmt.Sprintf("dh%d ds%d", row.Height/stepsPerHour, row.Height%stepsPerHour)}
		if g.SecondZone {
			h.Labels = append(h.Labels, d.otherLabel(others[i]))
		}
		h.Labels = append(h.Labels, text)
		g.Hours = append(g.Hours, h)
	}
}

func (d *drawing) clockLabel(t time.Time) string {
	if t.Minute() == 0 {
		return d.Hour(t.Hour(), d.h12)
	}
	return d.Clock(t, d.h12)
}

// otherLabel writes an hour of the second zone: with the day where that is
// another one, and with a tilde where clocks change during the days shown.
func (d *drawing) otherLabel(l calendar.Label) string {
	if l.At.IsZero() {
		return ""
	}
	text := d.clockLabel(l.At)
	if l.DayShift > 0 {
		text += " +1"
	} else if l.DayShift < 0 {
		text += " −1"
	}
	if len(l.Except) > 0 {
		text = "~" + text
	}
	return text
}

// monthView is weeks down and days across.
type monthView struct {
	Names []string
	Weeks []weekView
}

type weekView struct {
	Number string
	Days   []dayView
}

// monthLines is how many events a day of the month view shows.
const monthLines = 4

func (d *drawing) month(date calendar.Date, events []calendar.Event) *monthView {
	weeks := calendar.MonthGrid(date, d.first)
	m := new(monthView)
	for _, day := range weeks[0] {
		m.Names = append(m.Names, d.Locale.Weekday(day.Weekday(), locale.Abbreviated))
	}
	for _, week := range calendar.MonthLayout(weeks, d.loc, events, monthLines) {
		var w weekView
		if d.first == time.Monday {
			w.Number = d.Number(calendar.WeekNumber(week.Days[0]))
		}
		for i, cell := range week.Cells {
			v := d.day(cell.Date)
			v.Out = cell.Date.Month != date.Month
			v.Lanes = monthLines
			for _, b := range week.Bars {
				if b.Column == i {
					v.AllDay = append(v.AllDay, d.bar(b))
				}
			}
			for _, c := range cell.Chips {
				v.AllDay = append(v.AllDay, d.item(c.Piece, fmt.Sprintf("lane%d", c.Line)))
			}
			if len(cell.More) > 0 {
				more := item{Class: fmt.Sprintf("lane%d", monthLines-1), Name: d.T("+%d more", len(cell.More))}
				for _, p := range cell.More {
					more.Folded = append(more.Folded, d.item(p))
				}
				v.AllDay = append(v.AllDay, more)
			}
			v.Empty = len(v.AllDay) == 0
			w.Days = append(w.Days, v)
		}
		m.Weeks = append(m.Weeks, w)
	}
	return m
}
