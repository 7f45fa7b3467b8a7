package session

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is in the medium leads to no cookie and shows no content.
func TestNothingIsLegibleAtRest(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		s := newSessions(t, b.store, func(o *Options) { o.Tokens = b.again() })
		anna := mustSignIn(t, s, "anna")
		if err := anna.mustOpen(t, s).Put(t.Context(), "note", []byte("canary-note")); err != nil {
			t.Fatal(err)
		}
		var medium bytes.Buffer
		for key, err := range b.store.Keys(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&medium, key)
			medium.Write(mustLoad(t, b.store, key))
		}
		if _, folder, found := strings.Cut(b.spec, "dir|"); found {
			filepath.WalkDir(folder, func(name string, e fs.DirEntry, _ error) error {
				content, _ := os.ReadFile(name)
				medium.WriteString(name)
				medium.Write(content)
				return nil
			})
		}
		cookie := anna.cookies["daybook"]
		raw, _ := base64.RawURLEncoding.DecodeString(cookie)
		for what, canary := range map[string]string{
			"tokens": "tokens of anna", "name": "anna", "id": "oid-anna", "sid": "sid-anna", "note": "canary-note",
			"cookie": cookie, "half a cookie": cookie[:20], "cookie's bytes": string(raw),
		} {
			if bytes.Contains(medium.Bytes(), []byte(canary)) {
				t.Errorf("the medium shows the %s", what)
			}
		}
		if n := strings.Count(medium.String(), "session-"); n == 0 {
			t.Error("the medium shows no session; the test sees nothing")
		}
	})
}

// damage makes a session's record something else.
var damage = map[string]func(record, others []byte) []byte{
	"empty":          func(_, _ []byte) []byte { return []byte{} },
	"half":           func(r, _ []byte) []byte { return r[:len(r)/2] },
	"a few bytes":    func(r, _ []byte) []byte { return r[:5] },
	"last byte":      func(r, _ []byte) []byte { return append(bytes.Clone(r[:len(r)-1]), r[len(r)-1]^1) },
	"somebody's":     func(_, o []byte) []byte { return o },
	"later version":  func(r, _ []byte) []byte { return append([]byte{sealVersion + 1}, r[1:]...) },
	"another secret": func(r, _ []byte) []byte { return append(append([]byte{r[0]}, "87654321"...), r[9:]...) },
	"json":           func(_, _ []byte) []byte { return []byte(`{"account":{"oid":"oid-eve","tid":"tid"}}`) },
	"plain content": func(_, _ []byte) []byte {
		return encode(later(), map[string][]byte{keyAccount: []byte(`{"oid":"oid-eve","tid":"tid"}`)})
	},
	"a megabyte": func(_, _ []byte) []byte { return make([]byte, MaxRecord+1) },
}

// Whatever is done to one person's record, that person is signed out, once it
// is logged, nobody else notices, and signing in again works.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for name, damage := range damage {
			log := new(lines)
			s := newSessions(t, b.store, func(o *Options) { o.Log = log.logger() })
			anna, bert := mustSignIn(t, s, "anna"), mustSignIn(t, s, "bert")
			key := recordKey(anna.cookies["daybook"])
			record := damage(mustLoad(t, b.store, key), mustLoad(t, b.store, recordKey(bert.cookies["daybook"])))
			b.plant(t, key, record, later())
			for range 3 {
				if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
					t.Errorf("%s: Open = %v, want %v", name, err, ErrSignedOut)
				}
			}
			if n := strings.Count(log.String(), "not usable"); n != 1 {
				t.Errorf("%s: %d log lines, want 1:\n%s", name, n, log)
			}
			ours := name == "last byte" || name == "somebody's" || name == "half"
			if _, err := b.store.Load(t.Context(), key); ours != (err == ErrAbsent) && name != "a megabyte" {
				t.Errorf("%s: the record is kept: %v; want %v", name, err == nil, !ours)
			}
			if got := bert.mustOpen(t, s).Account().Name; got != "bert" {
				t.Errorf("%s: bert is %q", name, got)
			}
			if err := anna.signIn(s, "anna"); err != nil {
				t.Errorf("%s: SignIn = %v", name, err)
			} else if got := anna.mustOpen(t, s).Account().Name; got != "anna" {
				t.Errorf("%s: anna is %q", name, got)
			}
			for _, b := range []*testBrowser{anna, bert} {
				if _, err := b.signOut(s); err != nil {
					t.Errorf("%s: SignOut = %v", name, err)
				}
			}
		}
	})
}

