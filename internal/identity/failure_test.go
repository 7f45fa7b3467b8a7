package identity

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefusals is the table of Entra's answers: what they mean, how many token
// requests five page loads cost, and whether the tokens stay.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"capolids":{"essential":true,"values":["x"]}}}`
	tests := []struct {
		name     string
		status   int
		answer   map[string]any
		want     Problem
		requests int
		keeps    bool
	}{
		{"invalid_grant", 400, map[string]any{"error": "invalid_grant", "error_codes": []int{700082}, "suberror": "bad_token"}, SignIn, 1, false},
		{"token_expired", 400, map[string]any{"error": "invalid_grant", "error_codes": []int{70043}, "suberror": "token_expired"}, SignIn, 1, false},
		{"revoked", 400, map[string]any{"error": "invalid_grant", "error_codes": []int{50173}}, SignIn, 1, false},
		{"consent", 400, map[string]any{"error": "invalid_grant", "error_codes": []int{65001}, "suberror": "consent_required"}, Consent, 1, true},
		{"MFA", 400, map[string]any{"error": "interaction_required", "error_codes": []int{50076}, "claims": claims}, SignIn, 1, true},
		{"MFA by basic_action", 400, map[string]any{"error": "invalid_grant", "suberror": "basic_action", "claims": claims}, SignIn, 1, true},
		{"blocked", 400, map[string]any{"error": "interaction_required", "suberror": "message_only"}, Blocked, 1, true},
		{"access denied", 400, map[string]any{"error": "access_denied"}, Blocked, 1, true},
		{"secret expired", 401, map[string]any{"error": "invalid_client", "error_codes": []int{7000222}}, Misconfigured, 1, true},
		{"bad scope", 400, map[string]any{"error": "invalid_scope"}, Misconfigured, 1, true},
		{"loop", 400, map[string]any{"error": "invalid_grant", "error_codes": []int{50196}}, Unavailable, 1, true},
		{"temporarily", 400, map[string]any{"error": "temporarily_unavailable"}, Unavailable, 10, true},
		{"500", 500, nil, Unavailable, 10, true},
		{"503 with invalid_grant", 503, map[string]any{"error": "invalid_grant"}, Unavailable, 10, true},
		{"429", 429, nil, Unavailable, 5, true},
		{"403 of a proxy", 403, nil, Unavailable, 5, true},
		{"new error", 400, map[string]any{"error": "something_new"}, Unavailable, 5, true},
		{"error of another type", 400, map[string]any{"error": 5}, Unavailable, 5, true},
		{"connection lost", 599, nil, Unavailable, 10, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				p, a, s := ready(t, i)
				i.set(func() {
					i.token = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, tt.status, tt.answer); return true }
				})
				var last error
				for range 5 {
					var token string
					if token, last = p.Token(t.Context(), a, s, TokenOptions{}); problem(last) != tt.want || token != "" {
						t.Fatalf("Token() = %q, %v, want %v", token, last, tt.want)
					}
					// The answer is given before the refresh has let go of its
					// lock; whoever asks in between shares it.
					synctest.Wait()
				}
				if n := i.refreshes(); n != tt.requests {
					t.Errorf("token requests = %d, want %d", n, tt.requests)
				}
				if kept := s.rt() != ""; kept != tt.keeps {
					t.Errorf("tokens kept = %v, want %v", kept, tt.keeps)
				}
				var e *Error
				if errors.As(last, &e); tt.answer["claims"] != nil && e.Claims != claims {
					t.Errorf("Claims = %q, want %q", e.Claims, claims)
				}
				if !tt.keeps {
					return
				}
				// What was wrong passes, and nobody had to sign in again.
				i.set(func() { i.token = nil })
				time.Sleep(11 * time.Minute)
				if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
					t.Errorf("Token() later = %v", err)
				}
			})
		})
	}
}

// TestRefusalEndsWithNewTokens: a refusal is about one refresh token.
func TestRefusalEndsWithNewTokens(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	i.set(func() {
		i.token = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, 400, map[string]any{"error": "interaction_required"})
			return true
		}
	})
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != SignIn {
		t.Fatalf("Token() = %v, want SignIn", err)
	}
	i.set(func() { i.token = nil })
	_, fresh := i.mustSignIn(t, p, alice)
	fresh.age(0)
	s.set(fresh.bytes())
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
		t.Errorf("Token() after a new sign-in = %v", err)
	}
}

