package locale

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// A Recurrence says when an event repeats, in the terms of Microsoft Graph's
// recurrencePattern and recurrenceRange. Enumerated values are compared without
// regard to case.
type Recurrence struct {
	Type       string         // daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly, relativeYearly
	Interval   int            // every how many days, weeks, months or years; less than 1 counts as 1
	Days       []time.Weekday // weekly and relative types
	DayOfMonth int            // absolute types
	Index      string         // relative types: first, second, third, fourth, last
	Month      time.Month     // yearly types
	Until      time.Time      // the last day, in its own location; zero for none
	Count      int            // how many times, 0 for no limit; counts only without Until
}

// Repeats writes a recurrence in words: "Every 2 weeks on Monday and Wednesday
// until 4 December 2026". What is missing or makes no sense is left out; of a
// type that it does not know it says only that the event repeats.
func (l *Locale) Repeats(r Recurrence) string {
	words := l.pattern(r)
	switch {
	case !r.Until.IsZero():
		return l.T("%s until %s", words, l.Date(r.Until, Long))
	case r.Count > 0:
		return words + ", " + l.T("%d times", r.Count)
	}
	return words
}

func (l *Locale) pattern(r Recurrence) string {
	days := slices.DeleteFunc(slices.Clone(r.Days), func(d time.Weekday) bool {
		return d < time.Sunday || d > time.Saturday
	})
	slices.SortFunc(days, l.compareDays)
	days = slices.Compact(days)
	switch strings.ToLower(r.Type) {
	case "daily":
		return l.every(r.Interval, "Every day", "Every %d days")
	case "weekly":
		return l.weekly(r.Interval, days)
	case "absolutemonthly":
		if day := l.dayOfMonth(r.DayOfMonth); day != "" {
			return l.every(r.Interval, "Every month on the %s", "Every %d months on the %s", day)
		}
		return l.every(r.Interval, "Every month", "Every %d months")
	case "relativemonthly":
		if day := l.relativeDay(r.Index, days); day != "" {
			return l.every(r.Interval, "On the %s of every month", "Every %d months on the %s", day)
		}
		return l.every(r.Interval, "Every month", "Every %d months")
	case "absoluteyearly":
		if validDay(r.DayOfMonth) && l.month(r.Month) != "" {
			// A leap year has all the days there are.
			date := time.Date(2000, r.Month, r.DayOfMonth, 0, 0, 0, 0, time.UTC)
			if date.Month() == r.Month {
				return l.every(r.Interval, "Every year on %s", "Every %d years on %s", l.Date(date, DayMonth))
			}
		}
		return l.every(r.Interval, "Every year", "Every %d years")
	case "relativeyearly":
		day, month := l.relativeDay(r.Index, days), l.month(r.Month)
		if day != "" && month != "" {
			return l.every(r.Interval, "Every year on the %s of %s", "Every %d years on the %s of %s", day, month)
		}
		return l.every(r.Interval, "Every year", "Every %d years")
	}
	return l.T("Repeats")
}

// every returns a text for an interval of one, or else for several, whose first
// verb is the interval.
func (l *Locale) every(interval int, one, several string, args ...any) string {
	if interval > 1 {
		return l.T(several, append([]any{interval}, args...)...)
	}
	return l.T(one, args...)
}

func (l *Locale) weekly(interval int, days []time.Weekday) string {
	names := make([]string, len(days))
	for i, d := range days {
		names[i] = l.Weekday(d, Wide)
		if l.language == "de" {
			names[i] = strings.ToLower(names[i]) + "s"
		}
	}
	switch {
	case len(days) == 0:
		return l.every(interval, "Every week", "Every %d weeks")
	case len(days) == 7 && interval <= 1:
		return l.T("Every day")
	case isWorkWeek(days):
		monday, friday := slices.Index(days, time.Monday), slices.Index(days, time.Friday)
		return l.every(interval, "Every week from %s", "Every %d weeks from %s",
			l.T("%s to %s", names[monday], names[friday]))
	}
	return l.every(interval, "Every week on %s", "Every %d weeks on %s", l.List(names...))
}

// dayOfMonth writes the number of a day: "15th", "15.". Of what is no day it
// returns "".
func (l *Locale) dayOfMonth(day int) string {
	if !validDay(day) {
		return ""
	}
	suffix := "."
	if l.language == "en" {
		switch plural.Ordinal.MatchPlural(language.English, day, 0, 0, 0, 0) {
		case plural.One:
			suffix = "st"
		case plural.Two:
			suffix = "nd"
		case plural.Few:
			suffix = "rd"
		default:
			suffix = "th"
		}
	}
	return strconv.Itoa(day) + suffix
}

func validDay(day int) bool { return day >= 1 && day <= 31 }

// relativeDay writes "last Friday": the first, second … of the days of a month
// that fall on one of the weekdays. Without a day or an index that is known it
// returns "".
func (l *Locale) relativeDay(index string, days []time.Weekday) string {
	key := strings.ToLower(index) + " %s"
	if !slices.Contains([]string{"first %s", "second %s", "third %s", "fourth %s", "last %s"}, key) {
		return ""
	}
	switch {
	case len(days) == 0:
		return ""
	case len(days) == 7:
		return l.T(key, l.T("day"))
	case isWorkWeek(days):
		return l.T(key, l.T("weekday"))
	case len(days) == 2 && slices.Contains(days, time.Saturday) && slices.Contains(days, time.Sunday):
		return l.T(key, l.T("weekend day"))
	}
	names := make([]string, len(days))
	for i, d := range days {
		names[i] = l.Weekday(d, Wide)
	}
	return l.T(key, l.join(names, " or "))
}

// isWorkWeek reports whether days, each there once, are Monday to Friday.
func isWorkWeek(days []time.Weekday) bool {
	return len(days) == 5 && !slices.Contains(days, time.Saturday) && !slices.Contains(days, time.Sunday)
}
