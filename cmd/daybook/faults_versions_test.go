package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// earlier is the version that the present one must get on with.
const earlier = "719f6abf047cfc9261a7037b66f2068eb967e656"

// buildEarlier builds the program of the earlier version from the history.
func buildEarlier(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "source.tar")
	if out, err := exec.Command("git", "-C", filepath.Join("..", ".."), "archive", "--output="+archive, earlier).CombinedOutput(); err != nil {
		t.Skipf("needs the repository's history: %v: %s", err, out)
	}
	if out, err := exec.Command("tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	program = filepath.Join(dir, "earlier")
	build := exec.Command("go", "build", "-o", program, "./cmd/daybook")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// F34: an earlier version and this one serve the same people from the same
// store, as they do while servers are updated one by one, or put back.
func TestFaultTwoVersions(t *testing.T) {
	t.Parallel()
	thorough(t)
	old := buildEarlier(t)
	for _, store := range []string{"redis", "filesystem"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			settings := []string{"SESSION_STORE=" + store, "SESSION_DIR=" + filepath.Join(t.TempDir(), "sessions")}
			if store == "redis" {
				r := runRedis(t)
				settings = append(settings, r.url(r.addr))
			}
			front, to := startFront(t)
			m := newStage(t, front)
			m.SetStrict(true) // a refresh token that is lost is the last one
			ours := m.start(freeAddr(t), settings...)
			addr := freeAddr(t)
			cmd := program(t, m.environ(addr, settings...), "serve")
			cmd.Path, cmd.Args[0] = old, old
			theirs := m.startCommand(addr, cmd)
			for _, f := range []struct {
				name         string
				makes, meets *process
			}{{"begun by the earlier version", theirs, ours}, {"begun by this version", ours, theirs}} {
				t.Run(f.name, func(t *testing.T) { twoVersions(t, m, to, f.makes, f.meets) })
			}
		})
	}
}

// startFront is a site that leads to one of several servers.
func startFront(t *testing.T) (base string, to *atomic.Pointer[process]) {
	t.Helper()
	to = new(atomic.Pointer[process])
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", to.Load().addr, r.In.Host
	}})
	t.Cleanup(front.Close)
	return front.URL, to
}

func twoVersions(t *testing.T, m *stage, to *atomic.Pointer[process], makes, meets *process) {
	p := m.people[0]
	to.Store(makes)
	b := m.signedIn(p)
	b.fresh = true
	kept := b.cookie()
	refreshes := m.Grants().Refreshes
	renewed := func(what string, want int) {
		t.Helper()
		whole(t, "F34 "+what, b.get(week), http.StatusOK)
		if n := m.Grants().Refreshes - refreshes; n != want {
			t.Errorf("%s: %d refreshes so far, want %d", what, n, want)
		}
	}
	to.Store(meets)
	renewed("the other version reads it", 0)
	m.RevokeAccess(p)
	renewed("the other version renews the token", 1)
	to.Store(makes)
	renewed("which the first version reads", 1)
	m.RevokeAccess(p)
	renewed("and renews itself", 2)
	to.Store(meets)
	renewed("which the other version reads", 2)

	m.RevokeAccess(p)
	var crowd sync.WaitGroup
	for _, site := range []*process{makes, meets} {
		for range 5 {
			tab := m.visitorAt(site.url)
			tab.plant(kept)
			tab.fresh = true
			crowd.Go(func() {
				if r, err := tab.send(http.MethodGet, week, nil); err != nil || r.status != http.StatusOK {
					t.Errorf("ten at once, at both: %v, %v", r, err)
				}
			})
		}
	}
	crowd.Wait()
	renewed("both at once renew it once", 3)
	if b.cookie() != kept {
		t.Error("the cookie changed")
	}

	to.Store(makes)
	another, halfway := m.signedIn(p), m.visitor()
	callback := halfway.choose(halfway.begin(), m.people[1]).header.Get("Location")
	to.Store(meets)
	whole(t, "F34 the other version ends a sign-in", halfway.follow(halfway.get(callback)), http.StatusOK)
	if page := b.get("/sessions"); strings.Count(page.body, `action="/sessions/revoke"`) != 1 {
		t.Errorf("the other version does not list the one other session: %v\n%s", page, tail(page.body, 1500))
	}
	whole(t, "F34 the other version ends the person's other session", b.must(http.MethodPost, "/sessions/revoke-others", url.Values{}), http.StatusSeeOther)
	to.Store(makes)
	whole(t, "F34 which the first version sees", another.get(week), http.StatusSeeOther)

	to.Store(meets)
	whole(t, "F34 sign-out at the other version", b.must(http.MethodPost, "/auth/logout", url.Values{}), http.StatusSeeOther)
	for _, site := range []*process{makes, meets} {
		to.Store(site)
		ended := m.visitor()
		ended.plant(kept)
		whole(t, "F34 the ended session", ended.get(week), http.StatusSeeOther)
	}
	for _, site := range []*process{makes, meets} {
		if said := site.log.String(); strings.Contains(said, "not usable") || strings.Contains(said, `"level":"ERROR"`) {
			t.Errorf("a version finds something damaged:\n%s", tail(said, 3000))
		}
	}
}
