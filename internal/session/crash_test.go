package session

import (
	"errors"
	"sync/atomic"
	"testing"
)

// C19: no session that began before an end of all returns works after it, in
// every interleaving of the two.
func TestEndPersonAgainstSignIn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, ending := range []func(*Sessions) error{
			func(s *Sessions) error { _, err := s.EndPerson(t.Context(), account("anna").Key()); return err },
			func(s *Sessions) error { _, err := s.EndByMicrosoft(t.Context(), "sid-anna"); return err },
			func(s *Sessions) error { _, err := s.EndAll(t.Context()); return err },
		} {
			slow := &tap{Store: b.store}
			s, other := newSessions(t, slow), newSessions(t, b.again())
			// The sign-in stops before its n-th operation, and the end runs.
			for n := range 20 {
				at := slow.stopAt(n)
				browser := newBrowser()
				result := make(chan error, 1)
				go func() { result <- browser.signIn(s, "anna") }()
				var err error
				select {
				case <-at.reached:
					if err := ending(other); err != nil {
						t.Fatal(err)
					}
					close(at.open)
					err = <-result
				case err = <-result:
					n = -1 // it has no so many operations
				}
				s.errands.wg.Wait()
				slow.set(nil, nil)
				_, openErr := s.Open(browser.request())
				switch {
				case err == nil && openErr == nil:
					// It counts as begun afterwards, so it must be listed.
					if list, err := browser.mustOpen(t, s).Siblings(t.Context()); err != nil || len(list) != 1 {
						t.Errorf("stop %d: Siblings = %v, %v", n, list, err)
					}
					if m, err := s.EndPerson(t.Context(), account("anna").Key()); err != nil || m != 1 {
						t.Errorf("stop %d: EndPerson of what survived = %d, %v; want 1", n, m, err)
					}
				case errors.Is(err, ErrEnded) && errors.Is(openErr, ErrSignedOut):
				case err == nil && errors.Is(openErr, ErrSignedOut):
					// Ended between the last look and the cookie.
				default:
					t.Errorf("stop %d: SignIn = %v, Open = %v", n, err, openErr)
				}
				if got := keysOf(t, b.store, "session-"); got != "0 " {
					t.Errorf("stop %d: left over: %s", n, got)
				}
				if n < 0 {
					break
				}
			}
		}
	})
}

// The other way about: the end stops before its n-th operation, and a sign-in
// runs through. Then it began before the end returned.
func TestSignInWhileEndPerson(t *testing.T) {
	t.Parallel()
	store := NewMemory()
	for n := range 12 {
		slow := &tap{Store: store}
		s, other := newSessions(t, slow), newSessions(t, store)
		before := mustSignIn(t, other, "anna")
		at := slow.stopAt(n)
		result := make(chan error, 1)
		go func() { _, err := s.EndPerson(t.Context(), account("anna").Key()); result <- err }()
		during := newBrowser()
		select {
		case <-at.reached:
			if err := during.signIn(other, "anna"); err != nil {
				t.Errorf("stop %d: SignIn = %v", n, err)
			}
			close(at.open)
			if err := <-result; err != nil {
				t.Error(err)
			}
		case err := <-result:
			if err != nil {
				t.Error(err)
			}
		}
		slow.set(nil, nil)
		if _, err := s.Open(before.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("stop %d: Open of what was there before = %v, want %v", n, err, ErrSignedOut)
		}
		// The one that came between lives and is listed, or neither.
		session, err := s.Open(during.request())
		if err == nil {
			list, err := session.Siblings(t.Context())
			if err != nil || len(list) != 1 {
				t.Errorf("stop %d: Siblings = %v, %v", n, list, err)
			}
			if m, err := s.EndPerson(t.Context(), account("anna").Key()); m != 1 || err != nil {
				t.Errorf("stop %d: it cannot be ended: %d, %v", n, m, err)
			}
		}
	}
}

// C24: a process that dies between any two commands of a sign-in, a sign-out
// or an end leaves a state from which everything can be ended, with nothing
// alive that is not listed, and a purge removes what dangles.
func TestCrashBetweenCommands(t *testing.T) {
	t.Parallel()
	acts := map[string]func(s *Sessions, anna *testBrowser){
		"sign in again": func(s *Sessions, anna *testBrowser) { anna.signIn(s, "anna") },
		"sign in":       func(s *Sessions, _ *testBrowser) { newBrowser().signIn(s, "anna") },
		"sign out":      func(s *Sessions, anna *testBrowser) { anna.signOut(s) },
		"end": func(s *Sessions, _ *testBrowser) {
			s.EndPerson(t.Context(), account("anna").Key())
		},
		"end by sid": func(s *Sessions, _ *testBrowser) { s.EndByMicrosoft(t.Context(), "sid-anna") },
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range 24 {
				clock := newClock()
				store := NewMemory()
				live := newSessions(t, store, func(o *Options) {
					o.Tokens, o.Now = store, clock.now
				})
				anna, bert := mustSignIn(t, live, "anna"), mustSignIn(t, live, "bert")
				dying := &tap{Store: store}
				var ops atomic.Int32
				dying.set(func(string, string) error {
					if int(ops.Add(1)) > n {
						return errors.New("dead")
					}
					return nil
				}, nil)
				s := newSessions(t, dying, func(o *Options) { o.Tokens = dying })
				act(s, anna)
				s.errands.wg.Wait()

				listed := make(map[string]bool)
				r, err := live.rosters.read(t.Context(), ofPerson, account("anna").Key())
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range r.Members {
					listed[m.Key] = true
				}
				for key := range store.Keys(t.Context(), "session-") {
					if key != recordKey(bert.cookies["daybook"]) && !listed[key] {
						t.Errorf("crash after %d: %s lives and is in no roster", n, key)
					}
				}
				clock.move(2 * youth)
				if _, err := live.Purge(t.Context()); err != nil {
					t.Error(err)
				}
				if r, err = live.rosters.read(t.Context(), ofPerson, account("anna").Key()); err != nil {
					t.Fatal(err)
				}
				for _, m := range r.Members {
					if _, err := store.Load(t.Context(), m.Key); err != nil || m.Ending {
						t.Errorf("crash after %d: Purge left a member without a record: %+v", n, m)
					}
				}
				if _, err := live.EndPerson(t.Context(), account("anna").Key()); err != nil {
					t.Error(err)
				}
				bert.mustOpen(t, live)
				if _, err := bert.signOut(live); err != nil {
					t.Error(err)
				}
				if _, err := live.Purge(t.Context()); err != nil {
					t.Error(err)
				}
				if got := keysOf(t, store, ""); got != "0 " {
					t.Errorf("crash after %d: left over: %s", n, got)
				}
			}
		})
	}
}
