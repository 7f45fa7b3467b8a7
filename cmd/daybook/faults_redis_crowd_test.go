package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// F3: however slow Redis is, an expired token is renewed once, by one of two
// servers, and every tab gets its page or is asked to come again.
func TestFaultRedisSlowRefresh(t *testing.T) {
	t.Parallel()
	front, to := startFront(t)
	m := newStage(t, front)
	m.SetStrict(true) // a refresh token works once
	r := runRedis(t)
	proxy := startSlowProxy(t, r.addr)
	both := []*process{m.start(freeAddr(t), "SESSION_STORE=redis", r.url(proxy.addr)), m.start(freeAddr(t), "SESSION_STORE=redis", r.url(proxy.addr))}
	to.Store(both[0])
	b := m.signedIn(m.people[0])
	for _, delay := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond} {
		t.Run("F3 "+delay.String(), func(t *testing.T) {
			refreshes := m.Grants().Refreshes
			m.RevokeAccess(m.people[0])
			proxy.set(delay, 0)
			var tabs sync.WaitGroup
			var served, later atomic.Int32
			for _, site := range both {
				for range 4 {
					tab := m.visitorAt(site.url)
					tab.plant(b.cookie())
					tab.fresh = true
					tabs.Go(func() {
						switch page, err := tab.send(http.MethodGet, week, nil); {
						case err == nil && page.status == http.StatusOK:
							served.Add(1)
						case err == nil && page.status == http.StatusServiceUnavailable && page.header.Get("Retry-After") != "":
							later.Add(1)
						default:
							t.Errorf("calendar: %v, %v", page, err)
						}
					})
				}
			}
			tabs.Wait()
			proxy.set(0, 0)
			eventually(t, 10*time.Second, "the calendar is there, same cookie", func() bool { return b.get(week).status == http.StatusOK })
			n := m.Grants().Refreshes - refreshes
			t.Logf("eight tabs at two servers: %d pages, %d asked to come again, %d refreshes", served.Load(), later.Load(), n)
			if n > 1 || served.Load() > 0 && n != 1 || m.Grants().Reused != 0 {
				t.Errorf("%d refreshes, %d refresh tokens used twice", n, m.Grants().Reused)
			}
		})
	}
}

// F13: a Redis that falls back to what it was before an acknowledged write
// costs at most a sign-in: a sign-out that is lost revives the session until
// its end and no longer, and where a renewed token is lost the former one does.
func TestFaultRedisFallsBack(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	r := runRedis(t)
	const lifetime = 15 * time.Second
	m.start(addr, "SESSION_STORE=redis", r.url(r.addr), "SESSION_LIFETIME="+lifetime.String())
	data := filepath.Join(r.dir, "appendonlydir")
	fallBack := func(do func()) {
		t.Helper()
		kept := filepath.Join(t.TempDir(), "kept")
		if err := os.CopyFS(kept, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		do()
		r.kill()
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(data, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
		r.run()
		eventually(t, 10*time.Second, "ready again without a restart", func() bool { return m.visitor().get("/readyz").status == http.StatusOK })
	}

	began := time.Now()
	b := m.signedIn(m.people[0])
	b.fresh = true
	fallBack(func() {
		m.RevokeAccess(m.people[0])
		whole(t, "F13 a page for which a token is renewed", b.get(week), http.StatusOK)
	})
	m.RevokeAccess(m.people[0])
	whole(t, "F13 the renewed token is lost: calendar", b.get(week), http.StatusOK)

	revived := m.visitor()
	revived.plant(b.cookie())
	fallBack(func() {
		whole(t, "F13 sign-out", b.must(http.MethodPost, "/auth/logout", url.Values{}), http.StatusSeeOther)
	})
	page := revived.get(week)
	t.Logf("F13 the sign-out is lost: the session that was ended: %v", page)
	if page.status != http.StatusOK && page.status != http.StatusSeeOther {
		t.Errorf("the session that was ended: %v", page)
	}
	for _, key := range r.keys("daybook:session-*") {
		ttl, err := redis.Int(r.do("PTTL", key), nil)
		if err != nil || ttl <= 0 || ttl > int(lifetime/time.Millisecond) {
			t.Errorf("%s lives on for %d ms, %v", key, ttl, err)
		}
		r.do("PERSIST", key) // nor does its end depend on Redis
	}
	eventually(t, lifetime+5*time.Second, "it has ended at its end", func() bool { return revived.get(week).status == http.StatusSeeOther })
	t.Logf("F13 it ended %v after it began", time.Since(began).Round(time.Second))
}
