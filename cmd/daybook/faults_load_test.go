package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// vitals are what a process needs of the machine, after a garbage collection.
type vitals struct{ heap, resident, goroutines, files, series int }

func (v vitals) String() string {
	return fmt.Sprintf("heap %.1f MB, resident %.1f MB, %d goroutines, %d files, %d series",
		float64(v.heap)/1e6, float64(v.resident)/1e6, v.goroutines, v.files, v.series)
}

// vitalsOf asks a process through its ADMIN_ADDR.
func vitalsOf(t *testing.T, admin string) (v vitals) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	get := func(path string) string {
		answer, err := client.Get("http://" + admin + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
		}
		return string(body)
	}
	get("/debug/pprof/heap?gc=1")
	get("/debug/pprof/heap?gc=1") // what pools held goes with the second
	fields := map[string]*int{
		"go_memstats_heap_alloc_bytes": &v.heap, "process_resident_memory_bytes": &v.resident,
		"go_goroutines": &v.goroutines, "process_open_fds": &v.files,
	}
	for line := range strings.Lines(get("/metrics")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		v.series++
		name, value, _ := strings.Cut(line, " ")
		if field := fields[name]; field != nil {
			var number float64
			if _, err := fmt.Sscan(value, &number); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			*field = int(number)
		}
	}
	return v
}

var anybody = regexp.MustCompile(`Person \d+ Testing`)

// F30: a crowd signs in at once at two servers that share a store, and goes:
// everybody gets in, as themselves, and leaves nothing behind.
func TestFaultCrowdSignsIn(t *testing.T) {
	t.Parallel()
	crowd := 40
	if os.Getenv("FAULTS") != "" {
		crowd = 1000
	}
	for _, in := range []func(*testing.T) place{inRedis, inFiles} {
		at := in(t)
		t.Run("F30 "+at.name, func(t *testing.T) { crowdSignsIn(t, at, crowd) })
	}
}

