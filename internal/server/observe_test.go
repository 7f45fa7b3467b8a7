package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"daybook/internal/session"

	"github.com/prometheus/client_golang/prometheus"
)

// One line per request: its route, not its address; who in hashed form; nothing
// that was typed, sent or shown.
func TestOneLogLinePerRequest(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0])
	for _, test := range []struct {
		name string
		ask  func() answer
		want map[string]any
	}{
		{"a page", func() answer { return person.get(t, "/calendar/week/2026-07-08?tz=Asia/Tokyo&private=word") },
			map[string]any{"route": "GET /calendar/{view}/{date}", "method": "GET", "status": 200.0, "level": "INFO", "client": "192.0.2.1"}},
		{"a search", func() answer { return person.get(t, "/calendar/search?q=private") },
			map[string]any{"route": "GET /calendar/search", "status": 200.0, "level": "INFO"}},
		{"a form", func() answer { return person.post(t, "/settings", url.Values{"theme": {"private"}}) },
			map[string]any{"route": "POST /settings", "method": "POST", "status": 303.0}},
		{"no page", func() answer { return person.get(t, "/private/word?q=private") },
			map[string]any{"route": "none", "status": 404.0, "level": "INFO"}},
		{"an odd method", func() answer { return person.do(t, httptest.NewRequest("PRIVATE", "/profile", nil)) },
			map[string]any{"route": "none", "method": "other", "status": 405.0}},
		{"behind a proxy", func() answer {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "10.1.2.3:4"
			return person.do(t, r, "X-Forwarded-For", "203.0.113.9")
		}, map[string]any{"route": "GET /{$}", "client": "203.0.113.9", "status": 303.0}},
		{"a refused form", func() answer { return person.post(t, "/settings?q=private", nil, "Sec-Fetch-Site", "cross-site") },
			map[string]any{"route": "none", "status": 403.0}},
		{"an outage", func() answer {
			s.store.fail(errors.New("away"))
			defer s.store.fail(nil)
			return person.get(t, "/profile")
		}, map[string]any{"route": "GET /profile", "status": 503.0, "level": "ERROR"}},
	} {
		s.logs.reset()
		got := test.ask()
		lines := s.logs.lines(t, "request")
		if len(lines) != 1 {
			t.Errorf("%s: %d lines", test.name, len(lines))
			continue
		}
		for name, want := range test.want {
			if lines[0][name] != want {
				t.Errorf("%s: %s is %v, want %v", test.name, name, lines[0][name], want)
			}
		}
		if lines[0]["request"] != got.Header.Get("X-Request-Id") || lines[0]["bytes"] != float64(len(got.text)) {
			t.Errorf("%s: the line %v is not of the answer %s with %d bytes", test.name, lines[0], got.Header.Get("X-Request-Id"), len(got.text))
		}
		s.logs.mu.Lock()
		text := s.logs.text.String()
		s.logs.mu.Unlock()
		for _, private := range []string{"private", "PRIVATE", "Tokyo", "2026-07", "=", s.people[0].Username, s.people[0].Name, person.cookies["daybook"]} {
			if strings.Contains(text, private) {
				t.Errorf("%s: the log holds %q:\n%s", test.name, private, text)
			}
		}
	}
}

// Probes and files would drown the rest of the log, unless they fail.
func TestQuietRoutes(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200} {
		s.logs.reset()
		if got := b.get(t, path); got.StatusCode != want || len(got.Cookies()) > 0 {
			t.Errorf("%s: %d, cookies %v", path, got.StatusCode, got.Cookies())
		}
		if lines := s.logs.lines(t, "request"); len(lines) != 0 {
			t.Errorf("%s: %d lines", path, len(lines))
		}
	}
	s.store.fail(errors.New("away: secret stuff"))
	s.logs.reset()
	got := b.get(t, "/readyz")
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || strings.Contains(got.text, "secret") {
		t.Errorf("not ready: %d, Retry-After %q, %q", got.StatusCode, got.Header.Get("Retry-After"), got.text)
	}
	if lines := s.logs.lines(t, "request"); len(lines) != 1 || lines[0]["level"] != "ERROR" {
		t.Errorf("not ready: lines %v", lines)
	}
	if got := b.get(t, "/healthz"); got.StatusCode != http.StatusOK {
		t.Errorf("not alive: %d", got.StatusCode)
	}
}

// heldPing is a store that takes its time to say that it is well.
type heldPing struct {
	session.Store
	pings atomic.Int32
	open  chan struct{}
}

func (h *heldPing) Ping(ctx context.Context) error {
	h.pings.Add(1)
	<-h.open
	return h.Store.Ping(ctx)
}

