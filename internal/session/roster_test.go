package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSiblings(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store)
		agents := []string{"Mozilla/5.0 (Windows NT 10.0) Firefox/1", "Mozilla/5.0 (iPhone) Safari/1", "<script>"}
		var browsers []*testBrowser
		for _, agent := range agents {
			browser := newBrowser()
			browser.agent = agent
			if err := browser.signIn(s, "anna"); err != nil {
				t.Fatal(err)
			}
			browsers = append(browsers, browser)
		}
		bert := mustSignIn(t, s, "bert")
		list, err := browsers[1].mustOpen(t, s).Siblings(t.Context())
		if err != nil || len(list) != 3 {
			t.Fatalf("Siblings = %v, %v; want 3", list, err)
		}
		names := make(map[string]string)
		for i, sibling := range list {
			names[sibling.Browser] = sibling.ID
			if sibling.Current != (i == 0) || time.Since(sibling.Since) > time.Minute || time.Since(sibling.Seen) > time.Minute {
				t.Errorf("sibling %d = %+v", i, sibling)
			}
			for _, browser := range browsers {
				if cookie := browser.cookies["daybook"]; strings.Contains(cookie, sibling.ID) || strings.Contains(recordKey(cookie), sibling.ID) {
					t.Errorf("id %s is part of a cookie or a key", sibling.ID)
				}
			}
		}
		if list[0].Browser != "Safari on iPhone" || names["Firefox on Windows"] == "" || names["Unknown browser"] == "" {
			t.Errorf("browsers = %v", names)
		}
		// Somebody else's handle is of no use.
		if found, err := bert.mustOpen(t, s).Revoke(t.Context(), names["Firefox on Windows"]); err != nil || found {
			t.Fatalf("Revoke of somebody else's = %v, %v", found, err)
		}
		browsers[0].mustOpen(t, s)
		if found, err := browsers[1].mustOpen(t, s).Revoke(t.Context(), names["Firefox on Windows"]); err != nil || !found {
			t.Fatalf("Revoke = %v, %v", found, err)
		}
		if _, err := s.Open(browsers[0].request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open of what was revoked = %v", err)
		}
		if n, err := browsers[2].mustOpen(t, s).RevokeOthers(t.Context()); err != nil || n != 1 {
			t.Errorf("RevokeOthers = %d, %v; want 1", n, err)
		}
		if _, err := s.Open(browsers[1].request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open of another = %v", err)
		}
		last := browsers[2].mustOpen(t, s)
		if list, err := last.Siblings(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("Siblings = %v, %v; want 1", list, err)
		}
		if found, err := last.Revoke(t.Context(), list[0].ID); err != nil || found {
			t.Errorf("Revoke of what is gone = %v, %v", found, err)
		}
		bert.mustOpen(t, s)
	})
}

// Microsoft's hidden frame goes away as soon as the page around it does, and so
// may a browser that ends other sessions: what they began is finished.
func TestEndOutlivesRequest(t *testing.T) {
	t.Parallel()
	ends := map[string]func(context.Context, *Sessions, *Session) error{
		"by Microsoft": func(ctx context.Context, s *Sessions, _ *Session) error {
			_, err := s.EndByMicrosoft(ctx, "sid-anna")
			return err
		},
		"revoke": func(ctx context.Context, _ *Sessions, mine *Session) error {
			_, err := mine.Revoke(ctx, handle(recordKey(mine.token)))
			return err
		},
		"revoke others": func(ctx context.Context, s *Sessions, _ *Session) error {
			_, err := mustSignIn(t, s, "anna").mustOpen(t, s).RevokeOthers(ctx)
			return err
		},
	}
	for name, end := range ends {
		eachStore(t, func(t *testing.T, b backend) {
			store := &tap{Store: b.store}
			s := newSessions(t, store)
			anna := mustSignIn(t, s, "anna")
			mine := anna.mustOpen(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			store.set(nil, func(op, key string) {
				if op == "swap" && kindOf(key) != "session" {
					cancel() // the browser has gone once the first thing is written
				}
			})
			if err := end(ctx, s, mine); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("%s: Open = %v, want %v", name, err, ErrSignedOut)
			}
		})
	}
}

