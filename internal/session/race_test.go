package session

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// appendTo is an Update that adds a word to the tokens.
func appendTo(word string) func([]byte) ([]byte, error) {
	return func(current []byte) ([]byte, error) {
		return append(append([]byte{}, current...), " "+word...), nil
	}
}

// C4: a request that loaded before a refresh and then stores something else
// leaves the refreshed tokens as they are, and the other way about.
func TestMergeByKey(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s, other := newSessions(t, b.store), newSessions(t, b.again())
		anna := mustSignIn(t, s, "anna")
		early, refresher, third := anna.mustOpen(t, s), anna.mustOpen(t, other), anna.mustOpen(t, s)
		if err := refresher.Tokens().Update(t.Context(), appendTo("refreshed")); err != nil {
			t.Fatal(err)
		}
		if err := early.Put(t.Context(), "flash", []byte("saved")); err != nil {
			t.Fatal(err)
		}
		if err := third.Put(t.Context(), "view", []byte("week")); err != nil {
			t.Fatal(err)
		}
		// A second change of a request that has merged before.
		if err := early.Put(t.Context(), "flash", []byte("saved twice")); err != nil {
			t.Fatal(err)
		}
		if err := third.Put(t.Context(), "flash", nil); err != nil { // it never saw one
			t.Fatal(err)
		}
		now := anna.mustOpen(t, other)
		tokens, err := now.Tokens().Load(t.Context(), false)
		if err != nil || string(tokens) != "tokens of anna refreshed" {
			t.Errorf("tokens = %q, %v", tokens, err)
		}
		if got := fmt.Sprintf("%s %s", now.Get("flash"), now.Get("view")); got != "saved twice week" {
			t.Errorf("values = %q, want both", got)
		}
	})
}

// C3: writers of the tokens themselves each see the other's result.
func TestTokensConcurrently(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, separate := range []bool{false, true} {
			edit := func(o *Options) {
				if separate {
					o.Tokens = b.again()
				}
			}
			all := []*Sessions{newSessions(t, b.store, edit), newSessions(t, b.again(), edit)}
			anna := mustSignIn(t, all[0], "anna")
			shared := anna.mustOpen(t, all[0])
			const writers = 20
			var wg sync.WaitGroup
			for i := range writers {
				session := anna.mustOpen(t, all[i%2])
				if i%4 == 0 {
					session = shared
				}
				wg.Go(func() {
					if err := session.Tokens().Update(t.Context(), appendTo(strconv.Itoa(i))); err != nil {
						t.Errorf("Update: %v", err)
					}
					if err := session.Put(t.Context(), "k"+strconv.Itoa(i), []byte("v")); err != nil {
						t.Errorf("Put: %v", err)
					}
				})
			}
			wg.Wait()
			now := anna.mustOpen(t, all[1])
			tokens, err := now.Tokens().Load(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(string(tokens))
			for i := range writers {
				if !strings.Contains(string(tokens)+" ", fmt.Sprintf(" %d ", i)) {
					t.Errorf("writer %d is lost in %q", i, tokens)
				}
				if now.Get("k"+strconv.Itoa(i)) == nil {
					t.Errorf("value of writer %d is lost", i)
				}
			}
			if len(words) != writers+3 {
				t.Errorf("tokens = %q, want each writer once", tokens)
			}
			if _, err := anna.signOut(all[0]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// C5, C6: whatever a request in flight does after the sign-out was answered
// ends with ErrEnded and leaves no record.
func TestSignOutWinsOverWhatIsInFlight(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, separate := range []bool{false, true} {
			edit := func(o *Options) {
				o.Idle = time.Hour
				if separate {
					o.Tokens = b.again()
				}
			}
			here, there := newSessions(t, b.store, edit), newSessions(t, b.again(), edit)
			anna := mustSignIn(t, here, "anna")
			var flying []*Session
			for i := range 100 {
				flying = append(flying, anna.mustOpen(t, []*Sessions{here, there}[i%2]))
			}
			if _, err := anna.signOut(here); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i, session := range flying {
				wg.Go(func() {
					var err error
					switch i / 2 % 4 {
					case 0:
						err = session.Put(t.Context(), "flash", []byte("late"))
					case 1:
						err = session.Tokens().Update(t.Context(), appendTo("late"))
					case 2:
						// An Update that finds nothing to change.
						err = session.Tokens().Update(t.Context(), func(b []byte) ([]byte, error) { return b, nil })
					case 3:
						session.all.noteUse(session)
						_, err = session.Tokens().Load(t.Context(), true)
					}
					if !errors.Is(err, ErrEnded) || !errors.Is(err, ErrSignedOut) {
						t.Errorf("request %d: %v, want %v", i, err, ErrEnded)
					}
				})
			}
			wg.Wait()
			here.Close()
			there.Close()
			if got := keysOf(t, b.store, ""); got != "0 " {
				t.Errorf("left over: %s", got)
			}
		}
	})
}

// The same at the very point of writing: the writer has read, compared and
// sealed, and the sign-out comes right before its Swap.
func TestSignOutRightBeforeTheWrite(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, separate := range []bool{false, true} {
			at := newGate()
			kind := "session"
			edit := func(o *Options) {}
			slow := &tap{Store: b.store}
			if separate {
				kind = "tokens"
				edit = func(o *Options) { o.Tokens = slow }
			}
			writer, other := newSessions(t, slow, edit), newSessions(t, b.again(), edit)
			anna := mustSignIn(t, writer, "anna")
			session := anna.mustOpen(t, writer)
			slow.set(func(op, key string) error {
				if op == "swap" && kindOf(key) == kind {
					at.pass()
				}
				return nil
			}, nil)
			result := make(chan error)
			go func() { result <- session.Tokens().Update(context.Background(), appendTo("late")) }()
			<-at.reached
			if _, err := anna.signOut(other); err != nil {
				t.Error(err)
			}
			close(at.open)
			if err := <-result; !errors.Is(err, ErrEnded) {
				t.Errorf("Update = %v, want %v", err, ErrEnded)
			}
			if got := keysOf(t, b.store, ""); got != "0 " {
				t.Errorf("left over: %s", got)
			}
		}
	})
}

