package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests need the zones wherever they run

	"daybook/internal/calendar"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func date(t testing.TB, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1900-01-01", "2024-02-29", "2200-12-31"} {
		if d, err := calendar.ParseDate(s); err != nil || d.String() != s {
			t.Errorf("ParseDate(%q) = %v, %v, want %s", s, d, err, s)
		}
	}
	for _, s := range []string{"", "2026-02-29", "1899-12-31", "2201-01-01", "2026-1-1", "2026-01-01T00:00", "-2026-01-01", "99999-01-01"} {
		if d, err := calendar.ParseDate(s); err == nil {
			t.Errorf("ParseDate(%q) = %v, want an error", s, d)
		}
	}
}

func TestDateStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		zone, date, want string // want in UTC
	}{
		{"UTC", "2026-03-29", "2026-03-29T00:00:00Z"},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"},
		{"Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z"},
		{"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"},
		// Forward at midnight: the day begins at 01:00.
		{"Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"},
		// Back at midnight: 23:00 comes twice on the day before.
		{"Asia/Beirut", "2022-10-30", "2022-10-29T22:00:00Z"},
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"},
		// Back from 00:01 to 23:01: midnight had struck.
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"},
		// Back from 01:00 to 00:00: midnight comes twice on the same day.
		{"Atlantic/Azores", "2022-10-30", "2022-10-30T00:00:00Z"},
		// A day left out starts when the next one does.
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
		// 23 hours back, so a day of 47.
		{"Pacific/Kwajalein", "1969-09-30", "1969-09-29T13:00:00Z"},
		{"Pacific/Kwajalein", "1969-10-01", "1969-10-01T12:00:00Z"},
	}
	for _, tt := range tests {
		got := date(t, tt.date).Start(zone(t, tt.zone)).UTC().Format(time.RFC3339)
		if got != tt.want {
			t.Errorf("%s.Start(%s) = %s, want %s", tt.date, tt.zone, got, tt.want)
		}
	}
}

// Go 1.26's Time.ZoneBounds gives an end that has passed on the last day of a
// leap year after 2037; a loop over it never ends.
func TestEndOfLeapYear(t *testing.T) {
	t.Parallel()
	loc := zone(t, "Europe/Berlin")
	for _, s := range []string{"2040-12-30", "2040-12-31", "2041-01-01", "2196-12-31"} {
		d := date(t, s)
		start := d.Start(loc)
		if want := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc); !start.Equal(want) {
			t.Errorf("%s.Start(Berlin) = %v, want %v", s, start, want)
		}
		a := calendar.NewAxis([]calendar.Date{d}, loc, calendar.Hours{}, nil)
		if got, want := rows(a), "0-23"; got != want {
			t.Errorf("rows of %s = %s, want %s", s, got, want)
		}
	}
}

func TestDaysSince(t *testing.T) {
	t.Parallel()
	if got, want := calendar.LastDate.DaysSince(calendar.FirstDate), 109937; got != want {
		t.Errorf("LastDate.DaysSince(FirstDate) = %d, want %d", got, want)
	}
	d := calendar.FirstDate
	for n := range 109938 {
		if got := d.DaysSince(calendar.FirstDate); got != n {
			t.Fatalf("%v.DaysSince(%v) = %d, want %d", d, calendar.FirstDate, got, n)
		}
		next := d.AddDays(1)
		if d.Compare(next) != -1 || next.Compare(d) != 1 || d.Compare(d) != 0 {
			t.Fatalf("%v and %v compare as %d, %d", d, next, d.Compare(next), next.Compare(d))
		}
		d = next
	}
}

func TestWhenDays(t *testing.T) {
	t.Parallel()
	timed := func(start, end string) calendar.When {
		s, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		e, err := time.Parse(time.RFC3339, end)
		if err != nil {
			t.Fatal(err)
		}
		return calendar.When{Start: s.UTC(), End: e.UTC()}
	}
	whole := func(first, until string) calendar.When {
		return calendar.When{AllDay: true, First: date(t, first), Until: date(t, until)}
	}
	tests := []struct {
		name, zone  string
		when        calendar.When
		first, last string
		long        bool
		over        string // the first instant at which it is past
	}{
		{"ends at midnight", "Europe/Berlin", timed("2026-06-01T22:00:00+02:00", "2026-06-02T00:00:00+02:00"),
			"2026-06-01", "2026-06-01", false, "2026-06-02T00:00:00+02:00"},
		{"over midnight", "Europe/Berlin", timed("2026-06-01T22:00:00+02:00", "2026-06-02T00:01:00+02:00"),
			"2026-06-01", "2026-06-02", false, "2026-06-02T00:01:00+02:00"},
		{"the same elsewhere", "America/New_York", timed("2026-06-01T22:00:00+02:00", "2026-06-02T00:01:00+02:00"),
			"2026-06-01", "2026-06-01", false, "2026-06-02T00:01:00+02:00"},
		{"no length, at midnight", "Europe/Berlin", timed("2026-06-02T00:00:00+02:00", "2026-06-02T00:00:00+02:00"),
			"2026-06-02", "2026-06-02", false, "2026-06-02T00:00:00+02:00"},
		{"a day of 23 hours", "Europe/Berlin", timed("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
			"2026-03-29", "2026-03-29", false, "2026-03-30T00:00:00+02:00"},
		{"a day of 25 hours", "Europe/Berlin", timed("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
			"2026-10-25", "2026-10-25", true, "2026-10-26T00:00:00+01:00"},
		{"midnight had struck before", "America/St_Johns", timed("2010-11-07T00:00:00-02:30", "2010-11-07T03:00:00Z"),
			"2010-11-07", "2010-11-07", false, "2010-11-07T03:00:00Z"},
		{"all day", "Pacific/Apia", whole("2026-12-24", "2026-12-27"),
			"2026-12-24", "2026-12-26", true, "2026-12-27T00:00:00+13:00"},
		{"all day, badly ended", "UTC", whole("2026-12-24", "2026-12-24"),
			"2026-12-24", "2026-12-24", true, "2026-12-25T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, tt.zone)
			first, last := tt.when.Days(loc)
			if first.String() != tt.first || last.String() != tt.last {
				t.Errorf("Days(%s) = %v, %v, want %s, %s", tt.zone, first, last, tt.first, tt.last)
			}
			if got := tt.when.Long(); got != tt.long {
				t.Errorf("Long() = %v, want %v", got, tt.long)
			}
			over, err := time.Parse(time.RFC3339, tt.over)
			if err != nil {
				t.Fatal(err)
			}
			if tt.when.Past(over.Add(-time.Second), loc) || !tt.when.Past(over, loc) {
				t.Errorf("Past turns true at another time than %s", tt.over)
			}
		})
	}
	backwards := calendar.When{Start: time.Unix(1000, 0), End: time.Unix(0, 0)}
	if got := backwards.Duration(); got != 0 {
		t.Errorf("Duration of an event that ends before it starts = %v, want 0", got)
	}
}
