package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

const maxClaims = 8 << 10

// claimsChallenge returns the claims of a Bearer challenge whose error is
// insufficient_claims, as JSON, or "" if there is none that can be read.
//
// Graph writes challenges that RFC 9110 section 11.2 does not allow: an
// unquoted authorization_uri, and base64 with its padding. Several challenges
// may stand in one header and several headers in one reply.
func claimsChallenge(headers []string) string {
	for _, h := range headers {
		for _, params := range bearerChallenges(h) {
			if strings.EqualFold(params["error"], "insufficient_claims") {
				if c := decodeClaims(params["claims"]); c != "" {
					return c
				}
			}
		}
	}
	return ""
}

// bearerChallenges returns the parameters of each Bearer challenge in one
// header value, their names in lower case.
func bearerChallenges(h string) []map[string]string {
	var found []map[string]string
	var params map[string]string // of the challenge being read; nil: not Bearer
	for h != "" {
		h = strings.TrimLeft(h, " \t,")
		end := strings.IndexAny(h, " \t,=")
		if end < 0 {
			break
		}
		word, sep := h[:end], h[end]
		h = h[end+1:]
		switch sep {
		case ' ', '\t': // a scheme
			params = nil
			if strings.EqualFold(word, "Bearer") {
				params = make(map[string]string)
				found = append(found, params)
			}
		case '=':
			var value string
			value, h = paramValue(h)
			name := strings.ToLower(word)
			if _, twice := params[name]; params != nil && !twice {
				params[name] = value
			}
		}
	}
	return found
}

// paramValue reads a quoted string, or what stands before the next comma or
// space, and returns the rest.
func paramValue(h string) (value, rest string) {
	if !strings.HasPrefix(h, `"`) {
		end := strings.IndexAny(h, ", \t")
		if end < 0 {
			return h, ""
		}
		return h[:end], h[end:]
	}
	var b strings.Builder
	for i := 1; i < len(h); i++ {
		switch c := h[i]; {
		case c == '"':
			return b.String(), h[i+1:]
		case c == '\\' && i+1 < len(h):
			i++
			b.WriteByte(h[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "" // never closed
}

// decodeClaims reads base64 in any of its alphabets, padded or not.
func decodeClaims(s string) string {
	if len(s) > maxClaims {
		return ""
	}
	s = strings.TrimRight(s, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(s); err == nil {
			if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' && json.Valid(b) {
				return string(b)
			}
		}
	}
	return ""
}
