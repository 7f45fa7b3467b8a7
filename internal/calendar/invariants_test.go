package calendar_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

// scene is what a layout is made of. Its checks hold for any.
type scene struct {
	loc     *time.Location
	days    []calendar.Date
	hours   calendar.Hours
	columns int
	events  []calendar.Event
	// exact says that all clocks are whole steps from UTC, so that real time
	// and steps can be compared to the minute.
	exact bool
}

func (s scene) String() string {
	out := fmt.Sprintf("%v, %v to %v, hours %v, %d columns\n", s.loc, s.days[0], s.days[len(s.days)-1], s.hours, s.columns)
	for _, e := range s.events {
		if e.When.AllDay {
			out += fmt.Sprintf("%s: %v until %v\n", e.ID, e.When.First, e.When.Until)
		} else {
			out += fmt.Sprintf("%s: %v to %v\n", e.ID, e.When.Start.In(s.loc), e.When.End.In(s.loc))
		}
	}
	return out
}

// touches says, in the plainest way, whether an event touches a day.
func (s scene) touches(e *calendar.Event, d calendar.Date) bool {
	if e.When.AllDay {
		return d.Compare(e.When.First) >= 0 && d.Compare(e.When.Until) < 0
	}
	from, until := d.Start(s.loc), d.AddDays(1).Start(s.loc)
	if e.When.Start.Equal(e.When.End) {
		return !e.When.Start.Before(from) && e.When.Start.Before(until)
	}
	return from.Before(until) && e.When.Start.Before(until) && e.When.End.After(from)
}

// sightings checks that each event has one piece on each day that it touches,
// and that the first of them alone is First.
type sightings map[*calendar.Event]map[calendar.Date]bool

func (seen sightings) add(t testing.TB, p calendar.Piece, d calendar.Date, first bool) {
	t.Helper()
	if seen[p.Event] == nil {
		seen[p.Event] = map[calendar.Date]bool{}
	}
	if _, twice := seen[p.Event][d]; twice {
		t.Errorf("%s is on %v twice", p.Event.ID, d)
	}
	seen[p.Event][d] = first
}

func (seen sightings) check(t testing.TB, s scene, want func(*calendar.Event) bool) {
	t.Helper()
	for i := range s.events {
		e := &s.events[i]
		first := true
		for _, d := range s.days {
			isFirst, found := seen[e][d]
			if touched := want(e) && s.touches(e, d); found != touched {
				t.Errorf("%s is on %v: %v, want %v", e.ID, d, found, touched)
			}
			if !found {
				continue
			}
			if isFirst != first {
				t.Errorf("%s on %v is First: %v, want %v", e.ID, d, isFirst, first)
			}
			first = false
		}
	}
}

func (s scene) check(t testing.TB) {
	t.Helper()
	s.checkAxis(t)
	s.checkGrid(t)
	s.checkLanes(t)
	s.checkMonth(t)
	s.checkList(t)
	s.checkOrder(t)
	if t.Failed() {
		t.Fatalf("in %v", s)
	}
}

// checkAxis walks through the days in steps of real time.
func (s scene) checkAxis(t testing.TB) {
	a := calendar.NewAxis(s.days, s.loc, calendar.Hours{}, s.events)
	top := 0
	for _, r := range a.Rows {
		if r.Top != top || r.Height < 1 {
			t.Errorf("row %+v does not begin at %d", r, top)
		}
		top = r.Bottom()
	}
	if top != a.Steps {
		t.Errorf("rows end at %d of %d steps", top, a.Steps)
	}
	for i, d := range s.days {
		blank := 0
		for _, x := range a.Blank(i) {
			if x.Top < 0 || x.Height < 1 || x.Bottom() > a.Steps {
				t.Errorf("%v is blank in %v of %d steps", d, x, a.Steps)
			}
			blank += x.Height
		}
		from, until := d.Start(s.loc), d.AddDays(1).Start(s.loc)
		if got, want := a.Steps-blank, int(until.Sub(from)/(calendar.StepMinutes*time.Minute)); s.exact && got != want {
			t.Errorf("%v has %d steps that are not blank, want %d", d, got, want)
		}
		last, shown := -1, map[int]bool{}
		stride := time.Minute
		if s.exact {
			stride = calendar.StepMinutes * time.Minute
		}
		for at := from; at.Before(until); at = at.Add(stride) {
			day, step, ok := a.At(at)
			if !ok || day != i || step < last || step >= a.Steps || s.exact && step == last {
				t.Fatalf("At(%v) = %d, %d, %v after step %d of day %d", at, day, step, ok, last, i)
			}
			last = step
			if !s.exact {
				continue
			}
			if back, ok := a.Instant(day, step); !ok || !back.Equal(at) {
				t.Fatalf("Instant(%d, %d) = %v, %v, want %v", day, step, back, ok, at)
			}
			row := a.Rows[slices.IndexFunc(a.Rows, func(r calendar.Row) bool { return r.Bottom() > step })]
			minute := row.Hour*60 + row.Minute + (step-row.Top)*calendar.StepMinutes
			if want := at.Hour()*60 + at.Minute(); minute != want || row.Repeated != shown[minute] {
				t.Fatalf("%v is drawn at minute %d of row %+v", at, minute, row)
			}
			shown[minute] = true
		}
	}
}

