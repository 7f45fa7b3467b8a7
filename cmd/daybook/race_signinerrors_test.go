package main

import (
	"net/http"
	"strings"
	"testing"

	"daybook/internal/simulator"
)

// A sign-in that fails says why, stores nothing, and leaves alone who was
// signed in to the browser before.
func TestRaceSignInErrors(t *testing.T) {
	t.Parallel()
	p, q := person(1), person(2)
	m := newStage(t, nowhere, p, q)
	at := inFiles(t)
	site := m.inside(nil, at.settings...)
	before := m.visitor().on(site.addr)
	before.enter(q, "/profile")
	records := len(at.records(t, "session-"))

	authorize := func(number int) simulator.Fault {
		return simulator.Fault{On: simulator.Authorize, OAuth: &simulator.OAuthError{AADSTS: number}}
	}
	token := func(number int) simulator.Fault {
		return simulator.Fault{On: simulator.Token, OAuth: &simulator.OAuthError{AADSTS: number}}
	}
	tests := map[string]struct {
		fault  simulator.Fault
		tamper func(*simulator.Draft)
		status int
		says   string
	}{
		"the person says no":        {fault: authorize(65004), status: 403, says: "permission"},
		"only an administrator":     {fault: authorize(90094), status: 403, says: "permission"},
		"microsoft has a hiccup":    {fault: authorize(90033), status: 503, says: "cannot be reached"},
		"wrong secret":              {fault: token(7000215), status: 503, says: "operator"},
		"status 500":                {fault: simulator.Fault{On: simulator.Token, Status: 500}, status: 503, says: "cannot be reached"},
		"throttled":                 {fault: simulator.Fault{On: simulator.Token, Status: 429, Header: http.Header{"Retry-After": {"9"}}}, status: 503},
		"cut off":                   {fault: simulator.Fault{On: simulator.Token, Drop: true}, status: 503},
		"algorithm none":            {tamper: simulator.AlgNone, status: 400},
		"symmetric algorithm":       {tamper: simulator.AlgHS256, status: 400},
		"forged":                    {tamper: simulator.ForgedSignature, status: 400},
		"key from somewhere":        {tamper: simulator.KeyFromURL("https://evil.example/keys"), status: 400},
		"another audience":          {tamper: simulator.WrongAudience, status: 400},
		"another issuer":            {tamper: simulator.ForeignIssuer, status: 400},
		"another tenant":            {tamper: simulator.ForeignTenant, status: 403, says: "organisation"},
		"another nonce":             {tamper: simulator.WrongNonce, status: 400},
		"no nonce":                  {tamper: simulator.NoNonce, status: 400},
		"expired":                   {tamper: simulator.Expired, status: 400},
		"not yet valid":             {tamper: simulator.NotYetValid, status: 400},
		"no ID token":               {tamper: simulator.NoIDToken, status: 400},
		"access token in its place": {tamper: simulator.AccessTokenAsIDToken, status: 400},
	}
	for name, test := range tests {
		fresh := m.visitor().on(site.addr)
		for who, b := range map[string]*visitor{"nobody": fresh, "somebody else": before} {
			cookie := b.cookie()
			link := b.leave("/profile")
			m.Tamper(test.tamper)
			if test.fault.On != "" {
				m.Inject(test.fault)
			}
			at := b.pick(p, link)
			a := b.get(at.to)
			m.ClearFaults()
			m.Tamper(nil)
			if a.status != test.status || !strings.Contains(a.body, test.says) || strings.Contains(a.body, "AADSTS") {
				t.Errorf("%s: %v, want %d with %q", name, a, test.status, test.says)
			}
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
				t.Errorf("%s: 503 without Retry-After", name)
			}
			if a.setsSession() || b.cookie() != cookie {
				t.Errorf("%s: the session of %s changes", name, who)
			}
		}
		if a := before.get("/profile"); !a.shows(q) {
			t.Errorf("%s: who was signed in before: %v", name, a)
		}
	}
	if n := len(at.records(t, "session-")); n != records {
		t.Errorf("%d sessions are stored, want the %d of before", n, records)
	}
	m.RotateKeys() // unannounced, as Microsoft may
	m.visitor().on(site.addr).enter(p, "/profile")
}

// A code that Microsoft no longer takes costs another trip there, and then the
// page that was asked for; a second time in a row it costs a page that says so.
func TestRaceStaleCode(t *testing.T) {
	t.Parallel()
	for _, number := range []int{54005, 70008} {
		p := person(1)
		m := newStage(t, nowhere, p)
		site := m.inside(nil, inFiles(t).settings...)
		b := m.visitor().on(site.addr)
		m.Inject(simulator.Fault{On: simulator.Token, Times: 1, OAuth: &simulator.OAuthError{AADSTS: number}})
		a := b.get(b.asPerson(p, b.leave("/profile")))
		if !strings.HasPrefix(a.to, m.server.URL) {
			t.Fatalf("AADSTS%d: %v, want another trip", number, a)
		}
		if a := b.get(b.asPerson(p, a.to)); a.to != "/profile" || !a.setsSession() {
			t.Errorf("AADSTS%d: back from the other trip: %v", number, a)
		}

		b = m.visitor().on(site.addr)
		m.Inject(simulator.Fault{On: simulator.Token, OAuth: &simulator.OAuthError{AADSTS: number}})
		a = b.get(b.asPerson(p, b.leave("/profile")))
		if a = b.get(b.asPerson(p, a.to)); a.status != http.StatusUnauthorized || !strings.Contains(a.body, `href="/auth/login`) {
			t.Errorf("AADSTS%d for a second time: %v, want a page", number, a)
		}
	}
}