func crowdSignsIn(t *testing.T, at place, crowd int) {
	people := make([]*simulator.Person, crowd)
	for i := range people {
		people[i] = person(i)
	}
	m := newStage(t, nowhere, people...)
	admins := []string{freeAddr(t), freeAddr(t)}
	addrs := []string{freeAddr(t), freeAddr(t)}
	for i, admin := range admins {
		m.start(addrs[i], at.with("ADMIN_ADDR="+admin)...)
	}
	browsers := make([]*visitor, crowd)
	for i := range browsers {
		browsers[i] = m.visitor()
	}
	// together has everybody do something, so many at a time, and says how long
	// each of them waited.
	together := func(n, atATime int, each func(i int) error) []time.Duration {
		start, turns, done := make(chan struct{}), make(chan struct{}, atATime), sync.WaitGroup{}
		took := make([]time.Duration, n)
		for i := range n {
			done.Go(func() {
				<-start
				turns <- struct{}{}
				began := time.Now()
				if err := each(i); err != nil {
					t.Errorf("%s: %v", people[i].Name, err)
				}
				took[i] = time.Since(began)
				<-turns
			})
		}
		close(start)
		done.Wait()
		return took
	}
	// A machine that has too much to do for the store's time-outs says so, and
	// asks to come again, which everybody does; a browser asks again by itself
	// when a connection was closed before it had sent anything.
	var again, agains atomic.Int32
	send := func(i, server int, method, target string, form url.Values) reply {
		for tries := 1; ; tries++ {
			a, err := browsers[i].on(addrs[server%2]).send(method, target, form)
			comeAgain := a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" || errors.Is(err, io.EOF)
			if tries < 20 && comeAgain {
				again.Add(1)
				agains.Add(1)
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", people[i].Name, err)
			}
			return a
		}
	}
	next := make([]string, crowd) // where everybody has been sent
	begin := func(i int) error {
		a := send(i, i, http.MethodGet, "/auth/login?return_to=/profile", nil)
		if next[i] = a.to; a.status != http.StatusSeeOther {
			return fmt.Errorf("begin: %v", a)
		}
		return nil
	}
	choose := func(i int) error {
		a := send(i, i, http.MethodPost, next[i], url.Values{"account": {people[i].TenantID + "." + people[i].ObjectID}})
		if next[i] = a.to; !strings.HasPrefix(a.to, "/auth/callback?") {
			return fmt.Errorf("at Microsoft: %v", a)
		}
		return nil
	}
	end := func(i int) error {
		a := send(i, i/2, http.MethodGet, next[i], nil)
		for range 20 {
			if a.status != http.StatusBadRequest {
				break
			}
			// It was used up, and then there was no room for a session.
			if err := errors.Join(begin(i), choose(i)); err != nil {
				return err
			}
			a = send(i, i/2, http.MethodGet, next[i], nil)
		}
		if a.to != "/profile" || !a.setsSession() {
			return fmt.Errorf("end: %v", a)
		}
		return nil
	}
	look := func(i int) error {
		a := send(i, i/4, http.MethodGet, "/profile", nil)
		if a.status != http.StatusOK || !a.shows(people[i]) {
			return fmt.Errorf("page: %v", a)
		}
		for _, name := range anybody.FindAllString(a.body, -1) {
			if name != people[i].Name {
				return fmt.Errorf("the page shows %s", name)
			}
		}
		return nil
	}
	signOut := func(i int) error {
		if a := send(i, i, http.MethodPost, "/auth/logout", url.Values{}); a.status != http.StatusSeeOther {
			return fmt.Errorf("sign-out: %v", a)
		}
		return nil
	}
	few := min(crowd/2, 50) // so that connections are there and code has run
	for _, step := range []func(int) error{begin, choose, end, look, signOut} {
		together(few, few, step)
	}
	var before []vitals
	for _, admin := range admins {
		before = append(before, vitalsOf(t, admin))
	}

	say := func(what string, took []time.Duration) {
		t.Logf("F30 %s: %d people at once %s: p50 %v, p99 %v, the last %v; %d times somebody was asked to come again",
			at.name, crowd, what, quantile(took, 50), quantile(took, 99), quantile(took, 100), again.Swap(0))
	}
	say("begin to sign in", together(crowd, crowd, begin))
	together(crowd, 32, choose) // Microsoft has more machines than this one
	say("come back from Microsoft", together(crowd, crowd, end))
	say("look at a page", together(crowd, crowd, look))
	ids := map[string]bool{}
	for _, b := range browsers {
		ids[b.cookie()] = true
	}
	// A sign-in that was answered with "come again" may have been stored.
	spare := int(agains.Load())
	if records := len(at.records(t, "session-")); len(ids) != crowd || ids[""] || records < crowd || records > crowd+spare {
		t.Errorf("%d different sessions in browsers, %d stored, want %d", len(ids), records, crowd)
	}
	for i, admin := range admins {
		t.Logf("F30 %s: server %d meanwhile: %v", at.name, i+1, vitalsOf(t, admin))
	}
	say("sign out", together(crowd, crowd, signOut))
	for _, kind := range []string{"session-", "person-", "sid-"} {
		eventually(t, time.Minute, "no record "+kind+" is left", func() bool { return len(at.records(t, kind)) <= spare })
	}
	for i, admin := range admins {
		var after vitals
		t.Logf("F30 %s: server %d before: %v", at.name, i+1, before[i])
		// 112 connections may stay open for the next crowd, most of them with two
		// goroutines and the buffers of TLS.
		eventually(t, 20*time.Second, "the server is as it was before the crowd came", func() bool {
			after = vitalsOf(t, admin)
			return after.files <= before[i].files+120 && after.goroutines <= before[i].goroutines+200 &&
				after.heap <= before[i].heap+8<<20
		})
		t.Logf("F30 %s: server %d afterwards: %v", at.name, i+1, after)
	}
}

// quantile returns how long the fastest so many percent took at most.
func quantile(all []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*percent/100].Round(time.Millisecond)
}
