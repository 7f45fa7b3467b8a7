package server

import (
	"net/url"
	"strings"
	"testing"
)

// hostileReturns want to lead a browser elsewhere, into a loop, or into a
// header (after the corpora of OWASP's cheat sheet on unvalidated redirects and
// of published advisories).
var hostileReturns = []string{
	"//evil.example", "///evil.example", "////evil.example", "//evil.example/calendar", "//evil.example/%2e%2e", "//evil.example@localhost",
	"//user:pass@evil.example", "//[::1]", "//0x7f000001", "//2130706433", "//evil。example", "//evil%E3%80%82example", "//localhost:8080@evil.example",
	`/\evil.example`, `\/evil.example`, `\\evil.example`, `/\/evil.example`, `//\evil.example`, `\\\evil.example`, `/\\evil.example`, `/calendar\..\..\evil`,
	`/\t/evil.example\`, `\evil.example`, `/%5cevil.example`, `/%5Cevil.example`, `/calendar/%5c%5cevil.example`,
	"/\t/evil.example", "\t//evil.example", "/\n/evil.example", "\n//evil.example", "/\r/evil.example", "\r\n//evil.example", "/\v/evil.example", "/\f/evil.example",
	" //evil.example", "/ /evil.example\n", "\x00//evil.example", "/\x00/evil.example", "/calendar\x00", "/calendar\x7f", "\u00a0//evil.example", "\ufeff//evil.example",
	"/%2f/evil.example", "/%2Fevil.example", "/%2f%2fevil.example", "%2f%2fevil.example", "%2fevil.example", "/%09/evil.example", "/%0d%0aLocation:%20https://evil.example",
	"/%0aSet-Cookie:x=y", "/calendar%0d%0a", "/%00", "/calendar/%00/x", "/%7f", "/\r\nSet-Cookie: x=y", "/calendar\r\nLocation: https://evil.example",
	"https://evil.example", "http://evil.example", "HTTPS://evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example", "http:evil.example",
	"https:\\\\evil.example", "https:\\/evil.example", "https:%2f%2fevil.example", "ht\ntps://evil.example", "\x01https://evil.example", "https://localhost:8080/",
	"http://localhost:8080.evil.example/", "http://localhost:8080@evil.example/", "ftp://evil.example", "ws://evil.example", "file:///etc/passwd",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "javascript://evil.example/%0aalert(1)", "data:text/html,<script>alert(1)</script>",
	"vbscript:x", "blob:https://evil.example/x", "about:blank", "mailto:a@evil.example", "view-source:x", "x:y",
	"evil.example", "evil.example/calendar", "www.evil.example", "calendar", "./calendar", "../calendar", "?x", "#x", "", " ", ".", "..", "@evil.example", ":80", ":evil",
	"/auth/login", "/auth/logout", "/auth/callback?code=x&state=y", "/auth", "/auth/", "/%61uth/login", "/simulator/", "/simulator/common/oauth2/v2.0/authorize",
	"/calendar%", "/calendar%zz", "/%", "/\ufffd", "/\xff\xfe", "/calendar\xc0\xaf", "/" + strings.Repeat("a", 512), "//" + strings.Repeat("/", 100) + "evil.example",
	"/auth/../auth/login", "/calendar/../auth/login", "/./auth/login", "/x/..//evil.example", "/.//evil.example", "/..//evil.example", "/%2e%2e//evil.example", "/;//evil.example\t",
}

var honestReturns = map[string]string{
	"/":                             "/",
	"/calendar":                     "/calendar",
	"/calendar/week/2026-11-23":     "/calendar/week/2026-11-23",
	"/calendar/week/2026-11-23?a=b": "/calendar/week/2026-11-23?a=b",
	"/calendar/search?q=a%20b%2Fc":  "/calendar/search?q=a%20b%2Fc",
	"/calendar/search?q=//x":        "/calendar/search?q=//x",
	"/calendar/search?q=https://x":  "/calendar/search?q=https://x",
	"/calendar/events/AAMk%3D%2Fx":  "/calendar/events/AAMk%3D%2Fx",
	"/calendar/day/2026-01-01#e1":   "/calendar/day/2026-01-01",
	"/settings?saved=1":             "/settings?saved=1",
	"/authors":                      "/authors",
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	if len(hostileReturns) < 100 {
		t.Fatalf("%d hostile addresses, want 100 or more", len(hostileReturns))
	}
	for _, to := range hostileReturns {
		// An odd one may be taken, if a browser that goes there stays here.
		if got := localPath(to, "/safe"); got != "/safe" && !staysHere(got) {
			t.Errorf("localPath(%q) = %q", to, got)
		}
	}
	for _, to := range hostileReturns[:26] {
		if got := localPath(to, "/safe"); got != "/safe" {
			t.Errorf("localPath(%q) = %q, want it refused", to, got)
		}
	}
	for to, want := range honestReturns {
		if got := localPath(to, "/safe"); got != want {
			t.Errorf("localPath(%q) = %q, want %q", to, got, want)
		}
	}
}

// staysHere says where a browser goes that is told to, by the first steps of
// the WHATWG URL Standard's basic URL parser, not by package net/url: without
// tabs and newlines, and with backslashes as slashes, it must be one slash and
// something else; and once dots are resolved it must not be a path that sends
// the browser to sign in again.
func staysHere(to string) bool {
	for _, c := range to {
		if c < 0x20 || c == 0x7f {
			return false // would not be one header line
		}
	}
	seen := strings.ReplaceAll(strings.TrimSpace(to), `\`, "/")
	if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
		return false
	}
	base := &url.URL{Scheme: "https", Host: "calendar.example.com", Path: "/auth/callback"}
	resolved, err := base.Parse(to)
	return err == nil && resolved.Scheme == "https" && resolved.Host == base.Host && resolved.User == nil &&
		!strings.HasPrefix(resolved.Path, "/auth/") && !strings.HasPrefix(resolved.Path, "/simulator")
}

func FuzzReturnTo(f *testing.F) {
	for _, to := range hostileReturns {
		f.Add(to)
	}
	for to := range honestReturns {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := localPath(to, "/safe")
		if got == "/safe" {
			return
		}
		if !staysHere(got) {
			t.Errorf("localPath(%q) = %q leads elsewhere", to, got)
		}
		if again := localPath(got, "/safe"); again != got {
			t.Errorf("localPath(%q) = %q, and of that %q", to, got, again)
		}
	})
}