// C15: the id changes at every sign-in; requests beside it never fail and
// never send a cookie.
func TestNewIDAtSignIn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store)
		anna := mustSignIn(t, s, "anna")
		old := &testBrowser{cookies: map[string]string{"daybook": anna.cookies["daybook"]}}
		flying := old.mustOpen(t, s)
		done := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if _, err := s.Open(old.request()); err != nil && !errors.Is(err, ErrSignedOut) {
						t.Errorf("Open = %v", err)
					}
				}
			})
		}
		if err := anna.signIn(s, "anna"); err != nil {
			t.Fatal(err)
		}
		close(done)
		wg.Wait()
		if anna.cookies["daybook"] == old.cookies["daybook"] {
			t.Error("sign-in kept the id")
		}
		if _, err := s.Open(old.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open with the former id = %v, want %v", err, ErrSignedOut)
		}
		if err := flying.Put(t.Context(), "a", []byte("x")); !errors.Is(err, ErrEnded) {
			t.Errorf("Put under the former id = %v, want %v", err, ErrEnded)
		}
		anna.mustOpen(t, s)
		s.Close()
		if list, err := anna.mustOpen(t, s).Siblings(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("Siblings = %v, %v; want 1", list, err)
		}
	})
}

// An id that was never issued is never adopted (session fixation).
func TestUnknownIDIsNotAdopted(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	planted := strings.Repeat("A", 43)
	b := &testBrowser{cookies: map[string]string{"daybook": planted}}
	if err := b.signIn(s, "anna"); err != nil {
		t.Fatal(err)
	}
	if b.cookies["daybook"] == planted {
		t.Error("sign-in adopted the id of the cookie")
	}
}

