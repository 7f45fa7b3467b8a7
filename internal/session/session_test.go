package session

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Options{Store: NewMemory(), Secrets: [][]byte{secretOf('a')}, Lifetime: time.Hour}
	for name, edit := range map[string]func(*Options){
		"no store":      func(o *Options) { o.Store = nil },
		"no secret":     func(o *Options) { o.Secrets = nil },
		"short secret":  func(o *Options) { o.Secrets = [][]byte{[]byte("secret")} },
		"no lifetime":   func(o *Options) { o.Lifetime = 0 },
		"negative idle": func(o *Options) { o.Idle = -1 },
	} {
		o := good
		edit(&o)
		if _, err := New(o); err == nil {
			t.Errorf("New with %s succeeded", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Errorf("New: %v", err)
	}
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s, other := newSessions(t, b.store), newSessions(t, b.again())
		anna := newBrowser()
		if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) || errors.Is(err, ErrEnded) {
			t.Errorf("Open before sign-in = %v, want %v", err, ErrSignedOut)
		}
		if err := anna.signIn(s, "anna"); err != nil {
			t.Fatal(err)
		}
		session := anna.mustOpen(t, other)
		if diff := cmp.Diff(account("anna"), session.Account()); diff != "" {
			t.Errorf("Account (-want +got):\n%s", diff)
		}
		if age := time.Since(session.Since()); age < 0 || age > time.Minute {
			t.Errorf("Since = %v ago", age)
		}
		if left := time.Until(session.Until()); left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("Until = in %v, want 24h", left)
		}
		tokens, err := session.Tokens().Load(t.Context(), false)
		if err != nil || string(tokens) != "tokens of anna" {
			t.Errorf("tokens = %q, %v", tokens, err)
		}
		old := *anna
		old.cookies = map[string]string{"daybook": anna.cookies["daybook"]}
		who, err := anna.signOut(other)
		if err != nil || who.ObjectID != "oid-anna" {
			t.Errorf("SignOut = %v, %v; want anna", who, err)
		}
		if len(anna.cookies) != 0 {
			t.Errorf("cookies after sign-out: %v", anna.cookies)
		}
		for _, s := range []*Sessions{s, other} {
			if _, err := s.Open(old.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("Open with the old cookie = %v, want %v", err, ErrSignedOut)
			}
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("sign-out left %s", got)
		}
		// Twice is no error, nor is it without a cookie.
		for _, b := range []*testBrowser{&old, newBrowser()} {
			if who, err := b.signOut(s); err != nil || who.ObjectID != "" {
				t.Errorf("SignOut again = %v, %v; want nobody", who, err)
			}
		}
	})
}

func TestCookie(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		s := newSessions(t, NewMemory(), func(o *Options) { o.Secure = secure })
		w := httptest.NewRecorder()
		w.Header().Set("Cache-Control", "no-store")
		if err := s.SignIn(w, newBrowser().request(), signedIn("anna")); err != nil {
			t.Fatal(err)
		}
		want := &http.Cookie{Name: "daybook", Path: "/", MaxAge: 86400, HttpOnly: true, SameSite: http.SameSiteLaxMode}
		if secure {
			want.Name, want.Secure = "__Host-daybook", true
		}
		set := w.Result().Cookies()
		if len(set) != 1 {
			t.Fatalf("%d cookies, want 1", len(set))
		}
		got := set[0]
		if b, err := base64.RawURLEncoding.DecodeString(got.Value); err != nil || len(b) != 32 {
			t.Errorf("cookie value %q is not 32 bytes: %v", got.Value, err)
		}
		value := got.Value
		got.Value, got.Raw, got.Expires, got.RawExpires = "", "", time.Time{}, ""
		if got.MaxAge == want.MaxAge+1 { // scs rounds up
			got.MaxAge--
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cookie (-want +got):\n%s", diff)
		}
		if got := w.Header().Values("Cache-Control"); !slices.Equal(got, []string{"no-store"}) {
			t.Errorf("Cache-Control = %q, want the caller's", got)
		}

		w = httptest.NewRecorder()
		b := &testBrowser{cookies: map[string]string{want.Name: value}}
		if _, err := s.SignOut(w, b.request()); err != nil {
			t.Fatal(err)
		}
		header := w.Header().Get("Set-Cookie")
		if !strings.HasPrefix(header, want.Name+"=; Path=/;") || !strings.Contains(header, "Max-Age=0") || strings.Contains(header, "Secure") != secure {
			t.Errorf("Set-Cookie on sign-out = %q", header)
		}
	}
}

