package locale

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message/catalog"
)

// T returns a text of the pages in the person's language. The key is the
// English text, with the verbs of package fmt where the args go; numbers are
// written as the region does ("1,234", "1.234"), so a year must come as a
// string. Where a text counts something, the key has the plural ("%d events")
// and the first argument decides the form ("1 event", "2 events").
//
// A text that has no translation comes in English. A key without args is not a
// format: it may contain a percent sign.
func (l *Locale) T(english string, args ...any) string {
	if len(args) > 0 {
		return l.printer.Sprintf(english, args...)
	}
	if text, ok := l.words[english]; ok {
		return text
	}
	return english
}

// Keys returns the English texts that have a German one, sorted. A test over
// the templates can tell with it which texts still need a translation.
func Keys() []string {
	return slices.Sorted(maps.Keys(catalogs()["de"].words))
}

// Number writes a whole number as the region does: "1,234", "1.234", "1’234".
func (l *Locale) Number(n int) string { return l.printer.Sprint(n) }

// List joins what is to be read as a list: "A, B and C".
func (l *Locale) List(items ...string) string { return l.join(items, " and ") }

func (l *Locale) join(items []string, lastly string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + l.T(lastly) + items[last]
}

// texts are the texts of one language or of a regional variety of it.
type texts struct {
	words   map[string]string
	counted catalog.Catalog // what T needs for keys with args
}

// The varieties that differ from their language.
const (
	americanEnglish = "en-US"
	swissGerman     = "de-CH" // writes no ß
)

// forms are the forms of a text that counts: those for one thing and, in
// German, for any other number. The English one for any other number is the
// key.
type forms struct{ englishOne, germanOne, german string }

var catalogs = sync.OnceValue(func() map[string]texts {
	german := map[string]string{}
	for _, part := range []map[string]string{
		germanNavigation, germanEvents, germanAccount, germanSettings, germanNotices,
	} {
		maps.Copy(german, part)
	}
	english := map[string]string{}
	for key := range german {
		english[key] = key
	}
	one, germanOne := map[string]string{}, map[string]string{}
	for key, f := range counted {
		german[key], germanOne[key] = f.german, f.germanOne
		english[key], one[key] = key, f.englishOne
	}
	american := respell(english, "organis", "organiz", "Organis", "Organiz",
		"cancelled", "canceled", "Cancelled", "Canceled", "olour", "olor")
	swiss, swissOne := respell(german, "ß", "ss"), respell(germanOne, "ß", "ss")
	return map[string]texts{
		"en":            {english, build(language.English, english, one)},
		"de":            {german, build(language.German, german, germanOne)},
		americanEnglish: {american, build(language.English, american, one)},
		swissGerman:     {swiss, build(language.German, swiss, swissOne)},
	}
})

// respell returns the texts with each old spelling replaced by the new one.
func respell(words map[string]string, oldNew ...string) map[string]string {
	spelling := strings.NewReplacer(oldNew...)
	respelt := map[string]string{}
	for key, text := range words {
		respelt[key] = spelling.Replace(text)
	}
	return respelt
}

func build(lang language.Tag, words, one map[string]string) catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(lang))
	for key, text := range words {
		var err error
		if form, ok := one[key]; ok {
			err = b.Set(lang, key, plural.Selectf(1, "%d", plural.One, form, plural.Other, text))
		} else if strings.Contains(text, "%") {
			err = b.SetString(lang, key, text)
		}
		if err != nil {
			panic("locale: " + key + ": " + err.Error())
		}
	}
	return b
}
