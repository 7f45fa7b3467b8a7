package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A backend is a store under test with a way to look behind its back.
type backend struct {
	name   string
	store  Store
	spec   string                                                      // for another process; "" if it would see nothing
	again  func() Store                                                // as another instance would open it
	plant  func(t *testing.T, key string, value []byte, end time.Time) // writes past the store
	expiry func(t *testing.T, key string) time.Time                    // what the medium says; zero: none
}

// eachStore runs f against every store.
func eachStore(t *testing.T, f func(t *testing.T, b backend)) {
	t.Helper()
	for name, open := range map[string]func(*testing.T) backend{
		"dir": dirBackend, "redis": redisBackend, "memory": memoryBackend,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, open(t))
		})
	}
}

func memoryBackend(*testing.T) backend {
	m := NewMemory()
	return backend{
		name: "memory", store: m, again: func() Store { return m },
		plant: func(_ *testing.T, key string, value []byte, end time.Time) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.records[key] = memoryRecord{value, end}
		},
		expiry: func(_ *testing.T, key string) time.Time {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.records[key].expiry
		},
	}
}

func dirBackend(t *testing.T) backend {
	t.Helper()
	return dirBackendAt(t, filepath.Join(t.TempDir(), "sessions"))
}

func dirBackendAt(t *testing.T, folder string) backend {
	t.Helper()
	open := func() Store {
		d, err := OpenDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		d.patience = time.Minute // the disk is busy with other tests too
		return d
	}
	file := func(key string) string { return filepath.Join(folder, place(key), key) }
	return backend{
		name: "dir", store: open(), again: open, spec: "dir|" + folder,
		plant: func(t *testing.T, key string, value []byte, end time.Time) {
			t.Helper()
			if err := errors.Join(os.MkdirAll(filepath.Dir(file(key)), 0o700),
				os.WriteFile(file(key), value, 0o600), os.Chtimes(file(key), end, end)); err != nil {
				t.Fatal(err)
			}
		},
		expiry: func(t *testing.T, key string) time.Time {
			t.Helper()
			at, err := os.Stat(file(key))
			if err != nil {
				return time.Time{}
			}
			return at.ModTime()
		},
	}
}

// A redisServerProcess is a real server of the tests.
type redisServerProcess struct {
	cmd     *exec.Cmd
	address string
	args    []string
}

var shared struct {
	sync.Mutex
	server *redisServerProcess
}

func stopRedis() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.stop()
	}
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("needs redis-server")
	}
}

// startRedis starts a server of the test's own.
func startRedis(t *testing.T, args ...string) *redisServerProcess {
	t.Helper()
	needRedis(t)
	s := &redisServerProcess{args: append([]string{"--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *redisServerProcess) start(t *testing.T) {
	t.Helper()
	if s.address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.address = l.Addr().String()
		l.Close()
	}
	_, port, _ := net.SplitHostPort(s.address)
	s.cmd = exec.Command("redis-server", append([]string{"--bind", "127.0.0.1", "--port", port}, s.args...)...)
	// Also when the tests are killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "redis-server accepts connections", func() bool {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *redisServerProcess) stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// do sends a command past the store.
func (s *redisServerProcess) do(t *testing.T, command string, args ...any) any {
	t.Helper()
	c, err := redis.Dial("tcp", s.address, redis.DialReadTimeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reply, err := c.Do(command, args...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return reply
}

func redisBackend(t *testing.T) backend {
	t.Helper()
	needRedis(t)
	shared.Lock()
	if shared.server == nil {
		folder, err := os.MkdirTemp("", "redis")
		if err != nil {
			t.Fatal(err)
		}
		shared.server = &redisServerProcess{args: []string{"--save", "", "--appendonly", "no", "--dir", folder}}
		shared.server.start(t)
		os.Remove(folder) // nothing is saved there
	}
	server := shared.server
	shared.Unlock()
	return redisBackendAt(t, server, "redis://"+server.address)
}

func redisBackendAt(t *testing.T, server *redisServerProcess, url string) backend {
	t.Helper()
	prefix := "t" + randomHex(6) + ":"
	open := func() Store {
		r, err := OpenRedis(url, RedisOptions{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	return backend{
		name: "redis", store: open(), again: open, spec: "redis|" + url + "|" + prefix,
		plant: func(t *testing.T, key string, value []byte, end time.Time) {
			t.Helper()
			server.do(t, "SET", prefix+key, value, "PXAT", end.UnixMilli())
		},
		expiry: func(t *testing.T, key string) time.Time {
			t.Helper()
			switch ms := server.do(t, "PEXPIRETIME", prefix+key).(int64); ms {
			case -2:
				return time.Time{}
			case -1:
				return time.Unix(1<<40, 0)
			default:
				return time.UnixMilli(ms)
			}
		},
	}
}

// eventually asks again and again, for what another process does.
func eventually(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for !done() {
		if rest(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// busy reports whether a store only had too much to do: a disk that other
// programs sync may keep writers waiting for longer than a request would.
func busy(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.kind == "timeout"
}

func mustLoad(t *testing.T, s Store, key string) []byte {
	t.Helper()
	value, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("Load(%s): %v", key, err)
	}
	return value
}

func mustSwap(t *testing.T, s Store, key string, old, new []byte, end time.Time) {
	t.Helper()
	if err := s.Swap(t.Context(), key, old, new, end); err != nil {
		t.Fatalf("Swap(%s): %v", key, err)
	}
}

func keysOf(t *testing.T, s Store, prefix string) string {
	t.Helper()
	var all []string
	for key, err := range s.Keys(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key)
	}
	return fmt.Sprint(len(all), " ", strings.Join(sorted(all), " "))
}