// C18: after somebody else has signed in, nothing of the former person is
// left in the browser or the store.
func TestUserSwitch(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
		browser := mustSignIn(t, s, "anna")
		if err := browser.mustOpen(t, s).Put(t.Context(), "note", []byte("of anna")); err != nil {
			t.Fatal(err)
		}
		flying := browser.mustOpen(t, s)
		if err := browser.signIn(s, "bert"); err != nil {
			t.Fatal(err)
		}
		session := browser.mustOpen(t, s)
		tokens, err := session.Tokens().Load(t.Context(), true)
		if session.Account().Name != "bert" || string(tokens) != "tokens of bert" || err != nil || session.Get("note") != nil {
			t.Errorf("after the switch: %v, tokens %q, %v, note %q", session.Account().Name, tokens, err, session.Get("note"))
		}
		if err := flying.Tokens().Update(t.Context(), appendTo("late")); !errors.Is(err, ErrEnded) {
			t.Errorf("anna's refresh in flight = %v, want %v", err, ErrEnded)
		}
		s.Close()
		if people, err := s.List(t.Context()); err != nil || len(people) != 1 || people[0].Name != "bert@example.com" {
			t.Errorf("List = %v, %v; want bert", people, err)
		}
		for kind, want := range map[string]string{"session-": "1 ", "tokens-": "1 ", "person-": "1 ", "sid-": "1 "} {
			if got := keysOf(t, b.store, kind); !strings.HasPrefix(got, want) {
				t.Errorf("records %s*: %s, want %s", kind, got, want)
			}
		}
	})
}

// C10: many people at once; each has their own.
func TestManyPeople(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		all := []*Sessions{newSessions(t, b.store), newSessions(t, b.again())}
		people := 40
		var wg sync.WaitGroup
		for i := range people {
			wg.Go(func() {
				name := fmt.Sprintf("p%03d", i)
				browser := newBrowser()
				if err := browser.signIn(all[i%2], name); err != nil {
					t.Errorf("SignIn(%s) = %v", name, err)
					return
				}
				for round := range 3 {
					s := all[(i+round)%2]
					session, err := s.Open(browser.request())
					if err != nil {
						t.Errorf("Open(%s) = %v", name, err)
						return
					}
					if err := session.Tokens().Update(context.Background(), appendTo(name)); err != nil {
						t.Errorf("Update(%s) = %v", name, err)
					}
					tokens, err := session.Tokens().Load(context.Background(), true)
					if want := "tokens of " + name + strings.Repeat(" "+name, round+1); err != nil || string(tokens) != want {
						t.Errorf("tokens of %s = %q, %v; want %q", name, tokens, err, want)
					}
				}
				if i%3 == 0 {
					if who, err := browser.signOut(all[i%2]); err != nil || who.Name != name {
						t.Errorf("SignOut(%s) = %v, %v", name, who.Name, err)
					}
				}
			})
		}
		wg.Wait()
		people -= (people + 2) / 3
		if list, err := all[0].List(t.Context()); err != nil || len(list) != people {
			t.Errorf("List = %d, %v; want %d", len(list), err, people)
		}
	})
}

// A sign-in that fails leaves what was there before, and no half of itself.
func TestSignInFailsWhole(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store, func(o *Options) { o.Tokens = store })
	anna := mustSignIn(t, s, "anna")
	all := strings.Split(store.seen(), ", ")
	for i := range 2 * len(all) {
		n := 0
		store.set(func(op, key string) error {
			if n++; n == i+1 {
				return errors.New("down")
			}
			return nil
		}, nil)
		w := httptest.NewRecorder()
		err := s.SignIn(w, anna.request(), signedIn("bert"))
		store.set(nil, nil)
		if err == nil {
			s.errands.wg.Wait()
			if i < len(all) {
				t.Errorf("SignIn with operation %d failing succeeded", i+1)
			}
			return
		}
		if !errors.Is(err, ErrUnavailable) || len(w.Result().Cookies()) != 0 {
			t.Errorf("SignIn with operation %d failing = %v with cookies %v", i+1, err, w.Result().Cookies())
		}
		s.errands.wg.Wait()
		if got := anna.mustOpen(t, s).Account().Name; got != "anna" {
			t.Errorf("after operation %d failed: %q is signed in, want anna", i+1, got)
		}
		if people, err := s.List(t.Context()); err != nil || len(people) != 1 || people[0].Name != "anna@example.com" {
			t.Errorf("after operation %d failed: List = %v, %v", i+1, people, err)
		}
		if got := keysOf(t, store, "session-"); !strings.HasPrefix(got, "1 ") {
			t.Errorf("after operation %d failed: %s", i+1, got)
		}
	}
	t.Error("SignIn never succeeded")
}
