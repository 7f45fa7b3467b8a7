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
		ms := newMicrosoft(t, p)
		one, other := ms.inside(t, ms.environ(at, "SESSION_IDLE_TIMEOUT=1h"), nil), ms.inside(t, ms.environ(at, "SESSION_IDLE_TIMEOUT=1h"), nil)
		both := []*instance{one, other}
		b := ms.newBrowser(one)
		for _, state := range []string{"signed out", "signed in"} {
			one.pass(2 * time.Minute) // nothing is kept of Graph's answers
			other.pass(2 * time.Minute)
			before := b.session()
			callback := b.choose(t, b.begin(t, "/profile"), p)
			// Requests with the old id are answered after the new one was sent.
			held := ms.hold(t, simulator.Fault{On: simulator.Graph})
			var after string
			finish := func() {
				if before != "" {
					within(t, "request at Graph", held.first)
				}
				if a := b.get(callback); a.to != "/profile" || !a.setsSession() {
					t.Fatalf("%s: callback: %v", state, a)
				}
				after = b.session()
				held.release()
			}
			answers := b.together(20, "/profile", both, finish)
			answers = append(answers, b.together(10, "/", both, nil)...)
			ms.ClearFaults()
			for _, a := range answers {
				if a.setsSession() || a.status >= 500 || a.err != nil {
					t.Errorf("%s: request around the callback: %v", state, a)
				}
			}
			if now := b.session(); now != after || now == before || now == "" {
				t.Errorf("%s: the browser ends up with another cookie than the sign-in's", state)
			}
			for _, i := range both {
				i.pass(2 * time.Minute) // Graph has forgotten the rush
				if before != "" && !b.on(i).get("/profile", "Cookie", "daybook="+before).anonymous() {
					t.Errorf("%s: the old id still works", state)
				}
				if a := b.on(i).get("/profile"); !a.shows(p) {
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
		ms := newMicrosoft(t, p)
		one, other := ms.inside(t, ms.environ(at), nil), ms.inside(t, ms.environ(at), nil)
		page := func(tab int) string { return fmt.Sprintf("/calendar/search?q=tab%d", tab) }
		random := rand.New(rand.NewPCG(1, 5))
		orders := [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 0, 3, 2, 4}, {2, 4, 0, 3, 1}, {4, 0, 1, 2, 3}}
		for range 5 {
			orders = append(orders, random.Perm(5))
		}
		for n, order := range orders {
			b := ms.newBrowser(one)
			links := make([]string, 5)
			if n%2 == 0 {
				for tab := range links {
					links[tab] = b.begin(t, page(tab))
				}
			} else {
				var wg sync.WaitGroup
				for tab := range links {
					wg.Go(func() {
						links[tab] = b.on([]*instance{one, other}[tab%2]).get("/auth/login?return_to=" + url.QueryEscape(page(tab))).to
					})
				}
				wg.Wait()
			}
			for _, tab := range order {
				if a := b.on([]*instance{other, one}[tab%2]).get(b.choose(t, links[tab], p)); a.to != page(tab) || !a.setsSession() {
					t.Errorf("order %v, tab %d: %v", order, tab, a)
				}
			}
			if a := b.get("/profile"); !a.shows(p) {
				t.Errorf("order %v: %v", order, a)
			}
		}

		b := ms.newBrowser(one)
		callbacks := make([]string, 5)
		for tab := range callbacks {
			callbacks[tab] = b.begin(t, page(tab))
		}
		for tab, link := range callbacks {
			callbacks[tab] = b.choose(t, link, p)
		}
		var wg sync.WaitGroup
		answers := make([]answer, 5)
		for tab := range callbacks {
			wg.Go(func() { answers[tab] = b.on([]*instance{one, other}[tab%2]).get(callbacks[tab]) })
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
		ms := newMicrosoft(t, p)
		one, other := ms.two(t, ms.environ(at))
		b := ms.newBrowser(one)
		callback := b.choose(t, b.begin(t, "/profile"), p)
		second := &browser{ms: ms, jar: b.jar, at: other}

		held := ms.hold(t, simulator.Fault{On: simulator.Token, Late: true})
		first := make(chan answer, 1)
		go func() { first <- b.get(callback) }()
		within(t, "token request", held.first)
		a := second.get(callback)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, `href="/auth/login`) || a.setsSession() {
			t.Errorf("second delivery: %v", a)
		}
		held.release()
		if a := <-first; a.to != "/profile" || !a.setsSession() {
			t.Errorf("first delivery: %v", a)
		}
		ms.ClearFaults()
		if a := second.get(callback); a.status != http.StatusSeeOther || a.to != "/calendar" {
			t.Errorf("third delivery, signed in by then: %v", a)
		}
		if a := second.get("/profile"); !a.shows(p) {
			t.Errorf("page: %v", a)
		}

		for range 5 {
			b := ms.newBrowser(one)
			codes := ms.Grants().Codes
			answers := b.together(6, b.choose(t, b.begin(t, "/profile"), p), []*instance{one, other}, nil)
			in := 0
			for _, a := range answers {
				switch {
				case a.to == "/profile" && a.setsSession():
					in++
				case a.setsSession(), a.status != http.StatusBadRequest && a.to != "/calendar":
					t.Errorf("one of six deliveries: %v", a)
				}
			}
			if redeemed := ms.Grants().Codes - codes; in != 1 || redeemed != 1 {
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
		ms := newMicrosoft(t, p)
		b := ms.newBrowser(ms.inside(t, ms.environ(at), nil))
		var last string
		for i := range 40 {
			last = b.begin(t, "/calendar/search?q="+strings.Repeat("x", 12*i))
			u, _ := url.Parse(baseURL)
			pending, size := 0, 0
			for _, c := range b.jar.Cookies(u) {
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
		if a := b.get(b.choose(t, last, p)); !strings.HasPrefix(a.to, "/calendar/search?q=xxx") || !a.setsSession() {
			t.Errorf("last attempt: %v", a)
		}
		u, _ := url.Parse(baseURL)
		if slices.ContainsFunc(b.jar.Cookies(u), func(c *http.Cookie) bool { return c.Value == "" }) {
			t.Error("an empty cookie is left")
		}
	})
}
