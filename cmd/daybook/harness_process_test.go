package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is daybook itself when this variable is set: tests run real
// processes, with the race detector if they have it, and need no second build.
const asProgram = "DAYBOOK_TEST_AS_PROGRAM"

func init() {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
}

// freeAddr returns an address on this machine that nobody listens on. Its port
// is below those that the kernel gives to outgoing connections, so that none
// of these takes it before a server does.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
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
	// The race detector would have each process rest for a second at its end.
	cmd.Env = append([]string{asProgram + "=1", "GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, environ...)
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

// start runs `daybook serve` at addr until the test ends, and checks that its
// log holds no secret, no panic and no data race.
func (m *stage) start(addr string, more ...string) *process {
	m.t.Helper()
	return m.startCommand(addr, program(m.t, m.environ(addr, more...), "serve"))
}

func (m *stage) startCommand(addr string, cmd *exec.Cmd) *process {
	m.t.Helper()
	p := m.launch(addr, cmd)
	p.ready()
	return p
}

// two starts two processes that share a store.
func (m *stage) two(more ...string) (one, other *process) {
	m.t.Helper()
	var both [2]*process
	for i := range both {
		addr := freeAddr(m.t)
		both[i] = m.launch(addr, program(m.t, m.environ(addr, more...), "serve"))
	}
	for _, p := range both {
		p.ready()
	}
	return both[0], both[1]
}

func (m *stage) launch(addr string, cmd *exec.Cmd) *process {
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
		m.checkLog(addr, p.log)
	})
	return p
}

// checkLog looks at the log of a site at its end.
func (m *stage) checkLog(addr string, log *lines) {
	text := log.String()
	if what := m.leak(text); what != "" {
		m.t.Errorf("the log holds a secret: %s\n%s", what, text)
	}
	for _, fault := range []string{"DATA RACE", "panic: ", "panic serving", "fatal error: "} {
		if _, after, found := strings.Cut(text, fault); found {
			m.t.Errorf("%s: %s%.4000s", addr, fault, after)
		}
	}
	if m.t.Failed() {
		m.t.Logf("log of %s, what is above info, then its end:\n%s\n%s", addr, tail(log.problems(), 6000), tail(text, 6000))
	}
}

// ready waits until the process serves.
func (p *process) ready() {
	p.t.Helper()
	select {
	case <-p.log.has("daybook is ready"):
	case <-p.done:
		p.t.Fatalf("daybook serve ended: %v\n%s", p.err, p.log)
	case <-time.After(time.Minute):
		p.t.Fatalf("daybook serve is not ready\n%s", p.log)
	}
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

// problems returns the lines above level INFO.
func (l *lines) problems() string {
	var all strings.Builder
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, `"level":"INFO"`) && !strings.Contains(line, `"level":"DEBUG"`) {
			all.WriteString(line)
		}
	}
	return all.String()
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
