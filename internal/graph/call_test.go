package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		in   string
		want time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"1", time.Second},
		{" 7 ", 7 * time.Second},
		{"2.128", 2128 * time.Millisecond},
		{"-5", 0},
		{"3600", maxRetryAfter},
		{"1e300", maxRetryAfter},
		{"1e400", maxRetryAfter},
		{"Inf", maxRetryAfter},
		{"NaN", 0},
		{"soon", 0},
		{"Mon, 23 Nov 2026 12:00:10 GMT", 10 * time.Second},
		{"Mon, 23 Nov 2026 11:00:00 GMT", 0},
		{"Mon, 23 Nov 2099 11:00:00 GMT", maxRetryAfter},
	} {
		if got := retryAfter(tt.in, now); got != tt.want {
			t.Errorf("retryAfter(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "2.128", "Mon, 23 Nov 2026 12:00:10 GMT", "-1", "1e400", "0x1p-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, time.Now()); d < 0 || d > maxRetryAfter {
			t.Errorf("retryAfter(%q) = %v", s, d)
		}
	})
}

// A reply that asks to wait costs at most one call more, and a wait within the
// patience of a page.
func TestThrottling(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		status     int
		retryAfter func(now time.Time) string // nil: no header
		recovers   bool                       // the second call succeeds
		calls      int
		atLeast    time.Duration
		atMost     time.Duration
		fails      bool
	}{
		{"one second", 429, text("1"), true, 2, time.Second, time.Second, false},
		{"fraction", 429, text("0.25"), true, 2, 250 * time.Millisecond, 250 * time.Millisecond, false},
		{"date", 429, func(now time.Time) string { return now.UTC().Add(time.Second).Format(http.TimeFormat) }, true, 2, 0, time.Second, false},
		{"missing", 429, nil, true, 2, time.Second, 1200 * time.Millisecond, false},
		{"zero", 429, text("0"), true, 2, time.Second, 1200 * time.Millisecond, false},
		{"too long", 429, text("30"), true, 1, 0, 0, true},
		{"absurd", 429, text("3600"), true, 1, 0, 0, true},
		{"goes on", 429, text("1"), false, 2, time.Second, time.Second, true},
		{"503 without", 503, nil, true, 2, 200 * time.Millisecond, 400 * time.Millisecond, false},
		{"503 with", 503, text("1"), true, 2, time.Second, time.Second, false},
		{"504", 504, nil, false, 2, 200 * time.Millisecond, 400 * time.Millisecond, true},
		{"500", 500, nil, true, 1, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				c := pretend(t, func(r *http.Request) (*http.Response, error) {
					calls++
					if calls > 1 && tt.recovers {
						return reply(200, nil, oneEvent("a")), nil
					}
					h := http.Header{}
					if tt.retryAfter != nil {
						h.Set("Retry-After", tt.retryAfter(time.Now()))
					}
					return reply(tt.status, h, `{"error":{"code":"ApplicationThrottled"}}`), nil
				})
				defer c.Close()
				began := time.Now()
				_, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false)
				if took := time.Since(began); took < tt.atLeast || took > tt.atMost {
					t.Errorf("took %v, want %v to %v", took, tt.atLeast, tt.atMost)
				}
				if calls != tt.calls || (err != nil) != tt.fails {
					t.Errorf("calls = %d, err = %v; want %d, failing %v", calls, err, tt.calls, tt.fails)
				}
				var e *Error
				if err != nil && (!errors.As(err, &e) || e.Status != tt.status || !errors.Is(err, ErrUnavailable)) {
					t.Errorf("err = %v, want an *Error with status %d", err, tt.status)
				}
			})
		})
	}
}

func text(s string) func(time.Time) string { return func(time.Time) string { return s } }

