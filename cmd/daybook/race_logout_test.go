package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/session"
	"daybook/internal/simulator"
)

// nothingLeft checks that no record of anybody is in the store, apart from the
// marks of sign-ins that were used up.
func nothingLeft(t *testing.T, at place) {
	t.Helper()
	for _, key := range at.records(t, "") {
		if !strings.HasPrefix(key, "used-") {
			t.Errorf("%s is left", key)
		}
	}
}

// A sign-out wins over everything that is under way on both processes: requests
// that wait for Graph, and a refresh that Microsoft has carried out already.
func TestRaceSignOutWins(t *testing.T) {
	t.Parallel()
	at(t, func(t *testing.T, at place) {
		people := []*simulator.Person{person(1), person(2)}
		ms := newMicrosoft(t, people...)
		one, other := ms.two(t, ms.environ(at, "SESSION_IDLE_TIMEOUT=1h"))
		for i, under := range []simulator.Endpoint{simulator.Graph, simulator.Token} {
			p, b := people[i], ms.newBrowser(one)
			signIn := func() { b.signIn(t, p, "/profile") }
			if under == simulator.Token {
				expiring(ms, signIn)
			} else {
				signIn()
			}
			old := b.session()
			held := ms.hold(t, simulator.Fault{On: under, Late: true})
			signOut := func() {
				within(t, "request at Microsoft", held.first)
				if a := b.on(other).post("/auth/logout", url.Values{}); a.status != http.StatusSeeOther {
					t.Errorf("sign-out: %v", a)
				}
				for _, i := range []*instance{one, other} {
					if a := b.on(i).get("/profile", "Cookie", "daybook="+old); !a.anonymous() {
						t.Errorf("old cookie after the sign-out: %v", a)
					}
				}
				held.release()
			}
			for _, a := range b.together(100, "/profile", []*instance{one, other}, signOut) {
				if a.setsSession() {
					t.Errorf("an answer that came after the sign-out sets a session: %v", a)
				}
				if a.err != nil || under == simulator.Token && a.status == http.StatusOK {
					t.Errorf("%s: request that began before the sign-out: %v\n%s", under, a, one.log.errors())
				}
			}
			ms.ClearFaults()
			if b.session() != "" {
				t.Error("the browser has a session again")
			}
		}
		one.stop()
		other.stop()
		nothingLeft(t, at)
	}, inFiles, inRedis, tokensInRedis)
}

// A gate holds calls of a store until it is opened.
type gate struct {
	session.Store
	call, kind string // which, by name and by the beginning of the key

	arrived, open chan struct{}
	once          sync.Once
}

func (g *gate) pass(call, key string) {
	if call == g.call && strings.HasPrefix(key, g.kind) {
		g.once.Do(func() { close(g.arrived) })
		<-g.open
	}
}

func (g *gate) Touch(ctx context.Context, key string, expiry time.Time) error {
	g.pass("touch", key)
	return g.Store.Touch(ctx, key, expiry)
}

func (g *gate) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	if old != nil {
		g.pass("swap", key)
	}
	return g.Store.Swap(ctx, key, old, new, expiry)
}

// Writes that reach the store only after the sign-out bring nothing back: the
// idle timeout's, and the one with refreshed tokens.
func TestRaceLateWritesAfterSignOut(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		for _, call := range []string{"touch", "swap"} {
			p := person(1)
			ms := newMicrosoft(t, p)
			environ := ms.environ(at, "SESSION_IDLE_TIMEOUT=1h")
			g := &gate{call: call, kind: "session-", arrived: make(chan struct{}), open: make(chan struct{})}
			one := ms.inside(t, environ, func(s session.Store) session.Store { g.Store = s; return g })
			other := ms.inside(t, environ, nil)
			b := ms.newBrowser(other)
			expiring(ms, func() { b.signIn(t, p, "/profile") })

			came := make(chan answer, 1)
			go func() { came <- b.on(one).get("/profile") }()
			within(t, call, g.arrived)
			b.post("/auth/logout", url.Values{})
			close(g.open)
			if a := <-came; a.setsSession() || call == "swap" && !a.anonymous() {
				t.Errorf("%s: request that began before the sign-out: %v", call, a)
			}
			one.stop() // waits for what the requests have left to do
			other.stop()
			nothingLeft(t, at)
		}
	})
}

// Microsoft signs a person out: no cookie comes along, and every session with
// that sid ends on every instance, also while a refresh is under way.
func TestRaceFrontChannelLogout(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p, q := person(1), person(2)
		ms := newMicrosoft(t, p, q)
		one, other := ms.inside(t, ms.environ(at), nil), ms.inside(t, ms.environ(at), nil)
		b, stranger := ms.newBrowser(one), ms.newBrowser(one)
		stranger.signIn(t, q, "/profile")
		var callback string
		expiring(ms, func() { callback = b.signIn(t, p, "/profile") })
		back, _ := url.Parse(callback)
		sid := back.Query().Get("session_state")

		held := ms.hold(t, simulator.Fault{On: simulator.Token, Late: true})
		end := func() {
			within(t, "token request", held.first)
			frame := &browser{ms: ms, at: other} // its cookies do not arrive
			for _, wrong := range []string{"", "?sid=", "?sid=00000000-0000-4000-8000-000000000000", "?sid=" + strings.Repeat("x", 5000)} {
				if a := frame.get("/auth/frontchannel-logout" + wrong); a.status != http.StatusOK {
					t.Errorf("sid %q: %v", wrong, a)
				}
			}
			if a := frame.get("/auth/frontchannel-logout?sid=" + sid); a.status != http.StatusOK {
				t.Errorf("front-channel logout: %v", a)
			}
			held.release()
		}
		for _, a := range b.together(4, "/profile", []*instance{one, other}, end) {
			if !a.anonymous() || a.setsSession() {
				t.Errorf("request under way: %v", a)
			}
		}
		for _, i := range []*instance{one, other} {
			if a := b.on(i).get("/profile"); !a.anonymous() {
				t.Errorf("afterwards: %v", a)
			}
			if a := stranger.on(i).get("/profile"); !a.shows(q) {
				t.Errorf("somebody else: %v", a)
			}
		}
	})
}
