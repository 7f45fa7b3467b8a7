package server

import (
	"net/http"
	"net/url"
	"testing"
)

// TestRevokeOfSomebodyElses: another person's session does not end, and neither
// the page nor the audit says that it has.
func TestRevokeOfSomebodyElses(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	one, same, other := s.browser("en"), s.browser("en"), s.browser("en")
	one.signIn(t, s.people[0])
	same.signIn(t, s.people[0])
	other.signIn(t, s.people[1])
	id, found := same.get(t, "/sessions").page(t).Find(`input[name="id"]`).First().Attr("value")
	if !found {
		t.Fatal("the page of sessions names none")
	}
	s.logs.reset()
	if got := other.post(t, "/sessions/revoke", url.Values{"id": {id}}); got.StatusCode != http.StatusNotFound {
		t.Errorf("revoking somebody else's session: %d, want 404", got.StatusCode)
	}
	if lines := s.logs.lines(t, "audit"); len(lines) != 0 {
		t.Errorf("audit = %v, want nothing", lines)
	}
	if got := one.get(t, "/sessions"); got.StatusCode != http.StatusOK {
		t.Errorf("the session meant: %d, want 200", got.StatusCode)
	}
	if got := same.post(t, "/sessions/revoke", url.Values{"id": {id}}); got.StatusCode != http.StatusSeeOther {
		t.Errorf("revoking one's own session: %d, want 303", got.StatusCode)
	}
	if got := one.get(t, "/sessions"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("after it was revoked: %d, want 303", got.StatusCode)
	}
}
