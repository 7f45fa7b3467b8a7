package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Of many that redeem one code, or one strict refresh token, at the same time,
// one is served.
func TestOneUseUnderConcurrency(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.SetStrict(true)
	code := g.signIn(g.adele)
	_, refresh := g.tokens(g.guest)
	var codes, refreshes atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, res := g.redeem(g.adele, code); res.StatusCode == http.StatusOK {
				codes.Add(1)
			}
		})
		all.Go(func() {
			if _, res := g.refresh(g.guest, refresh); res.StatusCode == http.StatusOK {
				refreshes.Add(1)
			}
		})
	}
	all.Wait()
	if codes.Load() != 1 || refreshes.Load() != 1 {
		t.Errorf("%d codes and %d refresh tokens redeemed, want 1 and 1", codes.Load(), refreshes.Load())
	}
	if got, want := g.Grants(), (Grants{Codes: 2, Refreshes: 1, Reused: 19}); got != want {
		t.Errorf("Grants() = %+v, want %+v", got, want)
	}
}

// FuzzRequests sends any parameters to the endpoints: nothing panics, nothing
// fails inside, and no address but the registered ones is redirected to.
func FuzzRequests(f *testing.F) {
	adele, nestor, guest, mia := people()
	s := New(Options{
		PublicURL: "http://localhost:8080/simulator",
		App:       App{ClientID: clientID, Secret: secret, RedirectURIs: []string{callback}, LogoutURL: goodbye},
		People:    []*Person{adele, nestor, guest, mia},
	})
	good := url.Values{"client_id": {clientID}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {scopes}, "prompt": {"none"}}
	f.Add(good.Encode(), "account="+adele.key())
	f.Add(good.Encode()+"&claims=%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22value%22%3A1%7D%7D%7D", "action=cancel")
	f.Add("post_logout_redirect_uri=https://evil.example/&id_token_hint=a.b.c", "grant_type=refresh_token&client_id="+clientID)
	f.Add("client_id="+clientID+"&redirect_uri=//evil.example", "client_assertion=a.b.c&client_assertion_type="+url.QueryEscape(assertionType)+"&client_id="+clientID)
	f.Fuzz(func(t *testing.T, query, form string) {
		for _, path := range []string{"/authorize", "/token", "/logout"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				r := httptest.NewRequest(method, "/common/oauth2/v2.0"+path, strings.NewReader(form))
				r.URL.RawQuery = query
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code >= 500 {
					t.Errorf("%s %s?%s with %q: %d", method, path, query, form, w.Code)
				}
				to := w.Header().Get("Location") + strings.TrimPrefix(w.Header().Get("Refresh"), "1; url=")
				if to != "" && to != callback && !strings.HasPrefix(to, callback+"?") && !strings.HasPrefix(to, callback+"#") {
					t.Errorf("%s %s?%s with %q leads to %q", method, path, query, form, to)
				}
			}
		}
	})
}
