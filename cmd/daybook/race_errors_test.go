package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// What a browser gets for an answer of Microsoft.
const (
	toMicrosoft = "a trip to Microsoft, and back to the same page"
	blocked     = "403: only an administrator can help"
	later       = "503: try again"
)

// What becomes of the session.
const (
	kept    = "the session and its tokens stay"
	dropped = "the session stays, its dead tokens are dropped"
)

// After an answer of the token endpoint to a refresh the browser gets what
// helps the person, nobody is signed out, and only a token that Microsoft has
// called dead is dropped.
func TestRaceRefreshErrors(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`
	oauth := func(number int) simulator.Fault {
		return simulator.Fault{OAuth: &simulator.OAuthError{AADSTS: number}}
	}
	tests := map[string]struct {
		fault  simulator.Fault
		gets   string
		leaves string
	}{
		"grant revoked":             {oauth(50173), toMicrosoft, dropped},
		"token expired":             {oauth(70008), toMicrosoft, dropped},
		"token inactive":            {oauth(700082), toMicrosoft, dropped},
		"sign-in frequency":         {oauth(70043), toMicrosoft, dropped},
		"grant malformed":           {oauth(70000), toMicrosoft, dropped},
		"account disabled":          {oauth(50057), toMicrosoft, dropped},
		"password expired":          {oauth(50055), toMicrosoft, kept},
		"consent":                   {oauth(65001), toMicrosoft, kept},
		"second factor":             {simulator.Fault{OAuth: &simulator.OAuthError{AADSTS: 50076, Claims: claims}}, toMicrosoft, kept},
		"second factor as a grant":  {simulator.Fault{OAuth: &simulator.OAuthError{AADSTS: 50076, Code: "invalid_grant", Claims: claims}}, toMicrosoft, kept},
		"external challenge":        {oauth(50158), toMicrosoft, kept},
		"device not compliant":      {oauth(53000), blocked, kept},
		"conditional access":        {oauth(53003), blocked, kept},
		"wrong secret":              {oauth(7000215), later, kept},
		"secret expired":            {oauth(7000222), later, kept},
		"no such app":               {oauth(700016), later, kept},
		"wrong scope":               {oauth(70011), later, kept},
		"bad request":               {oauth(90014), later, kept},
		"loop":                      {oauth(50196), later, kept},
		"transient":                 {oauth(90033), later, kept},
		"server error":              {oauth(90006), later, kept},
		"throttled":                 {simulator.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, later, kept},
		"throttled as a dead grant": {simulator.Fault{Header: http.Header{"Retry-After": {"7"}}, OAuth: &simulator.OAuthError{AADSTS: 70000, Status: 429}}, later, kept},
		"status 500":                {simulator.Fault{Status: 500, Body: "<html>"}, later, kept},
		"status 503":                {simulator.Fault{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, later, kept},
		"unknown error":             {simulator.Fault{OAuth: &simulator.OAuthError{AADSTS: 99, Code: "novelty"}}, later, kept},
		"cut off":                   {simulator.Fault{Drop: true}, later, kept},
		"cut off halfway":           {simulator.Fault{Drop: true, Truncate: 40}, later, kept},
		"no JSON":                   {simulator.Fault{Status: 200, Body: "<html>welcome to the hotel"}, later, kept},
		"no tokens":                 {simulator.Fault{Status: 200, Body: "{}"}, later, kept},
		"redirect":                  {simulator.Fault{Status: 302, Header: http.Header{"Location": {"https://evil.example/"}}}, later, kept},
	}
	at := inFiles(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := person(1)
			m := newStage(t, nowhere, p)
			site, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
			b := m.expired(site.addr)
			site.pass(time.Minute) // so that a trip to Microsoft is no loop
			other.pass(time.Minute)

			const page = "/calendar/week/2026-03-09?hours=all"
			test.fault.On = simulator.Token
			m.Inject(test.fault)
			a := b.get(page)
			if a.setsSession() || b.cookie() == "" {
				t.Errorf("the cookie changes: %v", a)
			}
			switch test.gets {
			case toMicrosoft:
				goesToMicrosoft(t, m, a, p, test.fault.OAuth.Claims)
			case blocked:
				if a.status != http.StatusForbidden || !strings.Contains(a.body, "administrator") {
					t.Errorf("got %v, want %s", a, test.gets)
				}
			case later:
				if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
					t.Errorf("got %v, want %s", a, test.gets)
				}
				if want := test.fault.Header.Get("Retry-After"); want != "" && a.header.Get("Retry-After") != want {
					t.Errorf("Retry-After: %s, want Microsoft's %s", a.header.Get("Retry-After"), want)
				}
			}

			// Asking again does not ask Microsoft again what it has refused.
			if asked := m.Count(simulator.Token); test.gets != later {
				b.get(page)
				if again := m.Count(simulator.Token); again != asked {
					t.Errorf("%d more token requests for the next page, want none", again-asked)
				}
			}
			// An instance that knows nothing of the trouble finds what is left.
			m.ClearFaults()
			second := b.on(other.addr).get(page)
			switch {
			case test.leaves == kept && second.status != http.StatusOK:
				t.Errorf("once Microsoft is well again: %v, want the page", second)
			case test.leaves == dropped:
				goesToMicrosoft(t, m, second, p, "")
			}
			if test.gets == toMicrosoft {
				if back := b.get(b.asPerson(p, a.to)); back.to != page {
					t.Errorf("back from Microsoft: %v, want %s", back, page)
				}
				if a := b.get(page); a.status != http.StatusOK {
					t.Errorf("the page afterwards: %v", a)
				}
			}
		})
	}
}

// goesToMicrosoft checks a redirect to Microsoft's sign-in: it names who, and
// the claims that were asked for beside those that Daybook always sends.
func goesToMicrosoft(t *testing.T, m *stage, a reply, p *simulator.Person, claims string) {
	t.Helper()
	u, err := url.Parse(a.to)
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, m.server.URL+"/") {
		t.Fatalf("got %v, want a redirect to Microsoft", a)
	}
	q := u.Query()
	if q.Get("login_hint") != p.Username || q.Get("prompt") != "" || q.Get("code_challenge") == "" {
		t.Errorf("login_hint %q, prompt %q; want %q and no prompt", q.Get("login_hint"), q.Get("prompt"), p.Username)
	}
	if claims != "" && !strings.Contains(q.Get("claims"), `"acrs"`) && !strings.Contains(q.Get("claims"), `"nbf"`) {
		t.Errorf("claims %q lack those of the challenge", q.Get("claims"))
	}
	if !strings.Contains(strings.ToLower(q.Get("claims")), `"cp1"`) {
		t.Errorf("claims %q do not say cp1", q.Get("claims"))
	}
}

// Graph's own answers: a challenge leads to Microsoft and back to the same
// page, a plain 401 costs one refresh, and no failure signs anybody out.
func TestRaceGraphErrors(t *testing.T) {
	t.Parallel()
	p := person(1)
	m := newStage(t, nowhere, p)
	site := m.inside(nil, inFiles(t).settings...)
	b := m.visitor().on(site.addr)
	b.enter(p, "/profile")
	site.pass(time.Minute)
	const page = "/calendar/month/2026-03-01"
	ok := func(when string) {
		t.Helper()
		if a := b.reload(page); a.status != http.StatusOK {
			t.Fatalf("%s: %v", when, a)
		}
	}
	ok("at first")

	m.RevokeAccess(p)
	before := m.Grants()
	ok("after a plain 401")
	if g := m.Grants(); g.Refreshes != before.Refreshes+1 {
		t.Errorf("%d refreshes for a plain 401, want 1", g.Refreshes-before.Refreshes)
	}

	m.Challenge(p)
	before = m.Grants()
	a := b.reload(page)
	goesToMicrosoft(t, m, a, p, "nbf")
	if g := m.Grants(); g.Refreshes != before.Refreshes {
		t.Error("a challenge cost a refresh, which cannot help")
	}
	if back := b.get(b.asPerson(p, a.to)); back.to != page {
		t.Errorf("back from the challenge: %v", back)
	}
	ok("after the challenge")

	// Right after a sign-in a second challenge looks like a loop: a page
	// with a button ends it.
	m.Challenge(p)
	if a := b.reload(page); a.status == http.StatusSeeOther || a.status >= 500 && a.status != http.StatusServiceUnavailable {
		t.Errorf("challenged again at once: %v", a)
	}
	site.pass(time.Minute)
	b.get(b.asPerson(p, b.reload(page).to))
	ok("after the second challenge")

	session := b.cookie()
	for name, fault := range map[string]simulator.Fault{
		"500":      {Status: 500},
		"502":      {Status: 502, Body: "<html>"},
		"503":      {Status: 503, Header: http.Header{"Retry-After": {"30"}}},
		"429":      {Status: 429, Header: http.Header{"Retry-After": {"30"}}},
		"cut off":  {Drop: true},
		"no JSON":  {Status: 200, Body: "<html>"},
		"redirect": {Status: 302, Header: http.Header{"Location": {"https://evil.example/"}}},
	} {
		fault.On = simulator.Graph
		m.Inject(fault)
		if a := b.reload(page); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.setsSession() {
			t.Errorf("%s: %v, want 503", name, a)
		}
		m.ClearFaults()
		site.pass(time.Minute) // what Graph asked to wait is over
		ok("after " + name)
	}
	if b.cookie() != session {
		t.Error("the session changed")
	}
}

// A refresh that answers for another person ends the session: nothing of the
// answer is kept or shown.
func TestRaceAnswerForAnotherPerson(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p, q := person(1), person(2)
		m := newStage(t, nowhere, p, q)
		one, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
		b := m.expired(one.addr)
		old := b.cookie()
		m.AnswerRefreshFor(q)
		for _, a := range b.together(10, "/profile", []string{one.addr, other.addr}, nil) {
			if !a.anonymous() || a.setsSession() || strings.Contains(a.body, q.Name) {
				t.Errorf("got %v, want to sign in again", a)
			}
		}
		m.AnswerRefreshFor(nil)
		for _, addr := range []string{one.addr, other.addr} {
			if a := m.holding(old, addr).get("/profile"); !a.anonymous() {
				t.Errorf("old cookie afterwards: %v", a)
			}
		}
		one.stop()
		other.stop()
		at.nothingLeft(t)
	})
}