// While Graph wants a pause of one person, that person makes no calls, and
// another is not held back.
func TestBackOffIsSharedByOneOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		busy := true
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			who := r.Header.Get("Authorization")
			calls[who]++
			if busy && who == "Bearer token of a" {
				return reply(429, http.Header{"Retry-After": {"30"}}, ""), nil
			}
			return reply(200, nil, oneEvent("a")), nil
		})
		defer c.Close()
		ask := func(owner, cal string) error {
			_, err := c.Mailbox(owner, tokenFor(owner)).Events(t.Context(), work(cal), monday, week, false)
			return err
		}
		if err := ask("a", "1"); err == nil {
			t.Fatal("no error from a throttled call")
		}
		time.Sleep(10 * time.Second)
		var e *Error
		if err := ask("a", "2"); !errors.As(err, &e) || e.Code != "throttled" || e.RetryAfter != 20*time.Second {
			t.Errorf("while throttled: %#v, want 20 s to wait", e)
		}
		if err := ask("b", "1"); err != nil {
			t.Errorf("somebody else: %v", err)
		}
		busy = false
		c.Mailbox("a", tokenFor("a")).Prefetch(t.Context(), work("3"), monday, week)
		synctest.Wait()
		if n := calls["Bearer token of a"]; n != 1 {
			t.Errorf("calls while throttled = %d, want the first alone", n)
		}
		time.Sleep(20 * time.Second)
		if err := ask("a", "1"); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

func TestSlowReplyTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		defer c.Close()
		began := time.Now()
		_, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
		if took := time.Since(began); took != callTimeout {
			t.Errorf("took %v, want %v", took, callTimeout)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("err = %v, want a time-out", err)
		}
	})
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	const challenge = `Bearer realm="", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, error="insufficient_claims", claims="eyJhIjoxfQ=="`
	t.Run("another token helps", func(t *testing.T) {
		t.Parallel()
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer token-2" {
				w.WriteHeader(401)
				return
			}
			io.WriteString(w, oneEvent("a"))
		})
		tokens := new(staticTokens)
		var four []Calendar
		for i := range 4 {
			four = append(four, work(fmt.Sprint(i))...)
		}
		e, err := c.Mailbox("o", tokens).Events(t.Context(), four, monday, week, false)
		if err != nil || len(e.List) != 4 || len(e.Missing) > 0 {
			t.Errorf("Events = %v, %v", e, err)
		}
		if n := tokens.renewed.Load(); n != 1 {
			t.Errorf("asked for another token %d times, want once", n)
		}
	})
	t.Run("no token helps", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); w.WriteHeader(401) })
		tokens := new(staticTokens)
		m := c.Mailbox("o", tokens)
		for range 2 {
			_, err := m.Events(t.Context(), work("1"), monday, week, false)
			var e *Error
			if !errors.As(err, &e) || e.Status != 401 || e.Claims != "" {
				t.Errorf("err = %v, want status 401", err)
			}
		}
		if tokens.renewed.Load() != 1 || calls.Load() != 3 {
			t.Errorf("renewed %d times, %d calls; want 1, 3", tokens.renewed.Load(), calls.Load())
		}
	})
	t.Run("the same token again", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int32
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); w.WriteHeader(401) })
		_, err := c.Mailbox("o", tokenFor("o")).Events(t.Context(), work("1"), monday, week, false)
		var e *Error
		if !errors.As(err, &e) || e.Status != 401 || calls.Load() != 1 {
			t.Errorf("err = %v after %d calls, want 401 after one", err, calls.Load())
		}
	})
	t.Run("claims end everything", func(t *testing.T) {
		t.Parallel()
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/good/") {
				io.WriteString(w, oneEvent("a"))
				return
			}
			w.Header().Add("WWW-Authenticate", `Basic realm="x"`)
			w.Header().Add("WWW-Authenticate", challenge)
			w.WriteHeader(401)
		})
		tokens := new(staticTokens)
		_, err := c.Mailbox("o", tokens).Events(t.Context(), append(work("good"), work("bad")...), monday, week, false)
		var e *Error
		if !errors.As(err, &e) || e.Claims != `{"a":1}` {
			t.Errorf("err = %v, want the challenge", err)
		}
		if tokens.renewed.Load() != 0 {
			t.Error("a challenge was met with a refresh, which cannot meet it")
		}
	})
	t.Run("errors of Tokens pass through", func(t *testing.T) {
		t.Parallel()
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("a call without a token") })
		want := errors.New("sign in again")
		if _, err := c.Mailbox("o", noTokens{want}).Home(t.Context(), false); !errors.Is(err, want) {
			t.Errorf("Home: %v", err)
		}
		if _, err := c.Mailbox("o", noTokens{want}).Events(t.Context(), work("1"), monday, week, false); !errors.Is(err, want) {
			t.Errorf("Events: %v", err)
		}
	})
}

