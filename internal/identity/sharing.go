package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// refusalKept is how long Microsoft's refusal of a refresh token stands
	// before it is tried again: a new sign-in replaces the refresh token and so
	// ends it at once.
	refusalKept = 10 * time.Minute
	// operatorKept is the same for what the operator mends, perhaps without a
	// new start.
	operatorKept = 30 * time.Second
	// unreadableKept is the same for an answer that is none, lest every page
	// ask for another.
	unreadableKept = 2 * time.Second
	// shortKept is how long a token is shared that lives too short for a cache,
	// which would otherwise cost a refresh per request.
	shortKept = 30 * time.Second
	// aheadEvery bounds refreshes ahead of time, whatever comes of them.
	aheadEvery = time.Minute

	mostVerdicts = 10_000
)

// sharing is what the calls of one process share about refreshes.
type sharing struct {
	mu       sync.Mutex
	flights  map[string]*flight
	verdicts map[string]verdict
	swept    time.Time
}

// A flight is one refresh under way. Its result is known once done is closed;
// gone is closed when nothing of it runs any more.
type flight struct {
	scopes []string
	done   chan struct{}
	gone   chan struct{}
	once   sync.Once
	token  string
	err    error
}

// land makes the result known; only the first counts.
func (f *flight) land(token string, err error) {
	f.once.Do(func() {
		f.token, f.err = token, err
		close(f.done)
	})
}

// A verdict is what came of the last refresh and holds for some time, as long
// as the cache holds the same refresh token.
type verdict struct {
	about [sha256.Size]byte
	token string
	err   *Error
	until time.Time
}

// join returns the flight for key, and whether the caller is the one to start it.
func (s *sharing) join(a ask) (f *flight, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[a.key]; f != nil {
		return f, false
	}
	f = &flight{scopes: a.scopes, done: make(chan struct{}), gone: make(chan struct{})}
	s.flights[a.key] = f
	return f, true
}

func (s *sharing) leave(key string, f *flight) {
	s.mu.Lock()
	delete(s.flights, key)
	s.mu.Unlock()
	close(f.gone)
}

// about is the subject of a verdict; it tells nothing of the token.
func about(refreshToken string, scopes []string) [sha256.Size]byte {
	return sha256.Sum256([]byte(strings.Join(scopes, " ") + "\n" + refreshToken))
}

// keep remembers a verdict. Those past are dropped once a minute, since some
// hold a token; when there are too many that stand, one is forgotten, which
// costs a token request.
func (s *sharing) keep(key string, v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.swept) >= time.Minute {
		s.swept = now
		maps.DeleteFunc(s.verdicts, func(_ string, old verdict) bool { return now.After(old.until) })
	}
	if len(s.verdicts) >= mostVerdicts {
		for other := range s.verdicts {
			delete(s.verdicts, other)
			break
		}
	}
	s.verdicts[key] = v
}

// recall returns the verdict on this refresh token, if one stands.
func (s *sharing) recall(a ask, refreshToken string) (v verdict, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, found = s.verdicts[a.key]
	if !found || time.Now().After(v.until) || v.about != about(refreshToken, a.scopes) || v.err == nil && v.token == a.refused {
		return verdict{}, false
	}
	return v, true
}

// ahead says whether a refresh ahead of time may be tried now.
func (s *sharing) ahead(key string) bool {
	key += "\nahead"
	s.mu.Lock()
	v, found := s.verdicts[key]
	s.mu.Unlock()
	if found && time.Now().Before(v.until) {
		return false
	}
	s.keep(key, verdict{until: time.Now().Add(aheadEvery)})
	return true
}

// keepsFor says how long a refusal stands, 0 if it does not.
func keepsFor(e *Error) time.Duration {
	switch {
	case e.Code == "bad_answer":
		return unreadableKept
	case e.Problem == Unavailable:
		return e.RetryAfter
	case e.Problem == Misconfigured:
		return operatorKept
	}
	return refusalKept
}

// sharedRefresh waits as long as patience for a refresh that serves a, starting
// it if there is none. tokens is the record as the caller saw it.
func (p *Provider) sharedRefresh(ctx context.Context, a ask, tokens []byte, patience time.Duration) (token, how string, err error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		if s, err := takeApart(tokens); err == nil {
			if v, found := p.sharing.recall(a, s.refreshToken(a.home.HomeAccountID, p.app.ClientID)); found {
				return v.token, "shared", v.answer()
			}
		}
		f, first := p.sharing.join(a)
		if first {
			p.launch(ctx, a, f)
		}
		if err := await(ctx, f.done, limit.C); err != nil {
			return "", "", err
		}
		if first {
			return f.token, "refreshed", f.err
		}
		var e *Error
		fits := slices.Equal(f.scopes, a.scopes)
		if fits && (f.err == nil && f.token != a.refused || errors.As(f.err, &e)) {
			return f.token, "shared", f.err
		}
		// The flight was for other scopes, brought the refused token or failed
		// on its starter's cache, whose session may have ended while this one
		// lives. What the store says now decides.
		if err := await(ctx, f.gone, limit.C); err != nil {
			return "", "", err
		}
		if tokens, err = a.cache.Load(ctx, true); err != nil {
			return "", "", err
		}
		if token, _ := p.held(ctx, a, tokens); token != "" && token != a.refused {
			return token, "shared", nil
		}
	}
}

func (v verdict) answer() error {
	if v.err == nil {
		return nil
	}
	e := *v.err
	if e.RetryAfter > 0 {
		e.RetryAfter = max(time.Until(v.until), time.Second)
	}
	return &e
}

// await waits for what to close, as long as ctx and limit allow.
func await(ctx context.Context, what <-chan struct{}, limit <-chan time.Time) error {
	select {
	case <-what:
		return nil
	default:
	}
	select {
	case <-what:
		return nil
	case <-ctx.Done():
		return interrupted(ctx)
	case <-limit:
		return &Error{Problem: Unavailable, Code: "slow", Detail: "the refresh goes on"}
	}
}

// refreshAhead starts a refresh that nobody waits for.
func (p *Provider) refreshAhead(ctx context.Context, a ask) {
	if !p.sharing.ahead(a.key) {
		return
	}
	if f, first := p.sharing.join(a); first {
		p.launch(ctx, a, f)
	}
}

// launch runs the refresh apart from the request that wanted it.
func (p *Provider) launch(ctx context.Context, a ask, f *flight) {
	ctx = context.WithoutCancel(ctx)
	started := p.tasks.start(func() {
		defer p.sharing.leave(a.key, f)
		defer f.land("", &Error{Problem: Unavailable, Code: "panic"}) // unless it has landed
		p.refresh(ctx, a, f)
	})
	if !started {
		f.land("", &Error{Problem: Unavailable, Code: "closed"})
		p.sharing.leave(a.key, f)
	}
}