// Opening costs one read and nothing else, and opening without a cookie not
// even that.
func TestOpenCosts(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store)
	anna := mustSignIn(t, s, "anna")
	if got, want := store.seen(), "load person, swap person, load sid, swap sid, swap session, load person, load sid"; !sameOps(got, want) {
		t.Errorf("SignIn did %s, want %s", got, want)
	}
	session := anna.mustOpen(t, s)
	session.Get("x")
	if _, err := session.Tokens().Load(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if got, want := store.seen(), "load session"; got != want {
		t.Errorf("Open did %s, want %s", got, want)
	}
	for _, cookie := range []string{"", "x", strings.Repeat("a", 42), strings.Repeat("a", 44), strings.Repeat("!", 43), "../../../etc/passwd"} {
		b := &testBrowser{cookies: map[string]string{"daybook": cookie}}
		if _, err := s.Open(b.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open with cookie %q = %v, want %v", cookie, err, ErrSignedOut)
		}
	}
	if got := store.seen(); got != "" {
		t.Errorf("cookies of a wrong form did %s, want nothing", got)
	}
}

// sameOps compares operations whose order between rosters is not fixed.
func sameOps(a, b string) bool {
	return slices.Equal(sorted(strings.Split(a, ", ")), sorted(strings.Split(b, ", ")))
}

// Another cookie of the same name is somebody else's doing.
func TestOpenTwoCookies(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	anna, bert := mustSignIn(t, s, "anna"), mustSignIn(t, s, "bert")
	r := anna.request()
	r.AddCookie(&http.Cookie{Name: "daybook", Value: bert.cookies["daybook"]})
	if _, err := s.Open(r); !errors.Is(err, ErrSignedOut) {
		t.Errorf("Open = %v, want %v", err, ErrSignedOut)
	}
}

// A second cookie, as a neighbour may set one for the path of the sign-out
// alone, keeps no session from ending: not at a sign-out that would then be
// none, nor when somebody else signs in.
func TestTwoCookiesEnd(t *testing.T) {
	t.Parallel()
	for _, planted := range []string{"x", strings.Repeat("A", 43)} {
		for _, by := range []string{"sign-out", "sign-in"} {
			s := newSessions(t, NewMemory())
			anna := mustSignIn(t, s, "anna")
			r := anna.request()
			r.AddCookie(&http.Cookie{Name: "daybook", Value: planted})
			if by == "sign-in" {
				if err := s.SignIn(httptest.NewRecorder(), r, signedIn("bert")); err != nil {
					t.Fatal(err)
				}
			} else if who, err := s.SignOut(httptest.NewRecorder(), r); err != nil || who.ObjectID != "oid-anna" {
				t.Errorf("SignOut beside %q = %v, %v; want anna", planted, who, err)
			}
			if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("Open after a %s beside %q = %v, want %v", by, planted, err, ErrSignedOut)
			}
		}
	}
}

func FuzzCookie(f *testing.F) {
	store := NewMemory()
	s := newSessions(f, store)
	f.Add("daybook=x; daybook-signin-00000000=y", "state")
	f.Add("daybook="+strings.Repeat("A", 43), "")
	f.Add("daybook=\"\x00\xff\"; =; ;;", "x")
	f.Fuzz(func(t *testing.T, header, state string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{header}
		if _, err := s.Open(r); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open = %v, want %v", err, ErrSignedOut)
		}
		w := httptest.NewRecorder()
		if who, err := s.SignOut(w, r); err != nil || who.ObjectID != "" {
			t.Errorf("SignOut = %v, %v; want nobody", who, err)
		}
		if _, err := s.Recall(w, r, state); !errors.Is(err, ErrNoAttempt) {
			t.Errorf("Recall = %v, want %v", err, ErrNoAttempt)
		}
		if n := len(store.records); n != 0 {
			t.Errorf("%d records came to be", n)
		}
	})
}

