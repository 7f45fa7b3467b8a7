package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/simulator"

	"github.com/gomodule/redigo/redis"
)

// A soak is people who come and go at a server for a long time.
type soak struct {
	m      *stage
	site   *process
	people []*simulator.Person
	visits atomic.Int64
}

// F33: however many people come, look, are served by a Microsoft that fails now
// and then, and go, what Daybook holds in memory, in descriptors and in its
// store does not grow. SOAK=1h looks for longer.
func TestFaultSoak(t *testing.T) {
	// In a few seconds the heap has only begun to settle. What is remembered of
	// visitors and their addresses goes after ten minutes: until then a little
	// is added, and after eight of them nothing more was.
	duration, slack, places := 6*time.Second, 6<<20, []func(*testing.T) place{inFiles}
	if os.Getenv("FAULTS") != "" {
		duration, slack, places = 3*time.Minute, 4<<20, append(places, inRedis)
	}
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	onPlaces(t, func(t *testing.T, at place) {
		s := &soak{people: make([]*simulator.Person, 400)}
		for i := range s.people {
			s.people[i] = person(i)
		}
		s.m = newStage(t, nowhere, s.people...)
		admin := freeAddr(t)
		s.site = s.m.start(freeAddr(t), at.with("ADMIN_ADDR="+admin, "TRUSTED_PROXIES=127.0.0.1", "SESSION_CLEANUP_INTERVAL=1s")...)

		const parts = 8
		var seen []vitals
		for range parts {
			s.run(t, duration/parts)
			var now vitals
			// What is under way when the last visitor has gone ends soon.
			eventually(t, 30*time.Second, "goroutines and files are as before", func() bool {
				now = vitalsOf(t, admin)
				return len(seen) < parts/2 || now.goroutines <= seen[parts/2-1].goroutines+40 && now.files <= seen[parts/2-1].files+30
			})
			seen = append(seen, now)
			t.Logf("F33 %s: after %d visits: %v", at.name, s.visits.Load(), now)
		}
		least, most := seen[parts/2].heap, seen[parts/2].heap
		for _, v := range seen[parts/2:] {
			least, most = min(least, v.heap), max(most, v.heap)
		}
		if grown := most - least; grown > max(least/20, slack) {
			t.Errorf("the heap varied by %d bytes over the last half, from %d to %d", grown, least, most)
		}
		if first, last := seen[parts/2].series, seen[parts-1].series; last > first+60 {
			t.Errorf("from %d to %d metrics: they grow with the visitors", first, last)
		}
		nothingIsLeft(t, at)
		t.Logf("F33 %s: %d visits: heap between %.1f and %.1f MB over the last half; nothing is left in the store", at.name, s.visits.Load(), float64(least)/1e6, float64(most)/1e6)
	}, places...)
}

// run lets people come until the time is over, and waits until they have gone.
func (s *soak) run(t *testing.T, duration time.Duration) {
	t.Helper()
	var visitors sync.WaitGroup
	until := time.Now().Add(duration)
	for range 6 {
		visitors.Go(func() {
			for time.Now().Before(until) {
				n := s.visits.Add(1)
				if err := s.visit(s.people[int(n)%len(s.people)], fmt.Sprintf("10.1.%d.%d", n/250%40, n%250), rand.New(rand.NewPCG(uint64(n), 33))); err != nil {
					t.Errorf("visit %d: %v", n, err)
					return
				}
			}
		})
	}
	visitors.Wait()
	s.m.ClearFaults()
}

// visit is what one person does, from an address, in one of many ways.
func (s *soak) visit(p *simulator.Person, from string, random *rand.Rand) error {
	b := s.m.visitor().on(s.site.addr).with("X-Forwarded-For", from)
	send := func(method, target string, form url.Values) (reply, error) {
		r, err := b.send(method, target, form)
		if r.status == http.StatusInternalServerError || r.status == http.StatusTooManyRequests {
			err = fmt.Errorf("%s %s: %v", method, target, r)
		}
		return r, err
	}
	signIn := func() (in bool, err error) {
		a, err := send(http.MethodGet, "/auth/login?return_to=/profile", nil)
		if err != nil || a.status != http.StatusSeeOther || random.IntN(8) == 0 { // who thinks better of it
			return false, err
		}
		back := b.pick(p, a.to)
		if random.IntN(8) == 0 {
			back.to = strings.Replace(back.to, "code=", "code=x", 1)
		}
		a, err = send(http.MethodGet, back.to, nil)
		return a.setsSession(), err
	}
	in, err := signIn()
	if err != nil || !in {
		return err
	}
	for _, fault := range []simulator.Fault{
		{On: simulator.Graph, Times: 1, Status: 503, Header: http.Header{"Retry-After": {"1"}}},
		{On: simulator.Graph, Times: 1, Drop: true},
		{On: simulator.Graph, Times: 1, Truncate: 100},
		{On: simulator.Token, Times: 1, Status: 500},
		{On: simulator.Token, Times: 1, Drop: true},
	} {
		if random.IntN(20) == 0 {
			s.m.Inject(fault)
		}
	}
	pages := []string{week, "/calendar/month/2026-11-01", "/profile", "/sessions", "/calendar/search?q=x", "/nowhere", "/calendar/events/none"}
	for range 3 + random.IntN(4) {
		if random.IntN(4) == 0 {
			s.m.RevokeAccess(p)
		}
		b.fresh = random.IntN(2) == 0
		if _, err := send(http.MethodGet, pages[random.IntN(len(pages))], nil); err != nil {
			return err
		}
	}
	if random.IntN(4) == 0 { // once more, without a sign-out
		if _, err := signIn(); err != nil {
			return err
		}
	}
	for range 10 {
		a, err := send(http.MethodPost, "/auth/logout", url.Values{})
		if err != nil || a.status == http.StatusSeeOther {
			return err
		}
	}
	return errors.New("cannot sign out")
}

// longestMark is how long the mark of a sign-in that was used up is kept: its
// quarter of an hour, and five minutes more for clocks that differ.
const longestMark = 20 * time.Minute

// nothingIsLeft waits until no session is stored, makes the time of what else
// there is come, and waits until that has gone too.
func nothingIsLeft(t *testing.T, at place) {
	t.Helper()
	for _, kind := range []string{"session-", "person-", "sid-", "tokens-"} {
		eventually(t, 30*time.Second, "no record "+kind+" is left", func() bool { return len(at.records(t, kind)) == 0 })
	}
	if at.redis != nil {
		for _, key := range at.redis.keys("*") {
			ttl, err := redis.Int(at.redis.do("PTTL", key), nil)
			if err != nil || ttl == -1 || !strings.Contains(key, "used-") || ttl > int(longestMark/time.Millisecond) {
				t.Errorf("%s is left, for %d ms, %v", key, ttl, err)
			}
		}
		return // Redis removes them by itself
	}
	past, latest := time.Now().Add(-time.Second), time.Now().Add(longestMark)
	for _, file := range files(t, at.dir) {
		stat, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) || filepath.Base(file) == ".lock" {
			continue
		}
		if err != nil || !strings.HasPrefix(filepath.Base(file), "used-") || stat.ModTime().After(latest) {
			t.Errorf("%s is left, until %v, %v", file, stat.ModTime(), err)
		}
		if err := os.Chtimes(file, past, past); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	eventually(t, 30*time.Second, "the sweeper has removed what is over", func() bool {
		for _, file := range files(t, at.dir) {
			if filepath.Base(file) != ".lock" {
				return false
			}
		}
		return true
	})
}