func TestErrorConditions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  *Error
		want []error
	}{
		{&Error{Status: 404, Code: "ErrorItemNotFound"}, []error{ErrNotFound}},
		{&Error{Status: 410}, []error{ErrNotFound}},
		{&Error{Status: 400, Code: "ErrorInvalidIdMalformed"}, []error{ErrNotFound}},
		{&Error{Status: 400, Code: "ErrorInvalidRequest"}, nil},
		{&Error{Status: 403, Code: "ErrorAccessDenied"}, []error{ErrForbidden}},
		{&Error{Status: 404, Code: "MailboxNotEnabledForRESTAPI"}, []error{ErrNotFound, ErrNoMailbox}},
		{&Error{Status: 404, Code: "ResourceNotFound"}, []error{ErrNotFound, ErrNoMailbox}},
		{&Error{Status: 401, Code: "MailboxNotEnabledForRESTAPI"}, []error{ErrNoMailbox}},
		{&Error{Status: 401}, nil},
		{&Error{Status: 429}, []error{ErrUnavailable}},
		{&Error{Status: 500}, []error{ErrUnavailable}},
		{&Error{Status: 200, Code: "unreadable"}, []error{ErrUnavailable}},
		{&Error{Status: 302, Code: "redirect"}, []error{ErrUnavailable}},
		{&Error{Code: "unreachable"}, []error{ErrUnavailable}},
	} {
		for _, cond := range []error{ErrNotFound, ErrForbidden, ErrNoMailbox, ErrUnavailable} {
			want := false
			for _, w := range tt.want {
				want = want || w == cond
			}
			if got := errors.Is(tt.err, cond); got != want {
				t.Errorf("errors.Is(%v, %v) = %v, want %v", tt.err, cond, got, want)
			}
		}
	}
}

// A reply that is not read to its end costs the next call a new connection.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[bool]int{true: 200, false: 500}[strings.Contains(r.URL.Path, "good")])
		io.WriteString(w, oneEvent("a"))
		w.(http.Flusher).Flush() // chunked, so that the end comes on its own
		io.WriteString(w, "\n")
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c, err := New(Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 10 {
		c.Mailbox("o", new(staticTokens)).Events(t.Context(), work([]string{"good", "bad"}[i%2]), monday, week, true)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for calls one after the other, want 1", n)
	}
}

// A muteConn is a connection that something on the way has forgotten: nothing
// comes, and nobody says so.
type muteConn struct {
	net.Conn
	mute atomic.Bool
}

func (c *muteConn) Write(b []byte) (int, error) {
	if c.mute.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func TestDeadConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	transport := Transport()
	transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	var last atomic.Pointer[muteConn]
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		m := &muteConn{Conn: c}
		last.Store(m)
		return m, err
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	get := func() error {
		answer, err := client.Get(srv.URL)
		if err == nil {
			answer.Body.Close()
			if answer.ProtoMajor != 2 {
				t.Fatalf("spoke %s, want HTTP/2", answer.Proto)
			}
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	last.Load().mute.Store(true)
	for began := time.Now(); get() != nil; {
		if time.Since(began) > 15*time.Second {
			t.Fatal("calls go on over a connection that is dead")
		}
	}
}

func TestPanicCostsOneAnswer(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, oneEvent("a")) })
	_, _, err := fetch(t.Context(), c.Mailbox("o", new(staticTokens)), cacheKey{kind: kindEvent}, false,
		func(context.Context, *job) (answer[int], error) { panic("canary") })
	var e *Error
	if !errors.As(err, &e) || e.Code != "unreadable" {
		t.Errorf("err = %v, want an *Error", err)
	}
	if _, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false); err != nil {
		t.Errorf("the next answer: %v", err)
	}
}
