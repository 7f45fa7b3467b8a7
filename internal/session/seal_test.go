package session

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func mustKeys(t testing.TB, secrets ...byte) keyring {
	t.Helper()
	var all [][]byte
	for _, b := range secrets {
		all = append(all, secretOf(b))
	}
	k, err := newKeyring(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSeal(t testing.TB, k keyring, purpose, name, token, plain string) []byte {
	t.Helper()
	sealed, err := k.seal(purpose, name, []byte(token), []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestKeyringRefusesWeakSecrets(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][][]byte{
		"none": nil, "empty": {{}}, "short": {make([]byte, 31)}, "short second": {secretOf('a'), []byte("short")},
	} {
		if _, err := newKeyring(secrets); err == nil {
			t.Errorf("newKeyring of %s succeeded", name)
		}
	}
}

func TestSealBindsEverything(t *testing.T) {
	t.Parallel()
	k := mustKeys(t, 'a')
	sealed := mustSeal(t, k, "session", "name", "token", "plain")
	for _, tt := range []struct{ purpose, name, token, want string }{
		{"session", "name", "token", "plain"},
		{"session", "name", "Token", ""},
		{"session", "name", "", ""},
		{"session", "eman", "token", ""},
		{"tokens", "name", "token", ""},
		{"session\x00name", "", "token", ""},
	} {
		got, err := k.open(tt.purpose, tt.name, []byte(tt.token), sealed)
		if (err == nil) != (tt.want != "") || string(got) != tt.want {
			t.Errorf("open(%q, %q, %q) = %q, %v; want %q", tt.purpose, tt.name, tt.token, got, err, tt.want)
		}
	}
}

func TestOpenEveryChangedByte(t *testing.T) {
	t.Parallel()
	k := mustKeys(t, 'a')
	sealed := mustSeal(t, k, "session", "name", "token", "some content")
	for i := range sealed {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(sealed)
			bad[i] ^= flip
			_, err := k.open("session", "name", []byte("token"), bad)
			var e *sealError
			if !errors.As(err, &e) {
				t.Fatalf("byte %d changed: open = %v, want an error", i, err)
			}
			// In the version and the key id a change looks like another
			// instance's record, which must be left alone.
			if e.ours != (i >= 9) {
				t.Errorf("byte %d changed: ours = %v", i, e.ours)
			}
		}
		if _, err := k.open("session", "name", []byte("token"), sealed[:i]); err == nil {
			t.Errorf("the first %d bytes opened", i)
		}
		if _, err := k.open("session", "name", []byte("token"), append(bytes.Clone(sealed), sealed[:i+1]...)); err == nil {
			t.Errorf("%d bytes more opened", i+1)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, both, new := mustKeys(t, 'a'), mustKeys(t, 'b', 'a'), mustKeys(t, 'b')
	fromOld := mustSeal(t, old, "session", "name", "token", "plain")
	fromBoth := mustSeal(t, both, "session", "name", "token", "plain")
	for _, tt := range []struct {
		name string
		k    keyring
		b    []byte
		want bool
	}{
		{"old opens old", old, fromOld, true}, {"both open old", both, fromOld, true}, {"new opens old", new, fromOld, false},
		{"old opens both's", old, fromBoth, false}, {"both open both's", both, fromBoth, true}, {"new opens both's", new, fromBoth, true},
	} {
		_, err := tt.k.open("session", "name", []byte("token"), tt.b)
		var e *sealError
		if (err == nil) != tt.want || errors.As(err, &e) && e.ours {
			t.Errorf("%s: %v (%+v), want %v", tt.name, err, e, tt.want)
		}
	}
}

func TestSealNeverRepeats(t *testing.T) {
	t.Parallel()
	k := mustKeys(t, 'a')
	seen := make(map[string]bool)
	for range 20000 {
		nonce := string(mustSeal(t, k, "session", "name", "token", "plain")[9:21])
		if seen[nonce] {
			t.Fatalf("nonce %x twice", nonce)
		}
		seen[nonce] = true
	}
}

func TestNamesNeedTheSecret(t *testing.T) {
	t.Parallel()
	a, b := mustKeys(t, 'a')[0], mustKeys(t, 'b')[0]
	names := map[string]string{}
	for _, k := range []sealingKey{a, b} {
		for _, kind := range []string{"person", "sid"} {
			for _, subject := range []string{"x", "y"} {
				name := k.name(kind, subject)
				if err := checkKey(name); err != nil {
					t.Error(err)
				}
				if was := names[name]; was != "" {
					t.Errorf("the same name for %s and %s", was, subject)
				}
				names[name] = fmt.Sprintf("%x %s %s", k.id, kind, subject)
			}
		}
	}
	if again := mustKeys(t, 'a')[0]; again.name("person", "x") != a.name("person", "x") {
		t.Error("a subject has two names")
	}
}

func FuzzOpen(f *testing.F) {
	k := mustKeys(f, 'a')
	f.Add(mustSeal(f, k, "session", "name", "token", "plain"))
	f.Add([]byte{})
	f.Add([]byte{sealVersion, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(append([]byte{sealVersion}, k[0].id[:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := k.open("session", "name", []byte("token"), b)
		if err == nil && string(plain) != "plain" {
			t.Errorf("open(%x) = %q", b, plain)
		}
		if e := (*sealError)(nil); err != nil && !errors.As(err, &e) {
			t.Errorf("open(%x) = %v, want a sealError", b, err)
		}
	})
}
