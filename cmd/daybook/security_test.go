package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A secured stage is one whose site is behind TLS, as in production: a proxy
// that adds X-Forwarded-For and that Daybook is told to believe.
func securedStage(t *testing.T, more ...string) (*stage, *process) {
	t.Helper()
	addr := freeAddr(t)
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr}))
	t.Cleanup(front.Close)
	m := newStage(t, front.URL)
	return m, m.start(addr, append([]string{"SESSION_STORE=memory", "TRUSTED_PROXIES=127.0.0.1"}, more...)...)
}

// A route is a line of the site's routes, filled in so that it can be asked.
type route struct{ pattern, method, path string }

var patterns = regexp.MustCompile(`(?:open|signedIn)\("(GET|POST) ([^"]+)"`)

// routes reads the site's routes where they are written, so that none can be
// added without passing these tests.
func routes(t *testing.T) []route {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, "internal/server/routes.go"))
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{$}", "", "{view}", "week", "{date}", "2026-11-23", "{id}", "AAMkAGI2", "{file}", "none.css")
	var all []route
	for _, m := range patterns.FindAllSubmatch(source, -1) {
		all = append(all, route{string(m[1]) + " " + string(m[2]), string(m[1]), fill.Replace(string(m[2]))})
	}
	if len(all) < 20 {
		t.Fatalf("found %d routes, want all of them", len(all))
	}
	return all
}

// wantHeaders is what every answer carries (OWASP Secure Headers; ASVS 3.4).
func wantHeaders(m *stage) map[string]string {
	return map[string]string{
		"Strict-Transport-Security":         "max-age=63072000; includeSubDomains",
		"X-Content-Type-Options":            "nosniff",
		"Referrer-Policy":                   "no-referrer",
		"Cross-Origin-Opener-Policy":        "same-origin",
		"Cross-Origin-Resource-Policy":      "same-origin",
		"Cross-Origin-Embedder-Policy":      "require-corp",
		"X-Frame-Options":                   "DENY",
		"X-Permitted-Cross-Domain-Policies": "none",
		"X-Dns-Prefetch-Control":            "off",
		"Permissions-Policy": "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), cross-origin-isolated=(), display-capture=(), " +
			"encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), keyboard-map=(), magnetometer=(), " +
			"microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), sync-xhr=(), " +
			"unload=(), usb=(), xr-spatial-tracking=()",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; " +
			"form-action 'self' " + m.server.URL + "; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
	}
}

func checkHeaders(t *testing.T, m *stage, what string, r reply) {
	t.Helper()
	for name, want := range wantHeaders(m) {
		if strings.HasSuffix(what, ": GET /auth/frontchannel-logout") && r.status == http.StatusOK {
			// Microsoft loads this one in a frame.
			switch name {
			case "X-Frame-Options":
				want = ""
			case "Cross-Origin-Resource-Policy":
				want = "cross-origin"
			case "Content-Security-Policy":
				want = "default-src 'none'; frame-ancestors 'self' " + m.server.URL
			}
		}
		if got := r.header.Get(name); got != want {
			t.Errorf("%s (%d): %s: %q, want %q", what, r.status, name, got, want)
		}
	}
	if len(r.header["Content-Security-Policy"]) != 1 {
		t.Errorf("%s (%d): policies %q", what, r.status, r.header["Content-Security-Policy"])
	}
	want := "no-store"
	if r.status == http.StatusOK && strings.HasPrefix(r.url.Path, "/static/") {
		want = "immutable"
	} else if r.status == http.StatusOK && r.url.Path == "/profile/photo" {
		want = "private" // minutes, in this browser alone; signing out empties its cache
	}
	if caching := r.header.Get("Cache-Control"); !strings.Contains(caching, want) {
		t.Errorf("%s (%d): Cache-Control %q, want %s", what, r.status, caching, want)
	}
	for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		if got := r.header.Get(name); got != "" {
			t.Errorf("%s (%d): says %s: %q", what, r.status, name, got)
		}
	}
	if r.body != "" && r.status != http.StatusSeeOther && !strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "charset=utf-8") && strings.HasPrefix(r.header.Get("Content-Type"), "text/") {
		t.Errorf("%s (%d): Content-Type %q without a charset", what, r.status, r.header.Get("Content-Type"))
	}
	for _, line := range r.header["Set-Cookie"] {
		checkCookie(t, what, line)
	}
}

func checkCookie(t *testing.T, what, line string) {
	t.Helper()
	for _, want := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(line, want) {
			t.Errorf("%s: cookie %.60q lacks %q", what, line, want)
		}
	}
	pair, _, _ := strings.Cut(line, ";")
	if !strings.HasPrefix(line, "__Host-daybook") || strings.Contains(line, "Domain=") || len(pair) > 4096 {
		t.Errorf("%s: cookie %.60q of %d bytes, want __Host-, no Domain, at most 4096", what, line, len(pair))
	}
}

