package identity

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Held is one thing that a token cache holds, without its secret.
type Held struct {
	Kind    string    // "access token", "refresh token", "ID token", "account", "app", or "other"
	Scopes  []string  // of an access token
	Expires time.Time // zero if it is not known, as with refresh tokens
	Bytes   int       // size in the serialized cache
}

var kinds = map[string]string{
	accessTokens: "access token", refreshTokens: "refresh token", idTokens: "ID token",
	accounts: "account", appMetadata: "app",
}

// Contents lists what a serialized token cache holds, in an order that does not
// change: kinds, scopes, expiry and sizes, never a token. An empty cache holds
// nothing. The error says that the bytes are no token cache and quotes nothing.
func Contents(tokens []byte) ([]Held, error) {
	s, err := takeApart(tokens)
	if err != nil {
		return nil, err
	}
	var list []Held
	for name, section := range s {
		kind, known := kinds[name]
		if !known {
			kind = "other"
		}
		for _, raw := range section {
			e := parseEntry(raw)
			h := Held{Kind: kind, Bytes: len(raw)}
			expires := int64(e.ExpiresOn)
			switch name {
			case accessTokens:
				h.Scopes = strings.Fields(e.Target)
			case idTokens:
				expires = payload(e.Secret).Expiry
			}
			if expires > 0 {
				h.Expires = time.Unix(expires, 0)
			}
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Scopes, b.Scopes), a.Expires.Compare(b.Expires), cmp.Compare(a.Bytes, b.Bytes))
	})
	return list, nil
}
