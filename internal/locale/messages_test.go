package locale

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestT(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tag, key string
		args     []any
		want     string
	}{
		{"en", "Calendar", nil, "Calendar"},
		{"de", "Calendar", nil, "Kalender"},
		{"de-AT", "Sign in with Microsoft", nil, "Mit Microsoft anmelden"},
		{"en-GB", "Organiser", nil, "Organiser"},
		{"en-US", "Organiser", nil, "Organizer"},
		{"en-US", "Cancelled", nil, "Canceled"},
		{"de-DE", "Close", nil, "Schließen"},
		{"de-CH", "Close", nil, "Schliessen"},
		{"de", "never translated", nil, "never translated"},
		{"de", "50% of %s", nil, "50% of %s"},
		{"de", "never translated %s", []any{"x"}, "never translated x"},
		{"de", "Photo of %s", []any{"Ada 100%s <b>"}, "Foto von Ada 100%s <b>"},
		{"en", "%d events", []any{0}, "0 events"},
		{"en", "%d events", []any{1}, "1 event"},
		{"en-US", "%d events", []any{2}, "2 events"},
		{"de", "%d events", []any{0}, "0 Termine"},
		{"de", "%d events", []any{1}, "1 Termin"},
		{"de-CH", "%d events", []any{2}, "2 Termine"},
		{"en", "%d events", []any{1234}, "1,234 events"},
		{"de", "%d events", []any{1234}, "1.234 Termine"},
		{"en", "+%d more", []any{3}, "+3 more"},
		{"de", "+%d more", []any{1}, "+1 weiterer"},
		{"de", "+%d more", []any{3}, "+3 weitere"},
		{"en", "%d bytes", []any{1}, "1 byte"},
		{"de", "%d times", []any{1}, "einmal"},
		{"de", "%s to %s", []any{"A", "B"}, "A bis B"},
	} {
		if got := Choose(test.tag, "").T(test.key, test.args...); got != test.want {
			t.Errorf("%s: T(%q, %v) = %q, want %q", test.tag, test.key, test.args, got, test.want)
		}
	}
}

// One locale serves many requests; run with -race.
func TestLocaleIsSharedSafely(t *testing.T) {
	t.Parallel()
	l := Choose("de-CH", "")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 100 {
				if got, want := l.T("%d events", 5000+n), "5’0"; !strings.HasPrefix(got, want) {
					t.Errorf("T = %q, want %q…", got, want)
				}
			}
		})
	}
	all.Wait()
}

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z%]`)

// verbs returns the verbs of a text, in the order of the args they take.
func verbs(text string) []string {
	found := verb.FindAllString(text, -1)
	slices.SortStableFunc(found, func(a, b string) int {
		return strings.Compare(strings.TrimRight(a, "ds"), strings.TrimRight(b, "ds"))
	})
	for i, v := range found {
		found[i] = v[:1] + v[len(v)-1:]
	}
	return found
}

func TestGermanTexts(t *testing.T) {
	t.Parallel()
	if n := len(Keys()); n < 200 {
		t.Errorf("Keys() has %d texts, want at least 200", n)
	}
	if !slices.IsSorted(Keys()) {
		t.Error("Keys() is not sorted")
	}
	informal := regexp.MustCompile(`(?i)\b(du|dein|deine|deinen|deiner|dich|dir)\b`)
	for _, key := range Keys() {
		german := Choose("de", "").words[key]
		if german == "" {
			t.Errorf("%q has no German text", key)
		}
		if diff := cmp.Diff(verbs(key), verbs(german)); diff != "" {
			t.Errorf("%q = %q: verbs (-English +German):\n%s", key, german, diff)
		}
		if informal.MatchString(german) {
			t.Errorf("%q = %q: want the reader addressed as Sie", key, german)
		}
		for _, mark := range []string{".", "!", "?", "…", ":"} {
			if strings.HasSuffix(key, mark) != strings.HasSuffix(german, mark) && !strings.HasSuffix(german, "Min.") && !strings.HasSuffix(german, "Std.") {
				t.Errorf("%q = %q: only one of them ends in %q", key, german, mark)
			}
		}
		if strings.HasPrefix(key, " ") != strings.HasPrefix(german, " ") || strings.HasSuffix(key, " ") != strings.HasSuffix(german, " ") {
			t.Errorf("%q = %q: the spaces around them differ", key, german)
		}
		if swiss := Choose("de-CH", "").words[key]; swiss != strings.ReplaceAll(german, "ß", "ss") {
			t.Errorf("%q = %q in Swiss German, want %q without ß", key, swiss, german)
		}
	}
}

// A form for one thing may leave the number out ("once"), but not add to it.
func TestCountedTexts(t *testing.T) {
	t.Parallel()
	for key, f := range counted {
		if len(verbs(key)) == 0 || verbs(key)[0] != "%d" {
			t.Errorf("%q counts nothing", key)
		}
		for _, one := range []string{f.englishOne, f.germanOne} {
			if got := verbs(one); len(got) > 0 && !slices.Equal(got, verbs(key)) {
				t.Errorf("%q has a form %q with other verbs", key, one)
			}
		}
		args := make([]any, len(verbs(key)))
		for i := range args {
			args[i] = 1
		}
		for tag, want := range map[string]string{"en-GB": f.englishOne, "de-DE": f.germanOne} {
			want = strings.ReplaceAll(want, "%d", "1")
			if got := Choose(tag, "").T(key, args...); got != want {
				t.Errorf("%s: T(%q, 1) = %q, want %q", tag, key, got, want)
			}
		}
	}
}

// No text is in two tables, where one would silently win.
func TestNoTextTwice(t *testing.T) {
	t.Parallel()
	total := len(germanNavigation) + len(germanEvents) + len(germanAccount) + len(germanSettings) + len(germanNotices) + len(counted)
	if n := len(Keys()); n != total {
		t.Errorf("the tables have %d texts, Keys() %d: some text is there twice", total, n)
	}
}

func TestListAndNumber(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		items  []string
		en, de string
	}{
		{nil, "", ""},
		{[]string{"A"}, "A", "A"},
		{[]string{"A", "B"}, "A and B", "A und B"},
		{[]string{"A", "B", "C"}, "A, B and C", "A, B und C"},
	} {
		if got := Choose("en", "").List(test.items...); got != test.en {
			t.Errorf("en: List(%q) = %q, want %q", test.items, got, test.en)
		}
		if got := Choose("de", "").List(test.items...); got != test.de {
			t.Errorf("de: List(%q) = %q, want %q", test.items, got, test.de)
		}
	}
	for tag, want := range map[string]string{"en-GB": "12,345", "de-DE": "12.345", "de-CH": "12’345"} {
		if got := Choose(tag, "").Number(12345); got != want {
			t.Errorf("%s: Number(12345) = %q, want %q", tag, got, want)
		}
	}
}
