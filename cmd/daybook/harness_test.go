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
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"
	"daybook/internal/simulator"
)

// baseURL is where browsers believe Daybook to be. Nothing listens there: a
// [browser] takes its requests to the instance that it is told to.
const baseURL = "http://localhost:8080"

// runAsDaybook makes a process of the test binary be daybook itself. What is
// tested is thereby what was compiled, with the race detector if there is one.
const runAsDaybook = "DAYBOOK_TEST_RUN"

func init() {
	if os.Getenv(runAsDaybook) != "" {
		os.Args = append(os.Args[:1], strings.Fields(os.Getenv(runAsDaybook))...)
		main()
		os.Exit(0)
	}
}

// A microsoft is the simulator behind TLS, on an address of its own.
type microsoft struct {
	*simulator.Simulator
	server      *httptest.Server
	certificate string // PEM file
}

var testApp = simulator.App{
	ClientID: "00000000-da7b-4000-8000-00000000b00c", Secret: "a~client~secret",
	RedirectURIs: []string{baseURL + "/auth/callback", baseURL + "/"},
	LogoutURL:    baseURL + "/auth/frontchannel-logout",
}

func newMicrosoft(t testing.TB, people ...*simulator.Person) *microsoft {
	t.Helper()
	ms := new(microsoft)
	ms.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ms.ServeHTTP(w, r) }))
	ms.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // killed processes leave handshakes undone
	ms.Simulator = simulator.New(simulator.Options{PublicURL: "https://" + ms.server.Listener.Addr().String(), App: testApp, People: people})
	ms.server.StartTLS()
	ms.server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	t.Cleanup(ms.server.Close)
	t.Cleanup(ms.server.CloseClientConnections)
	ms.certificate = filepath.Join(t.TempDir(), "microsoft.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: ms.server.Certificate().Raw}
	if err := os.WriteFile(ms.certificate, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return ms
}

// A barrier is a fault that holds requests until release.
type barrier struct {
	first   <-chan struct{} // closed when the first request has arrived
	release func()
	count   func() int // how many have arrived
}

// hold injects f as a barrier; with f.Late requests are carried out, but not
// answered.
func (ms *microsoft) hold(t testing.TB, f simulator.Fault) barrier {
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
	ms.Inject(f)
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(func() { ms.server.Close(); close(arrived) })
	t.Cleanup(ms.server.CloseClientConnections)
	t.Cleanup(release)
	return barrier{first, release, func() int { return int(count.Load()) }}
}

// person makes somebody with an empty calendar.
func person(number int) *simulator.Person {
	return &simulator.Person{
		ObjectID: fmt.Sprintf("11111111-0000-4000-8000-%012d", number), TenantID: simulator.DemoTenant,
		Name: fmt.Sprintf("Person %03d Testing", number), Username: fmt.Sprintf("person%03d@contoso.example", number),
	}
}

// onStores runs a test on files and on Redis, both at once.
func onStores(t *testing.T, test func(t *testing.T, at place)) {
	t.Parallel()
	at(t, test, inFiles, inRedis)
}

func at(t *testing.T, test func(t *testing.T, at place), places ...func(testing.TB) place) {
	var wg sync.WaitGroup
	for _, in := range places {
		p := in(t)
		wg.Go(func() { t.Run(p.name, func(t *testing.T) { test(t, p) }) })
	}
	wg.Wait()
}

// environ is what an instance is started with; more wins over the rest.
func (ms *microsoft) environ(at place, more ...string) []string {
	host := "https://" + ms.server.Listener.Addr().String()
	return append(append([]string{
		"AZURE_CLIENT_ID=" + testApp.ClientID, "AZURE_CLIENT_SECRET=" + testApp.Secret, "AZURE_TENANT_ID=" + simulator.DemoTenant,
		"AZURE_AUTHORITY_HOST=" + host + "/", "GRAPH_ENDPOINT=" + host, "SSL_CERT_FILE=" + ms.certificate,
		"BASE_URL=" + baseURL, "LISTEN_ADDR=127.0.0.1:0", "ADMIN_ADDR=", "LOG_FORMAT=json",
	}, at.environ...), more...)
}

// An instance is a running Daybook, inside this process or as one of its own.
type instance struct {
	address string
	log     *logbook
	parts   *parts        // nil: another process
	clock   *atomic.Int64 // nanoseconds that the instance's clock is ahead
	await   func()        // waits until it serves
	kill    func()        // as SIGKILL
	stop    func()        // as SIGTERM; waits for the end
}

// pass moves the clock of an instance inside this process on.
func (i *instance) pass(d time.Duration) { i.clock.Add(int64(d)) }

// inside starts an instance inside this process. wrap, if given, is put around
// its store.
func (ms *microsoft) inside(t testing.TB, environ []string, wrap func(session.Store) session.Store) *instance {
	t.Helper()
	c, err := config.Load(environ, "")
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{log: new(logbook), clock: new(atomic.Int64)}
	log := newLog(c.Log, i.log)
	s, err := openStores(c, log)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		s.sessions = wrap(s.sessions)
	}
	network := ms.server.Client().Transport.(*http.Transport).Clone()
	now := func() time.Time { return time.Now().Add(time.Duration(i.clock.Load())) }
	i.parts = &parts{stores: s, world: world{network: network, now: now}, log: log}
	if err := i.parts.fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	_, handler, err := i.parts.site(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	i.address = server.Listener.Addr().String()
	i.stop = sync.OnceFunc(func() {
		server.CloseClientConnections()
		server.Close()
		i.parts.close()
	})
	t.Cleanup(i.stop)
	return i
}

// start starts `daybook serve` as a process of its own.
func (ms *microsoft) start(t testing.TB, environ []string) *instance {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Dir = t.TempDir()
	command.Env = append(environ, runAsDaybook+"=serve", "HOME="+command.Dir)
	i := &instance{log: new(logbook)}
	ready, exited := make(chan string, 1), make(chan struct{})
	i.log.ready = func(address string) { ready <- address }
	command.Stderr = i.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var killed atomic.Bool
	go func() {
		if err := command.Wait(); err != nil && !killed.Load() {
			t.Errorf("daybook serve: %v\n%s", err, i.log)
		}
		close(exited)
	}()
	i.kill = func() { killed.Store(true); command.Process.Kill(); <-exited }
	i.stop = sync.OnceFunc(func() {
		command.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(30 * time.Second):
			t.Errorf("daybook serve does not end\n%s", i.log)
			i.kill()
		}
	})
	t.Cleanup(i.stop)
	i.await = func() {
		t.Helper()
		select {
		case i.address = <-ready:
		case <-exited:
			t.FailNow()
		case <-time.After(60 * time.Second):
			t.Fatalf("daybook serve is not ready\n%s", i.log)
		}
	}
	return i
}

// two starts two processes that share a store.
func (ms *microsoft) two(t testing.TB, environ []string) (a, b *instance) {
	t.Helper()
	a, b = ms.start(t, environ), ms.start(t, environ)
	a.await()
	b.await()
	return a, b
}

// A logbook takes an instance's log in JSON lines.
type logbook struct {
	ready func(address string)

	mu   sync.Mutex
	text bytes.Buffer
	rest []byte // of a line that has not ended
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.rest = rest
		var entry struct{ Msg, Listen string }
		if l.ready != nil && json.Unmarshal(line, &entry) == nil && entry.Msg == "daybook is ready" {
			l.ready(entry.Listen)
		}
	}
}

// errors returns the lines above level INFO.
func (l *logbook) errors() string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, `"level":"INFO"`) && !strings.Contains(line, `"level":"DEBUG"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