// Every route and every status carries the whole set of headers.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	m, _ := securedStage(t)
	stranger, person := m.visitor(), m.signedIn(m.people[0])
	seen := map[int]bool{}
	ask := func(what string, r reply) {
		t.Helper()
		seen[r.status] = true
		checkHeaders(t, m, what, r)
	}
	for _, one := range routes(t) {
		if one.path == "/auth/logout" || one.path == "/sessions/revoke-others" {
			continue // last, below
		}
		ask("stranger: "+one.pattern, stranger.must(one.method, one.path, nil))
		ask("person: "+one.pattern, person.must(one.method, one.path, nil))
		ask("wrong method: "+one.pattern, person.must(http.MethodDelete, one.path, nil))
	}
	page := person.get(week)
	asset := regexp.MustCompile(`/static/[^"]+\.css`).FindString(page.body)
	ask("stylesheet", person.get(asset))
	ask("end of a sign-in", m.visitor().throughCallback(m.people[1]))
	ask("not found", person.get("/no/such/page"))
	ask("too long an address", person.get("/?q="+strings.Repeat("x", 9<<10)))
	ask("too long a form", person.must(http.MethodPost, "/settings", url.Values{"tz": {strings.Repeat("x", 70<<10)}}))
	ask("not a form", person.must(http.MethodPost, "/sessions/revoke", url.Values{}))
	ask("other site's form", person.with("Sec-Fetch-Site", "cross-site").must(http.MethodPost, "/settings", url.Values{}))
	ask("revoke others", person.must(http.MethodPost, "/sessions/revoke-others", nil))
	m.Inject(faultGraphGone())
	ask("Microsoft away", person.with("Cache-Control", "no-cache").get("/calendar/day/2031-01-01"))
	m.ClearFaults()
	out := person.must(http.MethodPost, "/auth/logout", nil)
	ask("sign-out", out)
	if got := out.header.Get("Clear-Site-Data"); !strings.Contains(got, "cache") || !strings.Contains(got, "storage") {
		t.Errorf("sign-out: Clear-Site-Data %q", got)
	}
	for _, code := range []int{200, 303, 400, 403, 404, 405, 413, 414, 503} {
		if !seen[code] {
			t.Errorf("no answer had status %d: it was not looked at", code)
		}
	}
}

// Every route refuses, with Allow, every method it has no use for.
func TestSecurityMethods(t *testing.T) {
	t.Parallel()
	m, p := securedStage(t)
	stranger := m.visitor()
	allowed := map[string][]string{}
	for _, one := range routes(t) {
		allowed[one.path] = append(allowed[one.path], one.method)
		if one.method == http.MethodGet {
			allowed[one.path] = append(allowed[one.path], http.MethodHead)
		}
	}
	for path, methods := range allowed {
		slices.Sort(methods)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"} {
			r := stranger.must(method, path, nil)
			switch refused := r.status == http.StatusMethodNotAllowed; {
			case slices.Contains(methods, method) == refused:
				t.Errorf("%s %s: %d, allowed are %v", method, path, r.status, methods)
			case refused && r.header.Get("Allow") != strings.Join(methods, ", "):
				t.Errorf("%s %s: Allow %q, want %v", method, path, r.header.Get("Allow"), methods)
			}
		}
		// The same as GET but for the body (RFC 9110 section 9.3.2).
		if !slices.Contains(methods, "HEAD") {
			continue
		}
		get, head := stranger.must(http.MethodGet, path, nil), stranger.must(http.MethodHead, path, nil)
		to, _, _ := strings.Cut(get.header.Get("Location"), "&")
		if get.status != head.status || !strings.HasPrefix(head.header.Get("Location"), to) || head.body != "" {
			t.Errorf("%s: GET %d to %q, HEAD %d to %q", path, get.status, to, head.status, head.header.Get("Location"))
		}
	}
	// Not about a path at all, and so answered by net/http unless told otherwise.
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || bytes.HasPrefix(answer, []byte("HTTP/1.1 2")) || !bytes.Contains(answer, []byte("\r\nStrict-Transport-Security: ")) {
		t.Errorf("OPTIONS *: %v\n%s", err, answer)
	}
}

// Ids of sessions are long, random and never the same, and every page of
// somebody who is signed in lets them sign out.
func TestSecuritySessions(t *testing.T) {
	t.Parallel()
	m, _ := securedStage(t)
	seen := map[string]bool{}
	for range 20 {
		id := m.signedIn(m.people[0]).cookie()
		if raw, err := base64.RawURLEncoding.DecodeString(id); err != nil || len(raw) < 16 {
			t.Errorf("the id %q has %d bytes, %v", id, len(raw), err)
		}
		for i := range len(id) - 8 {
			if part := id[i : i+8]; seen[part] {
				t.Errorf("the id %q shares %q with another", id, part)
			} else {
				seen[part] = true
			}
		}
	}
	b := m.signedIn(m.people[0])
	pages := 0
	for _, one := range routes(t) {
		r := b.get(one.path)
		if one.method != http.MethodGet || r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || strings.HasPrefix(one.path, "/auth/") {
			continue
		}
		pages++
		if !strings.Contains(r.body, `method="post" action="/auth/logout"`) {
			t.Errorf("%s: no way to sign out", one.path)
		}
	}
	if pages < 5 {
		t.Errorf("looked at %d pages", pages)
	}
}