func TestPutAndGet(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s, other := newSessions(t, b.store), newSessions(t, b.again())
		anna := mustSignIn(t, s, "anna")
		session := anna.mustOpen(t, s)
		if got := session.Get("flash"); got != nil {
			t.Errorf("Get of nothing = %q, want nil", got)
		}
		value := []byte("saved")
		if err := session.Put(t.Context(), "flash", value); err != nil {
			t.Fatal(err)
		}
		value[0] = 'X'
		for name, session := range map[string]*Session{"same": session, "next": anna.mustOpen(t, other)} {
			if got := session.Get("flash"); string(got) != "saved" {
				t.Errorf("Get in the %s request = %q, want %q", name, got, "saved")
			}
		}
		// A page cannot reach what is not a page's.
		if err := session.Put(t.Context(), "account", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if got := anna.mustOpen(t, other).Account().Name; got != "anna" {
			t.Errorf("Account after Put(account) = %q", got)
		}
		if err := session.Put(t.Context(), "flash", nil); err != nil {
			t.Fatal(err)
		}
		if got := anna.mustOpen(t, other).Get("flash"); got != nil {
			t.Errorf("Get after removal = %q, want nil", got)
		}
		if err := session.Put(t.Context(), "big", make([]byte, MaxRecord)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Put of a megabyte = %v, want %v", err, ErrTooLarge)
		}
		if got := session.Get("big"); got != nil {
			t.Errorf("Get after a Put that failed = %d bytes, want nil", len(got))
		}
		if err := session.Put(t.Context(), "small", []byte("x")); err != nil {
			t.Errorf("Put after a Put that failed: %v", err)
		}
	})
}

// A Put that changes nothing writes nothing.
func TestPutUnchanged(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store)
	session := mustSignIn(t, s, "anna").mustOpen(t, s)
	for range 2 {
		store.seen()
		if err := session.Put(t.Context(), "a", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if got := store.seen(); got != "" {
		t.Errorf("the second Put did %s, want nothing", got)
	}
}

// The sealed end counts, whatever the medium says.
func TestAbsoluteEnd(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		clock := newClock()
		s := newSessions(t, b.store, func(o *Options) { o.Now = clock.now })
		anna := mustSignIn(t, s, "anna")
		key := recordKey(anna.cookies["daybook"])
		if end := b.expiry(t, key).Sub(clock.now()); end < 24*time.Hour-time.Minute || end > 24*time.Hour+2*time.Second {
			t.Errorf("the record expires after %v, want 24h", end)
		}
		if err := b.store.Touch(t.Context(), key, clock.now().Add(1000*time.Hour)); err != nil {
			t.Fatal(err)
		}
		session := anna.mustOpen(t, s)
		clock.move(24*time.Hour - time.Second)
		anna.mustOpen(t, s)
		clock.move(time.Second)
		if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open at the end = %v, want %v", err, ErrSignedOut)
		}
		if err := session.Put(t.Context(), "a", []byte("x")); !errors.Is(err, ErrEnded) {
			t.Errorf("Put at the end = %v, want %v", err, ErrEnded)
		}
	})
}

func TestReady(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("Ready = %v", err)
		}
		if _, err := s.Sweep(t.Context()); err != nil {
			t.Errorf("Sweep = %v", err)
		}
	})
}

// An account without an id would be everybody's.
func TestSignInNeedsAPerson(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	in := signedIn("anna")
	in.Account.ObjectID = ""
	w := httptest.NewRecorder()
	if err := s.SignIn(w, newBrowser().request(), in); err == nil || len(w.Result().Cookies()) != 0 {
		t.Errorf("SignIn without oid = %v", err)
	}
}
