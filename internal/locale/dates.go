package locale

import (
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// A Style is one way of writing a date.
type Style int

// The styles, each with what it makes of a day in en-GB, en-US and de.
const (
	Full            Style = iota // Monday, 23 November 2026 · Monday, November 23, 2026 · Montag, 23. November 2026
	Long                         // 23 November 2026 · November 23, 2026 · 23. November 2026
	Medium                       // 23 Nov 2026 · Nov 23, 2026 · 23.11.2026
	DayMonth                     // 23 November · November 23 · 23. November
	MonthYear                    // November 2026 in all three
	WeekdayDayMonth              // Monday 23 November · Monday, November 23 · Montag, 23. November

	styles = iota
)

// A Width is how much of a month's or weekday's name is written.
type Width int

// The widths, of which there are no others. Narrow names are a letter or two,
// and not all different.
const (
	Wide        Width = iota // November, Montag
	Abbreviated              // Nov, Mo
	Narrow                   // N, M
)

// Date writes the day on which t falls in its own location. A style that does
// not exist is written as Long.
func (l *Locale) Date(t time.Time, style Style) string {
	if style < 0 || style >= styles {
		style = Long
	}
	return l.formats.format(l.formats.dates[style], t)
}

// Range writes the days from that of first to that of last, both included, each
// in its own location: "23 – 29 November 2026". Names of months are short when
// the years differ. One day is written as Long; it does not matter which of the
// two comes first.
func (l *Locale) Range(first, last time.Time) string {
	if last.Before(first) {
		first, last = last, first
	}
	var pattern string
	switch y1, m1, d1 := first.Date(); {
	case y1 != last.Year():
		pattern = l.formats.ranges[2]
	case m1 != last.Month():
		pattern = l.formats.ranges[1]
	case d1 != last.Day():
		pattern = l.formats.ranges[0]
	default:
		return l.Date(first, Long)
	}
	start, end := cutRange(pattern)
	return l.formats.format(start, first) + l.formats.format(end, last)
}

// Weekday writes the name of a day of the week as it stands alone.
func (l *Locale) Weekday(d time.Weekday, w Width) string {
	return l.formats.names.daysAlone[w][((d%7)+7)%7]
}

// month writes the name of a month as it stands alone; of what is no month,
// nothing.
func (l *Locale) month(m time.Month) string {
	if m < time.January || m > time.December {
		return ""
	}
	return l.formats.names.monthsAlone[Wide][m-1]
}

// Clock writes the time of day that t reads in its own location: "15:30", or
// with twelve hours "3:30 PM".
func (l *Locale) Clock(t time.Time, hour12 bool) string {
	if hour12 {
		return l.formats.format(l.formats.clocks[clock12], t)
	}
	return l.formats.format(l.formats.clocks[clock24], t)
}

// Hour writes an hour as it labels an axis: "15:00", or with twelve hours
// "3 PM". Hour 24 is hour 0.
func (l *Locale) Hour(h int, hour12 bool) string {
	t := time.Date(2000, time.January, 1, ((h%24)+24)%24, 0, 0, 0, time.UTC)
	if hour12 {
		return l.formats.format(l.formats.clocks[hours12], t)
	}
	return l.formats.format(l.formats.clocks[clock24], t)
}

// Duration writes how long something takes, to the minute: "1 h 30 min",
// "2 days". What is less than half a minute is "0 min".
func (l *Locale) Duration(d time.Duration) string {
	minutes := int(max(d, 0).Round(time.Minute) / time.Minute)
	days, hours, minutes := minutes/(24*60), minutes/60%24, minutes%60
	var parts []string
	if days > 0 {
		parts = append(parts, l.T("%d days", days))
	}
	if hours > 0 {
		parts = append(parts, l.T("%d h", hours))
	}
	if minutes > 0 || len(parts) == 0 {
		parts = append(parts, l.T("%d min", minutes))
	}
	return strings.Join(parts, " ")
}

// RelativeDay writes the day of t, seen from the day of today, each in its own
// location, if there is a word for it: "today", "tomorrow", "yesterday", in
// German "übermorgen" and "vorgestern" too. For other days it returns "".
func (l *Locale) RelativeDay(t, today time.Time) string {
	return relativeOf[l.language].days[int(midnight(t).Sub(midnight(today))/(24*time.Hour))]
}

// midnight returns the day of t in UTC, where each day has 24 hours.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Relative writes how long from now something is: "in 5 minutes",
// "2 hours ago", and "now" for less than a minute. It counts whole minutes
// below an hour, whole hours below a day, then whole days of 24 hours.
func (l *Locale) Relative(fromNow time.Duration) string {
	words := relativeOf[l.language]
	forms, distance := words.future, fromNow
	if fromNow < 0 {
		// The smallest Duration has no positive twin.
		forms, distance = words.past, -max(fromNow, -1<<62)
	}
	switch {
	case distance < time.Minute:
		return words.now
	case distance < time.Hour:
		return l.count(forms[0], int(distance/time.Minute))
	case distance < 24*time.Hour:
		return l.count(forms[1], int(distance/time.Hour))
	}
	return l.count(forms[2], int(distance/(24*time.Hour)))
}

func (l *Locale) count(forms [2]string, n int) string {
	form := forms[1]
	if plural.Cardinal.MatchPlural(language.Make(l.language), n, 0, 0, 0, 0) == plural.One {
		form = forms[0]
	}
	return strings.Replace(form, "{0}", l.printer.Sprint(n), 1)
}