// What is not for the public is not on the public listener.
func TestSecurityNothingElseIsServed(t *testing.T) {
	t.Parallel()
	m, _ := securedStage(t)
	b := m.signedIn(m.people[0])
	for _, path := range []string{"/.git/HEAD", "/.env", "/metrics", "/debug/pprof/", "/debug/vars", "/static/", "/static", "/simulator/", "/simulator/v1.0/me",
		"/static/..%2f..%2fgo.mod", "/calendar/week/2026-11-23/x.css", "/calendar/x.css", "/profile/x.css", "/calendar/events/"} {
		if r := b.get(path); r.status != http.StatusNotFound {
			t.Errorf("GET %s: %v, want 404", path, r)
		}
	}
}

// A form of another site changes nothing, and neither does a link.
func TestSecurityOtherSites(t *testing.T) {
	t.Parallel()
	m, _ := securedStage(t)
	b := m.signedIn(m.people[0])
	for _, path := range []string{"/auth/logout", "/settings", "/sessions/revoke", "/sessions/revoke-others"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			if r := b.with(name, value).must(http.MethodPost, path, url.Values{}); r.status != http.StatusForbidden {
				t.Errorf("POST %s with %s: %s: %v, want 403", path, name, value, r)
			}
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		b.must(method, "/auth/logout", nil)
		b.must(method, "/sessions/revoke-others", nil)
	}
	status(t, "calendar afterwards", b.get(week), http.StatusOK)
	for _, path := range []string{"/", week, "/healthz"} {
		r := b.with("Origin", "https://evil.example").get(path)
		if strings.Contains(fmt.Sprint(r.header), "evil.example") {
			t.Errorf("GET %s reflects Origin: %v", path, r.header)
		}
	}
}

// X-Forwarded-For counts as far as trusted proxies wrote it and no further: for
// the log and for the limit of sign-ins.
func TestSecurityForwardedFor(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory")
	b := m.visitor().with("X-Forwarded-For", "203.0.113.77").with("X-Real-IP", "203.0.113.77").with("Forwarded", "for=203.0.113.77")
	b.get("/")
	site.stop()
	if log := site.log.String(); strings.Contains(log, "203.0.113.77") || !strings.Contains(log, `"client":"127.0.0.1"`) {
		t.Errorf("a spoofed address got into the log, or none:\n%s", tail(log, 1000))
	}

	site = m.start(addr, "SESSION_STORE=memory", "TRUSTED_PROXIES=127.0.0.1,10.0.0.0/8")
	var limited reply
	for i := range 130 {
		spoofed := m.visitor().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d, 203.0.113.9, 10.1.2.3", i))
		if limited = spoofed.get("/auth/login"); limited.status == http.StatusTooManyRequests {
			break
		}
	}
	if limited.status != http.StatusTooManyRequests || limited.header.Get("Retry-After") != "60" {
		t.Errorf("130 sign-ins from one address behind two proxies: %v, want 429", limited)
	}
	if r := m.visitor().with("X-Forwarded-For", "203.0.113.10, 10.1.2.3").get("/auth/login"); r.status != http.StatusSeeOther {
		t.Errorf("a neighbour's sign-in: %v", r)
	}
	site.stop()
	if log := site.log.String(); strings.Contains(log, "198.51.100.") || !strings.Contains(log, `"client":"203.0.113.9"`) {
		t.Errorf("not the last address that a trusted proxy wrote:\n%s", tail(log, 1000))
	}
}

// What a stranger sends ends up in the log as one line that a machine reads.
func TestSecurityLogLines(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory")
	evil := "\t\\n{\"msg\":\"forged\"}" + strings.Repeat("x", 4000)
	b := m.visitor().with("User-Agent", evil).with("X-Forwarded-For", evil).with("Referer", evil)
	b.get("/x%0a%7b%22msg%22:%22forged%22%7d")
	b.get("/auth/callback?state=" + url.QueryEscape("\n"+`{"msg":"forged"}`) + "&error_description=" + url.QueryEscape("\r\nforged"))
	b.must("FORGED", "/", nil)
	site.stop()
	for line := range strings.Lines(site.log.String()) {
		if !strings.HasPrefix(line, `{"time":"`) || !strings.HasSuffix(line, "}\n") || strings.Contains(line, "forged") || strings.Contains(line, "FORGED") || len(line) > 2000 {
			t.Errorf("log line %.300q", line)
		}
	}
}