func TestEndByMicrosoft(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s, other := newSessions(t, b.store), newSessions(t, b.again())
		first, second, bert := mustSignIn(t, s, "anna"), mustSignIn(t, other, "anna"), mustSignIn(t, s, "bert")
		for _, sid := range []string{"", "unknown", "sid-ann", strings.Repeat("x", 1000)} {
			if n, err := s.EndByMicrosoft(t.Context(), sid); n != 0 || err != nil {
				t.Errorf("EndByMicrosoft(%.20q) = %d, %v; want 0", sid, n, err)
			}
		}
		if n, err := other.EndByMicrosoft(t.Context(), "sid-anna"); n != 2 || err != nil {
			t.Errorf("EndByMicrosoft = %d, %v; want 2", n, err)
		}
		for _, browser := range []*testBrowser{first, second} {
			if _, err := s.Open(browser.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("Open = %v, want %v", err, ErrSignedOut)
			}
		}
		bert.mustOpen(t, s)
		if people, err := s.List(t.Context()); err != nil || len(people) != 1 {
			t.Errorf("List = %v, %v; want bert", people, err)
		}
		if n, err := s.EndByMicrosoft(t.Context(), "sid-anna"); n != 0 || err != nil {
			t.Errorf("EndByMicrosoft again = %d, %v; want 0", n, err)
		}
	})
}

func TestAtMostFiftySessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, NewMemory())
		var all []*testBrowser
		for range maxSessions + 3 {
			all = append(all, mustSignIn(t, s, "anna"))
			time.Sleep(time.Second)
		}
		for i, browser := range all {
			_, err := s.Open(browser.request())
			if (err == nil) != (i >= 3) {
				t.Errorf("session %d: %v", i, err)
			}
		}
		if list, err := all[10].mustOpen(t, s).Siblings(t.Context()); err != nil || len(list) != maxSessions {
			t.Errorf("Siblings = %d, %v; want %d", len(list), err, maxSessions)
		}
	})
}

// Last use is noted after five minutes, once, and not by the request.
func TestSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &tap{Store: NewMemory()}
		s, other := newSessions(t, store), newSessions(t, store)
		anna, watcher := mustSignIn(t, s, "anna"), mustSignIn(t, s, "anna")
		began := time.Now()
		time.Sleep(seenEvery - time.Second)
		anna.mustOpen(t, s)
		synctest.Wait()
		time.Sleep(11 * time.Second)
		store.seen()
		anna.mustOpen(t, s)
		anna.mustOpen(t, s)
		synctest.Wait()
		anna.mustOpen(t, other) // another instance looks, and finds it noted
		synctest.Wait()
		if got, want := store.seen(), "load session, load session, touch session, load person, swap person, load session, touch session, load person"; !sameOps(got, want) {
			t.Errorf("use did %s, want %s", got, want)
		}
		list, err := watcher.mustOpen(t, s).Siblings(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("Siblings = %v, %v", list, err)
		}
		if got := list[1].Seen.Sub(began); got != seenEvery+10*time.Second {
			t.Errorf("seen %v after the start, want %v", got, seenEvery+10*time.Second)
		}
	})
}

// A roster that was lost comes back as its sessions are used.
func TestLostRoster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory()
		s := newSessions(t, store)
		anna := mustSignIn(t, s, "anna")
		for key := range store.Keys(t.Context(), "person-") {
			store.Delete(t.Context(), key)
		}
		time.Sleep(seenEvery)
		anna.mustOpen(t, s)
		synctest.Wait()
		if n, err := s.EndPerson(t.Context(), account("anna").Key()); n != 1 || err != nil {
			t.Errorf("EndPerson = %d, %v; want 1", n, err)
		}
	})
}

