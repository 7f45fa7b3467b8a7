package calendar

import (
	"cmp"
	"slices"
	"time"
)

// A reading is a stretch of a day in which clocks are not changed. The next
// one can go on where it ends: zones change their names and rules, too.
type reading struct {
	from, until int64 // seconds since 1970, UTC
	wall        int64 // what clocks show at from: seconds from the day's midnight
}

// readings returns the stretches of the day d, which lasts from start until
// end.
func readings(d Date, start, end time.Time) []reading {
	midnight := d.UTC().Unix()
	var all []reading
	for t := start; t.Before(end); {
		next := steady(t)
		if next.After(end) {
			next = end
		}
		_, offset := t.Zone()
		all = append(all, reading{t.Unix(), next.Unix(), t.Unix() + int64(offset) - midnight})
		t = next
	}
	return all
}

// end returns what clocks show at until, before they are changed.
func (r reading) end() int64 { return r.wall + r.until - r.from }

// A band is a part of the whole axis in which every step is five minutes
// later on the clock: a part of an ordinary day, or a repeated time.
type band struct {
	Extent
	wall     int // what clocks show at the top, in steps from midnight
	repeated bool
}

// end returns what clocks show at the bottom, in steps from midnight.
func (b band) end() int { return b.wall + b.Height }

// repetition returns the time that clocks show again, in whole steps, after
// they went back from the end of one reading to the beginning of the next. It
// is false for less than a step: local mean times went over to standard time
// by seconds, and that is nothing to draw.
func repetition(before, after reading) (band, bool) {
	if before.end()-after.wall < stepSeconds {
		return band{}, false
	}
	wall := int(floor(after.wall, stepSeconds) / stepSeconds)
	end := int(ceil(before.end(), stepSeconds) / stepSeconds)
	return band{Extent{Height: end - wall}, wall, true}, true
}

// bandsOf lays out the ordinary day with the repeated times of all days let
// in, each where it first ends.
func bandsOf(days [][]reading) []band {
	var repeated []band
	for _, day := range days {
		for i := 1; i < len(day); i++ {
			if b, ok := repetition(day[i-1], day[i]); ok && !slices.Contains(repeated, b) {
				repeated = append(repeated, b)
			}
		}
	}
	slices.SortFunc(repeated, func(a, b band) int {
		return cmp.Or(cmp.Compare(a.end(), b.end()), cmp.Compare(a.wall, b.wall))
	})
	var bands []band
	top := 0
	add := func(b band) {
		if b.Height > 0 {
			b.Top = top
			top = b.Bottom()
			bands = append(bands, b)
		}
	}
	wall := 0
	for _, b := range repeated {
		until := min(max(b.end(), wall), daySteps)
		add(band{Extent{Height: until - wall}, wall, false})
		add(b)
		wall = until
	}
	add(band{Extent{Height: daySteps - wall}, wall, false})
	return bands
}

// rowsOf divides the bands at whole hours.
func rowsOf(bands []band) []Row {
	var rows []Row
	for _, b := range bands {
		for wall := b.wall; wall < b.end(); {
			next := min(floor(wall, hourSteps)+hourSteps, b.end())
			minutes := (wall + daySteps) % daySteps * StepMinutes
			rows = append(rows, Row{
				Extent:   Extent{b.Top + wall - b.wall, next - wall},
				Hour:     minutes / 60,
				Minute:   minutes % 60,
				Repeated: b.repeated,
			})
			wall = next
		}
	}
	return rows
}

// A timeline says where each instant of one day is on the whole axis. Its
// spans cover the day from its first instant to its last; it has none when the
// zone has left the day out.
type timeline []span

// A span is a stretch of a day that runs down the axis without a break.
type span struct {
	from, until int64 // seconds since 1970, UTC
	axis        int64 // where from is: seconds of the axis
}

// at returns where t is, in seconds of the axis.
func (s span) at(t int64) int64 { return s.axis + t - s.from }

// steps returns the first step that has some of s and the first after it.
func (s span) steps() (first, after int) {
	return int(s.at(s.from) / stepSeconds), int(ceil(s.at(s.until), stepSeconds) / stepSeconds)
}

func newTimeline(day []reading, bands []band) timeline {
	var line timeline
	add := func(r reading, b band) {
		line = append(line, span{r.from, r.until, int64(b.Top-b.wall)*stepSeconds + r.wall})
	}
	var again *band // the repeated time that clocks are in
	for i, r := range day {
		if i > 0 {
			if rep, ok := repetition(day[i-1], r); ok {
				k := slices.IndexFunc(bands, func(b band) bool {
					return b.repeated && b.wall == rep.wall && b.Height == rep.Height
				})
				again = &bands[k]
			}
		}
		if again != nil {
			var head reading
			if head, r = r.cut(int64(again.end()) * stepSeconds); head.from < head.until {
				add(head, *again)
			}
		}
		var base []band
		for _, b := range bands {
			if !b.repeated {
				base = append(base, b)
			}
		}
		for j, b := range base {
			head := r
			if j < len(base)-1 {
				head, r = r.cut(int64(b.end()) * stepSeconds)
			}
			if head.from < head.until {
				add(head, b)
			}
		}
	}
	return line
}

// cut divides r at a clock time.
func (r reading) cut(wall int64) (head, tail reading) {
	at := min(max(r.from+wall-r.wall, r.from), r.until)
	return reading{r.from, at, r.wall}, reading{at, r.until, r.wall + at - r.from}
}

// start returns the step in which what begins at t is drawn.
func (l timeline) start(t int64) int {
	i := len(l) - 1
	for i > 0 && l[i].from > t {
		i--
	}
	return int(l[i].at(t) / stepSeconds)
}

// end returns the step before which what ends at t is drawn. At a change of
// clocks that is before the change.
func (l timeline) end(t int64) int {
	i := len(l) - 1
	for i > 0 && l[i].from >= t {
		i--
	}
	return int(ceil(l[i].at(t), stepSeconds) / stepSeconds)
}

// extent returns where p is drawn: from the step in which it begins to the one
// in which it ends, and high enough to be read, within the day.
func (l timeline) extent(p Piece) Extent {
	first, last := l[0], l[len(l)-1]
	start := max(p.Event.When.Start.Unix(), first.from)
	end := min(p.Event.When.end().Unix(), last.until)
	dayTop, _ := first.steps()
	_, dayBottom := last.steps()
	top, bottom := l.start(start), l.end(end)
	bottom = min(max(bottom, top+leastSteps), dayBottom)
	top = max(min(top, bottom-leastSteps), dayTop)
	return Extent{top, bottom - top}
}

// floor returns the multiple of unit that is not above n.
func floor[T int | int64](n, unit T) T {
	if r := n % unit; r < 0 {
		return n - r - unit
	} else {
		return n - r
	}
}

// ceil returns the multiple of unit that is not below n.
func ceil[T int | int64](n, unit T) T { return -floor(-n, unit) }
