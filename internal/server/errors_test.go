package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/session"
	"daybook/internal/simulator"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	wrapped := func(err error) error { return fmt.Errorf("outer: %w", err) }
	again := action{"Sign in again", "/auth/login"}
	for _, test := range []struct {
		name   string
		err    error
		status int
		title  string
		after  time.Duration
		action action
	}{
		{"unavailable", &identity.Error{Problem: identity.Unavailable}, 503, "Microsoft sign-in cannot be reached at the moment.", 10 * time.Second, action{}},
		{"unavailable for a time", &identity.Error{Problem: identity.Unavailable, RetryAfter: time.Minute}, 503, "Microsoft sign-in cannot be reached at the moment.", time.Minute, action{}},
		{"sign in", &identity.Error{Problem: identity.SignIn}, 401, "Please sign in again.", 0, again},
		{"consent", &identity.Error{Problem: identity.Consent}, 401, "Please sign in again.", 0, again},
		{"declined", &identity.Error{Problem: identity.Declined}, 403, "You did not give Daybook permission.", 0, again},
		{"blocked", &identity.Error{Problem: identity.Blocked}, 403, "Your organisation does not allow this sign-in.", 0, again},
		{"misconfigured", &identity.Error{Problem: identity.Misconfigured}, 503, "Daybook's registration with Microsoft needs attention.", time.Minute, action{}},
		{"rejected", &identity.Error{Problem: identity.Rejected}, 400, "This sign-in could not be completed.", 0, again},
		{"another organisation", &identity.Error{Problem: identity.Rejected, Code: "tenant"}, 403, "Your organisation may not use this Daybook.", 0, action{"Use another account", "/auth/login?switch=1"}},
		{"wrong person", &identity.Error{Problem: identity.WrongPerson}, 401, "Please sign in again.", 0, again},
		{"of a later version", &identity.Error{Problem: 99}, 503, "Microsoft sign-in cannot be reached at the moment.", 10 * time.Second, action{}},

		{"not found", &graph.Error{Status: 404, Code: "ErrorItemNotFound"}, 404, "Microsoft no longer has this.", 0, action{}},
		{"gone", &graph.Error{Status: 410}, 404, "Microsoft no longer has this.", 0, action{}},
		{"malformed id", &graph.Error{Status: 400, Code: "ErrorInvalidIdMalformed"}, 404, "Microsoft no longer has this.", 0, action{}},
		{"no mailbox", &graph.Error{Status: 404, Code: "MailboxNotEnabledForRESTAPI"}, 404, "This account has no calendar.", 0, action{"Profile", "/profile"}},
		{"refused token", &graph.Error{Status: 401}, 401, "Please sign in again.", 0, again},
		{"forbidden", &graph.Error{Status: 403}, 403, "Microsoft does not let Daybook read this.", 0, action{}},
		{"slow down", &graph.Error{Status: 429, RetryAfter: 7 * time.Second}, 503, "Microsoft asks Daybook to slow down.", 7 * time.Second, action{}},
		{"server error", &graph.Error{Status: 500}, 503, "Microsoft 365 cannot be reached at the moment.", 10 * time.Second, action{}},
		{"unavailable graph", &graph.Error{Status: 503, RetryAfter: 3 * time.Second}, 503, "Microsoft 365 cannot be reached at the moment.", 3 * time.Second, action{}},
		{"no answer", &graph.Error{Code: "unreachable"}, 503, "Microsoft 365 cannot be reached at the moment.", 10 * time.Second, action{}},
		{"closing", graph.ErrClosed, 503, "Daybook is just being restarted.", 10 * time.Second, action{}},

		{"store", session.ErrUnavailable, 503, "Daybook cannot reach its session store at the moment.", 10 * time.Second, action{}},
		{"signed out", session.ErrSignedOut, 401, "You are signed out.", 0, action{"Sign in with Microsoft", "/auth/login"}},
		{"ended meanwhile", session.ErrEnded, 401, "You are signed out.", 0, action{"Sign in with Microsoft", "/auth/login"}},
		{"too slow", context.DeadlineExceeded, 503, "Microsoft is taking too long to answer.", 10 * time.Second, action{}},
		{"a problem", errNotFound, 404, "There is nothing here.", 0, action{}},
		{"anything else", io.ErrUnexpectedEOF, 500, "Something went wrong in Daybook.", 0, action{}},
	} {
		for _, err := range []error{test.err, wrapped(test.err)} {
			p := explain(err)
			if p.Status != test.status || p.Title != test.title || p.RetryAfter != test.after || p.Action != test.action {
				t.Errorf("%s: %d %q after %s, %v; want %d %q after %s, %v", test.name,
					p.Status, p.Title, p.RetryAfter, p.Action, test.status, test.title, test.after, test.action)
			}
			if p.Text == "" {
				t.Errorf("%s: the page does not say what to do", test.name)
			}
		}
	}
}

// leaks are what no page may say of what happened inside.
var leaks = regexp.MustCompile(`sql:|\.go:|\bEOF\b|timeout|timed out|AADSTS|invalid_grant|goroutine|panic|refused|dial|redis|simulator\.invalid|microsoftonline|graph\.microsoft|0x[0-9a-f]{6}|secret stuff`)

