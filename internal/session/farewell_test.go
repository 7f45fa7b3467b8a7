package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A sign-out that the store did not take is made up for once it is back, and a
// copy of the cookie is good for nothing from then on.
func TestSignOutIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fails string // operation; empty: all
		away  time.Duration
		close bool
		ended bool
	}{
		{"store away for minutes", "", 4 * time.Minute, false, true},
		{"store away for too long", "", 6 * time.Minute, false, false},
		{"store takes no writes", "delete", time.Minute, false, true},
		{"closed meanwhile", "", time.Minute, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &tap{Store: NewMemory()}
				s := newSessions(t, store)
				anna, bert := mustSignIn(t, s, "anna"), mustSignIn(t, s, "bert")
				copies := []*testBrowser{{cookies: map[string]string{"daybook": anna.cookies["daybook"]}}, {cookies: map[string]string{"daybook": bert.cookies["daybook"]}}}
				store.set(func(op, _ string) error {
					if tt.fails == "" || op == tt.fails {
						return errors.New("away")
					}
					return nil
				}, nil)
				for _, b := range []*testBrowser{anna, bert} {
					if _, err := b.signOut(s); !errors.Is(err, ErrUnavailable) {
						t.Fatalf("SignOut = %v, want %v", err, ErrUnavailable)
					}
				}
				time.Sleep(tt.away)
				if tt.close {
					began := time.Now()
					s.Close()
					if took := time.Since(began); took > budget {
						t.Errorf("Close took %v", took)
					}
				}
				store.set(nil, nil)
				time.Sleep(2 * farewellWait)
				for _, b := range copies {
					if _, err := s.Open(b.request()); errors.Is(err, ErrSignedOut) != tt.ended {
						t.Errorf("Open with a copy of the cookie = %v, ended = %v", err, tt.ended)
					}
				}
				if left := keysOf(t, store, ""); tt.ended != (left == "0 ") {
					t.Errorf("left over: %s", left)
				}
				s.Close()
			})
		})
	}
}

// What lies around a session that ended in time, its places in the rosters and
// the tokens of the person, goes too once the store takes it.
func TestNothingStaysAfterASignOut(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{"swap", "load"} {
		t.Run(fails, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, tokens := NewMemory(), &tap{Store: NewMemory()}
				s := newSessions(t, store, func(o *Options) { o.Tokens = tokens })
				anna := mustSignIn(t, s, "anna")
				tokens.set(func(op, _ string) error {
					if op == fails {
						return errors.New("away")
					}
					return nil
				}, nil)
				if _, err := anna.signOut(s); err != nil {
					t.Errorf("SignOut = %v", err)
				}
				time.Sleep(time.Minute)
				tokens.set(nil, nil)
				time.Sleep(2 * farewellWait)
				if sessions, people := keysOf(t, store, ""), keysOf(t, tokens, ""); sessions != "0 " || people != "0 " {
					t.Errorf("left over: %s and %s", sessions, people)
				}
				s.Close()
			})
		})
	}
}

// A refresh that writes beside the last sign-out leaves nothing either, though
// the store fails where that is found out or made up for.
func TestNothingStaysOfARefreshBesideASignOut(t *testing.T) {
	t.Parallel()
	away := func(what string) func(op, key string) error {
		return func(op, key string) error {
			if op+" "+kindOf(key) == what {
				return ErrUnavailable
			}
			return nil
		}
	}
	for _, fails := range []string{"load session", "load tokens"} {
		t.Run(fails, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, tokens := &tap{Store: NewMemory()}, &tap{Store: NewMemory()}
				s := newSessions(t, store, func(o *Options) { o.Tokens = tokens })
				anna := mustSignIn(t, s, "anna")
				session := anna.mustOpen(t, s)
				tokens.set(func(op, _ string) error {
					if op != "swap" {
						return nil
					}
					tokens.set(nil, nil)
					if _, err := anna.signOut(s); err != nil {
						t.Errorf("SignOut = %v", err)
					}
					tokens.set(nil, func(op, _ string) {
						if op == "swap" {
							store.set(away(fails), nil)
							tokens.set(away(fails), nil)
						}
					})
					return nil
				}, nil)
				update := func() error { return session.Tokens().Update(context.Background(), set("late")) }
				if err := update(); err == nil {
					t.Error("Update of a session that has ended = nil")
				}
				store.set(nil, nil)
				if err := update(); !errors.Is(err, ErrEnded) {
					t.Errorf("Update once more = %v, want %v", err, ErrEnded)
				}
				tokens.set(nil, nil)
				time.Sleep(2 * farewellWait)
				if left := keysOf(t, tokens, ""); left != "0 " {
					t.Errorf("left over: %s", left)
				}
				s.Close()
			})
		})
	}
}

