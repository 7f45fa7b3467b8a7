package session

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/identity"
)

// secretOf is a secret of 32 equal bytes.
func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// newSessions returns sessions of a day on a store.
func newSessions(t testing.TB, store Store, edit ...func(*Options)) *Sessions {
	t.Helper()
	o := Options{
		Store: store, Secrets: [][]byte{secretOf('a')}, Lifetime: 24 * time.Hour,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, e := range edit {
		e(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func account(name string) identity.Account {
	return identity.Account{
		ObjectID: "oid-" + name, TenantID: "tid", Name: name, Username: name + "@example.com",
		SessionID: "sid-" + name, Home: json.RawMessage(`{"home":"` + name + `"}`),
	}
}

func signedIn(name string) identity.SignedIn {
	return identity.SignedIn{Account: account(name), Tokens: []byte("tokens of " + name)}
}

// A testBrowser keeps cookies as a browser does.
type testBrowser struct {
	cookies map[string]string
	agent   string
}

func newBrowser() *testBrowser { return &testBrowser{cookies: make(map[string]string)} }

func (b *testBrowser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("User-Agent", b.agent)
	return r
}

// take stores the cookies of an answer and returns them.
func (b *testBrowser) take(w *httptest.ResponseRecorder) []*http.Cookie {
	set := w.Result().Cookies()
	for _, c := range set {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return set
}

func (b *testBrowser) signIn(s *Sessions, name string) error {
	w := httptest.NewRecorder()
	err := s.SignIn(w, b.request(), signedIn(name))
	b.take(w)
	return err
}

func (b *testBrowser) signOut(s *Sessions) (identity.Account, error) {
	w := httptest.NewRecorder()
	a, err := s.SignOut(w, b.request())
	b.take(w)
	return a, err
}

func (b *testBrowser) mustOpen(t testing.TB, s *Sessions) *Session {
	t.Helper()
	session, err := s.Open(b.request())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return session
}

// mustSignIn returns a browser in which somebody has signed in.
func mustSignIn(t testing.TB, s *Sessions, name string) *testBrowser {
	t.Helper()
	b := newBrowser()
	if err := b.signIn(s, name); err != nil {
		t.Fatalf("SignIn(%s): %v", name, err)
	}
	return b
}

// A tap is a Store that notes what is asked of another one, and lets a test
// stop or fail an operation.
type tap struct {
	Store
	mu     sync.Mutex
	ops    []string
	before func(op, key string) error // nil: nothing
	after  func(op, key string)
}

func (p *tap) note(op, key string) error {
	p.mu.Lock()
	p.ops = append(p.ops, op+" "+kindOf(key))
	before := p.before
	p.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(op, key)
}

func (p *tap) noted(op, key string) {
	p.mu.Lock()
	after := p.after
	p.mu.Unlock()
	if after != nil {
		after(op, key)
	}
}

// set changes what happens around operations from now on, and forgets the
// operations noted.
func (p *tap) set(before func(op, key string) error, after func(op, key string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after, p.ops = before, after, nil
}

// seen returns the operations noted since the last call.
func (p *tap) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.ops, ", ")
	p.ops = nil
	return s
}

func (p *tap) Load(ctx context.Context, key string) ([]byte, error) {
	if err := p.note("load", key); err != nil {
		return nil, err
	}
	defer p.noted("load", key)
	return p.Store.Load(ctx, key)
}

func (p *tap) Swap(ctx context.Context, key string, old, new []byte, end time.Time) error {
	if err := p.note("swap", key); err != nil {
		return err
	}
	defer p.noted("swap", key)
	return p.Store.Swap(ctx, key, old, new, end)
}

func (p *tap) Delete(ctx context.Context, key string) error {
	if err := p.note("delete", key); err != nil {
		return err
	}
	defer p.noted("delete", key)
	return p.Store.Delete(ctx, key)
}

func (p *tap) Touch(ctx context.Context, key string, end time.Time) error {
	if err := p.note("touch", key); err != nil {
		return err
	}
	return p.Store.Touch(ctx, key, end)
}

func (p *tap) Sweep(ctx context.Context, now time.Time) (int, error) {
	if s, ok := p.Store.(sweeper); ok {
		return s.Sweep(ctx, now)
	}
	return 0, nil
}

// A gate stops the first operation that fits until it is opened.
type gate struct {
	reached, open chan struct{}
	passed        atomic.Bool
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) pass() {
	if g.passed.CompareAndSwap(false, true) {
		close(g.reached)
		<-g.open
	}
}

// stopAt makes the store's n-th operation from now, counted from 0, wait at
// the gate.
func (p *tap) stopAt(n int) *gate {
	at := newGate()
	var ops atomic.Int32
	p.set(func(string, string) error {
		if int(ops.Add(1)) == n+1 {
			at.pass()
		}
		return nil
	}, nil)
	return at
}

// A testClock stands still until it is moved.
type testClock struct{ at atomic.Int64 }

func newClock() *testClock {
	c := new(testClock)
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *testClock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *testClock) move(d time.Duration) { c.at.Add(int64(d)) }

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"": "Unknown browser",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0":                                                       "Firefox on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15":                  "Safari on macOS",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36":                                  "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 Edg/128.0":              "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Mobile Safari/537.36":                      "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/128.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
		"curl/8.0":                               "curl",
		"Windows\r\nX: <b>\x1b":                  "Browser on Windows",
		strings.Repeat("x", 1<<20) + "Firefox/1": "Unknown browser",
	} {
		if got := describe(agent); got != want {
			t.Errorf("describe(%.60q) = %q, want %q", agent, got, want)
		}
	}
}
