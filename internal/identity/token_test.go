package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ready is a signed-in person whose access token has expired.
func ready(t *testing.T, i *idp, change ...func(*Config)) (*Provider, Account, *store) {
	t.Helper()
	p := i.provider(t, change...)
	a, s := i.mustSignIn(t, p, alice)
	s.age(0)
	return p, a, s
}

// refreshes counts token requests after the sign-in's one.
func (i *idp) refreshes() int { return i.count("token") - 1 }

// slowly makes the token endpoint take d.
func slowly(d time.Duration) func(http.ResponseWriter, *http.Request) bool {
	return func(http.ResponseWriter, *http.Request) bool { time.Sleep(d); return false }
}

// TestOneRefresh: fifty ask at once, over two processes, and Microsoft is asked
// once, also when its refresh tokens work once.
func TestOneRefresh(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, time.Second, 3 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				i.strict = true
				p, a, s := ready(t, i)
				second := i.provider(t)
				i.set(func() { i.token = slowly(delay) })
				tokens := make(chan string, 50)
				var wg sync.WaitGroup
				for n := range 50 {
					wg.Go(func() {
						token, err := []*Provider{p, second}[n%2].Token(t.Context(), a, s, TokenOptions{})
						if err != nil {
							t.Errorf("Token() = %v", err)
						}
						tokens <- token
					})
				}
				wg.Wait()
				close(tokens)
				first := <-tokens
				for token := range tokens {
					if token != first || token == "" {
						t.Errorf("Token() = %q and %q, want the same", token, first)
					}
				}
				if n := i.refreshes(); n != 1 {
					t.Errorf("refreshes = %d, want 1", n)
				}
				if got, want := s.rt(), i.newest(alice); got != want {
					t.Errorf("stored refresh token = %q, want %q", got, want)
				}
			})
		})
	}
}

// TestSlowEndpoint: callers wait ten seconds, the refresh goes on and its token
// is there for who asks later.
func TestSlowEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.strict = true
		p, a, s := ready(t, i)
		second := i.provider(t)
		i.set(func() { i.token = slowly(30 * time.Second) })
		for _, p := range []*Provider{p, second} {
			began := time.Now()
			_, err := p.Token(t.Context(), a, s, TokenOptions{})
			if problem(err) != Unavailable || time.Since(began) > patience {
				t.Errorf("Token() = %v after %v, want Unavailable after at most %v", err, time.Since(began), patience)
			}
		}
		time.Sleep(11 * time.Second)
		if token, err := second.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
			t.Errorf("Token() later = %q, %v", token, err)
		}
		if n := i.refreshes(); n != 1 {
			t.Errorf("refreshes = %d, want 1", n)
		}
	})
}

// TestCallerGoesAway: whenever the browser leaves, the new refresh token is
// stored, and the next request needs no sign-in.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	for after := time.Duration(0); after <= 100*time.Millisecond; after += 5 * time.Millisecond {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				i.strict = true
				p, a, s := ready(t, i)
				i.set(func() { i.token = slowly(50 * time.Millisecond) })
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(after, cancel)
				_, err := p.Token(ctx, a, s, TokenOptions{})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("Token() = %v, want the context's error", err)
				}
				p.Close()
				if got, want := s.rt(), i.newest(alice); got != want {
					t.Errorf("stored refresh token = %q, want %q", got, want)
				}
				next := i.provider(t)
				if _, err := next.Token(t.Context(), a, s, TokenOptions{}); err != nil {
					t.Errorf("next Token() = %v", err)
				}
				if n := i.refreshes(); n > 1 {
					t.Errorf("refreshes = %d, want at most 1", n)
				}
			})
		})
	}
}

// TestRefused: a token that Graph refused costs one refresh, whoever tells.
func TestRefused(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	a, s := i.mustSignIn(t, p, alice)
	old, err := p.Token(t.Context(), a, s, TokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			token, err := p.Token(t.Context(), a, s, TokenOptions{Force: true, Refused: old})
			if err != nil || token == old {
				t.Errorf("Token() = %q, %v, want another token", token, err)
			}
		})
	}
	wg.Wait()
	if n := i.refreshes(); n != 1 {
		t.Errorf("refreshes = %d, want 1", n)
	}
	if c, _ := Contents(s.bytes()); len(c) != 5 {
		t.Errorf("contents = %v, want one of each kind", c)
	}
	if token, err := p.Token(t.Context(), a, s, TokenOptions{Force: true}); err != nil || token == "" || i.refreshes() != 2 {
		t.Errorf("Token(Force) = %q, %v after %d refreshes, want a second refresh", token, err, i.refreshes())
	}
}

// TestRefreshAhead pins that a token which Microsoft wants refreshed by now is
// refreshed as the person (MSAL before 1.10 asked for an app-only token), once,
// while the page has the old one.
func TestRefreshAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.refreshIn = 1800
		p := i.provider(t)
		a, s := i.mustSignIn(t, p, alice)
		old, _ := p.Token(t.Context(), a, s, TokenOptions{})
		time.Sleep(31 * time.Minute)
		i.set(func() { i.token = slowly(time.Second) })
		for range 20 {
			if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token != old {
				t.Fatalf("Token() = %q, %v, want the old one", token, err)
			}
		}
		time.Sleep(2 * time.Second)
		if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == old {
			t.Errorf("Token() = %q, %v, want the new one", token, err)
		}
		if n := i.refreshes(); n != 1 {
			t.Errorf("refreshes = %d, want 1", n)
		}
		if got := i.lastGrant().Get("grant_type"); got != "refresh_token" {
			t.Errorf("grant_type = %q, want refresh_token", got)
		}
	})
}

