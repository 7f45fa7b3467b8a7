package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// F24: the events of one calendar do not come, or not all of them. The others
// are shown, the page says what is missing, and our token goes nowhere else.
func TestFaultGraphInPart(t *testing.T) {
	t.Parallel()
	const note = "Not all of it came from Microsoft."
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request to a stranger: %s, token %v", r.URL, r.Header.Get("Authorization") != "")
	}))
	t.Cleanup(stranger.Close)
	for name, fault := range map[string]simulator.Fault{
		"F24 hangs up":                 {Drop: true},
		"F24 500":                      {Status: 500, Body: "oops"},
		"F24 a page of some proxy":     {Status: 200, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}},
		"F24 an error in a 200":        {Status: 200, Body: `{"error":{"code":"ErrorInternalServerError"}}`},
		"F24 goes on at another host":  {Status: 200, Body: `{"value":[],"@odata.nextLink":"` + stranger.URL + `/v1.0/me/events"}`},
		"F24 a redirect to a stranger": {Status: 302, Header: http.Header{"Location": {stranger.URL}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			m := newStage(t, "http://"+addr)
			m.start(addr, "SESSION_STORE=memory")
			b := m.signedIn(m.people[0])
			before := b.reload(week)
			whole(t, "calendar before", before, http.StatusOK)
			var mu sync.Mutex
			var broken string
			fault.On = simulator.Graph
			fault.Match = func(r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if broken == "" && strings.HasSuffix(r.URL.Path, "/calendarView") {
					broken = r.URL.Path // the first that is asked
				}
				return r.URL.Path == broken
			}
			m.Inject(fault)
			page := b.reload(week)
			status(t, "calendar", page, http.StatusOK)
			events := strings.Count(page.body, "h-event")
			if !strings.Contains(page.body, note) || events == 0 && strings.Contains(before.body, "h-event") {
				t.Errorf("%d events, a note on the page: %v; want those of the other calendars, and the note", events, strings.Contains(page.body, note))
			}
			m.ClearFaults()
			eventually(t, 30*time.Second, "all of the calendar is back", func() bool {
				r := b.reload(week)
				return r.status == http.StatusOK && !strings.Contains(r.body, note)
			})
		})
	}
}

// F25: Graph takes a token no more, asks for another sign-in, or forbids.
// Nobody is signed out.
func TestFaultGraphRefuses(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=memory")
	p := m.people[0]
	b := m.signedIn(p)
	before := b.cookie()

	refreshes := m.Grants().Refreshes
	m.RevokeAccess(p)
	status(t, "F25 a plain 401: calendar", b.reload(week), http.StatusOK)
	if n := m.Grants().Refreshes - refreshes; n != 1 {
		t.Errorf("F25 a plain 401: %d refreshes, want 1", n)
	}

	m.Inject(simulator.Fault{On: simulator.Graph, Status: http.StatusForbidden, Body: `{"error":{"code":"ErrorAccessDenied"}}`})
	refreshes = m.Grants().Refreshes
	status(t, "F25 403: calendar", b.reload(week), http.StatusForbidden)
	if n := m.Grants().Refreshes - refreshes; n != 0 || b.cookie() != before {
		t.Errorf("F25 403: %d refreshes, the cookie is another: %v", n, b.cookie() != before)
	}
	m.ClearFaults()
	whole(t, "F25 403 is over: calendar", b.reload(week), http.StatusOK)

	m.Challenge(p)
	page := b.reload(week)
	status(t, "F25 a challenge: calendar", page, http.StatusSeeOther)
	goesToMicrosoft(t, m, page, p, "nbf")
	if n := m.Grants().Refreshes - refreshes; n != 0 {
		t.Errorf("F25 a challenge: %d refreshes, which cannot help", n)
	}
	back := b.get(b.asPerson(p, page.to))
	if back.to != week {
		t.Errorf("F25 a challenge: back at %v, want %s", back, week)
	}
	whole(t, "F25 a challenge is met: calendar", b.reload(week), http.StatusOK)
}

// F27: a browser goes away while Microsoft is asked for it. What came is kept,
// and the next request needs neither a sign-in nor another refresh.
func TestFaultBrowserGoesAway(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"F27 before Microsoft renews":      {On: simulator.Token},
		"F27 before the new token came":    {On: simulator.Token, Late: true},
		"F27 while Graph is being waited":  {On: simulator.Graph},
		"F27 while Graph's answer is sent": {On: simulator.Graph, Late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := person(1)
			m := newStage(t, nowhere, p)
			m.SetStrict(true) // a refresh token that is lost would be a sign-in
			site := m.start(freeAddr(t), inFiles(t).settings...)
			b := m.expired(site.addr)
			fault.Times = 1
			held := m.hold(fault)
			leaving := b.on(site.addr)
			var leave context.CancelFunc
			leaving.ctx, leave = context.WithCancel(t.Context())
			left := leaving.begun(week)
			within(t, "request at Microsoft", held.first)
			leave()
			if r, answered := <-left; answered {
				t.Fatalf("the browser got an answer: %v", r)
			}
			held.release()
			whole(t, "calendar afterwards", b.get(week), http.StatusOK)
			m.oneRefresh()
			site.stop()
		})
	}
}
