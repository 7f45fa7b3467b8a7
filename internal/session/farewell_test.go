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