func (s scene) checkGrid(t testing.TB) {
	a := calendar.NewAxis(s.days, s.loc, s.hours, s.events)
	seen := sightings{}
	for i, day := range a.Layout(s.events, s.columns) {
		if day.Date != s.days[i] {
			t.Errorf("day %d is %v, want %v", i, day.Date, s.days[i])
		}
		var drawn []area
		for _, b := range day.Blocks {
			seen.add(t, b.Piece, day.Date, b.First)
			drawn = append(drawn, area{b.Extent, b.Column, b.Span, b.Columns, b.Event.ID})
			s.checkHeight(t, a, i, b)
			if before := b.Event.When.Start.Before(day.Date.Start(s.loc)); b.ContinuesBefore != before {
				t.Errorf("%s on %v continues from before: %v", b.Event.ID, day.Date, b.ContinuesBefore)
			}
			if after := b.Event.When.End.After(day.Date.AddDays(1).Start(s.loc)); b.ContinuesAfter != after {
				t.Errorf("%s on %v continues after: %v", b.Event.ID, day.Date, b.ContinuesAfter)
			}
		}
		for _, m := range day.More {
			if len(m.Pieces) < 2 {
				t.Errorf("%v folds %d events", day.Date, len(m.Pieces))
			}
			for _, p := range m.Pieces {
				seen.add(t, p, day.Date, p.First)
			}
			drawn = append(drawn, area{m.Extent, m.Columns - 1, 1, m.Columns, "+n"})
		}
		for j, x := range drawn {
			if x.Top < 0 || x.Height < leastSteps || x.Bottom() > a.Steps {
				t.Errorf("%s on %v is drawn in %v of %d steps", x.id, day.Date, x.Extent, a.Steps)
			}
			if x.column < 0 || x.span < 1 || x.column+x.span > x.columns || x.columns > max(s.columns, 1) {
				t.Errorf("%s on %v is drawn in columns %+v of at most %d", x.id, day.Date, x, s.columns)
			}
			if len(drawn) > 500 {
				continue
			}
			for _, y := range drawn[:j] {
				if x.covers(y) {
					t.Errorf("%s covers %s on %v: %+v, %+v", x.id, y.id, day.Date, x, y)
				}
			}
		}
	}
	seen.check(t, s, func(e *calendar.Event) bool { return !e.When.Long() })
}

type area struct {
	calendar.Extent
	column, span, columns int
	id                    string
}

// covers compares parts of the day's width, since two clusters can have other
// numbers of columns.
func (x area) covers(y area) bool {
	return x.Top < y.Bottom() && y.Top < x.Bottom() &&
		x.column*y.columns < (y.column+y.span)*x.columns &&
		y.column*x.columns < (x.column+x.span)*y.columns
}

// leastSteps is how high an event is at least.
const leastSteps = 5

// checkHeight compares a block with how long its event really lasts.
func (s scene) checkHeight(t testing.TB, a *calendar.Axis, day int, b calendar.Block) {
	step := calendar.StepMinutes * time.Minute
	from, until := s.days[day].Start(s.loc), s.days[day].AddDays(1).Start(s.loc)
	if b.Event.When.Start.After(from) {
		from = b.Event.When.Start
	}
	if b.Event.When.End.Before(until) {
		until = b.Event.When.End
	}
	if !s.exact || until.Sub(from) < leastSteps*step || !from.Equal(from.Truncate(step)) || !until.Equal(until.Truncate(step)) {
		return
	}
	height := b.Height
	for _, x := range a.Blank(day) {
		height -= max(0, min(x.Bottom(), b.Bottom())-max(x.Top, b.Top))
	}
	if want := int(until.Sub(from) / step); height != want {
		t.Errorf("%s on %v is %d steps high, want %d", b.Event.ID, s.days[day], height, want)
	}
}

