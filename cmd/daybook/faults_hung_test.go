package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// F2, F12: more people than there are connections meet a Redis that hangs.
func TestFaultRedisHungCrowd(t *testing.T) {
	t.Parallel()
	r := runRedis(t)
	hungCrowd(t, hungStore{
		row:      "F2",
		settings: []string{"SESSION_STORE=redis", r.url(r.addr)},
		hang:     func() { r.signal(syscall.SIGSTOP) },
		heal:     func() { r.signal(syscall.SIGCONT) },
	})
}

// F36: more people than wait for the disk at a time meet one that hangs, as a
// volume in a network does. None of them keeps a thread of the process for as
// long as it does.
func TestFaultDiskHungCrowd(t *testing.T) {
	t.Parallel()
	disk := mountFragile(t)
	hungCrowd(t, hungStore{
		row:      "F36",
		settings: []string{"SESSION_STORE=filesystem", "SESSION_DIR=" + filepath.Join(disk.dir, "sessions")},
		hang:     disk.mu.Lock,
		heal:     disk.mu.Unlock,
	})
}

// A hungStore is a store that can be made to answer nothing at all.
type hungStore struct {
	row        string // of the table of faults
	settings   []string
	hang, heal func()
}

// hungCrowd has a crowd meet a store that hangs. All of them are told soon, who
// needs no session is served, and when the store is back so is everything else.
func hungCrowd(t *testing.T, store hungStore) {
	addr, admin := freeAddr(t), freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, append(store.settings, "ADMIN_ADDR="+admin, "GOMAXPROCS=4")...)
	b, leaves, ended := m.signedIn(m.people[0]), m.signedIn(m.people[1]), m.visitor()
	ended.plant(leaves.cookie())
	before := vitalsOf(t, admin)
	store.hang()
	heal := sync.OnceFunc(store.heal)
	t.Cleanup(heal) // lest the process cannot end
	var crowd sync.WaitGroup
	var latest atomic.Int64
	for range 200 { // Redis has 128 connections, the disk 64 who wait for it
		crowd.Go(func() {
			page, err := b.send(http.MethodGet, week, nil)
			if err != nil || page.status != http.StatusServiceUnavailable || page.header.Get("Retry-After") == "" || len(page.header["Set-Cookie"]) > 0 {
				t.Errorf("calendar: %v, %v", page, err)
			}
			for took := int64(page.took); ; {
				if was := latest.Load(); took <= was || latest.CompareAndSwap(was, took) {
					return
				}
			}
		})
	}
	status(t, store.row+" front page of a stranger meanwhile", m.visitor().get("/"), http.StatusOK)
	status(t, store.row+" healthz meanwhile", m.visitor().get("/healthz"), http.StatusOK)
	crowd.Wait()
	unavailable(t, store.row+" readyz", m.visitor().get("/readyz"))
	status(t, store.row+" sign-out", leaves.must(http.MethodPost, "/auth/logout", nil), http.StatusServiceUnavailable)
	t.Logf("%s the last of 200 was told after %v; the process has %d threads", store.row, time.Duration(latest.Load()).Round(time.Millisecond), threads(t, site))
	if took := time.Duration(latest.Load()); took > 2*faultPatience { // for 200 at once on a busy machine
		t.Errorf("the last was told after %v", took)
	}
	if n := threads(t, site); n > 150 { // deploy/daybook.service allows 512
		t.Errorf("the process has %d threads", n)
	}
	heal()
	eventually(t, 10*time.Second, "goroutines and connections are as before", func() bool {
		now := vitalsOf(t, admin)
		return now.goroutines <= before.goroutines+20 && now.files <= before.files+40 // the pool keeps 32
	})
	eventually(t, 10*time.Second, "ready again without a restart", func() bool { return b.get("/readyz").status == http.StatusOK })
	status(t, store.row+" calendar afterwards, same cookie", b.get(week), http.StatusOK)
	eventually(t, 15*time.Second, "the sign-out is carried out", func() bool { return ended.get(week).status == http.StatusSeeOther })
}

// threads is how many threads a process has.
func threads(t *testing.T, p *process) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
