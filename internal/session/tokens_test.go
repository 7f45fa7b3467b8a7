package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"daybook/internal/identity"
)

// eachCache runs f with the tokens inside the session and beside it.
func eachCache(t *testing.T, f func(t *testing.T, b backend, edit func(*Options))) {
	t.Helper()
	eachStore(t, func(t *testing.T, b backend) {
		t.Run("session", func(t *testing.T) { f(t, b, func(*Options) {}) })
		t.Run("person", func(t *testing.T) { f(t, b, func(o *Options) { o.Tokens = b.again() }) })
	})
}

func load(t *testing.T, c identity.Cache, fresh bool) string {
	t.Helper()
	b, err := c.Load(t.Context(), fresh)
	if err != nil {
		t.Fatalf("Load(%v): %v", fresh, err)
	}
	if b == nil {
		return "-"
	}
	return string(b)
}

func set(value string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) {
		if value == "-" {
			return nil, nil
		}
		return []byte(value), nil
	}
}

func TestTokenCache(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, b backend, edit func(*Options)) {
		s, other := newSessions(t, b.store, edit), newSessions(t, b.again(), edit)
		anna := mustSignIn(t, s, "anna")
		mine, theirs := anna.mustOpen(t, s).Tokens(), anna.mustOpen(t, other).Tokens()
		if mine.Key() != theirs.Key() || mine.Key() == mustSignIn(t, s, "bert").mustOpen(t, s).Tokens().Key() {
			t.Errorf("Key = %q and %q", mine.Key(), theirs.Key())
		}
		if got := load(t, mine, false) + ", " + load(t, theirs, false); got != "tokens of anna, tokens of anna" {
			t.Errorf("tokens = %q", got)
		}
		for _, value := range []string{"one", "two", "-", "three"} {
			if err := theirs.Update(t.Context(), set(value)); err != nil {
				t.Fatal(err)
			}
			if got := load(t, theirs, false); got != value {
				t.Errorf("own Load(false) = %q, want %q", got, value)
			}
			if got := load(t, mine, true); got != value {
				t.Errorf("other's Load(true) = %q, want %q", got, value)
			}
		}
		boom := errors.New("boom")
		if err := mine.Update(t.Context(), func([]byte) ([]byte, error) { return nil, boom }); !errors.Is(err, boom) {
			t.Errorf("Update with a change that fails = %v, want %v", err, boom)
		}
		if got := load(t, mine, true); got != "three" {
			t.Errorf("tokens after it = %q, want %q", got, "three")
		}
	})
}

// The change is given the newest value, once more if somebody was faster.
func TestTokenUpdateSeesTheNewest(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, b backend, edit func(*Options)) {
		s, other := newSessions(t, b.store, edit), newSessions(t, b.again(), edit)
		anna := mustSignIn(t, s, "anna")
		mine, theirs := anna.mustOpen(t, s), anna.mustOpen(t, other)
		var given []string
		err := mine.Tokens().Update(t.Context(), func(current []byte) ([]byte, error) {
			given = append(given, string(current))
			if len(given) == 1 {
				// Another key of the same record, and the tokens themselves.
				if err := theirs.Put(t.Context(), "flash", []byte("x")); err != nil {
					t.Error(err)
				}
				if err := theirs.Tokens().Update(t.Context(), set("theirs")); err != nil {
					t.Error(err)
				}
			}
			return append(current, " and mine"...), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(given, ", "); got != "tokens of anna, theirs" {
			t.Errorf("change was given %q", got)
		}
		now := anna.mustOpen(t, s)
		if got := load(t, now.Tokens(), false); got != "theirs and mine" || string(now.Get("flash")) != "x" {
			t.Errorf("tokens = %q, flash = %q", got, now.Get("flash"))
		}
		// What this request stores next is no step back.
		if err := mine.Put(t.Context(), "view", []byte("week")); err != nil {
			t.Fatal(err)
		}
		if got := load(t, mine.Tokens(), true); got != "theirs and mine" {
			t.Errorf("tokens after a Put = %q", got)
		}
	})
}