func (s scene) checkLanes(t testing.TB) {
	bars, lanes := calendar.Lanes(s.days, s.loc, s.events)
	seen, deepest := sightings{}, 0
	count := make([]int, len(s.days))
	taken := map[[2]int]string{}
	for _, b := range bars {
		if !b.First {
			t.Errorf("the bar of %s is not First", b.Event.ID)
		}
		if b.Lane < 0 || b.Lane >= lanes {
			t.Errorf("%s is in lane %d of %d", b.Event.ID, b.Lane, lanes)
		}
		first := true
		for day := b.Column; day < b.Column+b.Span; day++ {
			if other, twice := taken[[2]int{day, b.Lane}]; twice {
				t.Errorf("%s and %s share lane %d on %v", b.Event.ID, other, b.Lane, s.days[day])
			}
			taken[[2]int{day, b.Lane}] = b.Event.ID
			count[day]++
			deepest = max(deepest, count[day])
			if s.touches(b.Event, s.days[day]) {
				seen.add(t, b.Piece, s.days[day], first)
				first = false
			} else if day == b.Column || day == b.Column+b.Span-1 {
				t.Errorf("%s reaches to %v", b.Event.ID, s.days[day])
			}
		}
	}
	if lanes != deepest {
		t.Errorf("%d lanes, want %d", lanes, deepest)
	}
	seen.check(t, s, func(e *calendar.Event) bool { return e.When.Long() })
}

func (s scene) checkMonth(t testing.TB) {
	for _, lines := range []int{0, 1, 2, 4} {
		weeks := slices.Collect(slices.Chunk(s.days, 7))
		seen := sightings{}
		for i, week := range calendar.MonthLayout(weeks, s.loc, s.events, lines) {
			used := make([]map[int]bool, len(week.Days))
			for day := range used {
				used[day] = map[int]bool{}
			}
			use := func(day, line int, id string) {
				if used[day][line] || line < 0 || lines > 0 && line >= lines {
					t.Errorf("%s is on line %d of %v, which has %d and is taken: %v", id, line, week.Days[day], lines, used[day][line])
				}
				used[day][line] = true
			}
			for _, b := range week.Bars {
				first := b.First
				for day := b.Column; day < b.Column+b.Span; day++ {
					use(day, b.Lane, b.Event.ID)
					if s.touches(b.Event, week.Days[day]) {
						seen.add(t, b.Piece, week.Days[day], first)
						first = false
					}
				}
			}
			for day, c := range week.Cells {
				if c.Date != weeks[i][day] {
					t.Errorf("cell %d of week %d is %v", day, i, c.Date)
				}
				for _, chip := range c.Chips {
					use(day, chip.Line, chip.Event.ID)
					seen.add(t, chip.Piece, c.Date, chip.First)
				}
				if len(c.More) > 0 {
					if lines == 0 {
						t.Errorf("%v folds %d events without a limit", c.Date, len(c.More))
					}
					use(day, lines-1, "+n")
				}
				for _, p := range c.More {
					if s.touches(p.Event, c.Date) {
						seen.add(t, p, c.Date, p.First)
					}
				}
			}
		}
		seen.check(t, s, func(*calendar.Event) bool { return true })
	}
}

func (s scene) checkList(t testing.TB) {
	seen := sightings{}
	for i, list := range calendar.ListDays(s.days, s.loc, s.events) {
		if list.Date != s.days[i] {
			t.Errorf("list %d is of %v, want %v", i, list.Date, s.days[i])
		}
		for j, item := range list.Items {
			seen.add(t, item.Piece, list.Date, item.First)
			if j == 0 {
				continue
			}
			before := list.Items[j-1]
			if item.WholeDay && !before.WholeDay {
				t.Errorf("%s takes all of %v and is listed after %s", item.Event.ID, list.Date, before.Event.ID)
			}
			if !item.WholeDay && !before.WholeDay && item.Event.When.Start.Before(before.Event.When.Start) {
				t.Errorf("%s is listed on %v after %s", item.Event.ID, list.Date, before.Event.ID)
			}
		}
	}
	seen.check(t, s, func(*calendar.Event) bool { return true })
}

// checkOrder lays out the events in another order and expects the same.
func (s scene) checkOrder(t testing.TB) {
	other := slices.Clone(s.events)
	rand.New(rand.NewPCG(1, uint64(len(other)))).Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	type page struct {
		Rows  []calendar.Row
		Grid  []calendar.DayGrid
		Bars  []calendar.Bar
		Month []calendar.MonthWeek
		List  []calendar.DayList
	}
	lay := func(events []calendar.Event) page {
		a := calendar.NewAxis(s.days, s.loc, s.hours, events)
		bars, _ := calendar.Lanes(s.days, s.loc, events)
		return page{a.Rows, a.Layout(events, s.columns), bars,
			calendar.MonthLayout([][]calendar.Date{s.days}, s.loc, events, 3), calendar.ListDays(s.days, s.loc, events)}
	}
	before := slices.Clone(other)
	if one, two := lay(s.events), lay(other); !reflect.DeepEqual(one, two) {
		t.Errorf("the order of the events matters:\n%s", gocmp.Diff(one, two))
	}
	if !reflect.DeepEqual(before, other) {
		t.Errorf("the events were changed:\n%s", gocmp.Diff(before, other))
	}
}
