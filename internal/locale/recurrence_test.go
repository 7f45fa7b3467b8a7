package locale

import (
	"testing"
	"time"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	workWeek := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	everyDay := append([]time.Weekday{time.Saturday, time.Sunday}, workWeek...)
	until := day(2026, time.December, 4)
	for _, test := range []struct {
		r      Recurrence
		en, de string
	}{
		{Recurrence{Type: "daily", Interval: 1}, "Every day", "Jeden Tag"},
		{Recurrence{Type: "daily", Interval: 3, Count: 10}, "Every 3 days, 10 times", "Alle 3 Tage, 10-mal"},
		{Recurrence{Type: "daily", Count: 1}, "Every day, once", "Jeden Tag, einmal"},
		{Recurrence{Type: "weekly", Interval: 2, Days: []time.Weekday{time.Wednesday, time.Monday}, Until: until},
			"Every 2 weeks on Monday and Wednesday until 4 December 2026",
			"Alle 2 Wochen montags und mittwochs bis 4. Dezember 2026"},
		{Recurrence{Type: "weekly", Interval: 1, Days: []time.Weekday{time.Sunday, time.Friday, time.Sunday}},
			"Every week on Friday and Sunday", "Jede Woche freitags und sonntags"},
		{Recurrence{Type: "weekly", Interval: 1, Days: workWeek},
			"Every week from Monday to Friday", "Jede Woche montags bis freitags"},
		{Recurrence{Type: "weekly", Interval: 2, Days: workWeek},
			"Every 2 weeks from Monday to Friday", "Alle 2 Wochen montags bis freitags"},
		{Recurrence{Type: "weekly", Interval: 1, Days: everyDay}, "Every day", "Jeden Tag"},
		{Recurrence{Type: "weekly", Interval: 1}, "Every week", "Jede Woche"},
		{Recurrence{Type: "weekly", Interval: 4, Days: []time.Weekday{-1, 9}}, "Every 4 weeks", "Alle 4 Wochen"},
		{Recurrence{Type: "absoluteMonthly", Interval: 1, DayOfMonth: 1}, "Every month on the 1st", "Jeden Monat am 1."},
		{Recurrence{Type: "absoluteMonthly", Interval: 2, DayOfMonth: 22}, "Every 2 months on the 22nd", "Alle 2 Monate am 22."},
		{Recurrence{Type: "absoluteMonthly", Interval: 1, DayOfMonth: 13}, "Every month on the 13th", "Jeden Monat am 13."},
		{Recurrence{Type: "absoluteMonthly", Interval: 3, DayOfMonth: 32}, "Every 3 months", "Alle 3 Monate"},
		{Recurrence{Type: "relativeMonthly", Interval: 1, Index: "last", Days: []time.Weekday{time.Friday}},
			"On the last Friday of every month", "Am letzten Freitag jedes Monats"},
		{Recurrence{Type: "RelativeMonthly", Interval: 2, Index: "First", Days: []time.Weekday{time.Tuesday, time.Monday}},
			"Every 2 months on the first Monday or Tuesday", "Alle 2 Monate am ersten Montag oder Dienstag"},
		{Recurrence{Type: "relativeMonthly", Interval: 1, Index: "last", Days: workWeek},
			"On the last weekday of every month", "Am letzten Wochentag (Montag bis Freitag) jedes Monats"},
		{Recurrence{Type: "relativeMonthly", Interval: 1, Index: "second", Days: []time.Weekday{time.Sunday, time.Saturday}},
			"On the second weekend day of every month", "Am zweiten Tag am Wochenende jedes Monats"},
		{Recurrence{Type: "relativeMonthly", Interval: 1, Index: "fourth", Days: everyDay},
			"On the fourth day of every month", "Am vierten Tag jedes Monats"},
		{Recurrence{Type: "relativeMonthly", Interval: 1, Index: "fifth", Days: everyDay}, "Every month", "Jeden Monat"},
		{Recurrence{Type: "absoluteYearly", Interval: 1, DayOfMonth: 24, Month: time.December},
			"Every year on 24 December", "Jedes Jahr am 24. Dezember"},
		{Recurrence{Type: "absoluteYearly", Interval: 4, DayOfMonth: 29, Month: time.February, Count: 5},
			"Every 4 years on 29 February, 5 times", "Alle 4 Jahre am 29. Februar, 5-mal"},
		{Recurrence{Type: "absoluteYearly", DayOfMonth: 30, Month: time.February}, "Every year", "Jedes Jahr"},
		{Recurrence{Type: "absoluteYearly", DayOfMonth: 30, Month: 14}, "Every year", "Jedes Jahr"},
		{Recurrence{Type: "relativeYearly", Interval: 1, Index: "third", Days: []time.Weekday{time.Thursday}, Month: time.November},
			"Every year on the third Thursday of November", "Jedes Jahr am dritten Donnerstag im November"},
		{Recurrence{Type: "relativeYearly", Interval: 2, Index: "last", Days: []time.Weekday{time.Sunday}, Month: time.March},
			"Every 2 years on the last Sunday of March", "Alle 2 Jahre am letzten Sonntag im März"},
		{Recurrence{Type: "relativeYearly"}, "Every year", "Jedes Jahr"},
		{Recurrence{Type: "lunar"}, "Repeats", "Wiederholt sich"},
		{Recurrence{}, "Repeats", "Wiederholt sich"},
	} {
		if got := Choose("en-GB", "").Repeats(test.r); got != test.en {
			t.Errorf("en: Repeats(%+v) = %q, want %q", test.r, got, test.en)
		}
		if got := Choose("de-DE", "").Repeats(test.r); got != test.de {
			t.Errorf("de: Repeats(%+v) = %q, want %q", test.r, got, test.de)
		}
	}
}

func TestRepeatsFollowsTheRegion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		r    Recurrence
		want string
	}{
		{Recurrence{Type: "absoluteYearly", DayOfMonth: 24, Month: time.December}, "Every year on December 24"},
		{Recurrence{Type: "weekly", Days: []time.Weekday{time.Friday, time.Sunday}}, "Every week on Sunday and Friday"},
		{Recurrence{Type: "daily", Until: day(2026, 12, 4)}, "Every day until December 4, 2026"},
	} {
		if got := Choose("en-US", "").Repeats(test.r); got != test.want {
			t.Errorf("en-US: Repeats(%+v) = %q, want %q", test.r, got, test.want)
		}
	}
}
