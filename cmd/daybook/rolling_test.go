package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// nginxConf is what the README tells operators to use: no session sticks to an
// instance, and a request that an instance refuses is taken to another: a form
// too, since the kernel resets connections that wait as an instance closes its
// listener, and Daybook's forms do the same a second time as the first.
const nginxConf = `
daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	upstream daybook { server %[3]s max_fails=0; server %[4]s max_fails=0; keepalive 16; }
	server {
		listen %[2]s;
		location / {
			proxy_pass http://daybook;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_next_upstream error timeout non_idempotent;
			proxy_connect_timeout 2s;
		}
	}
}
`

// startNginx runs nginx at addr in front of the instances until the test ends.
func startNginx(t *testing.T, addr string, instances [2]string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; !executable(path) {
			t.Skip("needs nginx")
		}
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { // its workers are another user
		t.Fatal(err)
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConf, dir, addr, instances[0], instances[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-p", dir, "-c", file, "-e", "stderr")
	output := newLines()
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", tail(output.String(), 3000))
		}
	})
	eventually(t, 10*time.Second, "nginx listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

func executable(path string) bool {
	stat, err := os.Stat(path)
	return err == nil && stat.Mode()&0o111 != 0
}

// Behind nginx; see rollingRestart. It does not run beside other tests: a
// machine that is too busy to answer within a store's second fails requests for
// a reason of its own.
func TestRollingRestart(t *testing.T) {
	rollingRestart(t, func(front string, instances [2]string) { startNginx(t, front, instances) })
}

// Behind Caddy with deploy/Caddyfile; see TestRollingRestart.
func TestRollingRestartCaddy(t *testing.T) {
	rollingRestart(t, func(front string, instances [2]string) { startCaddy(t, "http://"+front, instances[:]) })
}

// rollingRestart restarts two instances on one Redis behind a proxy, one after
// the other, while people use the site and others sign in and out: no request
// fails, nobody is signed out, and whoever has signed out stays so.
func rollingRestart(t *testing.T, startProxy func(front string, instances [2]string)) {
	front := freeAddr(t)
	m := newStage(t, "http://"+front)
	r := runRedis(t)
	instances := [2]string{freeAddr(t), freeAddr(t)}
	environ := []string{"SESSION_STORE=redis", r.url(r.addr), "TRUSTED_PROXIES=127.0.0.1", "LOG_LEVEL=info", "STOP_DELAY=3s"}
	startProxy(front, instances)
	running := [2]*process{m.start(instances[0], environ...), m.start(instances[1], environ...)}

	var people []*visitor
	for i := range 6 {
		people = append(people, m.signedIn(m.people[i%4]))
	}
	cookies := make([]string, len(people))
	for i, b := range people {
		cookies[i] = b.cookie()
	}

	ctx, stop := context.WithCancel(t.Context())
	var served, signIns atomic.Int64
	var load sync.WaitGroup
	for _, b := range people {
		load.Go(func() {
			for ctx.Err() == nil {
				for _, page := range []string{week, "/calendar/month/2026-11-01", "/profile", "/sessions"} {
					if r, err := b.send(http.MethodGet, page, nil); err != nil || r.status != http.StatusOK {
						t.Errorf("GET %s: %v, %v", page, r, err)
						return
					}
					served.Add(1)
				}
				if r, err := b.send(http.MethodPost, "/settings", url.Values{"theme": {"dark"}}); err != nil || r.status != http.StatusSeeOther {
					t.Errorf("POST /settings: %v, %v", r, err)
					return
				}
				served.Add(1)
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			b := m.visitor()
			if end := b.signIn(m.people[0]); end.status != http.StatusOK {
				t.Errorf("sign-in: %v", end)
				return
			}
			ended := b.cookie()
			if out := b.must(http.MethodPost, "/auth/logout", nil); out.status != http.StatusSeeOther {
				t.Errorf("sign-out: %v", out)
				return
			}
			again := m.visitor()
			again.plant(ended)
			if r := again.get(week); r.status != http.StatusSeeOther {
				t.Errorf("an ended session answers %v", r)
				return
			}
			signIns.Add(1)
		}
	})

	for i := range running {
		before := served.Load()
		eventually(t, 30*time.Second, "there is load", func() bool { return served.Load() > before+20 || t.Failed() })
		running[i].stop()
		before = served.Load()
		eventually(t, 30*time.Second, "the other instance serves", func() bool { return served.Load() > before+20 || t.Failed() })
		running[i] = m.start(instances[i], environ...)
	}
	stop()
	load.Wait()
	for i, b := range people {
		if b.cookie() != cookies[i] {
			t.Errorf("person %d has another cookie", i)
		}
		if r := b.get(week); r.status != http.StatusOK {
			t.Errorf("person %d afterwards: %v", i, r)
		}
	}
	t.Logf("%d pages and %d sign-ins with sign-outs over 2 restarts", served.Load(), signIns.Load())
}

// A site that is to stop says so where proxies ask, and goes on answering for a
// while; a form that is on its way then is taken, also when the answer comes
// after that.
func TestStopDelay(t *testing.T) {
	t.Parallel()
	m, site := securedStage(t, "STOP_DELAY=3s")
	b := m.signedIn(m.people[0])
	status(t, "healthz", b.get("/healthz"), http.StatusOK)

	// The second half of a form's body is held back until nobody is let in.
	slow, err := net.Dial("tcp", site.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	form := "theme=dark"
	fmt.Fprintf(slow, "POST /settings HTTP/1.1\r\nHost: %s\r\nCookie: __Host-daybook=%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		site.addr, b.cookie(), len(form), form[:5])

	site.signal(syscall.SIGTERM)
	eventually(t, 2*time.Second, "healthz says no", func() bool { return b.get("/healthz").status == http.StatusServiceUnavailable })
	leaving := b.get("/readyz")
	if leaving.status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %v", leaving)
	}
	checkHeaders(t, m, "readyz of a site that stops", leaving)
	if r := b.get(week); r.status != http.StatusOK {
		t.Errorf("calendar of a site that is about to stop: %v", r)
	}
	eventually(t, 10*time.Second, "nobody is let in", func() bool { return refused(site.addr) })
	fmt.Fprint(slow, form[5:])
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil || answer.StatusCode != http.StatusSeeOther || !answer.Close {
		t.Errorf("the form that was on its way: %v, %v", answer, err)
	}
	site.ended()
}

// What a session takes in Redis; the README's figure comes from here.
func TestSessionSizeInRedis(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	used := func() int {
		t.Helper()
		var used int
		for line := range strings.Lines(text(t, r.do("INFO", "memory"))) {
			if _, err := fmt.Sscanf(line, "used_memory_dataset:%d", &used); err == nil {
				return used
			}
		}
		t.Fatal("Redis does not say what it uses")
		return 0
	}
	m.signedIn(m.people[0]) // connections and scripts are there
	before := used()
	const sessions = 30
	for i := range sessions {
		m.signedIn(m.people[i%4])
	}
	var sizes []int
	for _, key := range r.keys("daybook:session-*") {
		n, err := redis.Int(r.do("STRLEN", key), nil)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	each := (used() - before) / sessions
	t.Logf("records of %d to %d bytes; %d bytes of Redis' memory for each session with all that belongs to it", sizes[0], sizes[len(sizes)-1], each)
	if each > 32<<10 {
		t.Errorf("a session takes %d bytes in Redis, more than the README says", each)
	}
}

func text(t *testing.T, reply any) string {
	t.Helper()
	s, err := redis.String(reply, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
