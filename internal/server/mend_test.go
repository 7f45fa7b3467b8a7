package server

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"daybook/internal/simulator"
)

// TestOneTripToMicrosoft: what only Microsoft can mend goes there at once, also
// right after a sign-in; coming back with the same is a page and no loop.
func TestOneTripToMicrosoft(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	s.sim.Challenge(s.people[0])

	const page = "/calendar/week/2026-11-23"
	first := b.get(t, page, "Cache-Control", "no-cache")
	to, err := url.Parse(first.Header.Get("Location"))
	if err != nil || first.StatusCode != http.StatusSeeOther || !strings.HasSuffix(to.Path, "/authorize") {
		t.Fatalf("a claims challenge: %d to %q, want 303 to Microsoft", first.StatusCode, to)
	}
	if claims := to.Query().Get("claims"); !strings.Contains(claims, "nbf") {
		t.Errorf("claims sent on = %q, want those of the challenge", claims)
	}
	if hint := to.Query().Get("login_hint"); hint != s.people[0].Username {
		t.Errorf("login_hint = %q, want %q", hint, s.people[0].Username)
	}
	again := b.get(t, page, "Cache-Control", "no-cache")
	if again.StatusCode != http.StatusUnauthorized || !strings.Contains(again.text, "return_to="+url.QueryEscape(page)) {
		t.Errorf("the same challenge again: %d, want a page with the way back to %s", again.StatusCode, page)
	}
}

// TestSharedWishWithoutPermission: that somebody else wished for shared
// calendars in this browser keeps nobody out.
func TestSharedWishWithoutPermission(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	const page = "/calendar/week/2026-11-23"
	b.cookies[settingsCookie] = "shared=on"
	got := b.get(t, page)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != page {
		t.Fatalf("GET %s = %d to %q, want 303 back to itself", page, got.StatusCode, got.Header.Get("Location"))
	}
	if set := got.Header.Get("Set-Cookie"); !strings.HasPrefix(set, settingsCookie+"=") || strings.Contains(set, "shared") {
		t.Errorf("Set-Cookie = %q, want settings without the wish", set)
	}
}

// TestSearchShowsWhatCame: one part of the year that fails is named, the rest
// is shown; only where nothing came there is a 503.
func TestSearchShowsWhatCame(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	var (
		mu    sync.Mutex
		start string
	)
	s.sim.Inject(simulator.Fault{On: simulator.Graph, Status: http.StatusServiceUnavailable, Match: func(r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/calendarView") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if start == "" {
			start = r.URL.Query().Get("startDateTime")
		}
		return r.URL.Query().Get("startDateTime") == start
	}})
	got := b.get(t, "/calendar/search?q=lunch")
	if got.StatusCode != http.StatusOK || !strings.Contains(got.text, "h-event") || !strings.Contains(got.text, "Missing or incomplete") {
		t.Errorf("search with a part missing: %d", got.StatusCode)
	}
	s.sim.Inject(simulator.Fault{On: simulator.Graph, Status: http.StatusServiceUnavailable,
		Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/calendarView") }})
	if got := b.get(t, "/calendar/search?q=lunch", "Cache-Control", "no-cache"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("search with everything missing: %d, want 503", got.StatusCode)
	}
}

// TestNoCalendarsIsNoEmptyWeek: that the list of calendars did not come must
// not look like a week without events.
func TestNoCalendarsIsNoEmptyWeek(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	s.sim.Inject(simulator.Fault{On: simulator.Graph, Status: http.StatusServiceUnavailable,
		Match: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1.0/me/calendar") }})
	if got := b.get(t, "/calendar/week/2026-11-23", "Cache-Control", "no-cache"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a week without its calendars: %d, want 503", got.StatusCode)
	}
}
