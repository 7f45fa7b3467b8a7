package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

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
		"two megabytes":           func([]byte, []byte) []byte { return bytes.Repeat([]byte{1}, 2<<20) },
		"something of other kind": nil,
	}
	onStores(t, func(t *testing.T, at place) {
		p, q := person(1), person(2)
		m := newStage(t, nowhere, p, q)
		store := at.stores(t)[0]
		site := m.inside(nil, at.settings...)
		b, other := m.visitor().on(site.addr), m.visitor().on(site.addr)
		other.enter(q, "/profile")
		for name, damage := range damages {
			b.enter(p, "/profile")
			before := len(site.log.String())
			if damage == nil {
				at.spoil(t, recordOf(b.cookie()))
			} else {
				mine, err := store.Load(t.Context(), recordOf(b.cookie()))
				if err != nil {
					t.Fatal(err)
				}
				theirs, _ := store.Load(t.Context(), recordOf(other.cookie()))
				at.put(t, recordOf(b.cookie()), damage(mine, theirs))
			}
			for range 2 {
				for _, page := range []string{"/profile", "/sessions", "/calendar"} {
					if a := b.get(page); !a.anonymous() {
						t.Errorf("%s: %s: %v", name, page, a)
					}
				}
				if a := b.get("/"); a.status != http.StatusOK || strings.Contains(a.body, p.Name) {
					t.Errorf("%s: front page: %v", name, a)
				}
			}
			if lines := strings.Count(site.log.String()[before:], "session record not usable"); lines != 1 {
				t.Errorf("%s: %d lines in the log, want one", name, lines)
			}
			if a := other.get("/profile"); !a.shows(q) {
				t.Errorf("%s: somebody else: %v", name, a)
			}
		}
		b.enter(p, "/profile")
		if a := b.get("/profile"); !a.shows(p) {
			t.Errorf("after another sign-in: %v", a)
		}
	})
}

// A cookie of any bytes is a visitor who is signed out. That the good one is
// not in the log is checked at the end, as ever.
func TestRaceCookiesOfAnyBytes(t *testing.T) {
	t.Parallel()
	p := person(1)
	m := newStage(t, nowhere, p)
	site := m.inside(nil, inFiles(t).settings...)
	b := m.visitor().on(site.addr)
	b.enter(p, "/profile")
	good := b.cookie()
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
			request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\nCookie: %s\r\n\r\n", page, cookie)
			status := raw(t, site.addr, request)
			if status >= 500 || page == "/profile" && status == http.StatusOK {
				t.Errorf("%s with the cookie %.60q: %d", page, cookie, status)
			}
		}
	}
	if a := b.get("/profile"); !a.shows(p) {
		t.Errorf("the good cookie afterwards: %v", a)
	}
}

// flipLast is the last character with the two bits changed that base64 does
// not use: other text, the same bytes.
func flipLast(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])^1])
}