// TestRetryAfter: Microsoft's pause is kept, told to all, and then over.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"30", "date", "soon", "-4", "99999999999"} {
		t.Run(header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				p, a, s := ready(t, i)
				i.set(func() {
					i.token = func(w http.ResponseWriter, _ *http.Request) bool {
						if header == "date" {
							w.Header().Set("Retry-After", time.Now().Add(30*time.Second).UTC().Format(http.TimeFormat))
						} else {
							w.Header().Set("Retry-After", header)
						}
						w.WriteHeader(429)
						return true
					}
				})
				ask := func() time.Duration {
					var e *Error
					_, err := p.Token(t.Context(), a, s, TokenOptions{})
					if !errors.As(err, &e) || e.Problem != Unavailable {
						t.Fatalf("Token() = %v, want Unavailable", err)
					}
					return e.RetryAfter
				}
				want, requests := map[string]time.Duration{"30": 30 * time.Second, "date": 30 * time.Second}[header], 1
				switch header {
				case "soon", "-4":
					requests = 2
				case "99999999999":
					want = time.Hour
				}
				if got := ask(); got != want {
					t.Errorf("RetryAfter = %v, want %v", got, want)
				}
				time.Sleep(10 * time.Second)
				if got := ask(); want > 0 && got != want-10*time.Second {
					t.Errorf("RetryAfter after 10 s = %v, want %v", got, want-10*time.Second)
				}
				if n := i.refreshes(); n != requests {
					t.Errorf("token requests = %d, want %d", n, requests)
				}
				i.set(func() { i.token = nil })
				time.Sleep(want)
				if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
					t.Errorf("Token() after the pause = %v", err)
				}
			})
		})
	}
}

// TestLastMoments: while a token still works, whatever is in the way of a new
// one costs a moment, and nothing else. Only what ends its use does.
func TestLastMoments(t *testing.T) {
	t.Parallel()
	answer := func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, status, map[string]any{"error": code})
			return true
		}
	}
	for _, tt := range []struct {
		name  string
		token func(http.ResponseWriter, *http.Request) bool
		lock  bool // fails
		ends  bool
	}{
		{"Microsoft is down", answer(503, "temporarily_unavailable"), false, false},
		{"Microsoft hangs", slowly(20 * time.Second), false, false},
		{"the app's secret is wrong", answer(401, "invalid_client"), false, false},
		{"the store fails", nil, true, false},
		{"access is withdrawn", answer(400, "invalid_grant"), false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				p, a, s := ready(t, i)
				defer p.Close()
				s.age(2 * time.Minute)
				i.set(func() { i.token = tt.token })
				cache := failingStore{store: s, lock: tt.lock}
				began := time.Now()
				token, err := p.Token(t.Context(), a, cache, TokenOptions{})
				if tt.ends {
					if problem(err) != SignIn {
						t.Errorf("Token() = %q, %v, want SignIn", token, err)
					}
					return
				}
				if took := time.Since(began); err != nil || token == "" || took > lastPatience {
					t.Errorf("Token() = %q, %v after %v, want the old one at once", token, err, took)
				}
				time.Sleep(100 * time.Second)
				s.age(20 * time.Second)
				if token, err := p.Token(t.Context(), a, cache, TokenOptions{}); err == nil {
					t.Errorf("Token() = %q with twenty seconds to live, want an error", token)
				}
			})
		})
	}
}

// TestAnotherWriterCame: Microsoft refuses the refresh token, and meanwhile the
// store holds another: that one is used, and kept.
func TestAnotherWriterCame(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	_, other := i.mustSignIn(t, p, alice)
	other.age(0)
	dead := s.rt()
	i.set(func() {
		i.token = func(w http.ResponseWriter, r *http.Request) bool {
			if r.PostForm.Get("refresh_token") != dead {
				return false
			}
			s.set(other.bytes())
			refuse(w, 400, map[string]any{"error": "invalid_grant"})
			return true
		}
	})
	if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
		t.Errorf("Token() = %q, %v", token, err)
	}
	if got := s.rt(); got != i.newest(alice) {
		t.Errorf("stored refresh token = %q, want %q", got, i.newest(alice))
	}
}

// TestScopeNotGranted: MSAL gives up on such an answer, but the refresh token
// in it is the only one that still works.
func TestScopeNotGranted(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.strict = true
	p, a, s := ready(t, i)
	i.set(func() { i.answer = func(a map[string]any) { a["scope"] = "openid " + strings.Join(scopes, " ") } })
	for range 3 {
		if _, err := p.Token(t.Context(), a, s, TokenOptions{Shared: true}); problem(err) != Consent {
			t.Errorf("Token(Shared) = %v, want Consent", err)
		}
	}
	if n := i.refreshes(); n != 1 {
		t.Errorf("refreshes = %d, want 1", n)
	}
	if got := s.rt(); got != i.newest(alice) {
		t.Errorf("stored refresh token = %q, want %q", got, i.newest(alice))
	}
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
		t.Errorf("Token() = %v", err)
	}
}

