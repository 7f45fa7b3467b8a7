package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// expired returns a browser in which the first person is signed in with an
// access token that has expired.
func (m *stage) expired(addr string) *visitor {
	m.t.Helper()
	b := m.visitor().on(addr)
	m.expiring(func() { b.enter(m.people[0], "/profile") })
	return b
}

// oneRefresh checks that Microsoft was asked for one code and one refresh.
func (m *stage) oneRefresh() {
	m.t.Helper()
	if g := m.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 1}) {
		m.t.Errorf("grants = %+v, want one code and one refresh", g)
	}
}

// Fifty requests over two processes on a token that has expired, or that Graph
// has stopped to take: one refresh, fifty pages. The refresh tokens work once.
func TestRaceOneRefresh(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		m := newStage(t, nowhere, person(1), person(2))
		m.SetStrict(true)
		one, other := m.two(at.settings...)
		for i, p := range m.people {
			b := m.visitor().on(one.addr)
			if i == 0 {
				m.expiring(func() { b.enter(p, "/profile") })
			} else {
				b.enter(p, "/profile")
				m.RevokeAccess(p)
			}
			for _, r := range b.together(50, "/profile", []string{one.addr, other.addr}, nil) {
				if !r.shows(p) {
					t.Errorf("%s: %v", p.Name, r)
				}
			}
			if g, want := m.Grants(), (simulator.Grants{Codes: i + 1, Refreshes: i + 1}); g != want {
				t.Errorf("%s: grants = %+v, want %+v", p.Name, g, want)
			}
		}
	})
}

// A browser that goes away in the middle of a refresh takes nothing with it:
// the newest refresh token is stored, and the next request needs no sign-in.
func TestRaceBrowserGoesAway(t *testing.T) {
	stages := map[string]simulator.Fault{
		"before microsoft acts":  {On: simulator.Token},
		"before the answer":      {On: simulator.Token, Late: true},
		"while graph is waiting": {On: simulator.Graph},
	}
	onStores(t, func(t *testing.T, at place) {
		for stage, fault := range stages {
			t.Run(stage, func(t *testing.T) {
				p := person(1)
				m := newStage(t, nowhere, p)
				m.SetStrict(true)
				one, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
				b := m.expired(one.addr)

				fault.Times = 1
				held := m.hold(fault)
				leaving := b.on(one.addr)
				var leave context.CancelFunc
				leaving.ctx, leave = context.WithCancel(t.Context())
				left := leaving.begun("/profile")
				within(t, "request at Microsoft", held.first)
				leave()
				if r, answered := <-left; answered {
					t.Fatalf("the browser got an answer: %v", r)
				}
				held.release()

				b = b.on(other.addr)
				if r := b.get("/profile"); !r.shows(p) {
					t.Errorf("next request: %v", r)
				}
				m.RevokeAccess(p) // only the newest refresh token can mend this
				if r := b.reload("/profile"); !r.shows(p) {
					t.Errorf("after another refresh: %v", r)
				}
				if g := m.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 2}) {
					t.Errorf("grants = %+v, want one code and two refreshes", g)
				}
			})
		}
	})
}

// A token endpoint that takes longer than people wait: one refresh is under
// way, whoever asks is told to come back, and nobody is signed out.
func TestRaceSlowTokenEndpoint(t *testing.T) {
	onStoresAtOnce(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		m.SetStrict(true)
		one, other := m.two(at.settings...)
		both := []string{one.addr, other.addr}
		b := m.expired(one.addr)

		held := m.hold(simulator.Fault{On: simulator.Token, Late: true})
		for _, r := range b.together(50, "/profile", both, nil) {
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.header.Get("Set-Cookie") != "" || r.took > 18*time.Second {
				t.Errorf("while Microsoft is slow: %v, cookies %q; want a 503 after ten seconds", r, r.header["Set-Cookie"])
			}
		}
		if n := held.count(); n != 1 {
			t.Errorf("%d token requests under way, want 1", n)
		}
		held.release()
		for _, r := range b.together(10, "/profile", both, nil) {
			if !r.shows(p) {
				t.Errorf("afterwards: %v", r)
			}
		}
		m.oneRefresh()
	})
}

// Fifty requests that wait for one slow token answer all get their page.
func TestRaceWaitersGetTheResult(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		m.SetStrict(true)
		one, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
		b := m.expired(one.addr)

		held := m.hold(simulator.Fault{On: simulator.Token, Late: true})
		release := func() {
			within(t, "token request", held.first)
			held.release()
		}
		for _, r := range b.together(50, "/profile", []string{one.addr, other.addr}, release) {
			if !r.shows(p) {
				t.Errorf("page: %v", r)
			}
		}
		m.oneRefresh()
	})
}

// A process that is killed while it refreshes holds nobody up for longer than
// its lease: no time at all on files, ten seconds on Redis.
func TestRaceRefresherIsKilled(t *testing.T) {
	onStoresAtOnce(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		one, other := m.two(at.settings...)
		b := m.expired(one.addr)

		held := m.hold(simulator.Fault{On: simulator.Token, Times: 1})
		gone := b.begun("/profile")
		within(t, "token request", held.first)
		killed := time.Now()
		one.kill()
		if r, answered := <-gone; answered {
			t.Fatalf("the killed process answered: %v", r)
		}

		b = b.on(other.addr)
		r := b.get("/profile")
		if at.dir == "" && r.status == http.StatusServiceUnavailable { // ten seconds are as long as anybody waits
			r = b.get("/profile")
		}
		if took := time.Since(killed); !r.shows(p) || took > 15*time.Second || at.dir != "" && took > 8*time.Second {
			t.Errorf("after %v: %v", took, r)
		}
		m.oneRefresh()
	})
}