// Whatever happens, a page says it in Daybook's own words.
func TestErrorPagesLeakNothing(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	inner := errors.New(`secret stuff: dial tcp redis.internal:6379: i/o timeout; sql: EOF at server.go:12: AADSTS700016 invalid_grant from login.microsoftonline.com`)
	for _, err := range []error{
		inner,
		fmt.Errorf("%w: %w", session.ErrUnavailable, inner),
		fmt.Errorf("%w: %w", context.DeadlineExceeded, inner),
		&identity.Error{Problem: identity.Unavailable, Code: "timeout", AADSTS: 90033, Detail: inner.Error()},
		&identity.Error{Problem: identity.Misconfigured, Code: "invalid_client", AADSTS: 7000215, Detail: inner.Error()},
		&identity.Error{Problem: identity.Rejected, Code: inner.Error()},
		&identity.Error{Problem: identity.Blocked, Code: "access_denied", AADSTS: 50105, Detail: inner.Error()},
		&graph.Error{Status: 500, Code: "timeout"},
		&graph.Error{Code: "unreachable"},
		unavailable("Microsoft is taking too long to answer.", "Please try again.", 0, inner),
	} {
		w := httptest.NewRecorder()
		failing := s.observe(s.secure(s.page(func(http.ResponseWriter, *http.Request) error { return err })))
		failing.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/profile", nil))
		if found := leaks.FindString(w.Body.String()); found != "" || w.Code < 400 {
			t.Errorf("%v: the page (%d) says %q", err, w.Code, found)
		}
		if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: 503 without Retry-After", err)
		}
		if w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%v: headers %v", err, w.Header())
		}
		reference := w.Header().Get("X-Request-Id")
		if len(reference) != 12 || !strings.Contains(w.Body.String(), "<code>"+reference+"</code>") {
			t.Errorf("%v: the page does not hold its reference %q", err, reference)
		}
	}
}

// The same with real failures of all that pages depend on.
func TestOutagesLeakNothingAndKeepTheSession(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0])
	pages := []string{"/calendar", "/calendar/day/2026-07-08", "/profile", "/settings", "/sessions", "/calendar/events/AAMk=", "/profile/photo"}

	check := func(name string, wantFailures bool) {
		t.Helper()
		failures := 0
		for _, path := range pages {
			// A reload asks for what is not kept.
			got := person.get(t, path, "Cache-Control", "no-cache")
			if got.StatusCode >= 500 {
				failures++
				if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
					t.Errorf("%s, %s: %d, Retry-After %q", name, path, got.StatusCode, got.Header.Get("Retry-After"))
				}
			}
			if found := leaks.FindString(got.text); found != "" {
				t.Errorf("%s, %s: the page says %q", name, path, found)
			}
			if person.cookies["daybook"] == "" {
				t.Fatalf("%s, %s: the cookie is gone", name, path)
			}
		}
		if wantFailures && failures == 0 {
			t.Errorf("%s: no page failed", name)
		}
	}
	check("before", false)
	s.sim.Inject(simulator.Fault{On: simulator.Graph, Status: 500, Body: "secret stuff"})
	check("graph answers 500", true)
	s.sim.ClearFaults()
	s.sim.Inject(simulator.Fault{On: simulator.Graph, Drop: true})
	check("graph hangs up", true)
	s.sim.ClearFaults()
	s.sim.RevokeAccess(s.people[0])
	s.sim.Inject(simulator.Fault{On: simulator.Token, Status: 502, Body: "<html>secret stuff"})
	check("tokens cannot be had", true)
	s.sim.ClearFaults()
	s.store.fail(fmt.Errorf("%w: dial tcp: secret stuff", session.ErrUnavailable))
	check("the store is away", true)
	s.store.fail(nil)
	if got := person.get(t, "/sessions"); got.StatusCode != http.StatusOK {
		t.Errorf("after all that: %d", got.StatusCode)
	}
}

// TestOutagesTellTheTruth: who is not signed in is not told that they still
// are, gets a way to begin anew where the old one is used up, and no cookie of a
// session whose fate is unknown is called invalid.
func TestOutagesTellTheTruth(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	stranger := s.browser("en")
	back := stranger.goToMicrosoft(t, "/auth/login?return_to=/profile", s.people[0])
	s.sim.Inject(simulator.Fault{On: simulator.Token, Status: 503})
	got := stranger.get(t, back)
	s.sim.ClearFaults()
	again := got.page(t).Find(`main a[href="/auth/login?return_to=%2Fprofile"]`).Length()
	if got.StatusCode != http.StatusServiceUnavailable || strings.Contains(got.text, "still signed in") || again != 1 {
		t.Errorf("a sign-in that Microsoft's absence ends: %d, %d links to begin anew\n%s", got.StatusCode, again, got.text)
	}

	person := s.browser("en")
	back = person.goToMicrosoft(t, "/auth/login", s.people[0])
	s.store.fail(fmt.Errorf("%w: down", session.ErrUnavailable))
	if got := person.get(t, back); got.StatusCode != http.StatusServiceUnavailable || strings.Contains(got.text, "still signed in") {
		t.Errorf("a sign-in while the store is away: %d\n%s", got.StatusCode, got.text)
	}
	s.store.fail(nil)
	if got := person.get(t, back); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/calendar" {
		t.Errorf("the same once the store is back: %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	s.store.fail(fmt.Errorf("%w: down", session.ErrUnavailable))
	if got := person.get(t, back); got.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got.text, "still signed in") {
		t.Errorf("the same again, with a session that cannot be looked up: %d\n%s", got.StatusCode, got.text)
	}
	if got := person.post(t, "/auth/logout", nil); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Clear-Site-Data") == "" ||
		person.cookies["daybook"] != "" || !strings.Contains(got.text, "Signed out in this browser only") {
		t.Errorf("a sign-out then: %d, Clear-Site-Data %q, cookies %v", got.StatusCode, got.Header.Get("Clear-Site-Data"), person.cookies)
	}
}
