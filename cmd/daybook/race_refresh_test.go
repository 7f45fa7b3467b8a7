package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// expiring makes a sign-in yield an access token that is too old to be used
// from the start, and everything after it proper ones.
func expiring(ms *microsoft, signIn func()) {
	ms.SetTokenLifetime(20 * time.Second)
	signIn()
	ms.SetTokenLifetime(0)
}

// fresh is the header of a browser's reload: nothing kept is good enough.
var fresh = []string{"Cache-Control", "no-cache"}

// Fifty requests over two processes on a token that has expired, or that Graph
// has stopped to take: one refresh, fifty pages. The refresh tokens work once.
func TestRaceOneRefresh(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		people := []*simulator.Person{person(1), person(2)}
		ms := newMicrosoft(t, people...)
		ms.SetStrict(true)
		one, other := ms.two(t, ms.environ(at))
		for i, p := range people {
			b := ms.newBrowser(one)
			if i == 0 {
				expiring(ms, func() { b.signIn(t, p, "/profile") })
			} else {
				b.signIn(t, p, "/profile")
				ms.RevokeAccess(p)
			}
			for _, a := range b.together(50, "/profile", []*instance{one, other}, nil) {
				if !a.shows(p) {
					t.Errorf("%s: %v", p.Name, a)
				}
			}
			if g, want := ms.Grants(), (simulator.Grants{Codes: i + 1, Refreshes: i + 1}); g != want {
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
				ms := newMicrosoft(t, p)
				ms.SetStrict(true)
				one, other := ms.inside(t, ms.environ(at), nil), ms.inside(t, ms.environ(at), nil)
				b := ms.newBrowser(one)
				expiring(ms, func() { b.signIn(t, p, "/profile") })

				fault.Times = 1
				held := ms.hold(t, fault)
				ctx, leave := context.WithCancel(t.Context())
				left := make(chan answer)
				go func() { left <- b.send(ctx, http.MethodGet, "/profile", nil) }()
				within(t, "request at Microsoft", held.first)
				leave()
				if a := <-left; a.err == nil {
					t.Fatalf("the browser got an answer: %v", a)
				}
				held.release()

				if a := b.on(other).get("/profile"); !a.shows(p) {
					t.Errorf("next request: %v\n%s", a, other.log)
				}
				ms.RevokeAccess(p) // only the newest refresh token can mend this
				if a := b.on(other).get("/profile", fresh...); !a.shows(p) {
					t.Errorf("after another refresh: %v\n%s", a, other.log)
				}
				if g := ms.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 2}) {
					t.Errorf("grants = %+v, want one code and two refreshes", g)
				}
			})
		}
	})
}

// A token endpoint that takes longer than people wait: one refresh is under
// way, whoever asks is told to come back, and nobody is signed out.
func TestRaceSlowTokenEndpoint(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		ms := newMicrosoft(t, p)
		ms.SetStrict(true)
		one, other := ms.two(t, ms.environ(at))
		b := ms.newBrowser(one)
		expiring(ms, func() { b.signIn(t, p, "/profile") })

		held := ms.hold(t, simulator.Fault{On: simulator.Token, Late: true})
		began := time.Now()
		for _, a := range b.together(50, "/profile", []*instance{one, other}, nil) {
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" {
				t.Errorf("while Microsoft is slow: %v", a)
			}
		}
		if took := time.Since(began); took > 18*time.Second {
			t.Errorf("people waited %v, want ten seconds", took)
		}
		if n := held.count(); n != 1 {
			t.Errorf("%d token requests under way, want 1", n)
		}
		held.release()
		for _, a := range b.together(10, "/profile", []*instance{one, other}, nil) {
			if !a.shows(p) {
				t.Errorf("afterwards: %v", a)
			}
		}
		if g := ms.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 1}) {
			t.Errorf("grants = %+v, want one code and one refresh", g)
		}
	})
}

// Fifty requests that wait for one slow token answer all get their page.
func TestRaceWaitersGetTheResult(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		ms := newMicrosoft(t, p)
		ms.SetStrict(true)
		one, other := ms.inside(t, ms.environ(at), nil), ms.inside(t, ms.environ(at), nil)
		b := ms.newBrowser(one)
		expiring(ms, func() { b.signIn(t, p, "/profile") })

		held := ms.hold(t, simulator.Fault{On: simulator.Token, Late: true})
		release := func() {
			within(t, "token request", held.first)
			held.release()
		}
		for _, a := range b.together(50, "/profile", []*instance{one, other}, release) {
			if !a.shows(p) {
				t.Errorf("page: %v", a)
			}
		}
		if g := ms.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 1}) {
			t.Errorf("grants = %+v, want one code and one refresh", g)
		}
	})
}

// A process that is killed while it refreshes holds nobody up for longer than
// its lease: no time at all on files, ten seconds on Redis.
func TestRaceRefresherIsKilled(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		ms := newMicrosoft(t, p)
		one, other := ms.two(t, ms.environ(at))
		b := ms.newBrowser(one)
		expiring(ms, func() { b.signIn(t, p, "/profile") })

		held := ms.hold(t, simulator.Fault{On: simulator.Token, Times: 1})
		gone := make(chan answer)
		go func() { gone <- b.get("/profile") }()
		within(t, "token request", held.first)
		killed := time.Now()
		one.kill()
		<-gone

		a := b.on(other).get("/profile")
		if at.dir == "" && a.status == http.StatusServiceUnavailable { // ten seconds are as long as anybody waits
			a = b.on(other).get("/profile")
		}
		if took := time.Since(killed); !a.shows(p) || took > 15*time.Second || at.dir != "" && took > 8*time.Second {
			t.Errorf("after %v: %v\n%s", took, a, other.log)
		}
		if g := ms.Grants(); g != (simulator.Grants{Codes: 1, Refreshes: 1}) {
			t.Errorf("grants = %+v, want one code and one refresh", g)
		}
	})
}
