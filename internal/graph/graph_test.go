package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// staticTokens hands out token-1 and, to who was refused that, token-2.
type staticTokens struct {
	asked   atomic.Int32
	renewed atomic.Int32
}

func (s *staticTokens) Token(_ context.Context, refused string) (string, error) {
	s.asked.Add(1)
	if refused != "" {
		s.renewed.Add(1)
		return "token-2", nil
	}
	return "token-1", nil
}

// A failing Tokens.
type noTokens struct{ err error }

func (n noTokens) Token(context.Context, string) (string, error) { return "", n.err }

// roundTripper stands in for a network where time is pretended (synctest).
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// serve starts a pretended Graph and a client for it.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	cfg := Config{Endpoint: srv.URL}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	t.Cleanup(c.Close)
	return c
}

// pretend returns a client whose calls f answers, for use within synctest.
func pretend(t *testing.T, f roundTripper, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Endpoint: "https://graph.test", HTTP: &http.Client{Transport: f}}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func work(id string) []Calendar { return []Calendar{{ID: id, Name: "Calendar " + id}} }

var (
	monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	week   = monday.AddDate(0, 0, 7)
)

// oneEvent is a page with one event on Tuesday.
func oneEvent(id string) string {
	return fmt.Sprintf(`{"value":[%s]}`, eventJSON(id))
}

func eventJSON(id string) string {
	return fmt.Sprintf(`{"id":%q,"subject":"secret subject","start":{"dateTime":"2026-11-24T09:00:00.0000000","timeZone":"UTC"},
		"end":{"dateTime":"2026-11-24T10:00:00.0000000","timeZone":"UTC"},"showAs":"Busy"}`, id)
}

func TestNewRefusesBadEndpoints(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "graph.microsoft.com", "ftp://graph.microsoft.com", "https://", "https://a:b@c", "https://a?x=1", "https://a#b", "://"} {
		if _, err := New(Config{Endpoint: s}); err == nil {
			t.Errorf("New(%q) = nil error", s)
		}
	}
}

func TestOwnHostOnly(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Endpoint: "https://graph.microsoft.com/"})
	if err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]bool{
		"https://graph.microsoft.com/v1.0/me?$skip=10":           true,
		"https://GRAPH.microsoft.com:443/v1.0/me":                true,
		"http://graph.microsoft.com/v1.0/me":                     false,
		"https://graph.microsoft.com:8443/v1.0/me":               false,
		"https://graph.microsoft.com.evil.test/v1.0/me":          false,
		"https://graph.microsoft.com@evil.test/v1.0/me":          false,
		"https://user@graph.microsoft.com/v1.0/me":               false,
		"//graph.microsoft.com/v1.0/me":                          false,
		"/v1.0/me":                                               false,
		"https://evil.test/?https://graph.microsoft.com/v1.0/me": false,
		"https://graph.microsoft.com\\@evil.test/":               false,
	} {
		if got := c.own(link); got != want {
			t.Errorf("own(%q) = %v, want %v", link, got, want)
		}
	}
}

func TestForgetWhileInFlight(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 4), make(chan struct{})
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			arrived <- struct{}{}
			<-release
		}
		io.WriteString(w, oneEvent("a"))
	})
	done := make(chan error)
	go func() {
		_, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false)
		done <- err
	}()
	<-arrived
	c.Forget("o")
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := c.cache.size(); n != 0 {
		t.Errorf("after Forget %v bytes are kept of an answer that was on its way", n)
	}
	if _, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false); err != nil {
		t.Fatal(err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("calls = %d, want 2", n)
	}
	c.Forget("o")
	if n := c.cache.size(); n != 0 {
		t.Errorf("after Forget %v bytes are kept", n)
	}
}

func TestOwnersAreKeptApart(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, oneEvent(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			owner := fmt.Sprint(i % 8)
			e, err := c.Mailbox(owner, tokenFor(owner)).Events(t.Context(), work("1"), monday, week, i%3 == 0)
			if err != nil || len(e.List) != 1 || e.List[0].ID != "token of "+owner {
				t.Errorf("owner %s got %v, %v", owner, e.List, err)
			}
		})
	}
	wg.Wait()
}

