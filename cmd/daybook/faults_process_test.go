package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// F26: whoever is being served when the process is told to stop gets their
// answer, and a token that was being renewed is stored.
func TestFaultStoppedMeanwhile(t *testing.T) {
	t.Parallel()
	addr, dir := freeAddr(t), filepath.Join(t.TempDir(), "sessions")
	m := newStage(t, "http://"+addr)
	environ := []string{"SESSION_STORE=filesystem", "SESSION_DIR=" + dir}
	for _, on := range []simulator.Endpoint{simulator.Graph, simulator.Token} {
		t.Run(string(on), func(t *testing.T) {
			site := m.start(addr, environ...)
			b := m.entered(m.people[0])
			b.fresh = true
			m.RevokeAccess(m.people[0])
			arrived, release := make(chan struct{}), make(chan struct{})
			m.Inject(simulator.Fault{On: on, Times: 1, Arrived: arrived, Hold: release})
			pages := make(chan reply, 1)
			go func() {
				r, err := b.send(http.MethodGet, week, nil)
				if err != nil {
					t.Errorf("the page that was under way: %v", err)
				}
				pages <- r
			}()
			<-arrived
			site.signal(syscall.SIGTERM)
			eventually(t, 5*time.Second, "new connections are refused", func() bool {
				c, err := net.Dial("tcp", addr)
				if err == nil {
					c.Close()
				}
				return err != nil
			})
			close(release)
			status(t, "F26 the page that was under way", <-pages, http.StatusOK)
			site.ended()
			renewed := m.Grants().Refreshes
			site = m.start(addr, environ...)
			status(t, "F26 the next page after the restart", b.get(week), http.StatusOK)
			if n := m.Grants().Refreshes - renewed; n != 0 {
				t.Errorf("%d more refreshes after the restart: the renewed token was not stored", n)
			}
			site.stop()
		})
	}
	t.Run("second signal", func(t *testing.T) {
		site := m.start(addr, environ...)
		b := m.entered(m.people[0])
		b.fresh = true
		arrived := make(chan struct{})
		release := make(chan struct{})
		defer close(release)
		m.Inject(simulator.Fault{On: simulator.Graph, Times: 1, Arrived: arrived, Hold: release})
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = b.send(http.MethodGet, week, nil) // is cut off
		}()
		<-arrived
		site.signal(syscall.SIGTERM)
		eventually(t, 5*time.Second, "it is stopping", func() bool { return refused(addr) })
		began := time.Now()
		site.signal(syscall.SIGTERM)
		<-site.done
		<-gone
		t.Logf("F26 ended %v after the second signal", time.Since(began).Round(time.Millisecond))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("ended %v after the second signal, want at once", took)
		}
	})
}

func refused(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return err != nil
}

// F28: people are served while a crowd sends its requests, or reads its
// answers, as slowly as it can, and the crowd is sent away.
func TestFaultSlowClients(t *testing.T) {
	t.Parallel()
	crowd := 300
	if os.Getenv("FAULTS") != "" {
		crowd = 3000
	}
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory")
	b := m.signedIn(m.people[0])
	starts := []string{
		"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ",
		"POST /settings HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na",
		"",
	}
	before := openFiles(t, site)
	var waiting sync.WaitGroup
	began := time.Now()
	for i := range crowd {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, starts[i%len(starts)]); err != nil {
			t.Fatal(err)
		}
		waiting.Go(func() { _, _ = io.Copy(io.Discard, c) }) // until it is sent away
	}
	status(t, fmt.Sprintf("F28 calendar among %d slow clients", crowd), b.get(week), http.StatusOK)
	status(t, "F28 readyz", b.get("/readyz"), http.StatusOK)
	waiting.Wait()
	took := time.Since(began)
	t.Logf("F28 %d slow clients were sent away after %v", crowd, took.Round(time.Second))
	if limit := readTimeout + 10*time.Second; took > limit {
		t.Errorf("the last slow client was sent away after %v, want %v", took, limit)
	}
	eventually(t, 10*time.Second, "their sockets are closed", func() bool { return openFiles(t, site) < before+20 })
}

