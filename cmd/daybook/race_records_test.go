package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// recordOf is where the session of a cookie's value is kept.
func recordOf(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return "session-" + hex.EncodeToString(sum[:])
}

// put writes a record past the store, as somebody would who has the disk or
// the server but not the secret.
func (at place) put(t testing.TB, key string, record []byte) {
	t.Helper()
	if at.dir == "" {
		at.ask(t, "SET", "daybook:"+key, record, "EX", 3600)
		return
	}
	path := at.path(key)
	if err := os.WriteFile(path, record, 0o600); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour) // a file's time is its expiry
	if err := os.Chtimes(path, until, until); err != nil {
		t.Fatal(err)
	}
}

// spoil puts something that is no record in a record's place.
func (at place) spoil(t testing.TB, key string) {
	t.Helper()
	if at.dir == "" {
		at.ask(t, "DEL", "daybook:"+key)
		at.ask(t, "RPUSH", "daybook:"+key, "a", "b")
		return
	}
	if err := os.Remove(at.path(key)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at.path(key), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (at place) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(at.dir, hex.EncodeToString(sum[:1]), key)
}

func (at place) ask(t testing.TB, command string, args ...any) any {
	t.Helper()
	c, err := redis.Dial("tcp", at.redis)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reply, err := c.Do(command, args...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// A record that is not what was stored is a person who is signed out, and a
// line in the log: never an error page, and nobody else notices.
func TestRaceDamagedRecords(t *testing.T) {
	flip := func(at int) func(mine, theirs []byte) []byte {
		return func(mine, _ []byte) []byte {
			mine[(at+len(mine))%len(mine)] ^= 0x10
			return mine
		}
	}
	damages := map[string]func(mine, theirs []byte) []byte{
		"content changed":         flip(100),
		"tag changed":             flip(-1),
		"key id changed":          flip(3),
		"nonce changed":           flip(12),
		"another person's":        func(_, theirs []byte) []byte { return theirs },
		"a future version's":      func(mine, _ []byte) []byte { mine[0] = 2; return mine },
		"version 0":               func(mine, _ []byte) []byte { mine[0] = 0; return mine },
		"empty":                   func([]byte, []byte) []byte { return []byte{} },
		"one byte":                func(mine, _ []byte) []byte { return mine[:1] },
		"header alone":            func(mine, _ []byte) []byte { return mine[:21] },
		"half":                    func(mine, _ []byte) []byte { return mine[:len(mine)/2] },
		"longer":                  func(mine, _ []byte) []byte { return append(mine, 0) },
		"zeroes":                  func(mine, _ []byte) []byte { return make([]byte, len(mine)) },
		"text":                    func([]byte, []byte) []byte { return []byte(`{"account":{"oid":"1","tid":"2"}}`) },
		"fifty megabytes":         func([]byte, []byte) []byte { return bytes.Repeat([]byte{1}, 50<<20) },
		"something of other kind": nil,
	}
	onStores(t, func(t *testing.T, at place) {
		p, q := person(1), person(2)
		ms := newMicrosoft(t, p, q)
		store := at.sessions(t)
		site := ms.inside(t, ms.environ(at), nil)
		b, other := ms.newBrowser(site), ms.newBrowser(site)
		other.signIn(t, q, "/profile")
		for name, damage := range damages {
			b.signIn(t, p, "/profile")
			before := len(site.log.String())
			if damage == nil {
				at.spoil(t, recordOf(b.session()))
			} else {
				mine, err := store.Load(t.Context(), recordOf(b.session()))
				if err != nil {
					t.Fatal(err)
				}
				theirs, _ := store.Load(t.Context(), recordOf(other.session()))
				at.put(t, recordOf(b.session()), damage(mine, theirs))
			}
			for range 2 {
				for _, page := range []string{"/profile", "/sessions", "/calendar"} {
					if a := b.get(page); !a.anonymous() {
						t.Errorf("%s: %s: %v\n%s", name, page, a, site.log.errors())
					}
				}
				if a := b.get("/"); a.status != http.StatusOK || strings.Contains(a.body, p.Name) {
					t.Errorf("%s: front page: %v", name, a)
				}
			}
			if lines := strings.Count(site.log.String()[before:], "session record not usable"); lines != 1 {
				t.Errorf("%s: %d lines in the log, want one\n%s", name, lines, site.log.errors())
			}
			if a := other.get("/profile"); !a.shows(q) {
				t.Errorf("%s: somebody else: %v", name, a)
			}
		}
		b.signIn(t, p, "/profile")
		if a := b.get("/profile"); !a.shows(p) {
			t.Errorf("after another sign-in: %v", a)
		}
	})
}

// A cookie of any bytes is a visitor who is signed out.
func TestRaceCookiesOfAnyBytes(t *testing.T) {
	t.Parallel()
	p := person(1)
	ms := newMicrosoft(t, p)
	site := ms.inside(t, ms.environ(inFiles(t)), nil)
	b := ms.newBrowser(site)
	b.signIn(t, p, "/profile")
	good := b.session()
	cookies := []string{
		"daybook", "daybook=", "daybook=;", "daybook=\"\"", "daybook=a b", "daybook=\xff\xfe\xfd", "daybook=\x01\x02", "daybook=\x00",
		"daybook=../../etc/passwd", "daybook=%00", "daybook=" + strings.Repeat("A", 43), "daybook=" + strings.Repeat("A", 42),
		"daybook=" + strings.Repeat("A", 20000), "daybook=" + good + "=", "daybook=" + good[:42], "daybook=" + good + "A",
		"daybook=" + good[:42] + flipLast(good), "daybook=" + strings.ToUpper(good), "daybook=" + good + "; daybook=" + strings.Repeat("A", 43),
		"daybook=" + strings.Repeat("A", 43) + "; daybook=" + good, "Daybook=" + good, "__Host-daybook=" + good,
		"daybook-signin-00000000=x", strings.Repeat("daybook-signin-aaaaaaaa=x; ", 400), "daybook-settings=\xff", "=", ";;;=;", "\"",
	}
	for _, cookie := range cookies {
		for _, page := range []string{"/profile", "/auth/callback?state=x&code=y", "/auth/login"} {
			status := rawGet(t, site, page, cookie)
			if status >= 500 || page == "/profile" && status == http.StatusOK {
				t.Errorf("%s with the cookie %.60q: %d", page, cookie, status)
			}
		}
	}
	if a := b.get("/profile"); !a.shows(p) {
		t.Errorf("the good cookie afterwards: %v", a)
	}
	if strings.Contains(site.log.String(), good) {
		t.Error("the log holds the cookie")
	}
}

// flipLast is the last character with the two bits changed that base64 does
// not use: other text, the same bytes.
func flipLast(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])^1])
}

// rawGet sends a request that no HTTP client would.
func rawGet(t testing.TB, site *instance, page, cookie string) int {
	t.Helper()
	c, err := net.Dial("tcp", site.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\nCookie: %s\r\n\r\n", page, cookie)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%s with the cookie %.60q: %v", page, cookie, err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
