package server

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"daybook/web"
)

func TestAssetNames(t *testing.T) {
	t.Parallel()
	named := func(css string) string {
		a, err := newAssets(fstest.MapFS{"static/a.css": {Data: []byte(css)}})
		if err != nil {
			t.Fatal(err)
		}
		path, err := a.path("a.css")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, same, other := named("a{}"), named("a{}"), named("b{}")
	if !regexp.MustCompile(`^/static/a\.[0-9a-f]{12}\.css$`).MatchString(one) {
		t.Errorf("name %s", one)
	}
	if one != same || one == other {
		t.Errorf("names %s, %s for one content, %s for another", one, same, other)
	}
}

func TestBadAssets(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"unknown kind": {"static/a.exe": {}},
		"one name":     {"static/a.css": {}, "static/b/a.css": {}},
		"no folder":    {},
	} {
		if _, err := newAssets(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a, err := newAssets(fstest.MapFS{"static/a.css": {}})
	if err != nil {
		t.Fatal(err)
	}
	if path, err := a.path("b.css"); err == nil {
		t.Errorf("a file that is not there has the address %s", path)
	}
}

// Every file that pages link to is served for ever under its name; anything
// else below /static/ is not there, and nothing but reading is allowed.
func TestStatic(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	found := regexp.MustCompile(`/static/[^"]+`).FindAllString(b.get(t, "/").text, -1)
	if len(found) < 3 {
		t.Fatalf("the front page links to %q", found)
	}
	for _, path := range found {
		got := b.get(t, path)
		if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || len(got.Cookies()) > 0 {
			t.Errorf("%s: %d, Cache-Control %q, cookies %v", path, got.StatusCode, got.Header.Get("Cache-Control"), got.Cookies())
		}
		ext := path[strings.LastIndexByte(path, '.'):]
		if got.Header.Get("Content-Type") != contentTypes[ext] || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: Content-Type %q", path, got.Header.Get("Content-Type"))
		}
		name := strings.Split(strings.TrimPrefix(path, "/static/"), ".")
		plain, err := web.Files.ReadFile("static/" + name[0] + "." + name[2])
		if err != nil || words(got.text) != words(comments[ext].ReplaceAllString(string(plain), "")) {
			t.Errorf("%s is not the file without its comments: %v", path, err)
		}
		zipped := b.get(t, path, "Accept-Encoding", "br, gzip")
		r, err := gzip.NewReader(strings.NewReader(zipped.text))
		if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" || !headerHas(zipped.Header, "Vary", "Accept-Encoding") {
			t.Fatalf("%s compressed: %v, %v", path, zipped.Header, err)
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != got.text || zipped.Header.Get("Content-Type") != contentTypes[ext] {
			t.Errorf("%s compressed is another file: %v, %v", path, zipped.Header, err)
		}
		head := b.do(t, httptest.NewRequest(http.MethodHead, path, nil))
		if head.StatusCode != http.StatusOK || head.text != "" {
			t.Errorf("HEAD %s: %d, %d bytes", path, head.StatusCode, len(head.text))
		}
		if got := b.post(t, path, nil); got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, got.StatusCode, got.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/static/", "/static/daybook.css", "/static/nothing.000000000000.css", "/static/daybook.00000000000.css", "/static/..%2fweb.go", "/static/a/b", "/static/%00"} {
		got := b.get(t, path)
		if got.StatusCode != http.StatusNotFound || strings.Contains(got.Header.Get("Cache-Control"), "immutable") || strings.Contains(got.text, "<html") {
			t.Errorf("%s: %d, Cache-Control %q", path, got.StatusCode, got.Header.Get("Cache-Control"))
		}
	}
	// The page of another version, whose style this is the nearest to.
	other := b.get(t, "/static/daybook.000000000000.css")
	if same := b.get(t, found[0]); other.StatusCode != http.StatusOK || other.Header.Get("Cache-Control") != "no-store" || other.text != same.text {
		t.Errorf("another version's: %d, Cache-Control %q, %d bytes", other.StatusCode, other.Header.Get("Cache-Control"), len(other.text))
	}
}

// comments finds the comments that are not served; words makes space between
// words no difference.
var comments = map[string]*regexp.Regexp{
	".css": regexp.MustCompile(`/\*[^*]*\*/`),
	".js":  regexp.MustCompile(`(?m)^ *//.*$`),
	".svg": regexp.MustCompile(`<!--`),
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PUT", "/settings", 405, "GET, HEAD, POST"},
		{"DELETE", "/calendar", 405, "GET, HEAD"},
		{"GET", "/auth/logout", 405, "POST"},
		{"POST", "/auth/callback", 405, "GET, HEAD"},
		{"TRACE", "/", 405, "GET, HEAD"},
		{"BREW", "/profile", 405, "GET, HEAD"},
		{"GET", "/calendar/", 404, ""},
		{"GET", "/calendar/week", 404, ""},
		{"GET", "/favicon.ico", 404, ""},
		{"GET", "/.env", 404, ""},
		{"POST", "/nothing", 404, ""},
	} {
		r := httptest.NewRequest(test.method, test.path, nil)
		got := b.do(t, r, "Sec-Fetch-Site", "same-origin")
		if got.StatusCode != test.status || got.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", test.method, test.path, got.StatusCode, got.Header.Get("Allow"), test.status, test.allow)
		}
		if !strings.Contains(got.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %s: no content security policy", test.method, test.path)
		}
	}
}