// However many ask whether it is ready, the store is asked once.
func TestReadyIsAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestSite(t)
		held := &heldPing{Store: s.store.Store, open: make(chan struct{})}
		s.store.Store = held
		var all sync.WaitGroup
		for range 20 {
			b := s.browser("en")
			all.Go(func() {
				if got := b.get(t, "/readyz"); got.StatusCode != http.StatusOK {
					t.Errorf("not ready: %d", got.StatusCode)
				}
			})
		}
		synctest.Wait()
		if n := held.pings.Load(); n != 1 {
			t.Errorf("the store was asked %d times by 20 at once", n)
		}
		close(held.open)
		all.Wait()
	})
}

// A handler that panics costs its own request and no other.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	site := s.observe(s.secure(s.recoverPanic(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/panic":
			w.Header().Set("Content-Disposition", "attachment")
			panic("secret stuff")
		case "/nil":
			var none *settings
			none.Theme = "x"
		}
	}))))
	for _, path := range []string{"/panic", "/nil"} {
		s.logs.reset()
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		reference := w.Header().Get("X-Request-Id")
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), reference) || reference == "" {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
		if found := leaks.FindString(w.Body.String()); found != "" {
			t.Errorf("%s: the page says %q", path, found)
		}
		if w.Header().Get("Content-Disposition") != "" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "'none'") {
			t.Errorf("%s: headers %v", path, w.Header())
		}
		lines := s.logs.lines(t, "panic")
		if len(lines) != 1 || lines[0]["request"] != reference || !strings.Contains(lines[0]["stack"].(string), "observe_test.go") {
			t.Errorf("%s: logged %v", path, lines)
		}
		if lines := s.logs.lines(t, "request"); len(lines) != 1 || lines[0]["status"] != 500.0 || lines[0]["level"] != "ERROR" {
			t.Errorf("%s: lines %v", path, lines)
		}
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/fine", nil))
	if w.Code != http.StatusOK {
		t.Errorf("the next request: %d", w.Code)
	}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("an aborted answer ends with %v", p)
			}
		}()
		site.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/abort", nil))
	}()
}

// A browser that has gone away is no error of ours, and nobody reads a page.
func TestBrowserGone(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	ctx, gone := context.WithCancel(t.Context())
	gone()
	w := httptest.NewRecorder()
	s.observe(s.page(func(_ http.ResponseWriter, r *http.Request) error { return r.Context().Err() })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	if w.Body.Len() > 0 {
		t.Errorf("an answer of %d bytes", w.Body.Len())
	}
	if lines := s.logs.lines(t, "request"); len(lines) != 1 || lines[0]["level"] != "DEBUG" {
		t.Errorf("lines %v", lines)
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		serve  func(http.ResponseWriter)
		status int
		bytes  int64
	}{
		{"nothing", func(http.ResponseWriter) {}, 200, 0},
		{"a body", func(w http.ResponseWriter) { _, _ = w.Write([]byte("abc")); _, _ = w.Write([]byte("de")) }, 200, 5},
		{"a status", func(w http.ResponseWriter) { w.WriteHeader(404); _, _ = w.Write([]byte("x")) }, 404, 1},
		{"an early hint", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(201) }, 201, 0},
		{"two statuses", func(w http.ResponseWriter) { w.WriteHeader(202); w.WriteHeader(500) }, 202, 0},
	} {
		rec := &recorder{ResponseWriter: httptest.NewRecorder()}
		test.serve(rec)
		if rec.status() != test.status || rec.bytes != test.bytes {
			t.Errorf("%s: %d with %d bytes, want %d with %d", test.name, rec.status(), rec.bytes, test.status, test.bytes)
		}
	}
	rec := &recorder{ResponseWriter: httptest.NewRecorder()}
	if err := http.NewResponseController(rec).Flush(); err != nil {
		t.Errorf("the connection is out of reach: %v", err)
	}
}

// What a stranger sends makes no new time series.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collectors()...)
	b := s.browser("en")
	count := func() int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range families {
			n += len(f.Metric)
		}
		return n
	}
	visit := func(word string) {
		b.get(t, "/"+word)
		b.get(t, "/calendar/week/2026-01-01?q="+word)
		b.get(t, "/static/"+word)
		b.do(t, httptest.NewRequest(strings.ToUpper(word), "/", nil))
		b.get(t, "/", "Host", word)
	}
	visit("one")
	before := count()
	for _, word := range []string{"two", "three", "four"} {
		visit(word)
	}
	if after := count(); before == 0 || after != before {
		t.Errorf("%d time series, then %d", before, after)
	}
}

func TestMethodName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"GET": "GET", "POST": "POST", "get": "other", "X\n": "other", "": "other"} {
		if got := methodName(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
