package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

const evictionWarning = "maxmemory-policy allkeys-lru may drop sessions; set noeviction"

// F7: somebody whose session Redis has dropped for want of memory signs in
// again, once, and nobody else notices. The operator was told at the start.
func TestFaultRedisEvicts(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t, "--maxmemory-policy", "allkeys-lru", "--maxmemory-samples", "1000")
	site := m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	eventually(t, 10*time.Second, "the log warns of it", func() bool { return strings.Contains(site.log.String(), evictionWarning) })
	if n := strings.Count(site.log.String(), evictionWarning); n != 1 {
		t.Errorf("the log warns %d times", n)
	}
	idle := func(key string) func() bool { // so long that Redis, which counts in seconds, takes it first
		return func() bool {
			seconds, err := redis.Int(r.do("OBJECT", "IDLETIME", key), nil)
			return err == nil && seconds >= 2
		}
	}
	evicted := m.signedIn(m.people[0])
	mine := r.keys("daybook:session-*")[0]
	eventually(t, 10*time.Second, "the session rests", idle(mine))
	other := m.signedIn(m.people[1])
	kept := other.cookie()
	var used int
	for line := range strings.Lines(text(t, r.do("INFO", "memory"))) {
		_, _ = fmt.Sscanf(line, "used_memory:%d", &used)
	}
	r.do("CONFIG", "SET", "maxmemory", used+64<<10)
	junk := 0
	for ; len(r.keys(mine)) > 0; junk++ {
		if junk == 10_000 {
			t.Fatal("Redis evicts nothing")
		}
		r.do("SET", fmt.Sprint("junk:", junk), strings.Repeat("x", 1000))
	}
	r.do("CONFIG", "SET", "maxmemory", 0) // nobody else is to be next

	status(t, "F7 somebody else: calendar", other.get(week), http.StatusOK)
	page := evicted.get(week)
	status(t, "F7 evicted: calendar", page, http.StatusSeeOther)
	if to := page.header.Get("Location"); !strings.HasPrefix(to, "/auth/login?return_to=") {
		t.Errorf("calendar leads to %q, want the sign-in", to)
	}
	back := evicted.follow(page)
	status(t, "F7 evicted: where that leads, Microsoft still knowing who it is", back, http.StatusOK)
	if back.url.Path != week {
		t.Errorf("the person ends at %s, want where they were going", back.url)
	}
	status(t, "F7 evicted: the next page", evicted.get(week), http.StatusOK)
	status(t, "F7 somebody else afterwards", other.get(week), http.StatusOK)
	if other.cookie() != kept {
		t.Error("somebody else's cookie changed")
	}
}

// The warning waits for a Redis that is away when Daybook starts, and is not
// needed where Redis will not say: Daybook serves all the same.
func TestFaultRedisAwayAtStart(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	r.kill()
	site := m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	status(t, "F7 Redis away: front page", m.visitor().get("/"), http.StatusOK)
	unavailable(t, "F7 Redis away: readyz", m.visitor().get("/readyz"))
	r.run("--maxmemory-policy", "allkeys-lru")
	eventually(t, 20*time.Second, "the log warns", func() bool { return strings.Contains(site.log.String(), evictionWarning) })
	status(t, "F7 Redis is there: sign-in", m.visitor().signIn(m.people[0]), http.StatusOK)
	site.stop()

	r.do("ACL", "SETUSER", "default", "-info", "-config")
	defer r.do("ACL", "SETUSER", "default", "+@all")
	site = m.start(addr, "SESSION_STORE=redis", r.url(r.addr))
	status(t, "F7 Redis does not say: sign-in", m.visitor().signIn(m.people[0]), http.StatusOK)
	if list, status := m.findings(m.environ(addr, "SESSION_STORE=redis", r.url(r.addr))...); status != 0 || !says(list, "warn", "redis", "does not say what it evicts") {
		t.Errorf("check: status %d, %v", status, list)
	}
	if said := site.log.String(); strings.Contains(said, "maxmemory") || strings.Contains(said, `"level":"ERROR"`) {
		t.Errorf("the log complains of what nobody knows:\n%s", said)
	}
}
