package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// F33: with 128 MiB and no more, and GOMEMLIMIT set to nine tenths of that as
// deploy/daybook.service does, Daybook serves a crowd and is not killed.
func TestFaultMemoryLimit(t *testing.T) {
	t.Parallel()
	thorough(t) // the race detector needs several times as much
	const limit = 128 << 20
	addr, admin := freeAddr(t), freeAddr(t)
	m := newStage(t, "http://"+addr)
	group := limitMemory(t, limit)
	inner := program(t, m.environ(addr, "SESSION_STORE=filesystem", "SESSION_DIR="+filepath.Join(t.TempDir(), "sessions"),
		"ADMIN_ADDR="+admin, "LOG_LEVEL=info", fmt.Sprintf("GOMEMLIMIT=%d", limit/10*9)), "serve")
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(group.dir, "cgroup.procs")}, inner.Args...)...)
	cmd.Env, cmd.Dir = inner.Env, inner.Dir
	site := m.startCommand(addr, cmd)

	crowd := make([]*visitor, 60)
	for i := range crowd {
		crowd[i] = m.signedIn(m.people[i%4])
		crowd[i].fresh = true
	}
	var served, unavailable atomic.Int64
	var all sync.WaitGroup
	until := time.Now().Add(20 * time.Second)
	for _, b := range crowd {
		all.Go(func() {
			for i := 0; time.Now().Before(until); i++ {
				page := []string{week, "/calendar/month/2026-11-01", "/calendar/agenda/2026-11-23", "/profile", "/profile/photo", "/calendar/search?q=a"}[i%6]
				switch r, err := b.send(http.MethodGet, page, nil); {
				case err != nil || r.status == http.StatusInternalServerError:
					t.Errorf("%s: %v, %v", page, r, err)
					return
				case r.status == http.StatusServiceUnavailable: // a machine that has too much to do
					unavailable.Add(1)
				default:
					served.Add(1)
				}
			}
		})
	}
	all.Wait()
	select {
	case <-site.done:
		t.Fatalf("the process ended: %v", site.err)
	default:
	}
	status(t, "F33 calendar afterwards", crowd[0].get(week), http.StatusOK)
	t.Logf("F33 of %d MiB: 60 people at once got %d pages and %d times 503; at most %.1f MiB were used, the kernel killed %d; afterwards: %v",
		limit>>20, served.Load(), unavailable.Load(), float64(group.most(t))/(1<<20), group.killed(t), vitalsOf(t, admin))
	if group.killed(t) != 0 || served.Load() == 0 {
		t.Errorf("%d processes killed, %d pages served", group.killed(t), served.Load())
	}
	site.stop()
}

// A memoryGroup is a control group whose processes may use so much memory
// together.
type memoryGroup struct {
	dir string
	v2  bool
}

func limitMemory(t *testing.T, limit int) memoryGroup {
	t.Helper()
	g, file := memoryGroup{dir: "/sys/fs/cgroup/memory"}, "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		g, file = memoryGroup{dir: "/sys/fs/cgroup", v2: true}, "memory.max"
		_ = os.WriteFile(filepath.Join(g.dir, "cgroup.subtree_control"), []byte("+memory"), 0o600)
	}
	dir, err := os.MkdirTemp(g.dir, "daybook-test-")
	if err == nil {
		g.dir = dir
		// A group with a process in it cannot be removed; they have ended by then.
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		err = os.WriteFile(filepath.Join(dir, file), []byte(strconv.Itoa(limit)), 0o600)
	}
	if err != nil {
		t.Skipf("needs root and the memory controller of cgroups: %v", err)
	}
	return g
}

func (g memoryGroup) most(t *testing.T) int {
	t.Helper()
	name := "memory.max_usage_in_bytes"
	if g.v2 {
		name = "memory.peak"
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(mustRead(t, filepath.Join(g.dir, name)))))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (g memoryGroup) killed(t *testing.T) (n int) {
	t.Helper()
	name := "memory.oom_control"
	if g.v2 {
		name = "memory.events"
	}
	for line := range strings.Lines(string(mustRead(t, filepath.Join(g.dir, name)))) {
		if _, err := fmt.Sscanf(line, "oom_kill %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("%s does not say how many were killed", name)
	return 0
}
