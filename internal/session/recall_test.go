package session

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/identity"
)

func attempt(i int) identity.Attempt {
	return identity.Attempt{
		State: fmt.Sprintf("state-%04d-%s", i, strings.Repeat("s", 32)), Nonce: strings.Repeat("n", 43),
		Verifier: strings.Repeat("v", 43), ReturnTo: "/calendar", Started: time.Now().UTC().Truncate(time.Millisecond),
	}
}

func (b *testBrowser) remember(t testing.TB, s *Sessions, a identity.Attempt) []*http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := s.Remember(w, b.request(), a); err != nil {
		t.Fatalf("Remember: %v", err)
	}
	return b.take(w)
}

func (b *testBrowser) recall(s *Sessions, state string) (identity.Attempt, error) {
	w := httptest.NewRecorder()
	a, err := s.Recall(w, b.request(), state)
	b.take(w)
	return a, err
}

func TestRecall(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s, other := newSessions(t, b.store), newSessions(t, b.again())
		browser := newBrowser()
		want := attempt(1)
		set := browser.remember(t, s, want)
		if len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteLaxMode || set[0].Path != "/" ||
			set[0].MaxAge != 900 || !strings.HasPrefix(set[0].Name, "daybook-signin-") {
			t.Errorf("Set-Cookie = %+v", set)
		}
		for _, secret := range []string{want.State, want.Nonce, want.Verifier} {
			if strings.Contains(fmt.Sprint(set), secret) {
				t.Errorf("the cookie shows %q", secret)
			}
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("Remember cost the store %s", got)
		}
		replay := &testBrowser{cookies: map[string]string{set[0].Name: set[0].Value}}
		for _, state := range []string{"", "x", attempt(2).State} {
			if _, err := browser.recall(s, state); !errors.Is(err, ErrNoAttempt) {
				t.Errorf("Recall(%q) = %v, want %v", state, err, ErrNoAttempt)
			}
		}
		if _, err := newBrowser().recall(s, want.State); !errors.Is(err, ErrNoAttempt) {
			t.Errorf("Recall in another browser = %v, want %v", err, ErrNoAttempt)
		}
		got, err := browser.recall(other, want.State)
		if err != nil {
			t.Fatalf("Recall: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Recall (-want +got):\n%s", diff)
		}
		if len(browser.cookies) != 0 {
			t.Errorf("Recall left the cookie")
		}
		for _, s := range []*Sessions{s, other} {
			if _, err := replay.recall(s, want.State); !errors.Is(err, ErrAttemptUsed) {
				t.Errorf("Recall again = %v, want %v", err, ErrAttemptUsed)
			}
			replay.cookies[set[0].Name] = set[0].Value
		}
		for key := range b.store.Keys(t.Context(), "used-") {
			if left := time.Until(b.expiry(t, key)); left <= attemptLife || left > attemptLife+skew {
				t.Errorf("the mark expires in %v, want between %v and %v", left, attemptLife, attemptLife+skew)
			}
		}
	})
}

// C17: of a callback that is delivered to two processes one redeems.
func TestRecallInTwoProcesses(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store)
		browser := newBrowser()
		a := attempt(1)
		set := browser.remember(t, s, a)
		results := make([]bytes.Buffer, 2)
		var commands []*exec.Cmd
		for i := range results {
			c := process(t, "recall", b, a.State, 0, "DAYBOOK_TEST_COOKIE="+set[0].Name+"="+set[0].Value)
			c.Stdout, c.Stderr = &results[i], os.Stderr
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			commands = append(commands, c)
		}
		for _, c := range commands {
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		}
		got := []string{results[0].String(), results[1].String()}
		if want := []string{"recalled\n", "used\n"}; !cmp.Equal(sorted(got), want) {
			t.Errorf("two processes: %q, want %q", got, want)
		}
	})
}

func playRecall(store Store) error {
	s, err := New(Options{Store: store, Secrets: [][]byte{secretOf('a')}, Lifetime: time.Hour})
	if err != nil {
		return err
	}
	name, value, _ := strings.Cut(os.Getenv("DAYBOOK_TEST_COOKIE"), "=")
	b := &testBrowser{cookies: map[string]string{name: value}}
	_, err = b.recall(s, os.Getenv(keyVariable))
	switch {
	case err == nil:
		fmt.Println("recalled")
	case errors.Is(err, ErrAttemptUsed):
		fmt.Println("used")
	default:
		return err
	}
	return nil
}

// C16: tabs that sign in at once, finished in any order.
func TestRecallManyTabs(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}} {
		browser := newBrowser()
		var all []identity.Attempt
		for i := range 5 {
			all = append(all, attempt(10*order[0]+i))
			browser.remember(t, s, all[i])
		}
		for _, i := range order {
			got, err := browser.recall(s, all[i].State)
			if err != nil || got.State != all[i].State {
				t.Errorf("order %v: Recall of tab %d = %v", order, i, err)
			}
			if err := browser.signIn(s, "anna"); err != nil {
				t.Error(err)
			}
		}
		if len(browser.cookies) != 1 {
			t.Errorf("order %v: cookies %v, want the session's", order, browser.cookies)
		}
	}
}

func TestRememberIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSessions(t, NewMemory(), func(o *Options) { o.Now = func() time.Time { return now } })
	for name, returnTo := range map[string]string{
		"short": "/", "long": "/" + strings.Repeat("x", maxReturnTo-1), "too long": "/" + strings.Repeat("x", maxReturnTo),
	} {
		browser := newBrowser()
		var last identity.Attempt
		for i := range 30 {
			now = now.Add(time.Second)
			last = attempt(100*len(name) + i)
			last.Started, last.ReturnTo = now, returnTo
			browser.remember(t, s, last)
			size := 0
			for name, value := range browser.cookies {
				size += len(name) + len(value) + 3
			}
			if len(browser.cookies) > maxAttempts || size > 6000 {
				t.Fatalf("%s: %d cookies of %d bytes", name, len(browser.cookies), size)
			}
		}
		if n := len(browser.cookies); name != "long" && n != maxAttempts || n < 3 {
			t.Errorf("%s: %d attempts are kept", name, n)
		}
		got, err := browser.recall(s, last.State)
		want := returnTo
		if len(returnTo) > maxReturnTo {
			want = "/"
		}
		if err != nil || got.ReturnTo != want {
			t.Errorf("%s: the last attempt = %.20q, %v; want %.20q", name, got.ReturnTo, err, want)
		}
		if _, err := browser.recall(s, attempt(100*len(name)).State); !errors.Is(err, ErrNoAttempt) {
			t.Errorf("%s: the first attempt = %v, want %v", name, err, ErrNoAttempt)
		}
	}

	// A browser full of what is none of ours gets a short answer, and rid of it.
	flooded := newBrowser()
	for i := range 1000 {
		flooded.cookies[fmt.Sprintf("daybook-signin-%08x", i)] = "junk"
	}
	if set := flooded.remember(t, s, attempt(1)); len(set) > 2*maxAttempts+1 {
		t.Errorf("%d cookies are set", len(set))
	}
	if err := s.Remember(httptest.NewRecorder(), flooded.request(), identity.Attempt{State: "short"}); err == nil {
		t.Error("Remember of a guessable state succeeded")
	}
}

func TestRecallAge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSessions(t, NewMemory(), func(o *Options) { o.Now = func() time.Time { return now } })
	for _, tt := range []struct {
		age  time.Duration
		want error
	}{
		{0, nil}, {attemptLife - time.Second, nil}, {attemptLife, ErrNoAttempt}, {24 * time.Hour, ErrNoAttempt},
		{-30 * time.Second, nil}, {-skew, nil}, {-time.Hour, ErrNoAttempt},
	} {
		browser := newBrowser()
		a := attempt(int(tt.age / time.Second))
		a.Started = now.Add(-tt.age)
		browser.remember(t, s, a)
		if _, err := browser.recall(s, a.State); !errors.Is(err, tt.want) {
			t.Errorf("Recall after %v = %v, want %v", tt.age, err, tt.want)
		}
	}
}

// A sign-in ends, once, on an instance whose clock is five minutes off.
func TestRecallByAnotherClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, off := range []time.Duration{-skew, skew} {
		s := newSessions(t, NewMemory(), func(o *Options) { o.Now = func() time.Time { return now.Add(off) } })
		browser := newBrowser()
		a := attempt(1)
		a.Started = now
		browser.remember(t, s, a)
		copied := &testBrowser{cookies: maps.Clone(browser.cookies)}
		if _, err := browser.recall(s, a.State); err != nil {
			t.Errorf("Recall by a clock that is %v off = %v", off, err)
		}
		if _, err := copied.recall(s, a.State); !errors.Is(err, ErrAttemptUsed) {
			t.Errorf("a second Recall = %v, want %v", err, ErrAttemptUsed)
		}
	}
}

// With the store down nothing is used up.
func TestRecallUnavailable(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store)
	browser := newBrowser()
	a := attempt(1)
	browser.remember(t, s, a)
	store.set(func(string, string) error { return errors.New("down") }, nil)
	if _, err := browser.recall(s, a.State); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Recall = %v, want %v", err, ErrUnavailable)
	}
	store.set(nil, nil)
	if _, err := browser.recall(s, a.State); err != nil {
		t.Errorf("Recall once the store is back = %v", err)
	}
}