// E7: rotating secrets signs nobody out who comes by while both are known.
func TestRotateSecrets(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		with := func(secrets ...byte) *Sessions {
			return newSessions(t, b.store, func(o *Options) {
				o.Secrets, o.Tokens = nil, b.again()
				for _, secret := range secrets {
					o.Secrets = append(o.Secrets, secretOf(secret))
				}
			})
		}
		first, both, second := with('a'), with('b', 'a'), with('b')
		stays, goes := mustSignIn(t, first, "anna"), mustSignIn(t, first, "anna")
		for _, b := range []*testBrowser{stays, goes} {
			session := b.mustOpen(t, both)
			if tokens, err := session.Tokens().Load(t.Context(), true); err != nil || string(tokens) != "tokens of anna" {
				t.Errorf("tokens = %q, %v", tokens, err)
			}
			if list, err := session.Siblings(t.Context()); err != nil || len(list) != 2 {
				t.Errorf("Siblings = %v, %v; want 2", list, err)
			}
		}
		if err := stays.mustOpen(t, both).Put(t.Context(), "a", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Open(goes.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open of what was not saved again = %v, want %v", err, ErrSignedOut)
		}
		stays.mustOpen(t, second)
		// A new sign-in gathers the person's sessions under the new secret.
		third := mustSignIn(t, both, "anna")
		if n, err := both.EndPerson(t.Context(), account("anna").Key()); err != nil || n != 3 {
			t.Errorf("EndPerson = %d, %v; want 3", n, err)
		}
		for _, b := range []*testBrowser{stays, goes, third} {
			if _, err := both.Open(b.request()); !errors.Is(err, ErrSignedOut) {
				t.Errorf("Open after EndPerson = %v", err)
			}
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("left over: %s", got)
		}
	})
}

// While secrets are rotated over several instances, each step leaves all of
// them able to read what the others write: no session is lost, and an end on
// one reaches those that began on another.
func TestRotateSecretsInstanceByInstance(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		with := func(secrets string) *Sessions {
			return newSessions(t, b.store, func(o *Options) {
				o.Secrets, o.Tokens = nil, b.again()
				for i := range len(secrets) {
					o.Secrets = append(o.Secrets, secretOf(secrets[i]))
				}
			})
		}
		for _, step := range [][2]string{{"a", "ab"}, {"ab", "ba"}, {"ba", "b"}} {
			one, other := with(step[0]), with(step[1])
			browsers := []*testBrowser{mustSignIn(t, one, "anna"), mustSignIn(t, other, "anna")}
			if step[1] == "b" { // one lifetime after the step before nothing else is left
				browsers = browsers[1:]
				one.EndPerson(t.Context(), account("anna").Key())
				browsers[0] = mustSignIn(t, other, "anna")
			}
			for _, b := range browsers {
				for _, s := range []*Sessions{one, other} {
					if err := b.mustOpen(t, s).Tokens().Update(t.Context(), appendTo("x")); err != nil {
						t.Errorf("%v: Update = %v", step, err)
					}
				}
			}
			if n, err := other.EndByMicrosoft(t.Context(), "sid-anna"); n != len(browsers) || err != nil {
				t.Errorf("%v: EndByMicrosoft = %d, %v; want %d", step, n, err, len(browsers))
			}
			if left := keysOf(t, b.store, ""); left != "0 " {
				t.Errorf("%v: left over: %s", step, left)
			}
		}
	})
}