// An Update that changes nothing writes nothing, and still notices an end.
func TestTokenUpdateUnchanged(t *testing.T) {
	t.Parallel()
	for _, separate := range []bool{false, true} {
		store := &tap{Store: NewMemory()}
		s := newSessions(t, store, func(o *Options) {
			if separate {
				o.Tokens = store
			}
		})
		anna := mustSignIn(t, s, "anna")
		session := anna.mustOpen(t, s)
		store.seen()
		if err := session.Tokens().Update(t.Context(), func(b []byte) ([]byte, error) { return b, nil }); err != nil {
			t.Fatal(err)
		}
		if got := store.seen(); strings.Contains(got, "swap") {
			t.Errorf("Update did %s, want no write", got)
		}
	}
}

func TestTokenLockAcrossInstances(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, b backend, edit func(*Options)) {
		all := []*Sessions{newSessions(t, b.store, edit), newSessions(t, b.again(), edit)}
		anna := mustSignIn(t, all[0], "anna")
		// Fifty requests find the tokens expired; the first to get the lock
		// renews them, and the others see so once they have it.
		var renewals atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			session := anna.mustOpen(t, all[i%2])
			wg.Go(func() {
				cache := session.Tokens()
				unlock, err := cache.Lock(t.Context())
				if err != nil {
					t.Errorf("Lock: %v", err)
					return
				}
				defer unlock()
				now, err := cache.Load(t.Context(), true)
				if err != nil {
					t.Errorf("Load: %v", err)
				}
				if string(now) == "renewed" {
					return
				}
				renewals.Add(1)
				if err := cache.Update(t.Context(), set("renewed")); err != nil {
					t.Errorf("Update: %v", err)
				}
			})
		}
		wg.Wait()
		if n := renewals.Load(); n != 1 {
			t.Errorf("%d renewals, want 1", n)
		}
	})
}

// A person's record goes with the last session, and only then.
func TestPersonTokensEndWithTheLastSession(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
		first, second := mustSignIn(t, s, "anna"), mustSignIn(t, s, "anna")
		if err := first.mustOpen(t, s).Tokens().Update(t.Context(), set("shared")); err != nil {
			t.Fatal(err)
		}
		if got := load(t, second.mustOpen(t, s).Tokens(), false); got != "shared" {
			t.Errorf("the other session's tokens = %q", got)
		}
		if _, err := first.signOut(s); err != nil {
			t.Fatal(err)
		}
		if got := load(t, second.mustOpen(t, s).Tokens(), true); got != "shared" {
			t.Errorf("tokens after the other's sign-out = %q", got)
		}
		for key := range b.store.Keys(t.Context(), "tokens-") {
			if left := time.Until(b.expiry(t, key)); left > tokensExpiry+time.Second || left < tokensExpiry-time.Minute {
				t.Errorf("the record expires in %v, want %v", left, tokensExpiry)
			}
		}
		if _, err := second.signOut(s); err != nil {
			t.Fatal(err)
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("left over: %s", got)
		}
	})
}

// A sign-in beside the last sign-out keeps its tokens, at whichever point of
// the one the other comes.
func TestPersonTokensOfSignInBesideSignOut(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		store := NewMemory()
		slow := &tap{Store: store}
		s := newSessions(t, slow, func(o *Options) { o.Tokens = slow })
		other := newSessions(t, store, func(o *Options) { o.Tokens = store })
		old := mustSignIn(t, other, "anna")
		at := slow.stopAt(n)
		result := make(chan error, 1)
		go func() { _, err := old.signOut(s); result <- err }()
		fresh := newBrowser()
		select {
		case <-at.reached:
			if err := fresh.signIn(other, "anna"); err != nil {
				t.Errorf("stop %d: SignIn = %v", n, err)
			}
			close(at.open)
			<-result
		case <-result:
			if err := fresh.signIn(other, "anna"); err != nil {
				t.Errorf("stop %d: SignIn = %v", n, err)
			}
		}
		if got := load(t, fresh.mustOpen(t, other).Tokens(), true); got != "tokens of anna" {
			t.Errorf("stop %d: tokens = %q", n, got)
		}
	}
}

