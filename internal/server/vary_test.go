package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestAnswersAreOnePersons: what a browser keeps for a while, such as the
// photo, is not shown to who signs in there next, and static files do not
// depend on who asks.
func TestAnswersAreOnePersons(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	b.signIn(t, s.people[0])
	page := b.get(t, "/calendar/week/2026-07-08")
	style, _ := page.page(t).Find(`link[rel="stylesheet"]`).First().Attr("href")
	for path, cookies := range map[string]bool{"/": true, "/profile/photo": true, "/settings": true, style: false} {
		for _, coding := range []string{"gzip", "identity"} {
			got := b.get(t, path, "Accept-Encoding", coding)
			if got.StatusCode >= http.StatusBadRequest {
				t.Fatalf("GET %s = %d", path, got.StatusCode)
			}
			vary := strings.Split(strings.Join(got.Header.Values("Vary"), ", "), ", ")
			if slices.Contains(vary, "Cookie") != cookies || !slices.Contains(vary, "Accept-Encoding") {
				t.Errorf("GET %s (%s): Vary %q, want Accept-Encoding, and Cookie: %v", path, coding, vary, cookies)
			}
		}
	}
}
