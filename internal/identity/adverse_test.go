package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestClockAhead: a token that another machine, whose clock is five minutes
// ahead, has refreshed is as good here: no second refresh is made.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.strict = true
		p, a, s := ready(t, i)
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
			t.Fatal(err)
		}
		s.edit(func(e map[string]any) {
			for _, at := range []string{"cached_at", "expires_on"} {
				var was unix
				b, _ := json.Marshal(e[at])
				_ = json.Unmarshal(b, &was)
				e[at] = fmt.Sprint(int64(was) + 290)
			}
		})
		for _, p := range []*Provider{p, i.provider(t)} {
			if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
				t.Errorf("Token() = %q, %v", token, err)
			}
		}
		if n := i.refreshes(); n != 1 {
			t.Errorf("refreshes = %d, want 1", n)
		}
	})
}

// panicky panics on requests that on chooses.
type panicky struct {
	next http.RoundTripper
	mu   sync.Mutex
	on   string
}

func (p *panicky) set(on string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = on
}

func (p *panicky) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	on := p.on
	p.mu.Unlock()
	if on != "" && strings.HasSuffix(r.URL.Path, on) {
		panic("canary-panic")
	}
	return p.next.RoundTrip(r)
}

// TestPanicInBackground: what panics apart from any request costs an answer,
// not the process, holds no lock, says why in the log, and is over when its
// cause is.
func TestPanicInBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, log := newIDP(), new(bytes.Buffer)
		way := &panicky{next: i}
		p, a, s := ready(t, i, func(c *Config) {
			c.HTTP, c.Log = &http.Client{Transport: way}, slog.New(slog.NewTextHandler(log, nil))
		})
		way.set("/token")
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != Unavailable {
			t.Errorf("Token() = %v, want Unavailable", err)
		}
		way.set("/openid-configuration")
		for range 2 {
			if err := p.Ping(t.Context()); problem(err) != Unavailable {
				t.Errorf("Ping() = %v, want Unavailable", err)
			}
		}
		way.set("")
		if err := p.Ping(t.Context()); err != nil {
			t.Errorf("Ping() afterwards = %v", err)
		}
		if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
			t.Errorf("Token() afterwards = %q, %v", token, err)
		}
		time.Sleep(2 * callTimeout) // net/http waits for the requests that panicked
		p.Close()
		if text := log.String(); strings.Count(text, "stack=") != 3 || !strings.Contains(text, "panicky") || strings.Contains(text, "canary-panic") {
			t.Errorf("the log does not say where it was, or says what:\n%s", text)
		}
	})
}

// TestOddLifetimes: whatever is said about how long a token lives, the token is
// used, and those who ask within half a minute make one refresh.
func TestOddLifetimes(t *testing.T) {
	t.Parallel()
	for _, life := range []any{0, -1, -1 << 40, 1, "0", "3600", 1 << 31, 1 << 40} {
		synctest.Test(t, func(t *testing.T) {
			i := newIDP()
			i.strict = true
			p, a, s := ready(t, i)
			i.set(func() { i.expiresIn = life })
			for range 20 {
				if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
					t.Errorf("expires_in %v: Token() = %q, %v", life, token, err)
				}
				time.Sleep(time.Second)
			}
			if n := i.refreshes(); n != 1 {
				t.Errorf("expires_in %v: refreshes = %d, want 1", life, n)
			}
		})
	}
}

// TestUnreadableAnswers: those who ask within some seconds of an answer that
// nobody can read make no further token request, and are signed in as before.
func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		i.set(func() { i.answer = func(a map[string]any) { delete(a, "expires_in") } })
		ask := func(requests int) {
			t.Helper()
			for range 5 {
				if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != Unavailable {
					t.Errorf("Token() = %v, want Unavailable", err)
				}
				synctest.Wait() // until the refresh has wholly ended
			}
			if n := i.refreshes(); n != requests {
				t.Errorf("token requests = %d, want %d", n, requests)
			}
		}
		ask(1)
		time.Sleep(unreadableKept + time.Second)
		ask(2)
		i.set(func() { i.answer = nil })
		time.Sleep(unreadableKept + time.Second)
		if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
			t.Errorf("Token() afterwards = %q, %v", token, err)
		}
	})
}