// A person's record whose session store was emptied serves nobody.
func TestPersonTokensNeedASession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sessions, tokens := NewMemory(), NewMemory()
		s := newSessions(t, sessions, func(o *Options) { o.Tokens = tokens })
		session := mustSignIn(t, s, "anna").mustOpen(t, s)
		for key := range sessions.Keys(t.Context(), "") {
			sessions.Delete(t.Context(), key)
		}
		if _, err := session.Tokens().Load(t.Context(), true); !errors.Is(err, ErrEnded) {
			t.Errorf("Load = %v, want %v", err, ErrEnded)
		}
		if err := session.Tokens().Update(t.Context(), set("late")); !errors.Is(err, ErrEnded) {
			t.Errorf("Update = %v, want %v", err, ErrEnded)
		}
		time.Sleep(tokensExpiry)
		if got := keysOf(t, tokens, ""); got != "0 " {
			t.Errorf("a day later: %s", got)
		}
	})
}

// The write of a refreshed token is not tied to the request that wanted it.
func TestTokenUpdateOutlivesRequest(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	anna := mustSignIn(t, s, "anna")
	ctx, cancel := context.WithCancel(t.Context())
	session, err := s.Open(anna.request().WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := session.Tokens().Update(context.WithoutCancel(ctx), set("renewed")); err != nil {
		t.Errorf("Update = %v", err)
	}
	if got := load(t, anna.mustOpen(t, s).Tokens(), false); got != "renewed" {
		t.Errorf("tokens = %q", got)
	}
}

// While secrets are rotated, processes that know them in different orders, or
// not all of them, keep each other out and see what any of them has stored.
func TestPersonTokensWhileSecretsAreRotated(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		secrets := func(letters string) func(*Options) {
			return func(o *Options) {
				o.Tokens, o.Secrets = b.again(), nil
				for i := range letters {
					o.Secrets = append(o.Secrets, secretOf(letters[i]))
				}
			}
		}
		first := newSessions(t, b.store, secrets("ab"))
		anna := mustSignIn(t, first, "anna")
		mine := anna.mustOpen(t, first).Tokens()
		for _, letters := range []string{"ba", "a", "ac", "ca"} {
			theirs := anna.mustOpen(t, newSessions(t, b.again(), secrets(letters))).Tokens()
			unlock, err := mine.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if free, err := theirs.Lock(ctx); err == nil {
				t.Errorf("%s: had the lock beside ab", letters)
				free()
			}
			cancel()
			unlock()
			// What was taken on the way was given back.
			for _, cache := range []identity.Cache{mine, theirs} {
				unlock, err := cache.Lock(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				unlock()
			}
		}

		// Each writes where it looks first, as two refreshes at once may.
		second := newSessions(t, b.again(), secrets("ba"))
		record := func(id, at string) []byte {
			return []byte(`{"AccessToken":{"` + id + `":{"secret":"` + id + `","cached_at":"` + at + `"}},"RefreshToken":{"r":{"secret":"of ` + id + `"}}}`)
		}
		for i, s := range []*Sessions{first, second} {
			name := s.tokens.keys[0].name(ofTokens, account("anna").Key())
			sealed, err := s.tokens.keys.seal(ofTokens, name, nil, record([]string{"one", "two"}[i], []string{"20", "10"}[i]))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.tokens.store.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if err := s.tokens.store.Swap(t.Context(), name, nil, sealed, later()); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []*Sessions{first, second} {
			got := load(t, anna.mustOpen(t, s).Tokens(), true)
			if !strings.Contains(got, `"one"`) || !strings.Contains(got, `"two"`) || !strings.Contains(got, `"of one"`) {
				t.Errorf("tokens = %s, want both access tokens and the younger refresh token", got)
			}
		}
		if first.tokens.keys[0].id == second.tokens.keys[0].id || anna.mustOpen(t, first).Tokens().Key() != anna.mustOpen(t, second).Tokens().Key() {
			t.Error("the order of secrets makes another key")
		}
	})
}
