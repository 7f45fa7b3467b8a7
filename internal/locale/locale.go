// Package locale knows a person's language and regional habits: the words of
// the pages in English and German, how dates, times, spans and recurrences are
// written, on which day a week begins, whether clocks count to twelve.
//
// Dates and weeks follow Unicode's CLDR, whose tables cldr_gen.go makes from
// the files in testdata/cldr. The German texts are in messages_de.go and its
// neighbours, with the English text as the key.
//
// Left to others: which time zone a person is in (times are written as they
// read in their own [time.Location]), whether they asked for 12 or 24 hours
// (that is an argument; [Locale.Hour12] is only the habit of the region),
// escaping, and the direction of foreign text (<bdi> in the templates).
package locale

//go:generate go run cldr_gen.go cldr_take.go

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// A Locale is a language with the habits of a region. It does not change and
// may be used by any number of goroutines at once. Make one with [Choose].
type Locale struct {
	language string // en or de
	region   string // ISO 3166 or UN M.49; 001 is the world
	formats  *formats
	words    map[string]string
	printer  *message.Printer
}

// A Language is one that the pages exist in.
type Language struct {
	Tag  string // BCP 47, as [Choose] takes it for a setting
	Name string // in the language itself
}

// Languages returns the languages that a person can choose from.
func Languages() []Language {
	return []Language{{"en", "English"}, {"de", "Deutsch"}}
}

// Longest values that are read: an honest header has some dozens of bytes, and
// each tag in it costs time.
const (
	maxSetting = 35 // RFC 5646, section 4.4.1
	maxHeader  = 1024
	maxTags    = 20
)

// Choose finds the locale for a person who set a language ("en", "de-AT"; empty
// or not understood: none) and whose browser sent an Accept-Language header
// (RFC 9110, section 12.5.4; empty or not understood: none). It always returns
// a locale, whatever it is given, and reads no more than the first KiB of a
// header.
//
// The language is the setting's, else the best match of those that the header
// accepts, else English. The region is the setting's, else that of the first
// language in the header, even one that the pages do not exist in, so that
// English in a French browser begins its week on Monday; else the world (001).
// A language in the header that names no region counts for the one where most
// of those who speak it live: en for the US, de for Germany.
func Choose(setting, acceptLanguage string) *Locale {
	accepted := parseAccepted(acceptLanguage)
	var set language.Tag
	if len(setting) <= maxSetting {
		if tag, err := language.Parse(setting); err == nil {
			set = tag
		}
	}
	region := "001"
	if len(accepted) > 0 {
		if r, confidence := accepted[0].Region(); confidence > language.No {
			region = r.Canonicalize().String()
		}
	}
	wanted := accepted
	if set != language.Und {
		if _, _, confidence := matcher().Match(set); confidence > language.No {
			wanted = []language.Tag{set}
			if r, confidence := set.Region(); confidence == language.Exact {
				region = r.Canonicalize().String()
			}
		}
	}
	_, index, _ := matcher().Match(wanted...)
	return open([]string{"en", "de"}[index], region)
}

var matcher = sync.OnceValue(func() language.Matcher {
	return language.NewMatcher([]language.Tag{language.English, language.German})
})

func parseAccepted(header string) []language.Tag {
	if len(header) > maxHeader {
		// The last entry may be cut short and mean something else then.
		header = header[:strings.LastIndexByte(header[:maxHeader], ',')+1]
	}
	tags, weights, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	var accepted []language.Tag
	for i, tag := range tags[:min(len(tags), maxTags)] {
		// A weight of 0 means "not acceptable"; "*" comes as mul.
		if weights[i] > 0 && tag.String() != "mul" && tag != language.Und {
			accepted = append(accepted, tag)
		}
	}
	return accepted
}

func open(lang, region string) *Locale {
	tag := lang
	if region != "001" {
		tag += "-" + region
	}
	l := &Locale{language: lang, region: region}
	variant := lang
	var name string
	for name = lang + "-" + region; formatsOf[name] == nil; name = parent(name) {
	}
	l.formats = formatsOf[name]
	switch {
	case lang == "de" && (region == "CH" || region == "LI"):
		variant = swissGerman
	case lang == "en" && american(region):
		variant = americanEnglish
	}
	texts := catalogs()[variant]
	l.words = texts.words
	l.printer = message.NewPrinter(language.Make(tag), message.Catalog(texts.counted))
	return l
}

// parent returns the locale to ask when CLDR has nothing for this one. English
// of a region that CLDR has no English for is that of the world.
func parent(name string) string {
	lang, _, found := strings.Cut(name, "-")
	switch up := parentOf[name]; {
	case up != "":
		return up
	case lang == "en" && found && name != "en-001" && !american(name[len("en-"):]):
		return "en-001"
	}
	return lang
}

// american reports whether English is written in a region as it is in the US.
func american(region string) bool {
	switch region {
	case "US", "AS", "GU", "MH", "MP", "PH", "PR", "UM", "VI":
		return true
	}
	return false
}

// Tag returns the language with its region, for the lang attribute and for
// settings: "de-AT", or "en" when the region is not known.
func (l *Locale) Tag() string {
	if l.region == "001" {
		return l.language
	}
	return l.language + "-" + l.region
}

// FirstDay returns the day on which weeks begin in the region.
func (l *Locale) FirstDay() time.Weekday { return byRegion(firstDayOf, l.region) }

// Weekend returns the days of the weekend in the region, in their order: one
// or two.
func (l *Locale) Weekend() []time.Weekday {
	last := byRegion(weekendEndOf, l.region)
	var days []time.Weekday
	for d := byRegion(weekendStartOf, l.region); ; d = (d + 1) % 7 {
		days = append(days, d)
		if d == last {
			return days
		}
	}
}

// Hour12 reports whether people there rather write 3:30 PM than 15:30.
func (l *Locale) Hour12() bool {
	if twelve, ok := twelveHours[l.language+"-"+l.region]; ok {
		return twelve
	}
	return byRegion(twelveHours, l.region)
}

func byRegion[T any](of map[string]T, region string) T {
	if v, ok := of[region]; ok {
		return v
	}
	return of["001"]
}

// compareDays orders days as they come in a week of the region.
func (l *Locale) compareDays(a, b time.Weekday) int {
	first := l.FirstDay()
	return cmp.Compare((a-first+7)%7, (b-first+7)%7)
}
