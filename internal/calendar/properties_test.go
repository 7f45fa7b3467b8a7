package calendar_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"daybook/internal/calendar"
)

// randomEvents returns events around the days: short ones on steps and off
// them, long ones, some over midnight, and whole days.
func randomEvents(r *rand.Rand, days []calendar.Date, n int) []calendar.Event {
	from := days[0].UTC().Add(-36 * time.Hour)
	minutes := (len(days) + 3) * 24 * 60
	var events []calendar.Event
	for i := range n {
		e := calendar.Event{ID: fmt.Sprintf("e%03d", i)}
		start := from.Add(time.Duration(r.IntN(minutes)) * time.Minute)
		length := time.Duration(r.IntN(150)) * time.Minute
		switch r.IntN(8) {
		case 0:
			e.When.AllDay = true
			e.When.First = days[0].AddDays(r.IntN(len(days)+4) - 3)
			e.When.Until = e.When.First.AddDays(1 + r.IntN(4)*r.IntN(4))
		case 1:
			e.When.Start, e.When.End = start, start.Add(time.Duration(r.IntN(72))*time.Hour)
		case 2:
			e.When.Start, e.When.End = start, start
		case 3, 4:
			e.When.Start, e.When.End = start, start.Add(length)
		default:
			start = start.Truncate(15 * time.Minute)
			e.When.Start, e.When.End = start, start.Add(length.Truncate(15*time.Minute))
		}
		events = append(events, e)
	}
	return events
}

var zones = []string{
	"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
	"Asia/Beirut", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca",
}

// oddZones have done things to their clocks that no zone above has.
var oddZones = []string{
	"America/St_Johns", "Pacific/Kwajalein", "Asia/Manila", "Africa/Monrovia", "Europe/Dublin",
	"Antarctica/Troll", "Antarctica/Casey", "Asia/Pyongyang", "America/Caracas", "Asia/Gaza",
	"Atlantic/Azores", "Europe/Amsterdam", "Africa/El_Aaiun", "Asia/Singapore", "Pacific/Kiritimati",
}

// changes returns the days on which clocks change in loc.
func changes(loc *time.Location, from, until int) []calendar.Date {
	var all []calendar.Date
	_, before := time.Date(from, 1, 1, 0, 0, 0, 0, loc).Zone()
	for t := time.Date(from, 1, 1, 0, 0, 0, 0, loc); t.Year() < until; t = t.Add(6 * time.Hour) {
		if _, offset := t.Zone(); offset != before {
			all = append(all, calendar.DateOf(t.Add(-time.Hour)))
			before = offset
		}
	}
	return all
}

func TestEveryChangeOfClocks(t *testing.T) {
	t.Parallel()
	for i, name := range slices.Concat(zones, oddZones) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, name)
			exact := i < len(zones)
			from := 1900
			if exact {
				from = 1972
			}
			r := rand.New(rand.NewPCG(7, uint64(i)))
			for _, d := range changes(loc, from, 2060) {
				s := scene{loc: loc, exact: exact, columns: 1 + r.IntN(5), hours: calendar.Hours{Start: 8 * 60, End: 17 * 60}}
				first := d.AddDays(-r.IntN(3))
				for n := range 1 + r.IntN(7) {
					s.days = append(s.days, first.AddDays(n))
				}
				s.events = randomEvents(r, s.days, 12)
				s.check(t)
			}
		})
	}
}

func TestRandomScenes(t *testing.T) {
	t.Parallel()
	for i, name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(11, uint64(i)))
			for range 60 {
				first := calendar.Date{Year: 1990 + r.IntN(80), Month: time.Month(1 + r.IntN(12)), Day: 1 + r.IntN(28)}
				s := scene{loc: zone(t, name), exact: true, columns: r.IntN(8), hours: calendar.Hours{Start: r.IntN(1500), End: r.IntN(1500)}}
				view := []calendar.View{calendar.Day, calendar.WorkWeek, calendar.Week, calendar.Month, calendar.Agenda}[r.IntN(5)]
				s.days = calendar.Days(view, first, time.Weekday(r.IntN(7)), []time.Weekday{1, 2, 4, 5}[:r.IntN(5)])
				s.events = randomEvents(r, s.days, r.IntN(60))
				s.check(t)
			}
		})
	}
}

// TestDayLeftOut shows every window around the day that Samoa did not have,
// also such as begin or end with it.
func TestDayLeftOut(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 0))
	for offset := range 4 {
		for n := range 4 {
			s := scene{loc: zone(t, "Pacific/Apia"), exact: true, columns: 4}
			s.days = days(t, "2011-12-28", offset+n+1)[offset:]
			s.events = randomEvents(r, s.days, 60)
			s.check(t)
		}
	}
}