// E9: an instance with a wrong secret harms nobody's records.
func TestForeignSecret(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		right := newSessions(t, b.store)
		wrong := newSessions(t, b.again(), func(o *Options) { o.Secrets = [][]byte{secretOf('z')} })
		anna := mustSignIn(t, right, "anna")
		before := keysOf(t, b.store, "session-")
		if _, err := wrong.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
			t.Errorf("Open = %v, want %v", err, ErrSignedOut)
		}
		if people, err := wrong.List(t.Context()); err != nil || len(people) != 0 {
			t.Errorf("List = %v, %v; want nobody", people, err)
		}
		if _, err := wrong.Purge(t.Context()); err != nil {
			t.Errorf("Purge = %v", err)
		}
		w := httptest.NewRecorder()
		if _, err := wrong.SignOut(w, anna.request()); err != nil {
			t.Errorf("SignOut = %v", err)
		}
		if n, err := wrong.EndPerson(t.Context(), account("anna").Key()); n != 0 || err != nil {
			t.Errorf("EndPerson = %d, %v; want 0", n, err)
		}
		if after := keysOf(t, b.store, "session-"); after != before {
			t.Errorf("records %s, want %s", after, before)
		}
		anna.mustOpen(t, right)
	})
}

// A store that cannot be reached is never a person signed out.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store)
	anna := mustSignIn(t, s, "anna")
	session := anna.mustOpen(t, s)
	// An error that says nothing of itself is unavailability as well.
	store.set(func(string, string) error { return errors.New("boom") }, nil)
	fresh := newBrowser()
	_, openErr := s.Open(anna.request())
	_, loadErr := session.Tokens().Load(t.Context(), true)
	_, siblingsErr := session.Siblings(t.Context())
	_, revokeErr := session.RevokeOthers(t.Context())
	_, sidErr := s.EndByMicrosoft(t.Context(), "sid-anna")
	_, listErr := s.List(t.Context())
	for what, err := range map[string]error{
		"Open": openErr, "SignIn": fresh.signIn(s, "anna"), "SignIn again": anna.signIn(s, "anna"),
		"Put": session.Put(t.Context(), "a", []byte("x")), "tokens": loadErr, "Siblings": siblingsErr,
		"RevokeOthers": revokeErr, "EndByMicrosoft": sidErr, "List": listErr,
	} {
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrSignedOut) {
			t.Errorf("%s = %v, want %v", what, err, ErrUnavailable)
		}
	}
	if len(fresh.cookies) != 0 || len(anna.cookies) != 1 {
		t.Errorf("cookies: %v, %v; want none and the old one", fresh.cookies, anna.cookies)
	}
	old := anna.cookies["daybook"]
	if _, err := anna.signOut(s); !errors.Is(err, ErrUnavailable) {
		t.Errorf("SignOut = %v, want %v", err, ErrUnavailable)
	}
	if len(anna.cookies) != 0 {
		t.Error("SignOut left the cookie")
	}
	s.Close()
	store.set(nil, nil)
	if _, err := s.Open((&testBrowser{cookies: map[string]string{"daybook": old}}).request()); err != nil {
		t.Errorf("Open once the store is back = %v", err)
	}
}

// A read-only store: reading goes on, signing out says that it could not, and
// says who it was.
func TestSignOutOfReadOnlyStore(t *testing.T) {
	t.Parallel()
	store := &tap{Store: NewMemory()}
	s := newSessions(t, store)
	anna := mustSignIn(t, s, "anna")
	store.set(func(op, _ string) error {
		if op == "load" {
			return nil
		}
		return &fault{kind: "readonly", op: op, err: errors.New("read-only")}
	}, nil)
	anna.mustOpen(t, s)
	who, err := anna.signOut(s)
	if !errors.Is(err, ErrUnavailable) || who.ObjectID != "oid-anna" || len(anna.cookies) != 0 {
		t.Errorf("SignOut = %v, %v with cookies %v; want anna, %v and none", who, err, anna.cookies, ErrUnavailable)
	}
}

// A browser that goes away does not keep its session alive.
func TestSignOutOutlivesRequest(t *testing.T) {
	t.Parallel()
	s := newSessions(t, NewMemory())
	anna := mustSignIn(t, s, "anna")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.SignOut(httptest.NewRecorder(), anna.request().WithContext(ctx)); err != nil {
		t.Errorf("SignOut = %v", err)
	}
	if _, err := s.Open(anna.request()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("Open = %v, want %v", err, ErrSignedOut)
	}
}
