package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/internal/simulator"

	"github.com/PuerkitoBio/goquery"
)

// The test binary is daybook itself when this variable is set: the tests in
// operate_*, faults_* and rolling_* run real processes and need no second build.
const asProgram = "DAYBOOK_TEST_AS_PROGRAM"

func init() {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
}

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
	t      *testing.T
	people []*simulator.Person
	server *httptest.Server
	roots  string // PEM file
	base   string // where the site that it knows is

	mu       sync.Mutex
	canaries map[string]string
}

// newStage returns a pretend Microsoft at which the site at base is
// registered.
func newStage(t *testing.T, base string) *stage {
	t.Helper()
	m := &stage{t: t, base: base, people: simulator.People(time.Now()), canaries: map[string]string{
		testClientSecret: "client secret", testSessionSecret: "session secret", testRedisPassword: "Redis password",
	}}
	m.server = httptest.NewUnstartedServer(nil)
	m.Simulator = simulator.New(simulator.Options{
		PublicURL: "https://" + m.server.Listener.Addr().String(),
		App: simulator.App{ClientID: testClientID, Secret: testClientSecret,
			RedirectURIs: []string{base + "/auth/callback", base + "/"}, LogoutURL: base + "/auth/frontchannel-logout"},
		People: m.people,
	})
	m.server.Config.Handler = http.HandlerFunc(m.serve)
	m.server.StartTLS()
	t.Cleanup(m.server.Close)
	m.roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(m.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// serve notes the secrets in what passes.
func (m *stage) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		m.Simulator.ServeHTTP(w, r)
		return
	}
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
	if len(value) < 12 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.canaries[value] = what
	if len(value) > 60 { // a part of it would be as bad
		m.canaries[value[20:60]] = "part of " + what
	}
}

// leak names a secret that text holds.
func (m *stage) leak(text string) string {
	m.mu.Lock()
	known := maps.Clone(m.canaries)
	m.mu.Unlock()
	for value, what := range known {
		if strings.Contains(text, value) {
			return what
		}
	}
	return ""
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

// freeAddr returns an address on this machine that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// program returns a command that runs this very program with nothing in its
// environment but the given.
func program(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = t.TempDir() // no .env
	cmd.Env = append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, environ...)
	return cmd
}

// environ is what a process needs to serve at addr with this Microsoft; what
// is added wins.
func (m *stage) environ(addr string, more ...string) []string {
	return append([]string{
		"SSL_CERT_FILE=" + m.roots, "AZURE_AUTHORITY_HOST=" + m.server.URL, "GRAPH_ENDPOINT=" + m.server.URL,
		"AZURE_CLIENT_ID=" + testClientID, "AZURE_TENANT_ID=common", "AZURE_CLIENT_SECRET=" + testClientSecret,
		"SESSION_SECRET=" + testSessionSecret, "BASE_URL=" + m.base, "LISTEN_ADDR=" + addr, "ADMIN_ADDR=",
		"LOG_LEVEL=debug", "LOG_FORMAT=json",
	}, more...)
}

// A process is a running `daybook serve`.
type process struct {
	t    *testing.T
	addr string
	url  string
	cmd  *exec.Cmd
	log  *lines
	done chan struct{} // closed when the process has ended
	err  error         // how; to be read after done
}

// start runs `daybook serve` at addr until the test ends, and checks that no
// secret got into its log.
func (m *stage) start(addr string, more ...string) *process {
	m.t.Helper()
	return m.startCommand(addr, program(m.t, m.environ(addr, more...), "serve"))
}

func (m *stage) startCommand(addr string, cmd *exec.Cmd) *process {
	t := m.t
	t.Helper()
	p := &process{t: t, addr: addr, url: "http://" + addr, cmd: cmd, log: newLines(), done: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		text := p.log.String()
		if what := m.leak(text); what != "" {
			t.Errorf("the log holds a secret: %s\n%s", what, text)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", addr, tail(text, 6000))
		}
	})
	select {
	case <-p.log.has("daybook is ready"):
	case <-p.done:
		t.Fatalf("daybook serve ended: %v\n%s", p.err, p.log)
	case <-time.After(time.Minute):
		t.Fatalf("daybook serve is not ready\n%s", p.log)
	}
	return p
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// kill ends the process without a chance to clean up.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks the process to end and waits until it has, in good order.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.ended()
}

func (p *process) ended() {
	p.t.Helper()
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("after SIGTERM: %v, want exit status 0", p.err)
		}
	case <-time.After(30 * time.Second):
		p.t.Error("still running 30 s after SIGTERM")
	}
}

// lines keeps what a process writes.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	waits map[string]chan struct{}
}

