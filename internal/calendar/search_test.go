package calendar_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/internal/calendar"
)

func TestQueryMatch(t *testing.T) {
	t.Parallel()
	event := func(subject string) calendar.Event { return calendar.Event{Subject: subject} }
	full := calendar.Event{
		Subject:   "Budget 2027",
		Place:     "Café Größenwahn",
		Organizer: calendar.Person{Name: "Jürgen Weiß", Address: "jweiss@contoso.com"},
		Attendees: []calendar.Person{{Name: "Zoë O’Brien"}, {Address: "lars.soerensen@fabrikam.dk"}},
	}
	tests := []struct {
		name  string
		query string
		event calendar.Event
		want  bool
	}{
		{"no words", " \t", full, false},
		{"only marks", "\u0301", full, false},
		{"untitled", "budget", event(""), false},
		{"subject, capitals", "bUDGET", full, true},
		{"every word, in any field", "budget größenwahn fabrikam jweiss", full, true},
		{"one word missing", "budget nothing", full, false},
		{"part of a word", "udg", full, true},
		{"not across fields", "2027café", full, false},
		{"accent left out", "cafe", full, true},
		{"accent too much", "búdget", full, true},
		{"umlaut as its letter", "jurgen", full, true},
		{"umlaut written out", "juergen", full, true},
		{"umlaut", "JÜRGEN", full, true},
		{"umlaut for what is written out", "müller", event("Treffen mit Mueller"), true},
		{"umlaut for its letter", "müller", event("Muller"), true},
		{"written out is not the letter", "mueller", event("Muller"), false},
		{"decomposed umlaut", "mu\u0308ller", event("Mueller"), true},
		{"umlaut in a decomposed subject", "müller", event("Mu\u0308ller"), true},
		{"sharp s", "weiß", event("Weiss"), true},
		{"double s", "STRASSE", event("Straße"), true},
		{"capital sharp s", "STRAẞE", event("strasse"), true},
		{"diaeresis without an umlaut", "zoe", full, true},
		{"slashed o", "sørensen", full, true},
		{"slashed o as o", "sorensen", event("Sørensen"), true},
		{"ligature", "ﬁnance", event("Finance"), true},
		{"stroke", "lodz", event("Łódź"), true},
		{"Turkish capitals", "istanbul", event("İstanbul"), true},
		{"dotless i", "istanbul", event("ıstanbul"), true},
		{"apostrophe", "o'brien", full, true},
		{"Greek final sigma", "ΟΔΟΣ", event("οδός"), true},
		{"full width", "budget", event("Ｂｕｄｇｅｔ"), true},
		{"Japanese", "会議", event("定例会議"), true},
		{"Korean", "회의", event("주간 회의"), true},
		{"Hindi keeps its vowels", "दुन", event("दिन"), false},
		{"Arabic vowel marks", "محمد", event("مُحَمَّد"), true},
		{"soft hyphen", "zusammenarbeit", event("Zusammen\u00adarbeit"), true},
		{"direction marks", "budget", event("\u2066Bud\u200fget\u2069"), true},
		{"no pattern", ".*", full, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := calendar.NewQuery(tt.query)
			if got := q.Match(&tt.event); got != tt.want {
				t.Errorf("NewQuery(%q).Match(%q) = %v, want %v", tt.query, tt.event.Subject, got, tt.want)
			}
		})
	}
	if !(calendar.Query{}).Empty() || calendar.NewQuery("a").Empty() {
		t.Error("Empty is wrong")
	}
}

// FuzzMatch checks that an event is found by each word of its own fields,
// in capitals too.
func FuzzMatch(f *testing.F) {
	f.Add("Müller & Söhne", "Straße 5")
	f.Add("İstanbul ŉ ᾳ ǰ", "\xff\u0308ö")
	f.Fuzz(func(t *testing.T, subject, place string) {
		e := calendar.Event{Subject: subject, Place: place}
		q := calendar.NewQuery(subject + " " + place)
		if !q.Empty() && !q.Match(&e) {
			t.Errorf("%q, %q is not found by its own words", subject, place)
		}
		if !utf8.ValidString(subject) {
			return
		}
		if ascii := strings.Map(func(r rune) rune {
			if r < utf8.RuneSelf {
				return r
			}
			return -1
		}, subject); ascii == subject {
			if q := calendar.NewQuery(strings.ToUpper(subject)); !q.Empty() && !q.Match(&e) {
				t.Errorf("%q is not found by its words in capitals", subject)
			}
		}
	})
}
