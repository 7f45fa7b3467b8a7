package calendar_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"daybook/internal/calendar"
)

func TestParseView(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"day", "workweek", "week", "month", "agenda"} {
		if v, err := calendar.ParseView(s); err != nil || string(v) != s {
			t.Errorf("ParseView(%q) = %q, %v, want %q", s, v, err, s)
		}
	}
	for _, s := range []string{"", "Week", "year", "week/"} {
		if v, err := calendar.ParseView(s); err == nil {
			t.Errorf("ParseView(%q) = %q, want an error", s, v)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	sundayToThursday := []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday}
	tests := []struct {
		view     calendar.View
		date     string
		firstDay time.Weekday
		workDays []time.Weekday
		want     string // first day, last day, how many
	}{
		{calendar.Day, "2026-11-01", time.Monday, nil, "2026-11-01 2026-11-01 1"},
		{calendar.Week, "2026-11-01", time.Monday, nil, "2026-10-26 2026-11-01 7"},
		{calendar.Week, "2026-11-01", time.Sunday, nil, "2026-11-01 2026-11-07 7"},
		{calendar.Week, "2026-11-01", time.Saturday, nil, "2026-10-31 2026-11-06 7"},
		{calendar.WorkWeek, "2026-11-01", time.Monday, nil, "2026-10-26 2026-10-30 5"},
		{calendar.WorkWeek, "2026-11-01", time.Sunday, nil, "2026-11-02 2026-11-06 5"},
		{calendar.WorkWeek, "2026-11-07", time.Sunday, sundayToThursday, "2026-11-01 2026-11-05 5"},
		{calendar.WorkWeek, "2026-11-07", time.Monday, sundayToThursday, "2026-11-02 2026-11-08 5"},
		{calendar.Month, "2026-11-30", time.Monday, nil, "2026-10-26 2026-12-06 42"},
		{calendar.Month, "2027-02-10", time.Monday, nil, "2027-02-01 2027-02-28 28"},
		{calendar.Month, "2026-12-31", time.Sunday, nil, "2026-11-29 2027-01-02 35"},
		{calendar.Agenda, "2026-12-25", time.Monday, nil, "2026-12-25 2027-01-07 14"},
	}
	for _, tt := range tests {
		days := calendar.Days(tt.view, date(t, tt.date), tt.firstDay, tt.workDays)
		got := fmt.Sprint(days[0], " ", days[len(days)-1], " ", len(days))
		if got != tt.want {
			t.Errorf("Days(%s, %s, %v, %v) = %s, want %s", tt.view, tt.date, tt.firstDay, tt.workDays, got, tt.want)
		}
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		view       calendar.View
		date       string
		prev, next string // empty: none
	}{
		{calendar.Day, "2026-03-01", "2026-02-28", "2026-03-02"},
		{calendar.Week, "2026-12-30", "2026-12-23", "2027-01-06"},
		{calendar.WorkWeek, "2026-12-30", "2026-12-23", "2027-01-06"},
		{calendar.Month, "2026-01-31", "2025-12-31", "2026-02-28"},
		{calendar.Month, "2024-03-30", "2024-02-29", "2024-04-30"},
		{calendar.Agenda, "2026-01-07", "2025-12-24", "2026-01-21"},
		{calendar.Day, "1900-01-01", "", "1900-01-02"},
		{calendar.Month, "2200-12-01", "2200-11-01", ""},
		{calendar.Agenda, "2200-12-20", "2200-12-06", ""},
	}
	for _, tt := range tests {
		for _, step := range []struct {
			name string
			turn func(calendar.View, calendar.Date) (calendar.Date, bool)
			want string
		}{{"Prev", calendar.Prev, tt.prev}, {"Next", calendar.Next, tt.next}} {
			got, ok := step.turn(tt.view, date(t, tt.date))
			if ok != (step.want != "") || ok && got.String() != step.want {
				t.Errorf("%s(%s, %s) = %v, %v, want %q", step.name, tt.view, tt.date, got, ok, step.want)
			}
		}
	}
}

func TestWeekNumber(t *testing.T) {
	t.Parallel()
	for start, want := range map[string]int{
		"2026-12-28": 53, // Monday, has Thursday 31 December
		"2027-01-04": 1,
		"2025-12-29": 1,
		"2026-01-04": 2, // Sunday before the Monday of week 2
		"2026-01-03": 2, // Saturday
		"2021-01-03": 1,
		"2020-12-27": 53,
	} {
		if got := calendar.WeekNumber(date(t, start)); got != want {
			t.Errorf("WeekNumber(%s) = %d, want %d", start, got, want)
		}
	}
}

func TestMonthGrids(t *testing.T) {
	t.Parallel()
	for year := 1900; year <= 2200; year++ {
		for month := time.January; month <= time.December; month++ {
			firstDay := time.Weekday((year + int(month)) % 7)
			d := calendar.Date{Year: year, Month: month, Day: 15}
			weeks := calendar.MonthGrid(d, firstDay)
			if len(weeks) < 4 || len(weeks) > 6 {
				t.Fatalf("MonthGrid(%v, %v) has %d weeks", d, firstDay, len(weeks))
			}
			inMonth := 0
			small := calendar.SmallMonth(d, firstDay)
			for i, week := range weeks {
				if week[0].Weekday() != firstDay {
					t.Fatalf("MonthGrid(%v, %v) has a week that begins on %v", d, firstDay, week[0].Weekday())
				}
				for _, day := range week {
					if day.Month == month {
						inMonth++
					}
				}
				if !slices.Equal(week, small[i][:]) {
					t.Fatalf("week %d of SmallMonth(%v, %v) = %v, want %v", i, d, firstDay, small[i], week)
				}
			}
			if want := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day(); inMonth != want {
				t.Fatalf("MonthGrid(%v, %v) has %d days of the month, want %d", d, firstDay, inMonth, want)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	loc := zone(t, "Europe/Berlin")
	days := calendar.Days(calendar.Week, date(t, "2026-03-25"), time.Monday, nil)
	from, until := calendar.Bounds(days, loc)
	if got, want := until.Sub(from), (7*24-1)*time.Hour; got != want {
		t.Errorf("the week in which clocks go forward lasts %v, want %v", got, want)
	}
}
