package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/simulator"
)

const (
	testClientID = "3f1c9a52-0d5b-4f7a-9a65-5d8f5c2e7a01"
	// Canaries: no log line and no page may hold them.
	testClientSecret  = "CanaryClientSecret~8Q8"
	testSessionSecret = "Jxr/pzGmT3kDgIMTyDcNWciEwDfFGNdBJRBv4JdzrXc="
	testRedisPassword = "CanaryRedisPassword"
)

// A stage is a simulator behind TLS, and what it gave out that nobody but
// Daybook may see.
type stage struct {
	*simulator.Simulator
	t        *testing.T
	people   []*simulator.Person
	server   *httptest.Server
	roots    string // PEM file
	base     string // where the site that it knows is
	canaries canaries
}

// newStage returns a pretend Microsoft at which the site at base is
// registered, and which knows these people, or else those of the demo.
func newStage(t *testing.T, base string, people ...*simulator.Person) *stage {
	t.Helper()
	if people == nil {
		people = simulator.People(time.Now())
	}
	m := &stage{t: t, base: base, people: people}
	m.secret("client secret", testClientSecret)
	m.secret("session secret", testSessionSecret)
	m.secret("Redis password", testRedisPassword)
	m.secret("what came behind an answer", surplus)
	m.server = httptest.NewUnstartedServer(http.HandlerFunc(m.serve))
	m.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // killed processes leave handshakes undone
	m.Simulator = simulator.New(simulator.Options{
		PublicURL: "https://" + m.server.Listener.Addr().String(),
		App: simulator.App{ClientID: testClientID, Secret: testClientSecret,
			RedirectURIs: []string{base + "/auth/callback", base + "/"}, LogoutURL: base + "/auth/frontchannel-logout"},
		People: people,
	})
	m.server.StartTLS()
	m.server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	t.Cleanup(m.server.Close)
	t.Cleanup(m.server.CloseClientConnections)
	m.roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(m.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// nowhere is where browsers believe a site to be that has several instances.
// Nothing listens there: see [visitor.on].
const nowhere = "http://localhost:8080"

// person makes somebody with an empty calendar.
func person(number int) *simulator.Person {
	return &simulator.Person{
		ObjectID: fmt.Sprintf("11111111-0000-4000-8000-%012d", number), TenantID: simulator.DemoTenant,
		Name: fmt.Sprintf("Person %03d Testing", number), Username: fmt.Sprintf("person%03d@contoso.example", number),
	}
}

// expiring makes a sign-in yield an access token that is too old to be used
// from the start, and everything after it proper ones.
func (m *stage) expiring(signIn func()) {
	m.SetTokenLifetime(20 * time.Second)
	signIn()
	m.SetTokenLifetime(0)
}

// serve notes the secrets in what passes.
func (m *stage) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		m.Simulator.ServeHTTP(w, r)
		return
	}
	_ = r.ParseForm() // a form that is broken is the simulator's to refuse
	copied := &copyWriter{ResponseWriter: w}
	m.Simulator.ServeHTTP(copied, r)
	for _, name := range []string{"code", "code_verifier", "refresh_token"} {
		m.secret(name, r.PostForm.Get(name))
	}
	var answer map[string]any
	if json.Unmarshal(copied.body.Bytes(), &answer) == nil {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			text, _ := answer[name].(string)
			m.secret(name, text)
		}
	}
}

func (m *stage) secret(what, value string) {
	m.canaries.add(what, value)
	if len(value) > 60 { // a part of it would be as bad
		m.canaries.add("part of "+what, value[20:60])
	}
}

// leak names a secret that text holds.
func (m *stage) leak(text string) string { return m.canaries.find(text) }

// canaries are secrets without spaces, quotes or angle brackets, by how they
// begin, so that thousands of them are looked for at once.
type canaries struct {
	mu  sync.RWMutex
	all map[string][]canary
}

type canary struct{ what, value string }

// canaryStart is how much of a canary finds it.
const canaryStart = 12

func (c *canaries) add(what, value string) {
	if len(value) < canaryStart {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string][]canary{}
	}
	c.all[value[:canaryStart]] = append(c.all[value[:canaryStart]], canary{what, value})
}

func (c *canaries) find(text string) (what string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '<' || r == '>' }) {
		for i := range max(0, len(word)-canaryStart+1) {
			for _, one := range c.all[word[i:i+canaryStart]] {
				if strings.HasPrefix(word[i:], one.value) {
					return one.what
				}
			}
		}
	}
	return ""
}

// What every test relies on when it looks for secrets in pages and logs.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	var m stage
	token := "rt.7." + strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789-_", 3)
	m.secret("refresh token", token)
	m.secret("session secret", testSessionSecret)
	m.secret("code", "short")
	for text, want := range map[string]string{
		`<a href="/x?state=1&t=` + token + `">`:            "refresh token",
		`{"msg":"got ` + testSessionSecret + `, kept"}`:    "session secret",
		"cut off: " + token[15:70]:                         "part of refresh token",
		"its beginning is no secret: " + token[:30]:        "",
		"a short one is not looked for, " + token[:11]:     "",
		`"` + testSessionSecret[:len(testSessionSecret)-1]: "",
	} {
		if got := m.leak(text); got != want {
			t.Errorf("leak(%q) = %q, want %q", text, got, want)
		}
	}
}

type copyWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (w *copyWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

func (w *copyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A barrier is a fault that holds requests until release.
type barrier struct {
	first   <-chan struct{} // closed when the first request has arrived
	release func()
	count   func() int // how many have arrived
}

// hold injects f as a barrier; with f.Late requests are carried out, but not
// answered.
func (m *stage) hold(f simulator.Fault) barrier {
	arrived, first, hold := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var count atomic.Int32
	go func() {
		for range arrived {
			if count.Add(1) == 1 {
				close(first)
			}
		}
	}()
	f.Arrived, f.Hold = arrived, hold
	m.Inject(f)
	release := sync.OnceFunc(func() { close(hold) })
	m.t.Cleanup(func() { m.server.Close(); close(arrived) })
	m.t.Cleanup(m.server.CloseClientConnections)
	m.t.Cleanup(release)
	return barrier{first, release, func() int { return int(count.Load()) }}
}

// within fails the test when what does not happen soon.
func within(t *testing.T, what string, happens <-chan struct{}) {
	t.Helper()
	select {
	case <-happens:
	case <-time.After(30 * time.Second):
		t.Fatalf("does not happen: %s", what)
	}
}

// eventually asks until ok, which recovery without a restart may take a moment
// for; within is how long.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
