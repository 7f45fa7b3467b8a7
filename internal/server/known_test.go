package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// TestErrorPagesKnowThePerson: whoever is signed in can sign out from an error
// page too (OWASP ASVS 5.0, 7.4.4); nobody else is offered it.
func TestErrorPagesKnowThePerson(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	const gone = "/calendar/events/nothing"
	signOut := func(a answer) bool { return a.page(t).Find(`form[action="/auth/logout"]`).Length() == 1 }
	b.signIn(t, s.people[0])
	if got := b.get(t, gone); got.StatusCode != http.StatusNotFound || !signOut(got) {
		t.Errorf("GET %s = %d, sign-out offered: %v, want 404 with it", gone, got.StatusCode, signOut(got))
	}
	if got := s.browser("en").get(t, "/nowhere"); signOut(got) {
		t.Error("a stranger's error page offers to sign out")
	}
}

// TestSearchSaysTheYear: the days found are of two years.
func TestSearchSaysTheYear(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	headings := b.get(t, "/calendar/search?q=lunch").page(t).Find(".day h2 .grid-hide").Map(func(_ int, h *goquery.Selection) string { return h.Text() })
	if len(headings) == 0 || slices.ContainsFunc(headings, func(h string) bool { return !strings.Contains(h, " 202") }) {
		t.Errorf("headings = %q, want dates with their years", headings)
	}
}

// TestWorkingHoursAreInTheirZone: hours that the mailbox means in its own zone
// shade nothing in another; those chosen in the settings do.
func TestWorkingHoursAreInTheirZone(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	shades := func(path string) int { return b.get(t, path).page(t).Find(".shade.off").Length() }
	const week = "/calendar/week/2026-07-08"
	if n := shades(week); n == 0 {
		t.Error("no shades in the mailbox's own zone")
	}
	if n := shades(week + "?tz=Asia/Tokyo"); n != 0 {
		t.Errorf("%d shades in another zone, want none", n)
	}
	b.cookies[settingsCookie] = "from=600&till=900"
	if n := shades(week + "?tz=Asia/Tokyo"); n == 0 {
		t.Error("no shades of hours chosen in the settings")
	}
}
