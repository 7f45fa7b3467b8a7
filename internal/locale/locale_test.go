package locale

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ setting, header, want string }{
		{"", "", "en"},
		{"", "de", "de-DE"},
		{"", "de-AT,de;q=0.9,en;q=0.8", "de-AT"},
		{"", "de,en-US;q=0.7,en;q=0.3", "de-DE"},
		{"", "en", "en-US"},
		{"", "en-GB,en;q=0.9", "en-GB"},
		{"", "en-UK", "en-GB"},
		{"", "en;q=0.5, de-CH;q=0.8", "de-CH"},
		{"", "de;q=0, en-IE", "en-IE"},
		{"", "gsw-CH", "de-CH"},
		{"", "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", "en-FR"},
		{"", "ja", "en-JP"},
		{"", "fr-CH,de;q=0.5", "de-CH"},
		{"", "*", "en"},
		{"", "*;q=0.1", "en"},
		{"", ";;;,,,===", "en"},
		{"", "es-419", "en-419"},
		{"", "\xff\xfe", "en"},
		{"de", "", "de"},
		{"de", "en-US,en", "de-US"},
		{"en", "de-AT,de", "en-AT"},
		{"en", "", "en"},
		{"de-LI", "en-US", "de-LI"},
		{"fr", "de-AT", "de-AT"},
		{"nonsense!", "de-AT", "de-AT"},
		{strings.Repeat("de-", 5000), "en-AU", "en-AU"},
	} {
		if got := Choose(test.setting, test.header).Tag(); got != test.want {
			t.Errorf("Choose(%.20q, %q) = %v, want %v", test.setting, test.header, got, test.want)
		}
	}
}

func TestChooseReadsOnlyTheBeginning(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"languages":    "de-AT," + strings.Repeat("en-US,", 10922),
		"subtags":      "de-AT," + strings.Repeat("a-", 1<<15),
		"spaces":       "de-AT," + strings.Repeat(" ", 1<<16),
		"weights":      "de-AT," + strings.Repeat("en;q=1.", 9000),
		"private use":  "de-AT,x-" + strings.Repeat("abcdefgh-", 7000),
		"extensions":   "de-AT,en-u" + strings.Repeat("-co-phonebk", 6000),
		"commas":       "de-AT" + strings.Repeat(",", 1<<16),
		"cut in a tag": "de-AT;q=0.9" + strings.Repeat(" ", maxHeader-len("de-AT;q=0.9")-4) + ",en-USA",
	} {
		if got := Choose("", header).Tag(); got != "de-AT" {
			t.Errorf("Choose(%s) = %v, want de-AT", name, got)
		}
	}
	if got := Choose("", strings.Repeat("a", 1<<16)+",de").Tag(); got != "en" {
		t.Errorf("Choose(one long word) = %v, want en", got)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("", "de-AT,de;q=0.9,en;q=0.8")
	f.Add("en", "*;q=0.5, fr-u-co-phonebk-x-y")
	f.Add("de-", "x-a,i-klingon,art-lojban,en-GB-oed")
	f.Fuzz(func(t *testing.T, setting, header string) {
		l := Choose(setting, header)
		if lang := l.language; lang != "en" && lang != "de" {
			t.Fatalf("language %q, want en or de", lang)
		}
		if tag := l.Tag(); len(tag) > len("en-001") || !utf8.ValidString(tag) {
			t.Fatalf("Tag() = %q, want a language and a region", tag)
		}
		if n := len(l.Weekend()); n < 1 || n > 2 {
			t.Fatalf("Weekend() has %d days, want 1 or 2", n)
		}
		if again := Choose(l.Tag(), header); again.language != l.language {
			t.Fatalf("Choose(%q) has the language %q, want %q", l.Tag(), again.language, l.language)
		}
		if l.Date(time.Time{}, Full) == "" {
			t.Fatal("Date is empty")
		}
	})
}

func TestWeekAndClock(t *testing.T) {
	t.Parallel()
	weekend := []time.Weekday{time.Saturday, time.Sunday}
	for _, test := range []struct {
		tag     string
		first   time.Weekday
		weekend []time.Weekday
		hour12  bool
	}{
		{"en-US", time.Sunday, weekend, true},
		{"en-GB", time.Monday, weekend, false},
		{"en-AU", time.Monday, weekend, true},
		{"en-CA", time.Sunday, weekend, true},
		{"en-IE", time.Monday, weekend, false},
		{"en-IN", time.Sunday, []time.Weekday{time.Sunday}, true},
		{"en-IL", time.Sunday, []time.Weekday{time.Friday, time.Saturday}, false},
		{"en-IR", time.Saturday, []time.Weekday{time.Friday}, false},
		{"en-MV", time.Friday, weekend, false},
		{"en-FR", time.Monday, weekend, false},
		{"de-DE", time.Monday, weekend, false},
		{"de-AT", time.Monday, weekend, false},
		{"de-CH", time.Monday, weekend, false},
		{"en-HK", time.Sunday, weekend, true},
		{"en", time.Monday, weekend, true},
	} {
		l := Choose(test.tag, "")
		if got := l.FirstDay(); got != test.first {
			t.Errorf("%s: FirstDay() = %v, want %v", test.tag, got, test.first)
		}
		if diff := cmp.Diff(test.weekend, l.Weekend()); diff != "" {
			t.Errorf("%s: Weekend() (-want +got):\n%s", test.tag, diff)
		}
		if got := l.Hour12(); got != test.hour12 {
			t.Errorf("%s: Hour12() = %v, want %v", test.tag, got, test.hour12)
		}
	}
}

func TestLanguagesCanBeChosen(t *testing.T) {
	t.Parallel()
	for _, lang := range Languages() {
		if got := Choose(lang.Tag, "fr").language; got != lang.Tag {
			t.Errorf("Choose(%q) has the language %q, want %q", lang.Tag, got, lang.Tag)
		}
	}
}

// The tables are what the generator makes of testdata/cldr.
func TestTablesAreGenerated(t *testing.T) {
	t.Parallel()
	// The go command keeps a test's result until a file that the test itself
	// has read changes; what the generator reads does not count.
	err := filepath.WalkDir("testdata/cldr", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"cldr_gen.go", "cldr_take.go"} {
		if _, err := os.Stat(source); err != nil {
			t.Fatal(err)
		}
	}
	made := filepath.Join(t.TempDir(), "tables.go")
	out, err := exec.Command("go", "run", "cldr_gen.go", "cldr_take.go", "-o", made).CombinedOutput()
	if err != nil {
		t.Fatalf("cldr_gen: %v\n%s", err, out)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("cldr_tables.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("cldr_tables.go differs from what go generate makes (-want +got):\n%s", diff)
	}
}
