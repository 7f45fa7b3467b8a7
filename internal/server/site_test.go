package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/session"
	"daybook/internal/simulator"
	"daybook/web"

	"github.com/PuerkitoBio/goquery"
)

// testNow is the present that pages show: a Wednesday morning. Identity, session
// and the pretend Microsoft go by the real clock, as MSAL does.
var testNow = time.Date(2026, 7, 8, 7, 15, 0, 0, time.UTC)

// A testSite is the whole site with a pretend Microsoft, without any network.
type testSite struct {
	*Server
	handler http.Handler
	sim     *simulator.Simulator
	people  []*simulator.Person
	store   *failingStore
	logs    *logBuffer
}

func newTestSite(t testing.TB) *testSite {
	t.Helper()
	const base, back = "http://localhost:8080", "https://simulator.invalid"
	now := func() time.Time { return testNow }
	s := &testSite{people: simulator.People(testNow), store: &failingStore{Store: session.NewMemory()}, logs: new(logBuffer)}
	s.sim = simulator.New(simulator.Options{
		PublicURL: base + "/simulator", BackURL: back,
		App:    simulator.App{ClientID: "client", Secret: "secret", RedirectURIs: []string{base + "/auth/callback", base + "/"}},
		People: s.people,
	})
	log := slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	line := &http.Client{Transport: s.sim.Transport(nil)}
	provider, err := identity.New(identity.Config{
		App:        identity.App{ClientID: "client", Tenant: "common", AuthorityHost: back + "/", RedirectURL: base + "/auth/callback"},
		Credential: identity.Credential{Secret: "secret"}, HTTP: line, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	mail, err := graph.New(graph.Config{Endpoint: back, HTTP: line, Now: now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mail.Close)
	sessions, err := session.New(session.Options{Store: s.store, Secrets: [][]byte{bytes.Repeat([]byte("k"), 32)},
		Lifetime: 24 * time.Hour, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sessions.Close)
	site, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	s.Server, err = New(Config{
		Parts:   Parts{Sessions: sessions, Identity: provider, Graph: mail, Simulator: s.sim},
		BaseURL: site, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Web: web.Files, Log: log, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.handler, err = s.Handler(); err != nil {
		t.Fatal(err)
	}
	return s
}

// failingStore is a store that can be told to be out of reach.
type failingStore struct {
	session.Store
	mu  sync.Mutex
	err error
}

func (f *failingStore) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failingStore) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *failingStore) Load(ctx context.Context, key string) ([]byte, error) {
	if err := f.failure(); err != nil {
		return nil, err
	}
	return f.Store.Load(ctx, key)
}

func (f *failingStore) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	if err := f.failure(); err != nil {
		return err
	}
	return f.Store.Swap(ctx, key, old, new, expiry)
}

func (f *failingStore) Ping(ctx context.Context) error {
	if err := f.failure(); err != nil {
		return err
	}
	return f.Store.Ping(ctx)
}

// A browser keeps cookies and sends what its person's browser would.
type browser struct {
	site     *testSite
	cookies  map[string]string
	language string
}

func (s *testSite) browser(language string) *browser {
	return &browser{site: s, cookies: make(map[string]string), language: language}
}

// answer is what came back, with its body read.
type answer struct {
	*http.Response
	text string
}

// get asks for a page as a person does who types its address.
func (b *browser) get(t testing.TB, path string, headers ...string) answer {
	t.Helper()
	return b.do(t, httptest.NewRequest(http.MethodGet, path, nil), headers...)
}

// post sends a form of the site's own.
func (b *browser) post(t testing.TB, path string, form url.Values, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(t, r, append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...)
}

func (b *browser) do(t testing.TB, r *http.Request, headers ...string) answer {
	t.Helper()
	r.Host = "localhost:8080"
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.Header.Set("Accept-Language", b.language)
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.site.handler.ServeHTTP(w, r)
	got := answer{w.Result(), w.Body.String()}
	for _, c := range got.Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return got
}

// signIn takes the browser to the pretend Microsoft and back.
func (b *browser) signIn(t testing.TB, who *simulator.Person) {
	t.Helper()
	if back := b.get(t, b.goToMicrosoft(t, "/auth/login", who)); back.StatusCode != http.StatusSeeOther {
		t.Fatalf("the sign-in ends with %d:\n%s", back.StatusCode, back.text)
	}
}

// goToMicrosoft begins a sign-in and returns where Microsoft sends the browser.
func (b *browser) goToMicrosoft(t testing.TB, login string, who *simulator.Person) (callback string) {
	t.Helper()
	there := b.get(t, login).Header.Get("Location")
	u, err := url.Parse(there)
	if err != nil || !strings.HasPrefix(u.Path, "/simulator/") {
		t.Fatalf("sign-in leads to %q", there)
	}
	account := url.Values{"account": {who.TenantID + "." + who.ObjectID}}
	chosen := b.post(t, u.RequestURI(), account)
	if who.NeedsConsent {
		account.Set("action", "accept")
		chosen = b.post(t, u.RequestURI(), account)
	}
	u, err = url.Parse(chosen.Header.Get("Location"))
	if err != nil || u.Path != "/auth/callback" {
		t.Fatalf("the pretend Microsoft leads to %q:\n%s", chosen.Header.Get("Location"), chosen.text)
	}
	return u.RequestURI()
}

// page returns the answer's page.
func (a answer) page(t *testing.T) *goquery.Document {
	t.Helper()
	page, err := goquery.NewDocumentFromReader(strings.NewReader(a.text))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// logBuffer is what was logged, one JSON object a line.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

// lines returns the lines of that message.
func (l *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	d := json.NewDecoder(bytes.NewReader(l.text.Bytes()))
	for d.More() {
		var line map[string]any
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}