// A mark that was written though the store did not say so does not end the
// sign-in of the browser that was told to try again; nobody else gets it.
func TestRecallAnswerLost(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		lossy := newSessions(t, lossyStore{b.store})
		good := newSessions(t, b.again())
		for lost := range maxTries + 1 {
			browser := newBrowser()
			a := attempt(lost)
			set := browser.remember(t, good, a)
			second := &testBrowser{cookies: map[string]string{set[0].Name: set[0].Value}}
			for range lost {
				if _, err := browser.recall(lossy, a.State); !errors.Is(err, ErrUnavailable) {
					t.Fatalf("Recall whose answer is lost = %v, want %v", err, ErrUnavailable)
				}
			}
			retry := &testBrowser{cookies: map[string]string{set[0].Name: browser.cookies[set[0].Name]}}
			if lost > 0 {
				// Delivered twice, with the cookie of before.
				if _, err := second.recall(good, a.State); !errors.Is(err, ErrAttemptUsed) {
					t.Errorf("%d answers lost: another delivery = %v, want %v", lost, err, ErrAttemptUsed)
				}
			}
			if got, err := browser.recall(good, a.State); err != nil || got != a {
				t.Errorf("%d answers lost: Recall = %+v, %v", lost, got, err)
			}
			if _, err := retry.recall(good, a.State); !errors.Is(err, ErrAttemptUsed) {
				t.Errorf("%d answers lost: Recall after it succeeded = %v, want %v", lost, err, ErrAttemptUsed)
			}
			if len(browser.cookies) != 0 {
				t.Errorf("%d answers lost: cookies %v are left", lost, browser.cookies)
			}
		}
	})
}

// Of a callback that is delivered twice at once, one delivery may succeed and
// the other learn nothing: its browser does not get the sign-in again.
func TestRecallAnswerLostBesideSuccess(t *testing.T) {
	t.Parallel()
	store := NewMemory()
	good, bad := newSessions(t, store), &tap{Store: store}
	bad.set(func(string, string) error { return errors.New("away") }, nil)
	browser := newBrowser()
	a := attempt(1)
	browser.remember(t, good, a)
	twin := &testBrowser{cookies: map[string]string{good.attemptName(a.State): browser.cookies[good.attemptName(a.State)]}}
	if _, err := browser.recall(good, a.State); err != nil {
		t.Fatal(err)
	}
	if _, err := twin.recall(newSessions(t, bad), a.State); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Recall = %v, want %v", err, ErrUnavailable)
	}
	if _, err := twin.recall(good, a.State); !errors.Is(err, ErrAttemptUsed) {
		t.Errorf("Recall once the store is back = %v, want %v", err, ErrAttemptUsed)
	}
}

// lossyStore writes and does not say so.
type lossyStore struct{ Store }

func (l lossyStore) Swap(ctx context.Context, key string, old, new []byte, end time.Time) error {
	if err := l.Store.Swap(ctx, key, old, new, end); err != nil {
		return err
	}
	return newFault("swap", errors.New("answer lost"))
}

// An attempt's cookie is good under its own name, for its own state alone.
func TestRecallSwapped(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	browser := newBrowser()
	one, two := attempt(1), attempt(2)
	browser.remember(t, s, one)
	browser.remember(t, s, two)
	first, second := s.attemptName(one.State), s.attemptName(two.State)
	browser.cookies[first], browser.cookies[second] = browser.cookies[second], browser.cookies[first]
	for _, a := range []identity.Attempt{one, two} {
		if _, err := browser.recall(s, a.State); !errors.Is(err, ErrNoAttempt) {
			t.Errorf("Recall = %v, want %v", err, ErrNoAttempt)
		}
	}
	r := browser.request()
	r.AddCookie(&http.Cookie{Name: first, Value: browser.cookies[second]})
	if _, err := s.Recall(httptest.NewRecorder(), r, one.State); !errors.Is(err, ErrNoAttempt) {
		t.Errorf("Recall with two cookies = %v, want %v", err, ErrNoAttempt)
	}
}

func FuzzAttempt(f *testing.F) {
	s := newSessions(f, NewMemory())
	a := attempt(1)
	name := s.attemptName(a.State)
	browser := newBrowser()
	browser.remember(f, s, a)
	good := browser.cookies[name]
	f.Add(name, good)
	f.Add(name, good[:len(good)-1])
	f.Add("daybook-signin-00000000", good)
	f.Add("", "")
	sealed, err := s.records.keys.seal("attempt", name, nil, []byte(`{"s":1}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(name, base64.RawURLEncoding.EncodeToString(sealed))
	f.Fuzz(func(t *testing.T, n, value string) {
		got, err := s.attempt(n, value)
		if err == nil && (n != name || got.State != a.State) {
			t.Errorf("attempt(%q, %q) = %+v", n, value, got)
		}
		if err != nil && !errors.Is(err, ErrNoAttempt) {
			t.Errorf("attempt(%q, %q) = %v, want %v", n, value, err, ErrNoAttempt)
		}
	})
}
