package locale

import (
	"strconv"
	"strings"
	"time"
)

// formats has CLDR's patterns for one locale. The letters in a pattern are
// those of UTS #35, Part 4, section 8: y year, M and L month, d day, E and c
// weekday, h and H hour, m minute, a half of the day.
type formats struct {
	dates  [styles]string
	ranges [3]string // both in one month, in one year, in two years
	clocks [clocks]string
	halves [2]string // before and after noon
	names  *names
}

// The patterns for times of day.
const (
	clock12 = iota // 3:30 PM
	clock24        // 15:30
	hours12        // 3 PM

	clocks = iota
)

// names has the names of months and weekdays by [Width], as they stand within
// a date and as they stand alone.
type names struct {
	months, monthsAlone [3][12]string
	days, daysAlone     [3][7]string
}

// relative has the words for times seen from now.
type relative struct {
	now          string
	days         map[int]string // by how many days from today
	future, past [3][2]string   // minutes, hours, days; one and several of them
}

// format writes t by a pattern.
func (f *formats) format(pattern string, t time.Time) string {
	var b strings.Builder
	for pattern != "" {
		token, rest := cut(pattern)
		pattern = rest
		switch token[0] {
		case 'y':
			if len(token) == 2 {
				writeNumber(&b, t.Year()%100, 2)
			} else {
				b.WriteString(strconv.Itoa(t.Year()))
			}
		case 'M', 'L':
			b.WriteString(f.month(token, t.Month()))
		case 'd':
			writeNumber(&b, t.Day(), len(token))
		case 'E':
			b.WriteString(f.names.days[width(token)][t.Weekday()])
		case 'c':
			b.WriteString(f.names.daysAlone[width(token)][t.Weekday()])
		case 'h':
			writeNumber(&b, (t.Hour()+11)%12+1, len(token))
		case 'H':
			writeNumber(&b, t.Hour(), len(token))
		case 'm':
			writeNumber(&b, t.Minute(), len(token))
		case 'a':
			b.WriteString(f.halves[t.Hour()/12])
		case '\'':
			b.WriteString(token[1 : len(token)-1])
		default:
			b.WriteString(token)
		}
	}
	return b.String()
}

// cut splits a pattern after its first field, quoted text or character.
func cut(pattern string) (token, rest string) {
	n := 1
	switch c := pattern[0]; {
	case c == '\'':
		n = strings.IndexByte(pattern[1:], '\'') + 2
	case 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
		for n < len(pattern) && pattern[n] == c {
			n++
		}
	}
	return pattern[:n], pattern[n:]
}

// cutRange splits the pattern of a range where its first field comes again
// (UTS #35, Part 4, section 2.6.3).
func cutRange(pattern string) (first, last string) {
	var seen strings.Builder
	for rest := pattern; rest != ""; {
		token, after := cut(rest)
		letter := token[0]
		if letter == 'L' {
			letter = 'M'
		}
		if 'A' <= letter && letter <= 'Z' || 'a' <= letter && letter <= 'z' {
			if strings.IndexByte(seen.String(), letter) >= 0 {
				return pattern[:len(pattern)-len(rest)], rest
			}
			seen.WriteByte(letter)
		}
		rest = after
	}
	return pattern, ""
}

func (f *formats) month(token string, m time.Month) string {
	switch {
	case len(token) <= 2:
		var b strings.Builder
		writeNumber(&b, int(m), len(token))
		return b.String()
	case token[0] == 'L':
		return f.names.monthsAlone[width(token)][m-1]
	}
	return f.names.months[width(token)][m-1]
}

// width reads off the number of a field's letters how long the name is.
func width(token string) Width {
	switch len(token) {
	case 4:
		return Wide
	case 5:
		return Narrow
	}
	return Abbreviated
}

func writeNumber(b *strings.Builder, n, digits int) {
	s := strconv.Itoa(n)
	for range digits - len(s) {
		b.WriteByte('0')
	}
	b.WriteString(s)
}
