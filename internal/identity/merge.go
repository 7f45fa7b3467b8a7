package identity

import (
	"bytes"
	"encoding/json"
	"maps"
)

// Merge combines two changes of one serialized token cache entry by entry: base
// is what both began with, ours and theirs what became of it. Changes of
// different entries are all kept, deletions too. Where both changed one entry,
// a change wins over a deletion, and of two changes that of the side with the
// younger access token, ours if neither is younger. A side that is empty has
// no say: it was signed out or refused, and what the other side holds was
// obtained after. Members that this package does not know are kept alike. All
// empty gives nil. The error says that one of them is no token cache and quotes
// nothing.
func Merge(base, ours, theirs []byte) ([]byte, error) {
	b, err := takeApart(base)
	if err != nil {
		return nil, err
	}
	o, err := takeApart(ours)
	if err != nil {
		return nil, err
	}
	t, err := takeApart(theirs)
	if err != nil {
		return nil, err
	}
	switch {
	case len(t) == 0 && !o.equal(b):
		return o.assemble()
	case len(o) == 0 && !t.equal(b):
		return t.assemble()
	}
	merged := make(sections)
	theirsYounger := t.youngest(b) > o.youngest(b)
	for name := range names(b, o, t) {
		section := make(map[string]json.RawMessage)
		for key := range names(b[name], o[name], t[name]) {
			was, our, their := b[name][key], o[name][key], t[name][key]
			entry := our
			switch {
			case same(our, was):
				entry = their
			case same(their, was) || same(our, their):
			case our == nil, their != nil && theirsYounger:
				entry = their
			}
			if entry != nil {
				section[key] = entry
			}
		}
		merged[name] = section
	}
	return merged.assemble()
}

// names is the union of the maps' keys.
func names[V any](of ...map[string]V) map[string]struct{} {
	all := make(map[string]struct{})
	for _, m := range of {
		for name := range m {
			all[name] = struct{}{}
		}
	}
	return all
}

func (s sections) equal(other sections) bool {
	return maps.EqualFunc(s, other, func(a, b map[string]json.RawMessage) bool { return maps.EqualFunc(a, b, same) })
}

// youngest returns when the youngest access token that base lacks was cached.
func (s sections) youngest(base sections) (at unix) {
	for key, raw := range s[accessTokens] {
		if !same(raw, base[accessTokens][key]) {
			at = max(at, parseEntry(raw).CachedAt)
		}
	}
	return at
}

// same compares entries by meaning, since MSAL writes members in its own order.
func same(a, b json.RawMessage) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	return bytes.Equal(a, b) || bytes.Equal(canonical(a), canonical(b))
}

func canonical(raw json.RawMessage) []byte {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	b, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return b
}
