package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// However requests lie around the end of a sign-in, the browser ends up with
// the cookie of the new session, and the old id is of no use any more.
func TestRaceNewCookieStays(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		settings := at.with("SESSION_IDLE_TIMEOUT=1h")
		one, other := m.inside(nil, settings...), m.inside(nil, settings...)
		both := []string{one.addr, other.addr}
		b := m.visitor().on(one.addr)
		for _, state := range []string{"signed out", "signed in"} {
			one.pass(2 * time.Minute) // nothing is kept of Graph's answers
			other.pass(2 * time.Minute)
			before := b.cookie()
			callback := b.asPerson(p, b.leave("/profile"))
			// Requests with the old id are answered after the new one was sent.
			held := m.hold(simulator.Fault{On: simulator.Graph})
			var after string
			finish := func() {
				if before != "" {
					within(t, "request at Graph", held.first)
				}
				if a := b.get(callback); a.to != "/profile" || !a.setsSession() {
					t.Fatalf("%s: callback: %v", state, a)
				}
				after = b.cookie()
				held.release()
			}
			answers := b.together(20, "/profile", both, finish)
			answers = append(answers, b.together(10, "/", both, nil)...)
			m.ClearFaults()
			for _, a := range answers {
				if a.setsSession() || a.status >= 500 {
					t.Errorf("%s: request around the callback: %v", state, a)
				}
			}
			if now := b.cookie(); now != after || now == before || now == "" {
				t.Errorf("%s: the browser ends up with another cookie than the sign-in's", state)
			}
			one.pass(2 * time.Minute) // Graph has forgotten the rush
			other.pass(2 * time.Minute)
			for _, addr := range both {
				if before != "" && !m.holding(before, addr).get("/profile").anonymous() {
					t.Errorf("%s: the old id still works", state)
				}
				if a := b.on(addr).get("/profile"); !a.shows(p) {
					t.Errorf("%s: with the new id: %v", state, a)
				}
			}
		}
	})
}

// Five tabs sign in at once, begun one after the other and all together,
// finished in many orders and all together: each gets to its own page.
func TestRaceFiveTabs(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		one, other := m.inside(nil, at.settings...), m.inside(nil, at.settings...)
		page := func(tab int) string { return fmt.Sprintf("/calendar/search?q=tab%d", tab) }
		random := rand.New(rand.NewPCG(1, 5))
		orders := [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 0, 3, 2, 4}, {2, 4, 0, 3, 1}, {4, 0, 1, 2, 3}}
		for range 5 {
			orders = append(orders, random.Perm(5))
		}
		for n, order := range orders {
			b := m.visitor().on(one.addr)
			links := make([]string, 5)
			if n%2 == 0 {
				for tab := range links {
					links[tab] = b.leave(page(tab))
				}
			} else {
				var wg sync.WaitGroup
				for tab := range links {
					wg.Go(func() {
						links[tab] = b.on([]string{one.addr, other.addr}[tab%2]).get("/auth/login?return_to=" + url.QueryEscape(page(tab))).to
					})
				}
				wg.Wait()
			}
			for _, tab := range order {
				if a := b.on([]string{other.addr, one.addr}[tab%2]).get(b.asPerson(p, links[tab])); a.to != page(tab) || !a.setsSession() {
					t.Errorf("order %v, tab %d: %v", order, tab, a)
				}
			}
			if a := b.get("/profile"); !a.shows(p) {
				t.Errorf("order %v: %v", order, a)
			}
		}

		b := m.visitor().on(one.addr)
		callbacks := make([]string, 5)
		for tab := range callbacks {
			callbacks[tab] = b.leave(page(tab))
		}
		for tab, link := range callbacks {
			callbacks[tab] = b.asPerson(p, link)
		}
		var wg sync.WaitGroup
		answers := make([]reply, 5)
		for tab := range callbacks {
			wg.Go(func() { answers[tab] = b.on([]string{one.addr, other.addr}[tab%2]).get(callbacks[tab]) })
		}
		wg.Wait()
		for tab, a := range answers {
			if a.to != page(tab) || !a.setsSession() {
				t.Errorf("all at once, tab %d: %v", tab, a)
			}
		}
		if a := b.get("/profile"); !a.shows(p) {
			t.Errorf("all at once: %v", a)
		}
	})
}

// A callback that two processes receive at once redeems its code once, and who
// comes second reads what to do.
func TestRaceCallbackTwice(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		one, other := m.two(at.settings...)
		b := m.visitor().on(one.addr)
		callback := b.asPerson(p, b.leave("/profile"))
		second := b.on(other.addr)

		held := m.hold(simulator.Fault{On: simulator.Token, Late: true})
		first := b.begun(callback)
		within(t, "token request", held.first)
		a := second.get(callback)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, `href="/auth/login`) || a.setsSession() {
			t.Errorf("second delivery: %v", a)
		}
		held.release()
		if a := <-first; a.to != "/profile" || !a.setsSession() {
			t.Errorf("first delivery: %v", a)
		}
		m.ClearFaults()
		if a := second.get(callback); a.status != http.StatusSeeOther || a.to != "/calendar" {
			t.Errorf("third delivery, signed in by then: %v", a)
		}
		if a := second.get("/profile"); !a.shows(p) {
			t.Errorf("page: %v", a)
		}

		for range 5 {
			b := m.visitor().on(one.addr)
			codes := m.Grants().Codes
			answers := b.together(6, b.asPerson(p, b.leave("/profile")), []string{one.addr, other.addr}, nil)
			in := 0
			for _, a := range answers {
				switch {
				case a.to == "/profile" && a.setsSession():
					in++
				case a.setsSession(), a.status != http.StatusBadRequest && a.to != "/calendar":
					t.Errorf("one of six deliveries: %v", a)
				}
			}
			if redeemed := m.Grants().Codes - codes; in != 1 || redeemed != 1 {
				t.Errorf("%d deliveries signed in and %d codes were redeemed, want one of each", in, redeemed)
			}
		}
	})
}

// People who never finish a sign-in cost a bounded number of cookies and no
// record; the last attempt is the one that is kept.
func TestRacePendingSignInsAreBounded(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		p := person(1)
		m := newStage(t, nowhere, p)
		b := m.visitor().on(m.inside(nil, at.settings...).addr)
		var last string
		for i := range 40 {
			last = b.leave("/calendar/search?q=" + strings.Repeat("x", 12*i))
			pending, size := 0, 0
			for _, c := range b.cookies() {
				if strings.HasPrefix(c.Name, "daybook-signin-") {
					pending++
				}
				size += len(c.Name) + len(c.Value) + 3
			}
			if pending > 8 || size > 6000 {
				t.Fatalf("after %d sign-ins the browser has %d pending in %d bytes", i+1, pending, size)
			}
		}
		if keys := at.records(t, ""); len(keys) != 0 {
			t.Errorf("records of people who never signed in: %v", keys)
		}
		if a := b.get(b.asPerson(p, last)); !strings.HasPrefix(a.to, "/calendar/search?q=xxx") || !a.setsSession() {
			t.Errorf("last attempt: %v", a)
		}
		if slices.ContainsFunc(b.cookies(), func(c *http.Cookie) bool { return c.Value == "" }) {
			t.Error("an empty cookie is left")
		}
	})
}
