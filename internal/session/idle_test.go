package session

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An idle timeout that is taken away ends nobody who goes on working.
func TestIdleTimeoutTakenAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory()
		before := newSessions(t, store, func(o *Options) { o.Idle = 30 * time.Minute })
		anna := mustSignIn(t, before, "anna")
		before.Close()
		s := newSessions(t, store)
		for range 8 {
			time.Sleep(10 * time.Minute)
			anna.mustOpen(t, s)
			synctest.Wait()
		}
		s.Close()
	})
}

// C7: with an idle timeout, use moves the expiry, never past the end, at most
// once a second, without writing the record, and what has ended stays ended.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) backend{"memory": memoryBackend, "dir": dirBackend} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := open(t)
				store := &tap{Store: b.store}
				s := newSessions(t, store, func(o *Options) { o.Idle, o.Lifetime = time.Hour, 3*time.Hour })
				anna := mustSignIn(t, s, "anna")
				began := time.Now()
				for range 3 {
					time.Sleep(50 * time.Minute)
					anna.mustOpen(t, s)
					anna.mustOpen(t, s)
					synctest.Wait()
				}
				if got := strings.Count(store.seen(), "touch"); got != 3 {
					t.Errorf("%d touches in three bouts of use, want 3", got)
				}
				end := b.expiry(t, recordKey(anna.cookies["daybook"]))
				if got := end.Sub(began); got > 3*time.Hour || got < 3*time.Hour-time.Second {
					t.Errorf("expires %v after the start, want the end at 3h", got)
				}
				time.Sleep(30*time.Minute + time.Millisecond)
				if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
					t.Errorf("Open after the end = %v, want %v", err, ErrSignedOut)
				}

				bert := mustSignIn(t, s, "bert")
				session := bert.mustOpen(t, s)
				synctest.Wait()
				time.Sleep(time.Hour + time.Millisecond)
				if _, err := s.Open(bert.request()); !errors.Is(err, ErrSignedOut) {
					t.Errorf("Open after an idle hour = %v, want %v", err, ErrSignedOut)
				}
				s.noteUse(session)
				synctest.Wait()
				if err := session.Put(t.Context(), "a", []byte("x")); !errors.Is(err, ErrEnded) {
					t.Errorf("Put after an idle hour = %v, want %v", err, ErrEnded)
				}
				if got := keysOf(t, b.store, "session-"); got != "0 " {
					t.Errorf("sessions: %s, want none", got)
				}
			})
		})
	}
}

// A page left open asks again and again, and has a token renewed for it: that is
// no use of the session, for which somebody would have to be there.
func TestIdleTimeoutUnattended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(t, NewMemory(), func(o *Options) { o.Idle = time.Hour })
		anna := mustSignIn(t, s, "anna")
		time.Sleep(50 * time.Minute)
		r := anna.request()
		r.Header.Set(Unattended, "1")
		session, err := s.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Tokens().Update(t.Context(), func([]byte) ([]byte, error) { return []byte("renewed"), nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(10*time.Minute + time.Millisecond)
		if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open an hour after the last use = %v, want %v", err, ErrSignedOut)
		}
	})
}
