package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// The tests of this file and its siblings break, one after the other, all that
// Daybook depends on, and assert what a person sees, what is not lost and that
// it mends without a restart. `make faults` prints what they found; those that
// take long run only there.

// faultPatience is how long a person waits for an answer whatever is broken, with
// some room for a machine that is busy with other tests.
const faultPatience = 2*time.Second + 500*time.Millisecond

// week is a page that needs the session, a token and events.
const week = "/calendar/week/2026-11-23"

// thorough skips what takes long in an ordinary test run.
func thorough(t *testing.T) {
	t.Helper()
	if os.Getenv("FAULTS") == "" {
		t.Skip("takes long: run by make faults")
	}
}

// unavailable asserts the answer of a site that lacks what it needs: soon, a
// 503 that says when to come back, no redirect, and no word about cookies.
func unavailable(t *testing.T, what string, r reply) {
	t.Helper()
	what = ofRow(t, what)
	t.Logf("%s: %v", what, r)
	switch after, err := strconv.Atoi(r.header.Get("Retry-After")); {
	case r.status != http.StatusServiceUnavailable:
		t.Errorf("%s: status %d, want 503", what, r.status)
	case err != nil || after < 1:
		t.Errorf("%s: Retry-After %q, want seconds", what, r.header.Get("Retry-After"))
	case r.took > faultPatience:
		t.Errorf("%s: answered after %v", what, r.took)
	}
	for _, set := range r.header["Set-Cookie"] {
		// A sign-in that the store kept from ending stays pending.
		if !strings.HasPrefix(set, "daybook-signin-") || strings.Contains(set, "Max-Age=0") {
			t.Errorf("%s: touches a cookie: %q", what, set)
		}
	}
}

// ofRow puts the fault before what is said about it: tests print side by side.
func ofRow(t *testing.T, what string) string {
	if _, row, found := strings.Cut(t.Name(), "/F"); found && !regexp.MustCompile(`^F\d`).MatchString(what) {
		return "F" + strings.ReplaceAll(row, "_", " ") + ": " + what
	}
	return what
}

// status asserts an answer that comes as soon.
func status(t *testing.T, what string, r reply, want int) {
	t.Helper()
	whole(t, what, r, want)
	if r.took > faultPatience {
		t.Errorf("%s: answered after %v", ofRow(t, what), r.took)
	}
}

// whole asserts an answer while nothing is broken: how long it takes says only
// how much else the machine has to do.
func whole(t *testing.T, what string, r reply, want int) {
	t.Helper()
	what = ofRow(t, what)
	t.Logf("%s: %v", what, r)
	if r.status != want {
		t.Errorf("%s: status %d, want %d\n%s", what, r.status, want, tail(r.body, 800))
	}
}

// clears reports whether an answer deletes the session's cookie.
func clears(r reply) bool {
	for _, line := range r.header["Set-Cookie"] {
		if strings.HasPrefix(line, "daybook=;") && strings.Contains(line, "Max-Age=0") {
			return true
		}
	}
	return false
}

// A redisFault is a way in which Redis fails.
type redisFault struct {
	name         string
	inject, heal func(r *redisServer)
	reads        bool // signed-in people go on
	deletes      bool // signing out works
}

