package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A slowProxy passes connections on to an address and makes answers late, cuts
// them, or closes the connection in their middle.
type slowProxy struct {
	addr string
	to   string

	mu    sync.Mutex
	delay time.Duration // before each piece of an answer
	cut   int           // bytes after which an answer's connection is reset; 0: never
}

func startSlowProxy(t *testing.T, to string) *slowProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &slowProxy{addr: l.Addr().String(), to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(c.(*net.TCPConn))
		}
	}()
	return p
}

func (p *slowProxy) set(delay time.Duration, cut int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.cut = delay, cut
}

func (p *slowProxy) pass(in *net.TCPConn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		out.Close()
	}()
	piece := make([]byte, 16<<10)
	for {
		n, err := out.Read(piece)
		if err != nil {
			return
		}
		p.mu.Lock()
		delay, cut := p.delay, p.cut
		p.mu.Unlock()
		time.Sleep(delay)
		if cut > 0 {
			_, _ = in.Write(piece[:min(n, cut)])
			_ = in.SetLinger(0) // a reset, not an orderly end
			return
		}
		if _, err := in.Write(piece[:n]); err != nil {
			return
		}
	}
}

func TestFaultRedisSlow(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	proxy := startSlowProxy(t, r.addr)
	m.start(addr, "SESSION_STORE=redis", r.url(proxy.addr))
	b := m.signedIn(m.people[0])
	for _, f := range []struct {
		name  string
		delay time.Duration
		cut   int
		well  bool
	}{
		{name: "F3 50 ms late", delay: 50 * time.Millisecond, well: true},
		{name: "F3 300 ms late", delay: 300 * time.Millisecond, well: true},
		{name: "F3 5 s late", delay: 5 * time.Second},
		{name: "F3 reset in the middle of answers", cut: 3},
	} {
		t.Run(f.name, func(t *testing.T) {
			refreshes := m.Grants().Refreshes
			proxy.set(f.delay, f.cut)
			if page := b.get(week); f.well {
				status(t, "calendar", page, http.StatusOK)
			} else {
				unavailable(t, "calendar", page)
				unavailable(t, "readyz", b.get("/readyz"))
			}
			proxy.set(0, 0)
			eventually(t, 5*time.Second, "ready again without a restart", func() bool { return b.get("/readyz").status == http.StatusOK })
			status(t, "calendar afterwards, same cookie", b.get(week), http.StatusOK)
			if n := m.Grants().Refreshes - refreshes; n != 0 {
				t.Errorf("%d refreshes because Redis was slow", n)
			}
		})
	}
}

// With sessions in files, where one is signed in is seen and ended also while
// Redis, which has the tokens, is away.
func TestFaultTokenStoreAway(t *testing.T) {
	t.Parallel()
	at := tokensInRedis(t)
	m := newStage(t, nowhere)
	site := m.inside(nil, at.settings...)
	b, other := m.visitor().on(site.addr), m.visitor().on(site.addr)
	b.enter(m.people[0], "/profile")
	other.enter(m.people[0], "/profile")
	at.redis.kill()

	page := b.get("/sessions")
	status(t, "where one is signed in", page, http.StatusOK)
	if !strings.Contains(page.body, "What this session holds cannot be read at the moment.") {
		t.Errorf("nothing is said of the tokens: %s", page.body)
	}
	status(t, "end of the other session", b.must(http.MethodPost, "/sessions/revoke-others", url.Values{}), http.StatusSeeOther)
	if r := other.get("/sessions"); r.status != http.StatusSeeOther {
		t.Errorf("the other session goes on: %v", r)
	}
}

