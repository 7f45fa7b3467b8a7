package identity

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

// TestOneLock: within a process callers share one refresh and so one turn at
// the lock and one write, however many they are.
func TestOneLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		i.set(func() { i.token = slowly(time.Second) })
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
					t.Errorf("Token() = %v", err)
				}
			})
		}
		wg.Wait()
		if s.locks != 1 || s.updates != 1 {
			t.Errorf("%d locks and %d updates, want 1 each", s.locks, s.updates)
		}
	})
}

// TestTwoScopes: processes that refresh for different scopes lose nothing.
func TestTwoScopes(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.strict = true
	p, a, s := ready(t, i)
	second := i.provider(t)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if _, err := []*Provider{p, second}[n%2].Token(t.Context(), a, s, TokenOptions{Shared: n%4 < 2}); err != nil {
				t.Errorf("Token() = %v", err)
			}
		})
	}
	wg.Wait()
	if n := i.refreshes(); n > 2 {
		t.Errorf("refreshes = %d, want at most one per set of scopes", n)
	}
	if got, want := s.rt(), i.newest(alice); got != want {
		t.Errorf("stored refresh token = %q, want %q", got, want)
	}
	before := i.refreshes()
	for _, shared := range []bool{false, true} {
		if _, err := p.Token(t.Context(), a, s, TokenOptions{Shared: shared}); err != nil {
			t.Errorf("Token(Shared: %v) = %v", shared, err)
		}
	}
	if n := i.refreshes(); n != before {
		t.Errorf("%d refreshes more, want none", n-before)
	}
}

// TestLateHolder: a process whose lock was lost answers after another one has
// refreshed; what is stored stays usable and nothing of either's is lost.
func TestLateHolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		i.set(func() { i.token = slowly(5 * time.Second) })
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
				t.Errorf("late Token() = %v", err)
			}
		}()
		time.Sleep(time.Second)
		s.turn <- struct{}{} // the lease is gone
		i.set(func() { i.token = nil })
		if _, err := i.provider(t).Token(t.Context(), a, s, TokenOptions{Shared: true}); err != nil {
			t.Errorf("Token() = %v", err)
		}
		<-s.turn
		<-done
		before := i.refreshes()
		for _, shared := range []bool{false, true} {
			if _, err := p.Token(t.Context(), a, s, TokenOptions{Shared: shared}); err != nil {
				t.Errorf("Token(Shared: %v) = %v", shared, err)
			}
		}
		if i.refreshes() != before {
			t.Error("an access token was lost")
		}
		if got := s.rt(); got != i.newest(alice) {
			t.Errorf("stored refresh token = %q, want %q", got, i.newest(alice))
		}
	})
}

// TestStoreFails: a good token is used though it cannot be stored yet, and the
// new refresh token is stored once the store is back.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.strict = true
		p, a, s := ready(t, i)
		s.failing = 4
		began := time.Now()
		token, err := p.Token(t.Context(), a, s, TokenOptions{})
		if err != nil || token == "" || time.Since(began) > time.Second {
			t.Fatalf("Token() = %q, %v after %v", token, err, time.Since(began))
		}
		if again, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || again != token {
			t.Errorf("Token() meanwhile = %q, %v, want the same", again, err)
		}
		p.Close()
		if got, want := s.rt(), i.newest(alice); got != want {
			t.Errorf("stored refresh token = %q, want %q", got, want)
		}
		if n := i.refreshes(); n != 1 {
			t.Errorf("refreshes = %d, want 1", n)
		}
	})
}

// TestStoreFailsForMinutes: the refreshed tokens outlast a store that is away
// for minutes; nobody else refreshes meanwhile, and Close does not wait long.
func TestStoreFailsForMinutes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		away   time.Duration // of the store; Close is called at the same time
		close  bool
		stored bool
	}{
		{"comes back", 4 * time.Minute, false, true},
		{"comes back too late", 6 * time.Minute, false, false},
		{"comes back as Daybook stops", 4 * time.Minute, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := newIDP()
				i.strict = true
				p, a, s := ready(t, i)
				s.fail(1 << 30)
				if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
					t.Fatalf("Token() = %q, %v", token, err)
				}
				time.Sleep(tt.away)
				if held := len(s.turn) == 0; held != (tt.away < saveTimeout) {
					t.Errorf("the lock is held = %v", held)
				}
				s.fail(0)
				if tt.close {
					p.Close()
				} else {
					time.Sleep(15 * time.Second)
				}
				if got := s.rt() == i.newest(alice); got != tt.stored {
					t.Errorf("stored = %v, want %v", got, tt.stored)
				}
				p.Close()
			})
		})
	}
}

// TestCloseWithoutStore: a store that stays away does not keep Close waiting.
func TestCloseWithoutStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		s.fail(1 << 30)
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		began := time.Now()
		p.Close()
		if took := time.Since(began); took > lastSaves {
			t.Errorf("Close() took %v, want %v at most", took, lastSaves)
		}
	})
}

// TestSignOutWins: a refresh that Microsoft answers after the session has ended
// stores nothing and hands out nothing.
func TestSignOutWins(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	before := string(s.bytes())
	s.onSave = func() { s.mu.Lock(); s.ended = true; s.mu.Unlock() }
	if token, err := p.Token(t.Context(), a, s, TokenOptions{}); !errors.Is(err, ErrEnded) || token != "" {
		t.Errorf("Token() = %q, %v, want ErrEnded", token, err)
	}
	if string(s.bytes()) != before {
		t.Error("the ended session was written to")
	}
}

// otherSession is a cache of the same record whose own session has ended.
type otherSession struct{ *store }

func (otherSession) Update(context.Context, func([]byte) ([]byte, error)) error { return ErrEnded }

// TestOtherSessionEnds: two sessions share a record; one ends while it
// refreshes, and the other still gets its token.
func TestOtherSessionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		i.set(func() { i.token = slowly(time.Second) })
		go func() {
			if _, err := p.Token(t.Context(), a, otherSession{s}, TokenOptions{}); !errors.Is(err, ErrEnded) {
				t.Errorf("Token() of the ended session = %v, want ErrEnded", err)
			}
		}()
		synctest.Wait()
		if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
			t.Errorf("Token() = %q, %v", token, err)
		}
	})
}

// TestNeverMixed: many people through one Provider, each with their own tokens.
func TestNeverMixed(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.strict = true
	p := i.provider(t)
	var wg sync.WaitGroup
	for n := range 40 {
		who := person{fmt.Sprintf("00000000-0000-4000-8000-%012d", n), testTenant, fmt.Sprintf("P%dx", n)}
		wg.Go(func() {
			in, err := i.signIn(t, p, who, Request{})
			if err != nil {
				t.Errorf("Finish() = %v", err)
				return
			}
			s := newStore(who.name, in.Tokens)
			for range 5 {
				s.age(0)
				var asks sync.WaitGroup
				for range 4 {
					asks.Go(func() {
						token, err := p.Token(t.Context(), in.Account, s, TokenOptions{})
						if err != nil || !strings.HasPrefix(token, "canary-at-"+who.name+"-") {
							t.Errorf("Token() for %s = %q, %v", who.name, token, err)
						}
					})
				}
				asks.Wait()
				x, err := takeApart(s.bytes())
				if err != nil || !x.only(who.oid+"."+who.tid) {
					t.Errorf("%s's record holds another's tokens", who.name)
				}
			}
		})
	}
	wg.Wait()
}
