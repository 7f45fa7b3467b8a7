package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// A Secret is a text that no log, error or page may show: however it is
// printed or encoded, it reads "[redacted]", or nothing when it is empty.
type Secret struct{ text string }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.text == "" }

// UnmarshalText sets the secret.
func (s *Secret) UnmarshalText(text []byte) error {
	s.text = string(text)
	return nil
}

// Format prints the redacted form for every verb.
func (s Secret) Format(w fmt.State, _ rune) { io.WriteString(w, s.String()) }

// String returns the redacted form.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// MarshalText returns the redacted form, for JSON among others.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Keys are the secrets that seal sessions, decoded, each of at least 32 bytes
// (256 bits, the key size of AES-256). They print as "[redacted]".
type Keys struct{ list [][]byte }

// Reveal returns the keys themselves: the first seals, all open.
func (k Keys) Reveal() [][]byte { return k.list }

// IsZero reports whether there is no key.
func (k Keys) IsZero() bool { return len(k.list) == 0 }

// Format prints the redacted form for every verb.
func (k Keys) Format(w fmt.State, _ rune) { io.WriteString(w, k.String()) }

// String returns the redacted form.
func (k Keys) String() string {
	if k.IsZero() {
		return ""
	}
	return redacted
}

// MarshalText returns the redacted form, for JSON among others.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue returns the redacted form.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// UnmarshalText reads comma-separated keys in base64, standard or URL-safe,
// padded or not (RFC 4648 sections 4 and 5). Its errors name a key by its
// place and never show it.
func (k *Keys) UnmarshalText(text []byte) error {
	k.list = nil
	for i, part := range strings.Split(string(text), ",") {
		key, err := decodeKey(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("secret %d %w", i+1, err)
		}
		for _, other := range k.list {
			if bytes.Equal(key, other) {
				return fmt.Errorf("secret %d is there twice", i+1)
			}
		}
		k.list = append(k.list, key)
	}
	return nil
}

const (
	minKeyBytes = 32
	makeKey     = "make one with: openssl rand -base64 32"
)

func decodeKey(text string) ([]byte, error) {
	if text == "" {
		return nil, errors.New("is empty; " + makeKey)
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(plain)
	switch {
	case err != nil:
		// The decoder's own error would show where and thereby a bit of what.
		return nil, errors.New("is not base64; " + makeKey)
	case len(key) < minKeyBytes:
		return nil, fmt.Errorf("has %d bytes, not %d or more; %s", len(key), minKeyBytes, makeKey)
	case isSample(text) || isSample(string(key)):
		return nil, errors.New("is a sample; " + makeKey)
	case different(key) < minDifferent:
		return nil, errors.New("is the same few bytes over and over; " + makeKey)
	}
	return key, nil
}

// isSample reports whether text is what documentation writes where a secret
// belongs (OWASP ASVS 5.0, 13.2.3).
func isSample(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"changeme", "change-me", "change_me", "change me", "placeholder", "replace", "your-", "your_"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// minDifferent is how many different bytes a key has at least; fewer are
// refused however long it is.
const minDifferent = 4

// looksRandom doubts what a person types to get past the length: words,
// repetitions, sequences, few different bytes. 32 random bytes have fewer than
// 12 different values less than once in 10¹⁸ times.
func looksRandom(key []byte) bool {
	sequence, printable := true, true
	for i, b := range key {
		if i >= 2 && b-key[i-1] != key[1]-key[0] {
			sequence = false
		}
		printable = printable && b >= ' ' && b <= '~'
	}
	if sequence || printable || different(key) < 12 {
		return false
	}
	for period := 1; period <= len(key)/2; period++ {
		if bytes.Equal(key[period:], key[:len(key)-period]) {
			return false
		}
	}
	return true
}

func different(key []byte) int {
	var seen [256]bool
	n := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}