func redisFaults() []redisFault {
	config := func(name, value string) func(*redisServer) {
		return func(r *redisServer) { r.do("CONFIG", "SET", name, value) }
	}
	var password = "another"
	return []redisFault{
		{name: "F1 gone", inject: (*redisServer).kill, heal: func(r *redisServer) { r.run() }},
		{name: "F2 hung", inject: func(r *redisServer) { r.signal(syscall.SIGSTOP) }, heal: func(r *redisServer) { r.signal(syscall.SIGCONT) }},
		{name: "F4 wrong password", inject: func(r *redisServer) {
			r.do("CONFIG", "SET", "requirepass", password)
			_, _ = r.try(password, "CLIENT", "KILL", "TYPE", "normal")
		}, heal: func(r *redisServer) {
			if _, err := r.try(password, "CONFIG", "SET", "requirepass", testRedisPassword); err != nil {
				r.t.Fatal(err)
			}
		}},
		{name: "F4 no permission", inject: func(r *redisServer) { r.do("ACL", "SETUSER", "default", "-@all", "+acl", "+auth") },
			heal: func(r *redisServer) { r.do("ACL", "SETUSER", "default", "+@all") }},
		{name: "F5 read-only replica", inject: func(r *redisServer) {
			r.do("CONFIG", "SET", "replica-serve-stale-data", "yes")
			r.do("REPLICAOF", "127.0.0.1", "1")
		},
			heal: func(r *redisServer) { r.do("REPLICAOF", "NO", "ONE") }, reads: true},
		{name: "F6 full", inject: config("maxmemory", "1mb"), heal: config("maxmemory", "0"), reads: true, deletes: true},
		{name: "F8 cannot save (MISCONF)", inject: func(r *redisServer) {
			r.do("CONFIG", "SET", "save", "3600 1")
			// A folder in the place of the file that BGSAVE renames to.
			if err := os.MkdirAll(filepath.Join(r.dir, "dump.rdb", "x"), 0o700); err != nil {
				r.t.Fatal(err)
			}
			r.do("BGSAVE")
			eventually(r.t, 10*time.Second, "BGSAVE failed", func() bool {
				info, err := redis.String(r.do("INFO", "persistence"), nil)
				return err == nil && strings.Contains(info, "rdb_last_bgsave_status:err")
			})
		}, heal: func(r *redisServer) {
			if err := os.RemoveAll(filepath.Join(r.dir, "dump.rdb")); err != nil {
				r.t.Fatal(err)
			}
			r.do("CONFIG", "SET", "save", "")
		}, reads: true},
		{name: "F9 too few replicas", inject: config("min-replicas-to-write", "1"), heal: config("min-replicas-to-write", "0"), reads: true},
		{name: "F12 no connections left", inject: func(r *redisServer) {
			// Two: this one, which Redis counts while it changes the limit, and
			// none for Daybook once its own have been closed.
			c, err := redis.Dial("tcp", r.addr, redis.DialPassword(testRedisPassword))
			if err != nil {
				r.t.Fatal(err)
			}
			r.t.Cleanup(func() { c.Close() })
			if _, err := c.Do("CONFIG", "SET", "maxclients", 1); err != nil {
				r.t.Fatal(err)
			}
			if _, err := c.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"); err != nil {
				r.t.Fatal(err)
			}
			r.held = c
		}, heal: func(r *redisServer) {
			if _, err := r.held.Do("CONFIG", "SET", "maxclients", 1000); err != nil {
				r.t.Fatal(err)
			}
		}},
	}
}

func TestFaultRedis(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	site := m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	lena, marcus := m.people[0], m.people[1]
	stays := m.signedIn(lena)
	before := stays.cookie()

	for _, f := range redisFaults() {
		t.Run(f.name, func(t *testing.T) {
			leaves, halfway := m.signedIn(marcus), m.visitor()
			picker := halfway.begin()
			f.inject(r)

			calendar := stays.get(week)
			if f.reads {
				status(t, "calendar", calendar, http.StatusOK)
			} else {
				unavailable(t, "calendar", calendar)
			}
			callback := halfway.choose(picker, marcus)
			unavailable(t, "end of a sign-in", halfway.follow(callback))
			if halfway.cookie() != "" {
				t.Error("a session began that is stored nowhere")
			}
			status(t, "front page of a stranger", m.visitor().get("/"), http.StatusOK)
			status(t, "healthz", stays.get("/healthz"), http.StatusOK)
			unavailable(t, "readyz", stays.get("/readyz"))

			out := leaves.must(http.MethodPost, "/auth/logout", nil)
			if f.deletes {
				status(t, "sign-out", out, http.StatusSeeOther)
			} else {
				status(t, "sign-out", out, http.StatusServiceUnavailable)
				if !strings.Contains(out.body, "could not delete it on the server") || out.header.Get("Retry-After") == "" {
					t.Errorf("sign-out does not say that it is not complete:\n%s", tail(out.body, 600))
				}
			}
			if !clears(out) || leaves.cookie() != "" {
				t.Errorf("sign-out left the cookie: %q", out.header["Set-Cookie"])
			}

			f.heal(r)
			eventually(t, 10*time.Second, "ready again without a restart", func() bool { return stays.get("/readyz").status == http.StatusOK })
			status(t, "calendar afterwards, same cookie", stays.get(week), http.StatusOK)
			if stays.cookie() != before {
				t.Error("the cookie changed")
			}
			status(t, "the same sign-in, tried again", halfway.follow(callback), http.StatusOK)
		})
	}
	select {
	case <-site.done:
		t.Fatalf("the process ended: %v", site.err)
	default:
	}
	for _, word := range []string{"user or password wrong", "read-only replica", "memory is full", "too few replicas"} {
		if !strings.Contains(site.log.String(), word) {
			t.Errorf("the log never says %q", word)
		}
	}
}