func newLines() *lines { return &lines{waits: map[string]chan struct{}{}} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	for text, found := range l.waits {
		if bytes.Contains(l.text.Bytes(), []byte(text)) {
			close(found)
			delete(l.waits, text)
		}
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// has returns a channel that is closed once text has been written.
func (l *lines) has(text string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, waiting := l.waits[text]
	if !waiting {
		found = make(chan struct{})
		if bytes.Contains(l.text.Bytes(), []byte(text)) {
			close(found)
		} else {
			l.waits[text] = found
		}
	}
	return found
}

// A visitor is a browser that keeps cookies and checks every page for secrets.
type visitor struct {
	m      *stage
	base   string
	client *http.Client
	fresh  bool // asks as a browser's reload does
	extra  http.Header
}

func (m *stage) visitor() *visitor { return m.visitorAt(m.base) }

func (m *stage) visitorAt(base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	transport := m.server.Client().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // each request meets the server as it is now
	return &visitor{m: m, base: base, client: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// A reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	url    *url.URL
}

func (r reply) String() string {
	return fmt.Sprintf("%d in %v, Location %q, Retry-After %q", r.status, r.took.Round(time.Millisecond), r.header.Get("Location"), r.header.Get("Retry-After"))
}

// send makes one request and follows no redirect.
func (b *visitor) send(method, target string, form url.Values) (reply, error) {
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		return reply{}, err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.fresh {
		request.Header.Set("Cache-Control", "no-cache")
	}
	maps.Copy(request.Header, b.extra)
	began := time.Now()
	answer, err := b.client.Do(request)
	if err != nil {
		return reply{took: time.Since(began)}, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	r := reply{answer.StatusCode, answer.Header, string(content), time.Since(began), request.URL}
	for _, cookie := range answer.Cookies() {
		b.m.secret("cookie "+cookie.Name, cookie.Value)
	}
	if strings.HasPrefix(target, b.base) {
		if what := b.m.leak(r.body); what != "" {
			b.m.t.Errorf("%s %s: the page holds a secret: %s", method, target, what)
		}
	}
	return r, err
}

func (b *visitor) must(method, target string, form url.Values) reply {
	b.m.t.Helper()
	r, err := b.send(method, target, form)
	if err != nil {
		b.m.t.Fatalf("%s %s: %v", method, target, err)
	}
	return r
}

func (b *visitor) get(target string) reply {
	b.m.t.Helper()
	return b.must(http.MethodGet, target, nil)
}

// follow goes where a reply leads until there is nothing more to follow.
func (b *visitor) follow(r reply) reply {
	b.m.t.Helper()
	for range 10 {
		to := r.header.Get("Location")
		if to == "" || r.status < 300 || r.status > 399 {
			return r
		}
		next, err := r.url.Parse(to)
		if err != nil {
			b.m.t.Fatal(err)
		}
		r = b.get(next.String())
	}
	b.m.t.Fatalf("redirected more than ten times, at last to %s", r.url)
	return r
}

// begin starts to sign in and returns Microsoft's page.
func (b *visitor) begin() reply {
	b.m.t.Helper()
	return b.follow(b.get("/auth/login?return_to=/calendar"))
}

// choose lets Microsoft send the browser back to Daybook as p; the reply is
// the redirect to the callback.
func (b *visitor) choose(page reply, p *simulator.Person) reply {
	b.m.t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(page.body))
	if err != nil {
		b.m.t.Fatal(err)
	}
	account, found := document.Find(`button[data-username="` + p.Username + `"]`).Attr("value")
	if !found {
		b.m.t.Fatalf("no account picker at %s: %d %s", page.url, page.status, tail(page.body, 500))
	}
	return b.must(http.MethodPost, page.url.String(), url.Values{"account": {account}})
}

// signIn signs p in, whom Microsoft may still know in this browser, and returns
// what the person sees then.
func (b *visitor) signIn(p *simulator.Person) reply {
	b.m.t.Helper()
	page := b.begin()
	if strings.HasPrefix(page.url.String(), b.base) && !strings.HasPrefix(page.url.Path, "/simulator/") {
		return page
	}
	return b.follow(b.choose(page, p))
}

// signedIn returns a new browser in which p is signed in.
func (m *stage) signedIn(p *simulator.Person) *visitor {
	m.t.Helper()
	b := m.visitor()
	if r := b.signIn(p); r.status != http.StatusOK || !strings.HasPrefix(r.url.Path, "/calendar/") {
		m.t.Fatalf("sign-in of %s ended at %s: %v\n%s", p.Name, r.url, r, tail(r.body, 1500))
	}
	return b
}

// cookie returns the value of the session's cookie, or nothing.
func (b *visitor) cookie() string {
	at, err := url.Parse(b.base)
	if err != nil {
		b.m.t.Fatal(err)
	}
	cookies := b.client.Jar.Cookies(at)
	i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == "daybook" || c.Name == "__Host-daybook" })
	if i < 0 {
		return ""
	}
	return cookies[i].Value
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

// plant gives the browser a session's cookie.
func (b *visitor) plant(value string) {
	at, err := url.Parse(b.base)
	if err != nil {
		b.m.t.Fatal(err)
	}
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: "daybook", Value: value, Path: "/"}})
}

// with returns the same browser sending one more header with each request.
func (b *visitor) with(name, value string) *visitor {
	more := *b
	more.extra = b.extra.Clone()
	if more.extra == nil {
		more.extra = http.Header{}
	}
	more.extra.Set(name, value)
	return &more
}

// throughCallback signs p in and returns the callback's own answer.
func (b *visitor) throughCallback(p *simulator.Person) reply {
	b.m.t.Helper()
	return b.get(b.choose(b.begin(), p).header.Get("Location"))
}
