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

// A sign-out wins over everything that is under way on both processes: requests
// that wait for Graph, and a refresh that Microsoft has carried out already.
func TestRaceSignOutWins(t *testing.T) {
	onPlaces(t, func(t *testing.T, at place) {
		people := []*simulator.Person{person(1), person(2)}
		m := newStage(t, nowhere, people...)
		one, other := m.two(at.with("SESSION_IDLE_TIMEOUT=1h")...)
		both := []string{one.addr, other.addr}
		for i, under := range []simulator.Endpoint{simulator.Graph, simulator.Token} {
			p, b := people[i], m.visitor().on(one.addr)
			signIn := func() { b.enter(p, "/profile") }
			if under == simulator.Token {
				m.expiring(signIn)
			} else {
				signIn()
			}
			old := b.cookie()
			held := m.hold(simulator.Fault{On: under, Late: true})
			signOut := func() {
				within(t, "request at Microsoft", held.first)
				if a := b.on(other.addr).signOut(); a.status != http.StatusSeeOther {
					t.Errorf("sign-out: %v", a)
				}
				for _, addr := range both {
					if a := m.holding(old, addr).get("/profile"); !a.anonymous() {
						t.Errorf("old cookie after the sign-out: %v", a)
					}
				}
				held.release()
			}
			for _, a := range b.together(100, "/profile", both, signOut) {
				if a.setsSession() {
					t.Errorf("an answer that came after the sign-out sets a session: %v", a)
				}
				if under == simulator.Token && a.status == http.StatusOK {
					t.Errorf("%s: request that began before the sign-out: %v", under, a)
				}
			}
			m.ClearFaults()
			if b.cookie() != "" {
				t.Error("the browser has a session again")
			}
		}
		one.stop()
		other.stop()
		at.nothingLeft(t)
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
			m := newStage(t, nowhere, p)
			settings := at.with("SESSION_IDLE_TIMEOUT=1h")
			g := &gate{call: call, kind: "session-", arrived: make(chan struct{}), open: make(chan struct{})}
			one := m.inside(func(s session.Store) session.Store { g.Store = s; return g }, settings...)
			other := m.inside(nil, settings...)
			b := m.expired(other.addr)

			came := b.on(one.addr).begun("/profile")
			within(t, call, g.arrived)
			b.signOut()
			close(g.open)
			if a, answered := <-came; !answered || a.setsSession() || call == "swap" && !a.anonymous() {
				t.Errorf("%s: request that began before the sign-out: answered %v, %v", call, answered, a)
			}
			one.stop() // waits for what the requests have left to do
			other.stop()
			at.nothingLeft(t)
		}
	})
}

// Microsoft signs a person out: no cookie comes along, and every session with
// that sid ends on every instance, also while a refresh is under way.
func TestRaceFrontChannelLogout(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p, q := person(1), person(2)
		m := newStage(t, nowhere, p, q)
		one, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
		b, stranger := m.visitor().on(one.addr), m.visitor().on(one.addr)
		stranger.enter(q, "/profile")
		var callback string
		m.expiring(func() { callback = b.enter(p, "/profile") })
		back, _ := url.Parse(callback)
		sid := back.Query().Get("session_state")

		held := m.hold(simulator.Fault{On: simulator.Token, Late: true})
		end := func() {
			within(t, "token request", held.first)
			frame := m.visitor().on(other.addr) // its cookies do not arrive
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
		for _, a := range b.together(4, "/profile", []string{one.addr, other.addr}, end) {
			if !a.anonymous() || a.setsSession() {
				t.Errorf("request under way: %v", a)
			}
		}
		for _, addr := range []string{one.addr, other.addr} {
			if a := b.on(addr).get("/profile"); !a.anonymous() {
				t.Errorf("afterwards: %v", a)
			}
			if a := stranger.on(addr).get("/profile"); !a.shows(q) {
				t.Errorf("somebody else: %v", a)
			}
		}
	})
}
