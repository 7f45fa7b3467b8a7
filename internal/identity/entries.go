package identity

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The sections of a serialized token cache. Its format is shared by MSAL's
// libraries in all languages and does not change.
const (
	accessTokens  = "AccessToken"
	refreshTokens = "RefreshToken"
	idTokens      = "IdToken"
	accounts      = "Account"
	appMetadata   = "AppMetadata"
)

// sections is a serialized token cache taken apart: section, key, entry. A
// member that is no object, which MSAL writes none of, is a single entry under
// the key whole.
type sections map[string]map[string]json.RawMessage

const whole = "\xff" // not UTF-8, so no key in JSON

// An entry is what Daybook reads of one.
type entry struct {
	Home      string `json:"home_account_id"`
	ClientID  string `json:"client_id"`
	Realm     string `json:"realm"`
	Secret    string `json:"secret"`
	Target    string `json:"target"`
	ExpiresOn unix   `json:"expires_on"`
	RefreshOn unix   `json:"refresh_on"`
	CachedAt  unix   `json:"cached_at"`
}

// unix is a time in seconds that MSAL writes as a string and others as a number.
type unix int64

func (u *unix) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		n = 0
	}
	*u = unix(n)
	return nil
}

// parseEntry reads an entry. One that cannot be read is one that never matches.
func parseEntry(raw json.RawMessage) (e entry) {
	if json.Unmarshal(raw, &e) != nil {
		return entry{}
	}
	return e
}

var errDamaged = errors.New("the token cache is damaged")

func takeApart(tokens []byte) (sections, error) {
	s := make(sections)
	if len(tokens) == 0 {
		return s, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(tokens, &members) != nil {
		return nil, errDamaged // encoding/json's text may quote the input
	}
	for name, raw := range members {
		var section map[string]json.RawMessage
		if json.Unmarshal(raw, &section) != nil || section == nil {
			section = map[string]json.RawMessage{whole: raw}
		}
		if len(section) > 0 {
			s[name] = section
		}
	}
	return s, nil
}

// assemble serializes s; nothing at all is nil.
func (s sections) assemble() ([]byte, error) {
	members := make(map[string]any, len(s))
	for name, section := range s {
		raw, single := section[whole]
		delete(section, whole) // beside entries only after one side made an object of it
		switch {
		case len(section) > 0:
			members[name] = section
		case single:
			members[name] = raw
		}
	}
	if len(members) == 0 {
		return nil, nil
	}
	return json.Marshal(members)
}

// refreshToken returns the secret that MSAL would redeem for the person, or
// nothing. MSAL looks for it by the app's metadata.
func (s sections) refreshToken(home, clientID string) string {
	known := false
	for _, raw := range s[appMetadata] {
		known = known || parseEntry(raw).ClientID == clientID
	}
	if !known {
		return ""
	}
	for _, raw := range s[refreshTokens] {
		if e := parseEntry(raw); e.Home == home && e.ClientID == clientID {
			return e.Secret
		}
	}
	return ""
}

// subject returns the sub claim of the ID token kept for the person.
func (s sections) subject(home string) string {
	for _, raw := range s[idTokens] {
		if e := parseEntry(raw); e.Home == home {
			return payload(e.Secret).Subject
		}
	}
	return ""
}

// only reports whether all entries that belong to a person are home's.
func (s sections) only(home string) bool {
	for _, section := range []string{accessTokens, refreshTokens, idTokens, accounts} {
		for _, raw := range s[section] {
			if parseEntry(raw).Home != home {
				return false
			}
		}
	}
	return true
}

// without drops the access tokens that drop says.
func (s sections) without(drop func(entry) bool) {
	for key, raw := range s[accessTokens] {
		if drop(parseEntry(raw)) {
			delete(s[accessTokens], key)
		}
	}
}

// good returns an access token for the scopes with at least left to live.
func (s sections) good(home string, want []string, refused string, left time.Duration) string {
	for _, raw := range s[accessTokens] {
		e := parseEntry(raw)
		if e.Home == home && e.Secret != "" && e.Secret != refused && covers(e.Target, want) &&
			time.Unix(int64(e.ExpiresOn), 0).After(time.Now().Add(left)) {
			return e.Secret
		}
	}
	return ""
}

func covers(target string, want []string) bool {
	granted := strings.Fields(strings.ToLower(target))
	for _, scope := range want {
		if !slices.Contains(granted, strings.ToLower(scope)) {
			return false
		}
	}
	return true
}

// answered reports whether after holds a secret that before does not: MSAL has
// put a token answer into it.
func answered(before, after []byte) bool {
	old, err := takeApart(before)
	if err != nil {
		return false
	}
	had := make(map[string]bool)
	for _, section := range old {
		for _, raw := range section {
			had[parseEntry(raw).Secret] = true
		}
	}
	now, err := takeApart(after)
	if err != nil {
		return false
	}
	for _, section := range now {
		for _, raw := range section {
			if e := parseEntry(raw); e.Secret != "" && !had[e.Secret] {
				return true
			}
		}
	}
	return false
}

// payload reads the claims of a token without checking anything.
func payload(jwt string) (c struct {
	Subject string `json:"sub"`
	Expiry  int64  `json:"exp"`
}) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return c
	}
	if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(b, &c) // what cannot be read stays empty
	}
	return c
}