func TestFaultRedisRestarted(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	b := m.signedIn(m.people[0])

	t.Run("F10 loading its data", func(t *testing.T) {
		c, err := redis.Dial("tcp", r.addr, redis.DialPassword(testRedisPassword))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20_000 { // it answers once in 1024 keys
			if err := c.Send("SET", fmt.Sprint("junk:", i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Do(""); err != nil {
			t.Fatal(err)
		}
		c.Close()
		r.kill()
		r.run("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024") // ten seconds
		if _, err := r.try(testRedisPassword, "GET", "x"); err == nil || !strings.HasPrefix(err.Error(), "LOADING") {
			t.Fatalf("redis-server is not loading: %v", err)
		}
		unavailable(t, "calendar", b.get(week))
		r.kill()
		r.run() // its data loaded at once
		eventually(t, 10*time.Second, "ready again without a restart", func() bool { return b.get("/readyz").status == http.StatusOK })
		status(t, "calendar afterwards, same cookie", b.get(week), http.StatusOK)
	})
	t.Run("F13 the last write is lost", func(t *testing.T) {
		later := m.signedIn(m.people[1])
		r.kill()
		files, err := filepath.Glob(filepath.Join(r.dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no append-only file: %v", err)
		}
		file := files[len(files)-1]
		stat, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, stat.Size()-5); err != nil {
			t.Fatal(err)
		}
		r.run()
		eventually(t, 10*time.Second, "ready again without a restart", func() bool { return b.get("/readyz").status == http.StatusOK })
		status(t, "calendar of who signed in before", b.get(week), http.StatusOK)
		r2 := later.get(week)
		t.Logf("calendar of who signed in last: %v", r2)
		if r2.status != http.StatusOK && r2.status != http.StatusSeeOther {
			t.Errorf("calendar of who signed in last: status %d, want the page or the sign-in", r2.status)
		}
	})
	t.Run("F18 damaged records", func(t *testing.T) {
		other := m.signedIn(m.people[1])
		damage := map[string]func(key string, record []byte){
			"empty":        func(key string, _ []byte) { r.do("SET", key, "", "KEEPTTL") },
			"half":         func(key string, record []byte) { r.do("SET", key, record[:len(record)/2], "KEEPTTL") },
			"one bit":      func(key string, record []byte) { record[len(record)/2] ^= 1; r.do("SET", key, record, "KEEPTTL") },
			"plain JSON":   func(key string, _ []byte) { r.do("SET", key, `{"account":{"oid":"x"}}`, "KEEPTTL") },
			"a list":       func(key string, _ []byte) { r.do("DEL", key); r.do("LPUSH", key, "x"); r.do("EXPIRE", key, 1000) },
			"fifty MB":     func(key string, _ []byte) { r.do("SET", key, bytes.Repeat([]byte("x"), 50<<20), "KEEPTTL") },
			"from a later": func(key string, record []byte) { record[0] = 200; r.do("SET", key, record, "KEEPTTL") },
		}
		for name, spoil := range damage {
			before := r.keys("daybook:session-*")
			victim := m.signedIn(m.people[2])
			for _, key := range r.keys("daybook:session-*") {
				if !strings.Contains(strings.Join(before, " "), key) {
					record, err := redis.Bytes(r.do("GET", key), nil)
					if err != nil {
						t.Fatal(err)
					}
					spoil(key, record)
				}
			}
			page := victim.get(week)
			status(t, name+": calendar", page, http.StatusSeeOther)
			status(t, name+": one sign-in later", victim.signIn(m.people[2]), http.StatusOK)
			status(t, name+": somebody else", other.get(week), http.StatusOK)
		}
	})
	t.Run("F11 empty", func(t *testing.T) {
		r.do("FLUSHALL")
		page := b.get(week)
		status(t, "calendar", page, http.StatusSeeOther)
		if to := page.header.Get("Location"); !strings.HasPrefix(to, "/auth/login?return_to=") {
			t.Errorf("calendar leads to %q, want the sign-in", to)
		}
		back := b.follow(page)
		status(t, "where that leads, Microsoft still knowing who it is", back, http.StatusOK)
		if back.url.Path != week {
			t.Errorf("the person ends at %s, want where they were going", back.url)
		}
	})
}

// F35: secrets are rotated with an overlap, and a server with the wrong one
// harms nobody.
func TestFaultSessionSecretRotated(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	other := base64.StdEncoding.EncodeToString([]byte("\x01Canary\x90\x91\x92\x93\x94 another secret \xa0\xa1\xa2\xa3\xa4\xa5"))
	m.secret("session secret", other)
	with := func(secrets string) *process {
		return m.start(addr, "SESSION_STORE=redis", r.url(r.addr), "SESSION_SECRET="+secrets)
	}
	site := with(testSessionSecret)
	b := m.signedIn(m.people[0])
	site.stop()

	site = with(other)
	status(t, "wrong secret: calendar", b.get(week), http.StatusSeeOther)
	site.stop()

	site = with(testSessionSecret)
	status(t, "right secret again: calendar", b.get(week), http.StatusOK)
	site.stop()

	site = with(other + "," + testSessionSecret)
	status(t, "both, the new one first: calendar", b.get(week), http.StatusOK)
	fresh := m.signedIn(m.people[1])
	site.stop()

	site = with(other)
	status(t, "the new one alone, signed in since: calendar", fresh.get(week), http.StatusOK)
	status(t, "the new one alone, signed in before: calendar", b.get(week), http.StatusSeeOther)
	status(t, "one sign-in later", b.signIn(m.people[0]), http.StatusOK)
	site.stop()
}
