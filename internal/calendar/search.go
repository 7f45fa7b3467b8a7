package calendar

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// A Query is words to look for in events. The zero Query finds nothing. A
// Query does not change and is safe for concurrent use.
type Query struct{ words []spelling }

// NewQuery returns the query for the words in text, which white space divides.
// The work of [Query.Match] grows with the number of words; to limit the
// length of text is left to the caller.
func NewQuery(text string) Query {
	var q Query
	for word := range strings.FieldsSeq(text) {
		s := spell(word)
		if s.plain != "" && !slices.Contains(q.words, s) {
			q.words = append(q.words, s)
		}
	}
	return q
}

// Empty reports whether q has no words, and so finds nothing.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Match reports whether each word of q is part of the subject, the place, or
// the name or address of the organizer or an attendee of e. Capitals and
// accents make no difference; ä, ö and ü are found as a, o, u and as ae, oe,
// ue, in both directions, and ß as ss.
func (q Query) Match(e *Event) bool {
	if q.Empty() {
		return false
	}
	fields := []string{e.Subject, e.Place, e.Organizer.Name, e.Organizer.Address}
	for _, p := range e.Attendees {
		fields = append(fields, p.Name, p.Address)
	}
	// A word has no line break: it cannot begin in one field and end in another.
	text := spell(strings.Join(fields, "\n"))
	for _, word := range q.words {
		if !strings.Contains(text.plain, word.plain) && !strings.Contains(text.long, word.long) {
			return false
		}
	}
	return true
}

// A spelling is a text as it is compared: plain with accents dropped, long
// with the letter that stands for an umlaut where there is none on the
// keyboard (DIN 5007-2, and the Nordic habit).
type spelling struct{ plain, long string }

// lettersFor has the letters that Unicode does not decompose: plain, long.
var lettersFor = map[rune][2]string{
	'Æ': {"ae", "ae"}, 'æ': {"ae", "ae"}, 'Œ': {"oe", "oe"}, 'œ': {"oe", "oe"},
	'Ø': {"o", "oe"}, 'ø': {"o", "oe"}, 'Đ': {"d", "d"}, 'đ': {"d", "d"},
	'Ł': {"l", "l"}, 'ł': {"l", "l"}, 'ı': {"i", "i"}, '’': {"'", "'"},
}

func spell(s string) spelling {
	if ascii(s) {
		s = strings.ToLower(s)
		return spelling{s, s}
	}
	// How norm reads bytes that are no UTF-8 depends on what follows them.
	s = strings.ToValidUTF8(s, "\ufffd")
	var plain, long strings.Builder
	before := rune(0)
	for _, r := range norm.NFKD.String(s) {
		const diaeresis = '\u0308'
		switch letters, special := lettersFor[r]; {
		case special:
			plain.WriteString(letters[0])
			long.WriteString(letters[1])
		case r == diaeresis && strings.ContainsRune("AOUaou", before):
			long.WriteByte('e')
		case unicode.In(r, unicode.Inherited, unicode.Cf):
			// Marks that sit on a letter of any script, and characters that
			// nobody sees. The vowel signs of a script are its own and stay.
		default:
			plain.WriteRune(r)
			long.WriteRune(r)
		}
		before = r
	}
	fold := cases.Fold()
	return spelling{norm.NFC.String(fold.String(plain.String())), norm.NFC.String(fold.String(long.String()))}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