// TestDamagedCache: what is no token cache is a person without tokens.
func TestDamagedCache(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	good := s.bytes()
	for _, b := range [][]byte{nil, []byte("{}"), []byte("null"), good[:len(good)/2], []byte("canary"), []byte(`{"AccessToken":[1]}`), []byte(`{"RefreshToken":{"x":"y"}}`)} {
		s.set(b)
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != SignIn {
			t.Errorf("Token() of %.20q = %v, want SignIn", b, err)
		}
	}
	s.set(good)
	if _, err := p.Token(t.Context(), Account{Home: []byte("{}")}, s, TokenOptions{}); problem(err) != SignIn {
		t.Errorf("Token() without an account = %v, want SignIn", err)
	}
	b := a
	b.Home = []byte(strings.ReplaceAll(string(a.Home), alice.oid, bob.oid))
	if token, err := p.Token(t.Context(), b, s, TokenOptions{}); problem(err) != SignIn {
		t.Errorf("Token() of another's cache = %q, %v, want SignIn", token, err)
	}
	if n := i.refreshes(); n != 0 {
		t.Errorf("token requests = %d, want 0", n)
	}
}

// failingStore fails where a test says.
type failingStore struct {
	*store
	load, lock bool
}

func (f failingStore) Load(ctx context.Context, fresh bool) ([]byte, error) {
	if f.load && fresh {
		return nil, errStore
	}
	return f.store.Load(ctx, fresh)
}

func (f failingStore) Lock(ctx context.Context) (func(), error) {
	if f.lock {
		return nil, errStore
	}
	return f.store.Lock(ctx)
}

// TestStoreErrors: the store's errors come back as they are, and Microsoft is
// not asked.
func TestStoreErrors(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	for _, f := range []failingStore{{store: s, load: true}, {store: s, lock: true}} {
		if _, err := p.Token(t.Context(), a, f, TokenOptions{}); !errors.Is(err, errStore) {
			t.Errorf("Token() = %v, want the store's error", err)
		}
	}
	s.ended = true
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); !errors.Is(err, ErrEnded) {
		t.Errorf("Token() = %v, want ErrEnded", err)
	}
	if n := i.refreshes(); n != 0 {
		t.Errorf("token requests = %d, want 0", n)
	}
}

// TestNothingLeaks: no error and no log line holds what must stay secret,
// whatever Microsoft answers.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const token = `{"token_type":"Bearer","access_token":"canary-at","refresh_token":"canary-rt","id_token":"canary-id"`
	answers := map[string]func(http.ResponseWriter){
		"truncated":     func(w http.ResponseWriter) { _, _ = w.Write([]byte(token)) },
		"no expires_in": func(w http.ResponseWriter) { _, _ = w.Write([]byte(token + "}")) },
		"error in 200": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"canary","expires_in":3600}`))
		},
		"wrong types": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"access_token":{"canary":1},"expires_in":"canary"}`))
		},
		"bad ID token":    func(w http.ResponseWriter) { _, _ = w.Write([]byte(token + `,"expires_in":3600}`)) },
		"bad client_info": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"client_info":"canary!","expires_in":3600}`)) },
		"HTML":            func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>canary</html>")) },
		"HTML 400":        func(w http.ResponseWriter) { w.WriteHeader(400); _, _ = w.Write([]byte("<html>canary</html>")) },
		"10 MB": func(w http.ResponseWriter) {
			_, _ = w.Write(append([]byte(token), bytes.Repeat([]byte("canary "), 10<<17)...))
		},
		"description": func(w http.ResponseWriter) {
			refuse(w, 400, map[string]any{"error": "invalid_grant", "error_description": "AADSTS70000: canary", "trace_id": "canary\nx"})
		},
		"error code": func(w http.ResponseWriter) {
			refuse(w, 400, map[string]any{"error": "canary\ninjected", "suberror": "canary"})
		},
		"redirect":   func(w http.ResponseWriter) { w.Header().Set("Location", testOrigin+"/canary"); w.WriteHeader(302) },
		"reset":      func(w http.ResponseWriter) { w.WriteHeader(599) },
		"empty":      func(w http.ResponseWriter) {},
		"duplicates": func(w http.ResponseWriter) { _, _ = w.Write([]byte(token + `,"access_token":"canary-at-2"}`)) },
		"deep": func(w http.ResponseWriter) {
			_, _ = w.Write(bytes.Repeat([]byte(`{"canary":`), 20_000))
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			i := newIDP()
			p, a, s := ready(t, i, func(c *Config) {
				c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			before := string(s.bytes())
			i.set(func() { i.token = func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true } })
			_, err := p.Token(t.Context(), a, s, TokenOptions{})
			_, err2 := i.signIn(t, p, alice, Request{})
			p.Close()
			if err == nil || err2 == nil {
				t.Fatalf("Token() = %v, Finish() = %v, want errors", err, err2)
			}
			for what, text := range map[string]string{"Token()": err.Error(), "Finish()": err2.Error(), "the log": log.String()} {
				if strings.Contains(text, "canary") || strings.Count(text, "\n") > 1 && what != "the log" {
					t.Errorf("%s tells %q", what, text)
				}
			}
			if name != "description" && string(s.bytes()) != before {
				t.Error("something was stored")
			}
		})
	}
}