type tokenFor string

func (o tokenFor) Token(context.Context, string) (string, error) { return "token of " + string(o), nil }

func TestEqualRequestsShareOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			<-release
			return reply(200, nil, oneEvent("a")), nil
		})
		defer c.Close()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				e, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false)
				if err != nil || len(e.List) != 1 {
					t.Errorf("Events = %v, %v", e, err)
				}
			})
		}
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("calls = %d, want 1", n)
		}
		// A reload must not be served by what was asked before it.
		wg.Go(func() {
			if _, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, true); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if n := calls.Load(); n != 2 {
			t.Errorf("calls with a reload = %d, want 2", n)
		}
		close(release)
		wg.Wait()
	})
}

func TestBrowserThatGoesAwayHurtsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			select {
			case <-release:
				return reply(200, nil, oneEvent("a")), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		defer c.Close()
		ctx, leave := context.WithCancel(t.Context())
		first := underWay(ctx, c, new(staticTokens))
		second := underWay(t.Context(), c, new(staticTokens))
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v, want context.Canceled", err)
		}
		close(release)
		if err := <-second; err != nil {
			t.Errorf("who stayed got %v", err)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("calls = %d, want 1", n)
		}
	})
}

// underWay asks for a week in a synctest bubble and returns when the call has
// come to rest; the channel gives its error.
func underWay(ctx context.Context, c *Client, tokens Tokens) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := c.Mailbox("o", tokens).Events(ctx, work("1"), monday, week, false)
		done <- err
	}()
	synctest.Wait()
	return done
}

func TestTroubleWithTokensIsNotShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := pretend(t, func(r *http.Request) (*http.Response, error) { return reply(200, nil, oneEvent("a")), nil })
		defer c.Close()
		ended := errors.New("session ended")
		first := underWay(t.Context(), c, tokenFunc(func() (string, error) {
			<-release
			return "", ended
		}))
		second := underWay(t.Context(), c, new(staticTokens))
		close(release)
		if err := <-first; !errors.Is(err, ended) {
			t.Errorf("the session that ended got %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the other session got %v", err)
		}
	})
}

type tokenFunc func() (string, error)

func (f tokenFunc) Token(context.Context, string) (string, error) { return f() }

func TestCloseWaitsAndRefuses(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	done := make(chan error)
	go func() {
		_, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, false)
		done <- err
	}()
	<-arrived
	c.Close()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("in flight at Close: %v, want context.Canceled", err)
	}
	if _, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
	c.Mailbox("o", new(staticTokens)).Prefetch(t.Context(), work("1"), monday, week)
}

// Nothing that a person wrote, no token and no message of Graph's may reach a
// log or an error text.
func TestNothingPrivateInLogsAndErrors(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	var ids []string
	bodies := []string{
		`{"error":{"code":"canary code with spaces","message":"canary message"}}`,
		`{"error":{"code":"ErrorInternal","message":"canary message","innerError":{"x":"canary"}}}`,
		`<html>canary</html>`,
	}
	for _, status := range []int{200, 400, 401, 403, 404, 500, 503, 302} {
		for _, body := range bodies {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				ids = append(ids, r.Header.Get("client-request-id"))
				w.Header().Set("request-id", "request-1")
				w.Header().Set("Location", "https://canary.test/")
				w.WriteHeader(status)
				io.WriteString(w, body)
			}, func(cfg *Config) { cfg.Log = logger })
			_, err := c.Mailbox("canary-owner", tokenFor("canary")).Events(t.Context(), work("canary-calendar"), monday, week, false)
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
				t.Errorf("status %d, body %q: error %v", status, body, err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(log.String(), "canary") {
		t.Errorf("log holds what it must not:\n%s", log.String())
	}
	if !strings.Contains(log.String(), `"request_id":"request-1"`) || !strings.Contains(log.String(), ids[0+len(bodies)]) {
		t.Errorf("log lacks the ids to trace a call by:\n%s", log.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestGUID(t *testing.T) {
	t.Parallel()
	a, b := newGUID(), newGUID()
	if len(a) != 36 || a == b || a[14] != '4' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("newGUID() = %s, %s", a, b)
	}
}