// Microsoft asks once for the end of sessions; who ends their own elsewhere is
// not told that it failed because the tokens are in another store.
func TestEndIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, tokens := &tap{Store: NewMemory()}, &tap{Store: NewMemory()}
		s := newSessions(t, store, func(o *Options) { o.Tokens = tokens })
		away := func(string, string) error { return ErrUnavailable }

		anna := mustSignIn(t, s, "anna")
		for _, failing := range []string{"swap sid", "delete session", "swap person"} {
			store.set(func(op, key string) error {
				if op+" "+kindOf(key) == failing {
					return ErrUnavailable
				}
				return nil
			}, nil)
			if _, err := s.EndByMicrosoft(t.Context(), "sid-anna"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("EndByMicrosoft = %v, want %v", err, ErrUnavailable)
			}
			time.Sleep(time.Minute)
			store.set(nil, nil)
			time.Sleep(2 * farewellWait)
			if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("%s failed: Open = %v, want %v", failing, err, ErrSignedOut)
			}
			if left := keysOf(t, store, "") + keysOf(t, tokens, ""); left != "0 0 " {
				t.Errorf("%s failed: left over: %s", failing, left)
			}
			anna = mustSignIn(t, s, "anna")
		}

		other := mustSignIn(t, s, "anna")
		session := anna.mustOpen(t, s)
		tokens.set(away, nil)
		if n, err := session.RevokeOthers(t.Context()); n != 1 || err != nil {
			t.Errorf("RevokeOthers = %d, %v; want 1", n, err)
		}
		if _, err := s.Open(other.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open = %v, want %v", err, ErrSignedOut)
		}
		if found, err := session.Revoke(t.Context(), handle(recordKey(session.token))); !found || err != nil {
			t.Errorf("Revoke = %v, %v", found, err)
		}
		tokens.set(nil, nil)
		time.Sleep(2 * farewellWait)
		if left := keysOf(t, tokens, ""); left != "0 " {
			t.Errorf("left over: %s", left)
		}
		s.Close()
	})
}

// What must be cleared up is, however many errands there are.
func TestErrandsThatMustBeRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &tap{Store: NewMemory()}
		s := newSessions(t, store)
		anna := mustSignIn(t, s, "anna")
		hold := make(chan struct{})
		for range maxErrands {
			s.errands.run(func(context.Context) { <-hold })
		}
		if err := anna.signIn(s, "bert"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if left := keysOf(t, store, "person-"); left[:2] != "1 " {
			t.Errorf("people in the store: %s", left)
		}
		close(hold)
		s.Close()
	})
}

func TestFarewellsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, NewMemory())
		away := func(context.Context) error { return errors.New("away") }
		for i := range maxFarewells + 10 {
			if s.farewells.add(away) != (i < maxFarewells) {
				t.Fatalf("the sign-out number %d is taken = %v", i, i >= maxFarewells)
			}
		}
		time.Sleep(farewellLife + farewellWait)
		synctest.Wait()
		if n := len(s.farewells.queue); n != 0 {
			t.Errorf("%d are left after their time", n)
		}
		s.Close()
		if s.farewells.add(away) {
			t.Error("a sign-out was taken after Close")
		}
	})
}