// Sessions that were idle for too long leave the list.
func TestRosterForgetsTheIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, NewMemory(), func(o *Options) { o.Idle = 10 * time.Minute })
		idle, busy := mustSignIn(t, s, "anna"), mustSignIn(t, s, "anna")
		for range 3 {
			time.Sleep(6 * time.Minute)
			busy.mustOpen(t, s)
			synctest.Wait()
		}
		if _, err := s.Open(idle.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open of the idle one = %v", err)
		}
		if list, err := busy.mustOpen(t, s).Siblings(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("Siblings = %v, %v; want 1", list, err)
		}
		r, err := s.rosters.read(t.Context(), ofPerson, account("anna").Key())
		if err != nil || len(r.Members) != 1 {
			t.Errorf("roster = %+v, %v; want 1 member", r, err)
		}
	})
}

func TestOperator(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
		var browsers []*testBrowser
		for _, name := range []string{"bert", "anna", "anna"} {
			browsers = append(browsers, mustSignIn(t, s, name))
		}
		people, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range people {
			got = append(got, fmt.Sprintf("%s %s %d", p.Name, p.Key, len(p.Sessions)))
		}
		if want := "anna@example.com tid.oid-anna 2, bert@example.com tid.oid-bert 1"; strings.Join(got, ", ") != want {
			t.Errorf("List = %q, want %q", got, want)
		}
		if n, err := s.EndPerson(t.Context(), "tid.oid-anna"); n != 2 || err != nil {
			t.Errorf("EndPerson = %d, %v; want 2", n, err)
		}
		browsers[0].mustOpen(t, s)
		if got := keysOf(t, b.store, "tokens-"); !strings.HasPrefix(got, "1 ") {
			t.Errorf("token records: %s, want bert's", got)
		}
		if n, err := s.EndAll(t.Context()); n != 1 || err != nil {
			t.Errorf("EndAll = %d, %v; want 1", n, err)
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("left over: %s", got)
		}
	})
}

// Damage to a roster or to a person's tokens costs what was in it and nothing
// else: the next sign-in writes a good one.
func TestDamagedVault(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for name, damage := range damage {
			s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
			anna := mustSignIn(t, s, "anna")
			for key, err := range b.store.Keys(t.Context(), "") {
				if err != nil {
					t.Fatal(err)
				}
				if kindOf(key) != "session" {
					b.plant(t, key, damage(mustLoad(t, b.store, key), []byte("somebody's")), later())
				}
			}
			session := anna.mustOpen(t, s)
			if tokens, err := session.Tokens().Load(t.Context(), true); err != nil || tokens != nil {
				t.Errorf("%s: tokens = %q, %v; want none", name, tokens, err)
			}
			if list, err := session.Siblings(t.Context()); err != nil || len(list) != 1 {
				t.Errorf("%s: Siblings = %v, %v; want this one", name, list, err)
			}
			if err := anna.signIn(s, "anna"); err != nil {
				t.Errorf("%s: SignIn = %v", name, err)
				continue
			}
			tokens, err := anna.mustOpen(t, s).Tokens().Load(t.Context(), true)
			if err != nil || string(tokens) != "tokens of anna" {
				t.Errorf("%s: tokens = %q, %v", name, tokens, err)
			}
			if n, err := s.EndPerson(t.Context(), account("anna").Key()); n != 1 || err != nil {
				t.Errorf("%s: EndPerson = %d, %v; want 1", name, n, err)
			}
		}
	})
}

// Maps and locks of this process hold nothing once nobody needs it (C23).
func TestNothingPilesUp(t *testing.T) {
	t.Parallel()
	var locks turns
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			release, err := locks.take(t.Context(), fmt.Sprint(i%7))
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	wg.Wait()
	if len(locks.keys) != 0 {
		t.Errorf("%d locks are kept", len(locks.keys))
	}
	r := recent{window: time.Minute}
	at := time.Now()
	for i := range 10000 {
		if !r.first(fmt.Sprint(i), at.Add(time.Duration(i)*time.Second)) {
			t.Fatalf("key %d was there", i)
		}
	}
	if len(r.done) > 130 {
		t.Errorf("%d keys are kept, want those of two minutes", len(r.done))
	}
	m := NewMemory()
	for i := range 10000 {
		mustSwap(t, m, fmt.Sprintf("brief-%d", i), nil, []byte("x"), time.Now().Add(time.Microsecond))
	}
	if len(m.records) > 5000 {
		t.Errorf("%d expired records are kept", len(m.records))
	}
}
