package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"daybook/internal/identity"
)

// Bounds of pending sign-ins. All cookies of a browser travel in one header
// line, for which proxies commonly have 8 KB.
const (
	attemptLife   = 15 * time.Minute
	maxAttempts   = 8    // of one browser
	maxAttemptLen = 5000 // bytes of their cookies together
	maxReturnTo   = 512
)

// skew is how far the clocks of two instances may be apart, as far as that of
// one and Microsoft's.
const skew = 5 * time.Minute

// attemptName is the cookie of the attempt with the given state; each has its
// own, so tabs that sign in at once do not overwrite each other.
func (s *Sessions) attemptName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return s.attemptPrefix() + hex.EncodeToString(sum[:4])
}

func (s *Sessions) attemptPrefix() string { return s.scs.Cookie.Name + "-signin-" }

// Remember keeps a pending sign-in in this browser, in a sealed cookie of its
// own, for fifteen minutes. The store has no part in it, so people who never
// finish cost it nothing. A browser has at most eight attempts, fewer if they
// are long; the oldest go. A ReturnTo above 512 bytes becomes "/".
func (s *Sessions) Remember(w http.ResponseWriter, r *http.Request, a identity.Attempt) error {
	if len(a.State) < 16 {
		return errors.New("session: attempt without a state")
	}
	if len(a.ReturnTo) > maxReturnTo {
		a.ReturnTo = "/"
	}
	name := s.attemptName(a.State)
	value, err := s.sealAttempt(name, pending{Attempt: a})
	if err != nil {
		return err
	}
	for _, old := range s.surplus(r, name, len(name)+len(value)) {
		http.SetCookie(w, s.attemptCookie(old, "", -1))
	}
	http.SetCookie(w, s.attemptCookie(name, value, int(attemptLife.Seconds())))
	return nil
}

// A pending is what an attempt's cookie holds.
type pending struct {
	identity.Attempt
	// Marks of the last tries to use it up whose outcome the store did not tell.
	// Nothing was handed out for any of them.
	Tries []string `json:"u,omitempty"`
}

func (s *Sessions) sealAttempt(name string, p pending) (string, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	sealed, err := s.records.keys.seal("attempt", name, nil, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

func (s *Sessions) attemptCookie(name, value string, maxAge int) *http.Cookie {
	// Lax and not Strict: Microsoft sends the browser back from another site.
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: s.scs.Cookie.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// surplus names the attempts that must go to make room for another cookie:
// those that do not open or are too old, then the oldest.
func (s *Sessions) surplus(r *http.Request, name string, size int) []string {
	type cookie struct {
		name    string
		size    int
		started time.Time
	}
	var gone []string
	var kept []cookie
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, s.attemptPrefix()) || c.Name == name {
			continue
		}
		if a, err := s.attempt(c.Name, c.Value); err == nil {
			kept = append(kept, cookie{c.Name, len(c.Name) + len(c.Value), a.Started})
			size += len(c.Name) + len(c.Value)
		} else {
			gone = append(gone, c.Name)
		}
	}
	slices.SortFunc(kept, func(a, b cookie) int {
		return cmp.Or(a.started.Compare(b.started), cmp.Compare(a.name, b.name))
	})
	for len(kept) > 0 && (len(kept) >= maxAttempts || size > maxAttemptLen) {
		gone = append(gone, kept[0].name)
		size -= kept[0].size
		kept = kept[1:]
	}
	// A browser may send any number of names; the answer's headers stay short.
	slices.Sort(gone)
	gone = slices.Compact(gone)
	return gone[:min(len(gone), 2*maxAttempts)]
}

// attempt opens an attempt's cookie; any bytes are ErrNoAttempt.
func (s *Sessions) attempt(name, value string) (pending, error) {
	var a pending
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return a, ErrNoAttempt
	}
	plain, err := s.records.keys.open("attempt", name, nil, sealed)
	if err != nil || json.Unmarshal(plain, &a) != nil {
		return pending{}, ErrNoAttempt
	}
	age := s.options.Now().Sub(a.Started)
	if age >= attemptLife || age < -skew {
		return pending{}, ErrNoAttempt
	}
	return a, nil
}

// maxTries is how many tries of unknown outcome an attempt's cookie remembers.
const maxTries = 4

// Recall returns the pending sign-in with the given state if this browser
// began it less than fifteen minutes ago, and uses it up: over all processes
// that share the store it succeeds once. Errors: ErrNoAttempt,
// ErrAttemptUsed, and ErrUnavailable, after which the browser that gets this
// answer's cookie may try again.
func (s *Sessions) Recall(w http.ResponseWriter, r *http.Request, state string) (identity.Attempt, error) {
	name := s.attemptName(state)
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 {
		return identity.Attempt{}, ErrNoAttempt
	}
	a, err := s.attempt(name, cookies[0].Value)
	if err != nil || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 {
		return identity.Attempt{}, ErrNoAttempt
	}
	ctx, cancel := context.WithTimeout(r.Context(), budget)
	defer cancel()
	mark := rand.Text()
	err = s.useUp(ctx, a, mark)
	if err != nil && !errors.Is(err, ErrConflict) {
		// The mark may have been written all the same. Only who knows it, sealed
		// in the cookie, can put another in its place; a second delivery of the
		// callback, which has the former cookie, cannot.
		a.Tries = append(a.Tries, mark)
		a.Tries = a.Tries[max(0, len(a.Tries)-maxTries):]
		if value, err := s.sealAttempt(name, a); err == nil {
			left := a.Started.Add(attemptLife).Sub(s.options.Now())
			http.SetCookie(w, s.attemptCookie(name, value, max(1, int(left.Seconds()))))
		}
		return identity.Attempt{}, err
	}
	http.SetCookie(w, s.attemptCookie(name, "", -1))
	if err != nil {
		return identity.Attempt{}, ErrAttemptUsed
	}
	return a.Attempt, nil
}

// useUp marks an attempt as used, or puts mark in the place of one of its
// tries; it is ErrConflict if the attempt was handed out before.
func (s *Sessions) useUp(ctx context.Context, a pending, mark string) error {
	// With all secrets the record has the same name, whichever seals.
	sum := sha256.Sum256([]byte("daybook attempt\x00" + a.State))
	// The mark outlives the attempt on the slowest clock.
	key, until := "used-"+hex.EncodeToString(sum[:]), a.Started.Add(attemptLife+skew)
	err := s.records.store.Swap(ctx, key, nil, []byte(mark), until)
	for _, try := range a.Tries {
		if !errors.Is(err, ErrConflict) {
			break
		}
		err = s.records.store.Swap(ctx, key, []byte(try), []byte(mark), until)
	}
	return err
}
