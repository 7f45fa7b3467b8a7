package calendar_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

func days(t testing.TB, first string, n int) []calendar.Date {
	t.Helper()
	var all []calendar.Date
	for i := range n {
		all = append(all, date(t, first).AddDays(i))
	}
	return all
}

// rows writes the rows of an axis: "1 1r 2" for a repeated one, "1:30r/6" where
// it is not a whole hour, and a run of ordinary rows as "3-23".
func rows(a *calendar.Axis) string {
	var out []string
	run := -1
	for i, r := range a.Rows {
		plain := func(i int) bool {
			return i >= 0 && i < len(a.Rows) && a.Rows[i].Minute == 0 && !a.Rows[i].Repeated && a.Rows[i].Height == 12
		}
		if plain(i) {
			if run < 0 {
				run = r.Hour
			}
			if plain(i + 1) {
				continue
			}
			if run == r.Hour {
				out = append(out, fmt.Sprint(run))
			} else {
				out = append(out, fmt.Sprintf("%d-%d", run, r.Hour))
			}
			run = -1
			continue
		}
		s := fmt.Sprint(r.Hour)
		if r.Minute != 0 {
			s += fmt.Sprintf(":%02d", r.Minute)
		}
		if r.Repeated {
			s += "r"
		}
		if r.Height != 12 {
			s += fmt.Sprintf("/%d", r.Height)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestAxisRows(t *testing.T) {
	t.Parallel()
	const whole = 288
	tests := []struct {
		name, zone, first string
		days              int
		want              string
		blank             map[int][]calendar.Extent
	}{
		{"ordinary", "Europe/Berlin", "2026-06-01", 7, "0-23", nil},
		{"autumn in the week", "America/New_York", "2026-10-31", 3, "0-1 1r 2-23",
			map[int][]calendar.Extent{0: {{24, 12}}, 2: {{24, 12}}}},
		{"autumn alone", "America/New_York", "2026-11-01", 1, "0-1 1r 2-23", nil},
		{"spring", "America/New_York", "2026-03-07", 3, "0-23",
			map[int][]calendar.Extent{1: {{24, 12}}}},
		{"half an hour back", "Australia/Lord_Howe", "2026-04-04", 2, "0-1 1:30r/6 2-23",
			map[int][]calendar.Extent{0: {{24, 6}}}},
		{"half an hour forward", "Australia/Lord_Howe", "2026-10-04", 1, "0-23",
			map[int][]calendar.Extent{0: {{24, 6}}}},
		{"back at midnight", "Asia/Beirut", "2022-10-29", 2, "0-23 23r",
			map[int][]calendar.Extent{1: {{whole, 12}}}},
		{"forward at midnight", "Asia/Beirut", "2022-03-26", 2, "0-23",
			map[int][]calendar.Extent{1: {{0, 12}}}},
		{"back at midnight, Brazil", "America/Sao_Paulo", "2018-02-17", 1, "0-23 23r", nil},
		{"back to midnight", "Atlantic/Azores", "2022-10-30", 1, "0 0r 1-23", nil},
		{"a day left out", "Pacific/Apia", "2011-12-29", 3, "0-23",
			map[int][]calendar.Extent{1: {{0, whole}}}},
		{"two hours", "Antarctica/Troll", "2026-10-25", 1, "0-2 1r 2r 3-23", nil},
		{"a day of 47 hours", "Pacific/Kwajalein", "1969-09-30", 1, "0-23 " + repeated(1, 23), nil},
		{"midnight had struck", "America/St_Johns", "2010-11-07", 1, "0/1 23r 0r/1 0:05/11 1-23", nil},
		{"seconds are not drawn", "Asia/Singapore", "1905-06-01", 1, "0-23", nil},
		{"a quarter forward", "Asia/Kathmandu", "1986-01-01", 1, "0-23",
			map[int][]calendar.Extent{0: {{0, 3}}}},
		{"before and after Ramadan", "Africa/Casablanca", "2026-02-15", 1, "0-2 2r 3-23", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := calendar.NewAxis(days(t, tt.first, tt.days), zone(t, tt.zone), calendar.Hours{}, nil)
			if got := rows(a); got != tt.want {
				t.Errorf("rows = %s, want %s", got, tt.want)
			}
			for i := range tt.days {
				if diff := cmp.Diff(tt.blank[i], a.Blank(i)); diff != "" {
					t.Errorf("Blank(%d) (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func repeated(from, to int) string {
	var out []string
	for h := from; h <= to; h++ {
		out = append(out, fmt.Sprintf("%dr", h))
	}
	return strings.Join(out, " ")
}

func TestAxisHours(t *testing.T) {
	t.Parallel()
	work := calendar.Hours{Start: 9 * 60, End: 17*60 + 30}
	at := func(id, start, end string) calendar.Event {
		return calendar.Event{ID: id, When: calendar.When{
			Start: clock(t, "Europe/Berlin", start), End: clock(t, "Europe/Berlin", end),
		}}
	}
	tests := []struct {
		name   string
		hours  calendar.Hours
		events []calendar.Event
		want   string
	}{
		{"all", calendar.Hours{}, nil, "0-23"},
		{"working hours, whole ones, with air", work, nil, "8-18"},
		{"air ends with the day", calendar.Hours{Start: 20, End: 23*60 + 20}, nil, "0-23"},
		{"backwards is all", calendar.Hours{Start: 22 * 60, End: 6 * 60}, nil, "0-23"},
		{"out of the day is all", calendar.Hours{Start: 5000, End: 6000}, nil, "0-23"},
		{"an early event", work, []calendar.Event{at("a", "2026-06-02T06:59", "2026-06-02T07:30")}, "6-18"},
		{"a late one, as high as it is drawn", work, []calendar.Event{at("a", "2026-06-02T19:55", "2026-06-02T19:55")}, "8-20"},
		{"over midnight", work, []calendar.Event{at("a", "2026-06-02T22:00", "2026-06-03T06:00")}, "0-23"},
		{"not on these days", work, []calendar.Event{at("a", "2026-06-20T22:00", "2026-06-21T06:00")}, "8-18"},
		{"a long one is in the lane", work, []calendar.Event{at("a", "2026-06-02T22:00", "2026-06-03T22:00")}, "8-18"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := calendar.NewAxis(days(t, "2026-06-01", 7), zone(t, "Europe/Berlin"), tt.hours, tt.events)
			if got := rows(a); got != tt.want {
				t.Errorf("rows = %s, want %s", got, tt.want)
			}
		})
	}

	// Nobody works in the repeated hour: it is not drawn when nothing is in it.
	a := calendar.NewAxis(days(t, "2026-10-25", 1), zone(t, "Europe/Berlin"), work, nil)
	if got, want := rows(a), "8-18"; got != want {
		t.Errorf("rows on a day with a change = %s, want %s", got, want)
	}
	if got, want := a.Between(work.Start, work.End), (calendar.Extent{Top: 12, Height: 102}); got != want {
		t.Errorf("Between(%v) = %v, want %v", work, got, want)
	}
	if got, want := a.Between(0, 24*60), (calendar.Extent{Top: 0, Height: a.Steps}); got != want {
		t.Errorf("Between(all) = %v, want %v", got, want)
	}
}

func TestAxisAt(t *testing.T) {
	t.Parallel()
	ny := zone(t, "America/New_York")
	a := calendar.NewAxis(days(t, "2026-10-31", 2), ny, calendar.Hours{Start: 2 * 60, End: 20 * 60}, nil)
	tests := []struct {
		at   string
		want string
	}{
		{"2026-10-31T00:59:59-04:00", "none"},      // not among the hours
		{"2026-10-31T01:00:00-04:00", "0 0 01:00"}, // an hour of air
		{"2026-10-31T01:59:59-04:00", "0 11 01:55"},
		{"2026-10-31T02:00:00-04:00", "0 24 02:00"}, // the other day's repeated hour is between
		{"2026-11-01T01:00:00-04:00", "1 0 01:00"},
		{"2026-11-01T01:00:00-05:00", "1 12 01:00"},
		{"2026-11-01T02:04:00-05:00", "1 24 02:00"},
		{"2026-11-01T21:00:00-05:00", "none"},
		{"2026-11-02T10:00:00-05:00", "none"}, // not among the days
		{"2026-10-30T10:00:00-04:00", "none"},
	}
	for _, tt := range tests {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if day, step, ok := a.At(at); ok {
			back, _ := a.Instant(day, step)
			got = fmt.Sprint(day, " ", step, " ", back.Format("15:04"))
		}
		if got != tt.want {
			t.Errorf("At(%s) = %s, want %s", tt.at, got, tt.want)
		}
	}
	if got, ok := a.Instant(0, 12); ok {
		t.Errorf("Instant in the hour that only the other day repeats = %v, want none", got)
	}
}

func TestAxisLabels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, zone, second, first string
		days                      int
		want                      map[int]string // row index: label
	}{
		{"an ordinary week", "Europe/Berlin", "Asia/Kathmandu", "2026-06-01", 7,
			map[int]string{0: "03:45 +0", 20: "23:45 +0", 21: "00:45 +1", 23: "02:45 +1"}},
		{"the day before", "Asia/Tokyo", "America/New_York", "2026-06-01", 1,
			map[int]string{0: "11:00 -1", 13: "00:00 +0"}},
		{"here clocks change on Sunday, there they do not", "Europe/Berlin", "UTC", "2026-10-24", 3,
			map[int]string{
				0: "22:00 -1 but [2]", // Saturday and Sunday begin in summer time, Monday does not
				2: "00:00 +0 but [2]",
				3: "01:00 +0", // 02:00 again: only Sunday has it
				4: "02:00 +0 but [0]",
			}},
		{"the skipped hour, alone", "America/New_York", "UTC", "2026-03-08", 1,
			map[int]string{1: "06:00 +0", 2: "", 3: "07:00 +0"}},
		{"a day left out", "Pacific/Apia", "UTC", "2011-12-30", 1, map[int]string{0: "", 23: ""}},
		{"across the date line", "Pacific/Apia", "UTC", "2011-12-29", 3,
			map[int]string{0: "10:00 +0 but [2]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := calendar.NewAxis(days(t, tt.first, tt.days), zone(t, tt.zone), calendar.Hours{}, nil)
			labels := a.Labels(zone(t, tt.second))
			if len(labels) != len(a.Rows) {
				t.Fatalf("Labels gives %d labels for %d rows", len(labels), len(a.Rows))
			}
			for row, want := range tt.want {
				l, got := labels[row], ""
				if !l.At.IsZero() {
					got = fmt.Sprintf("%s %+d", l.At.Format("15:04"), l.DayShift)
				}
				if l.Except != nil {
					got += fmt.Sprint(" but ", l.Except)
				}
				if got != want {
					t.Errorf("label of row %d = %q, want %q", row, got, want)
				}
			}
		})
	}
}

// clock reads a clock time in a zone, or with an offset of its own.
func clock(t testing.TB, zoneName, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04Z07:00", s)
	if err != nil {
		at, err = time.ParseInLocation("2006-01-02T15:04", s, zone(t, zoneName))
	}
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}