// TestCrowds lays out days on which nearly everything overlaps.
func TestCrowds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(17, 0))
	for n := range 12 {
		s := scene{loc: time.UTC, exact: true, columns: 1 + n%6, days: days(t, "2026-06-01", 1)}
		s.events = randomEvents(r, s.days, 20+n*20)
		s.check(t)
	}
}

func FuzzLayout(f *testing.F) {
	f.Add(uint8(0), uint16(9436), uint8(3), []byte("\x00\x10\x20\x00\x01\x10\x20\x00"))
	f.Add(uint8(5), uint16(4015), uint8(6), []byte("\x00\x00\x00\xff\xff\xff\xff\xff\x81\x02\x03\x04"))
	f.Fuzz(func(t *testing.T, zoneIndex uint8, day uint16, shape uint8, raw []byte) {
		all := slices.Concat(zones, oddZones)
		i := int(zoneIndex) % len(all)
		s := scene{loc: zone(t, all[i]), columns: int(shape >> 4), hours: calendar.Hours{Start: int(shape) * 5, End: int(shape) * 9}}
		first := calendar.Date{Year: 1972, Month: 1, Day: 1}.AddDays(int(day))
		s.exact = i < len(zones)
		for n := range int(shape)%8 + 1 {
			s.days = append(s.days, first.AddDays(n))
		}
		for len(raw) >= 4 && len(s.events) < 64 {
			e := calendar.Event{ID: fmt.Sprint("e", len(s.events))}
			a, b := int(raw[0])<<8|int(raw[1]), int(raw[2])<<8|int(raw[3])
			raw = raw[4:]
			if a%5 == 0 {
				e.When = calendar.When{AllDay: true, First: first.AddDays(a%12 - 4)}
				e.When.Until = e.When.First.AddDays(1 + b%9)
			} else {
				e.When.Start = first.UTC().Add(time.Duration(a%(12*24*60)-24*60) * time.Minute)
				e.When.End = e.When.Start.Add(time.Duration(b%2000) * time.Minute)
			}
			s.events = append(s.events, e)
		}
		s.check(t)
	})
}

// TestWork bounds the time that ten times as many events take: the square
// would be a hundred times as much. All lie on one another, the worst case.
func TestWork(t *testing.T) {
	loc := zone(t, "Europe/Berlin")
	week := days(t, "2026-10-19", 7)
	crowd := func(n int) []calendar.Event {
		events := make([]calendar.Event, n)
		for i := range events {
			e := &events[i]
			e.ID = fmt.Sprint(i)
			if e.When.AllDay = i%4 == 0; e.When.AllDay {
				e.When.First, e.When.Until = week[i%7], week[i%7].AddDays(1+i%5)
			} else {
				e.When.Start = week[3].UTC().Add(time.Duration(8*60+i%300) * time.Minute)
				e.When.End = e.When.Start.Add(time.Duration(i%400) * time.Minute)
			}
		}
		return events
	}
	spent := func(n int) time.Duration {
		events := crowd(n)
		var all []time.Duration
		for range 5 {
			start := time.Now()
			a := calendar.NewAxis(week, loc, calendar.Hours{Start: 480, End: 1020}, events)
			a.Layout(events, 6)
			calendar.Lanes(week, loc, events)
			calendar.MonthLayout([][]calendar.Date{week}, loc, events, 4)
			calendar.ListDays(week, loc, events)
			all = append(all, time.Since(start))
		}
		return slices.MinFunc(all, cmp.Compare[time.Duration])
	}
	// In proportion it would be 40 times, by squares 1600: what lies between
	// leaves a busy machine its due.
	few, many := spent(500), spent(20_000)
	t.Logf("300 events: %v, 500 events: %v, 20000 events: %v", spent(300), few, many)
	if many > 400*few {
		t.Errorf("20000 events take %v, 500 take %v: more than 400 times as long", many, few)
	}
}

func BenchmarkWeek(b *testing.B) {
	week := days(b, "2026-10-19", 7)
	loc := zone(b, "Europe/Berlin")
	events := randomEvents(rand.New(rand.NewPCG(3, 3)), week, 300)
	for b.Loop() {
		a := calendar.NewAxis(week, loc, calendar.Hours{Start: 480, End: 1020}, events)
		a.Layout(events, 6)
		calendar.Lanes(week, loc, events)
	}
}
