package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// surplus is what comes behind the end of an answer. It could be part of a token.
const surplus = "CanaryBehindTheEndOfAnAnswer"

// What Microsoft can answer instead of what was asked for.
func brokenAnswers() map[string]simulator.Fault {
	html := http.Header{"Content-Type": {"text/html"}}
	wait := http.Header{"Retry-After": {"1"}}
	return map[string]simulator.Fault{
		"F20 hangs up":              {Drop: true},
		"F20 breaks off":            {Truncate: 30, Drop: true},
		"F20 500":                   {Status: 500, Body: "oops"},
		"F20 503 with Retry-After":  {Status: 503, Header: wait},
		"F20 429 with Retry-After":  {Status: 429, Header: wait},
		"F22 truncated JSON":        {Truncate: 700},
		"F22 more than announced":   {Status: 200, Body: "{}" + surplus, Truncate: 2, Surplus: true},
		"F22 a page of some proxy":  {Status: 200, Body: "<html>please sign in to the hotel network</html>", Header: html},
		"F22 ten megabytes":         {Status: 200, Body: `{"access_token":"` + strings.Repeat("x", 10<<20) + `"}`},
		"F22 an empty object":       {Status: 200, Body: "{}"},
		"F22 nothing":               {Status: 200, Body: " "},
		"F22 an error without code": {Status: 400, Body: "{}"},
	}
}

func faultGraphGone() simulator.Fault { return simulator.Fault{On: simulator.Graph, Drop: true} }

// Entra fails while the token of somebody has to be renewed and while somebody
// else is signing in.
func TestFaultEntra(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.SetTokenLifetime(10 * time.Second) // every page needs a new token
	m.start(addr, "SESSION_STORE=memory")
	for name, fault := range brokenAnswers() {
		t.Run(name, func(t *testing.T) {
			b, halfway := m.entered(m.people[0]), m.visitor()
			before := b.cookie()
			callback := halfway.choose(halfway.begin(), m.people[1])
			fault.On = simulator.Token
			m.Inject(fault)
			asked := m.Count(simulator.Token)
			unavailable(t, "calendar", b.get(week))
			if n := m.Count(simulator.Token) - asked; n > 2 {
				t.Errorf("%d token requests for one page", n)
			}
			end := halfway.must(http.MethodGet, callback.header.Get("Location"), nil)
			t.Logf("end of a sign-in: %v", end)
			if end.status != http.StatusServiceUnavailable && end.status != http.StatusBadRequest || halfway.cookie() != "" {
				t.Errorf("end of a sign-in: status %d, cookie %q; want an error page and none", end.status, halfway.cookie())
			}
			status(t, "readyz", b.get("/readyz"), http.StatusOK)
			m.ClearFaults()
			eventually(t, 15*time.Second, "the calendar is back without a sign-in", func() bool { return b.get(week).status == http.StatusOK })
			if b.cookie() != before {
				t.Error("the cookie changed")
			}
			b.must(http.MethodPost, "/auth/logout", nil) // what is kept of Graph goes with it
		})
	}
}

// An operator's mistake at Microsoft signs nobody out.
func TestFaultEntraRefusesTheApp(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.SetTokenLifetime(10 * time.Second)
	m.start(addr, "SESSION_STORE=memory")
	b := m.visitor()
	b.must(http.MethodGet, b.choose(b.begin(), m.people[0]).header.Get("Location"), nil)
	m.Inject(simulator.Fault{On: simulator.Token, OAuth: &simulator.OAuthError{AADSTS: 7000222, Code: "invalid_client"}})
	page := b.get(week)
	unavailable(t, "F21 secret expired: calendar", page)
	if !strings.Contains(page.body, "needs attention") || strings.Contains(page.body, "AADSTS") {
		t.Errorf("the page does not say that the operator is needed:\n%s", tail(page.body, 600))
	}
	thorough(t) // the refusal is remembered for half a minute
	m.ClearFaults()
	eventually(t, 90*time.Second, "the calendar is back without a sign-in", func() bool { return b.get(week).status == http.StatusOK })
}