// TestRefreshAheadFails: a page does not notice, and Microsoft is not asked
// again at once.
func TestRefreshAheadFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.refreshIn = 1800
		p := i.provider(t)
		a, s := i.mustSignIn(t, p, alice)
		time.Sleep(31 * time.Minute)
		i.set(func() {
			i.token = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
		})
		for range 20 {
			if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
				t.Fatalf("Token() = %q, %v", token, err)
			}
			time.Sleep(2 * time.Second)
		}
		if n := i.refreshes(); n != 2 {
			t.Errorf("token requests = %d, want 2: one and its repetition", n)
		}
	})
}

// TestShortLived: whatever expires_in says, requests cause no storm.
func TestShortLived(t *testing.T) {
	t.Parallel()
	for _, expires := range []any{0, -5, 60, 299, "120", int64(1e17)} {
		t.Run(fmt.Sprint(expires), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				p, a, s := ready(t, i)
				i.set(func() { i.expiresIn = expires })
				var last string
				for range 50 {
					token, err := p.Token(t.Context(), a, s, TokenOptions{})
					if err != nil || token == "" {
						t.Fatalf("Token() = %q, %v", token, err)
					}
					last = token
				}
				if n := i.refreshes(); n != 1 {
					t.Errorf("refreshes = %d, want 1", n)
				}
				if token, err := p.Token(t.Context(), a, s, TokenOptions{Refused: last}); err != nil || token == last {
					t.Errorf("Token() after a refusal = %q, %v, want another", token, err)
				}
			})
		})
	}
}

func TestWrongPerson(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(i *idp)
		want   Problem
	}{
		"everything another's": {func(i *idp) {
			for rt, g := range i.refresh {
				g.who = bob
				i.refresh[rt] = g
			}
		}, WrongPerson},
		"oid":         {func(i *idp) { i.claims = func(c map[string]any) { c["oid"] = bob.oid } }, WrongPerson},
		"tid":         {func(i *idp) { i.claims = func(c map[string]any) { c["tid"] = otherTenant } }, WrongPerson},
		"sub":         {func(i *idp) { i.claims = func(c map[string]any) { c["sub"] = "x" } }, WrongPerson},
		"iss":         {func(i *idp) { i.claims = func(c map[string]any) { c["iss"] = "https://evil.test" } }, Rejected},
		"aud":         {func(i *idp) { i.claims = func(c map[string]any) { c["aud"] = "x" } }, Rejected},
		"client_info": {func(i *idp) { i.answer = func(a map[string]any) { a["client_info"] = "e30" } }, Unavailable},
		"client_info alone": {func(i *idp) {
			i.answer = func(a map[string]any) {
				delete(a, "id_token")
				a["client_info"] = "eyJ1aWQiOiJ4IiwidXRpZCI6InkifQ"
			}
		}, WrongPerson},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			p, a, s := ready(t, i)
			before := string(s.bytes())
			i.set(func() { tt.change(i) })
			for range 3 {
				if token, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != tt.want || token != "" {
					t.Errorf("Token() = %q, %v, want %v", token, err, tt.want)
				}
			}
			if string(s.bytes()) != before {
				t.Error("the answer was stored")
			}
			if n := i.refreshes(); n != 1 && tt.want != Unavailable {
				t.Errorf("refreshes = %d, want 1", n)
			}
		})
	}
}

// TestAnswersWithLess: an answer without a new refresh token or ID token leaves
// those that are kept.
func TestAnswersWithLess(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"refresh_token", "id_token", "scope"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			p, a, s := ready(t, i)
			i.set(func() { i.answer = func(a map[string]any) { delete(a, name) } })
			if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
				t.Fatalf("Token() = %v", err)
			}
			c, err := Contents(s.bytes())
			if err != nil || len(c) != 5 || s.rt() == "" {
				t.Errorf("contents = %v, %v, want one of each kind", c, err)
			}
		})
	}
}

// TestDiscoveryOnce: a thousand uses, one request for the document.
func TestDiscoveryOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p := i.provider(t)
		a, s := i.mustSignIn(t, p, alice)
		for n := range 1000 {
			if n%10 == 0 {
				synctest.Wait() // whoever asks before a refresh has wholly ended shares it
				s.age(0)
			}
			if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, what := range []string{"openid-configuration", "keys"} {
			if n := i.count(what); n != 1 {
				t.Errorf("requests for %s = %d, want 1", what, n)
			}
		}
		if n := i.count("instance"); n != 0 {
			t.Errorf("instance discovery requests = %d, want 0", n)
		}
		if got := testutil.ToFloat64(p.metrics.tokens.WithLabelValues("hit")); got != 900 {
			t.Errorf("hits = %v, want 900", got)
		}
		if got := testutil.ToFloat64(p.metrics.refreshes.WithLabelValues("refreshed")); got != 100 {
			t.Errorf("refreshes = %v, want 100", got)
		}
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		<-s.turn // another process refreshes
		go func() {
			if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != Unavailable {
				t.Errorf("Token() while closing = %v, want Unavailable", err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		p.Close()
		if d := time.Since(began); d > 0 {
			t.Errorf("Close() waited %v for another process", d)
		}
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != Unavailable {
			t.Errorf("Token() after Close = %v, want Unavailable", err)
		}
	})
}
