package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// key is the lasting name of a calendar, group or event.
type key [18]byte

// keyOf makes the same key of the same words in every run, so that a
// bookmarked event survives a restart of the demo.
func keyOf(words ...string) key {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return key(sum[:18])
}

// Exchange has two forms of id. The ordinary one is standard base64, with
// the characters / + and = in it and different after a move; the other is
// given to who asks with Prefer: IdType="ImmutableId" and is safe in a path.
// The requests take both.
const (
	ordinaryPrefix  = "AAMkAD"
	immutablePrefix = "AAkALg"
)

// dayZero is what the dates in ids count from, lastDay the end of the year
// 9999 so counted.
var dayZero = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)

const lastDay = 3652058

// id writes the Graph id of a thing, or of the occurrence of a series on a
// date.
func (k key) id(date string, immutable bool) string {
	raw := make([]byte, 0, len(k)+4)
	raw = append(raw, k[:]...)
	var days uint32
	if day, err := time.Parse(isoDate, date); err == nil {
		days = uint32((day.Unix() - dayZero.Unix()) / 86400)
	}
	raw = binary.BigEndian.AppendUint32(raw, days)
	if immutable {
		return immutablePrefix + base64.RawURLEncoding.EncodeToString(raw)
	}
	return ordinaryPrefix + base64.StdEncoding.EncodeToString(raw)
}

// parseID reads what id wrote, in either form.
func parseID(id string) (k key, date string, ok bool) {
	var raw []byte
	var err error
	if text, found := strings.CutPrefix(id, immutablePrefix); found {
		raw, err = base64.RawURLEncoding.DecodeString(text)
	} else if text, found := strings.CutPrefix(id, ordinaryPrefix); found {
		raw, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(raw) != len(k)+4 {
		return key{}, "", false
	}
	copy(k[:], raw)
	days := binary.BigEndian.Uint32(raw[len(k):])
	if days > lastDay {
		return key{}, "", false
	}
	if days > 0 {
		date = dayZero.AddDate(0, 0, int(days)).Format(isoDate)
	}
	return k, date, true
}

// guid writes a key in the form of a GUID.
func (k key) guid() string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i, c := range k[:16] {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b.WriteByte('-')
		}
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