// Daybook starts, serves and recovers while Microsoft is away.
func TestFaultEntraAwayAtStart(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.Inject(simulator.Fault{On: simulator.Discovery, Drop: true})
	m.start(addr, "SESSION_STORE=memory")
	b := m.visitor()
	status(t, "front page", b.get("/"), http.StatusOK)
	status(t, "readyz", b.get("/readyz"), http.StatusOK)
	unavailable(t, "begin of a sign-in", b.get("/auth/login"))
	m.ClearFaults()
	eventually(t, 15*time.Second, "sign-ins begin without a restart", func() bool { return b.get("/auth/login").status == http.StatusSeeOther })
	status(t, "sign-in", m.visitor().signIn(m.people[0]), http.StatusOK)
}

// Microsoft's name is not found, nobody listens, or somebody else answers.
func TestFaultEntraOutOfReach(t *testing.T) {
	t.Parallel()
	nobody := filepath.Join(t.TempDir(), "nobody.pem") // is trusted
	if err := os.WriteFile(nobody, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, setting := range map[string]string{
		"F20 name not found":       "AZURE_AUTHORITY_HOST=https://no-such-host.invalid",
		"F20 nobody listens":       "AZURE_AUTHORITY_HOST=https://127.0.0.1:1",
		"F20 unknown certificates": "SSL_CERT_FILE=" + nobody,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			m := newStage(t, "http://"+addr)
			site := m.start(addr, "SESSION_STORE=memory", setting)
			b := m.visitor()
			status(t, "front page", b.get("/"), http.StatusOK)
			status(t, "readyz", b.get("/readyz"), http.StatusOK)
			began := b.get("/auth/login")
			t.Logf("%s: begin of a sign-in: %v", name, began)
			if began.status != http.StatusServiceUnavailable || began.header.Get("Retry-After") == "" || began.took > 12*time.Second {
				t.Errorf("begin of a sign-in: %v, want a 503 that says when to come back", began)
			}
			if !strings.Contains(site.log.String(), `"level":"WARN"`) && !strings.Contains(site.log.String(), `"level":"ERROR"`) {
				t.Error("the log does not warn")
			}
		})
	}
}

func TestFaultGraph(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=memory")
	for name, fault := range brokenAnswers() {
		t.Run("Graph "+name, func(t *testing.T) {
			b := m.visitor()
			b.must(http.MethodGet, b.choose(b.begin(), m.people[0]).header.Get("Location"), nil)
			before := b.cookie()
			fault.On = simulator.Graph
			m.Inject(fault)
			asked := m.Count(simulator.Graph)
			page := b.get(week)
			t.Logf("calendar: %v", page)
			if page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") == "" || page.header.Get("Set-Cookie") != "" {
				t.Errorf("calendar: %v, cookies %q; want a 503 that says when to come back and touches no cookie", page, page.header["Set-Cookie"])
			}
			if page.took > 10*time.Second {
				t.Errorf("calendar: answered after %v", page.took)
			}
			if n := m.Count(simulator.Graph) - asked; n > 12 {
				t.Errorf("%d Graph requests for one page", n)
			}
			m.ClearFaults()
			eventually(t, 30*time.Second, "the calendar is back", func() bool { return b.get(week).status == http.StatusOK })
			if b.cookie() != before {
				t.Error("the cookie changed")
			}
			b.must(http.MethodPost, "/auth/logout", nil) // what is kept of Graph goes with it
		})
	}
}

// Microsoft takes a minute for each answer.
func TestFaultMicrosoftSlow(t *testing.T) {
	t.Parallel()
	thorough(t)
	for on, within := range map[simulator.Endpoint]time.Duration{simulator.Token: 12 * time.Second, simulator.Graph: 17 * time.Second} {
		t.Run(string(on), func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			m := newStage(t, "http://"+addr)
			m.SetTokenLifetime(10 * time.Second)
			m.start(addr, "SESSION_STORE=memory")
			b := m.visitor()
			b.must(http.MethodGet, b.choose(b.begin(), m.people[0]).header.Get("Location"), nil)
			m.Inject(simulator.Fault{On: on, Delay: time.Minute})
			page := b.get(week)
			t.Logf("F20 %s a minute late: calendar: %v", on, page)
			if page.status != http.StatusServiceUnavailable || page.took > within {
				t.Errorf("calendar: %v, want a 503 within %v", page, within)
			}
			status(t, "front page meanwhile", m.visitor().get("/"), http.StatusOK)
			m.ClearFaults()
			began := time.Now()
			eventually(t, time.Minute, "the calendar is back", func() bool { return b.get(week).status == http.StatusOK })
			t.Logf("F20 %s: the calendar is back after %v", on, time.Since(began).Round(100*time.Millisecond))
		})
	}
}