// openFiles counts the descriptors that a process holds.
func openFiles(t *testing.T, p *process) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	if err != nil {
		t.Skipf("needs /proc: %v", err)
	}
	return len(entries)
}

// F29: what is too large is refused, with a page where one is possible, and
// signs nobody out.
func TestFaultOversized(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=memory")
	b := m.signedIn(m.people[0])
	cookie := "daybook=" + b.cookie()
	for _, f := range []struct {
		name, request string
		want          []int
	}{
		{"header of 1 MB", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
		{"address of 9 KB", "GET /?q=" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{414}},
		{"body of 1 MB", "POST /settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookie + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20), []int{413}},
		{"body of 1 MB in chunks", "POST /settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookie + "\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n0\r\n\r\n", []int{413}},
		{"two thousand cookies", "GET " + week + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + strings.Repeat("a=b; ", 2000) + cookie + "\r\n\r\n", []int{200}},
		{"ten thousand parameters", "GET " + week + "?" + strings.Repeat("a&", 3000) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookie + "\r\n\r\n", []int{200}},
		{"two lengths", "POST /settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", []int{400}},
		{"length and chunks", "POST /auth/logout HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", []int{303, 400}},
	} {
		code := raw(t, addr, f.request)
		t.Logf("F29 %s: %d", f.name, code)
		ok := false
		for _, want := range f.want {
			ok = ok || code == want
		}
		if !ok {
			t.Errorf("%s: status %d, want %v", f.name, code, f.want)
		}
	}
	status(t, "F29 calendar afterwards", b.get(week), http.StatusOK)
}

// raw sends bytes and returns the status of what comes back.
func raw(t *testing.T, addr, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, request) }() // ends early when refused early
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// F31: strangers cost the store nothing.
func TestFaultFlood(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	for range 50 {
		stranger := m.visitor()
		stranger.get("/")
		stranger.get("/auth/login")
		stranger.get(week)
		stranger.get("/auth/callback?state=" + strings.Repeat("x", 43) + "&code=1234")
		stranger.get("/auth/frontchannel-logout?sid=00000000-0000-0000-0000-000000000000")
		stranger.must(http.MethodPost, "/auth/logout", url.Values{})
	}
	if keys := r.keys("*"); len(keys) != 0 {
		t.Errorf("F31 requests of strangers left %d keys: %.3q", len(keys), keys)
	}
}

// F32: out of file descriptors, the site comes back as soon as there are some.
func TestFaultTooManyFiles(t *testing.T) {
	t.Parallel()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	addr, dir := freeAddr(t), filepath.Join(t.TempDir(), "sessions")
	m := newStage(t, "http://"+addr)
	inner := program(t, m.environ(addr, "SESSION_STORE=filesystem", "SESSION_DIR="+dir), "serve")
	cmd := exec.Command(prlimit, append([]string{"--nofile=48:48"}, inner.Args...)...)
	cmd.Env, cmd.Dir = inner.Env, inner.Dir
	site := m.startCommand(addr, cmd)
	b := m.signedIn(m.people[0])
	before := b.cookie()
	record, err := os.ReadFile(sessionFiles(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	var crowd []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, c)
	}
	eventually(t, 10*time.Second, "the descriptors are used up", func() bool { return openFiles(t, site) >= 48 })
	for _, c := range crowd {
		c.Close()
	}
	began := time.Now()
	eventually(t, 5*time.Second, "the site answers again", func() bool {
		r, err := b.send(http.MethodGet, week, nil)
		return err == nil && r.status == http.StatusOK
	})
	t.Logf("F32 served again %v after descriptors were free", time.Since(began).Round(time.Millisecond))
	after, err := os.ReadFile(sessionFiles(t, dir)[0])
	if err != nil || string(after) != string(record) {
		t.Errorf("the session's file changed: %v", err)
	}
	if b.cookie() != before {
		t.Error("the cookie changed")
	}
}
