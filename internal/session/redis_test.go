package session

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

func TestParseRedisURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url  string
		want redisServer
		tls  bool
	}{
		{url: "redis://localhost", want: redisServer{address: "localhost:6379"}},
		{url: "redis://localhost/", want: redisServer{address: "localhost:6379"}},
		{url: "redis://h:1/7", want: redisServer{address: "h:1", db: 7}},
		{url: "redis://[::1]:1", want: redisServer{address: "[::1]:1"}},
		{url: "redis://:p%40ss%2F@h", want: redisServer{address: "h:6379", password: "p@ss/"}},
		{url: "redis://us%3Aer:p@h", want: redisServer{address: "h:6379", user: "us:er", password: "p"}},
		{url: "redis://p@h", want: redisServer{address: "h:6379", password: "p"}},
		{url: "rediss://h", want: redisServer{address: "h:6379"}, tls: true},
	} {
		got, err := parseRedisURL(tt.url, "")
		if err != nil {
			t.Errorf("parseRedisURL(%q): %v", tt.url, err)
			continue
		}
		if (got.tls != nil) != tt.tls {
			t.Errorf("parseRedisURL(%q): TLS %v, want %v", tt.url, got.tls != nil, tt.tls)
		}
		if got.tls = nil; got != tt.want {
			t.Errorf("parseRedisURL(%q) = %+v, want %+v", tt.url, got, tt.want)
		}
	}
	const canary = "hunter2"
	for _, url := range []string{
		"", "localhost:6379", "http://:hunter2@h", "redis://:hunter2@", "redis://:hunter2@h/x", "redis://:hunter2@h/-1",
		"redis://:hunter2@h?db=1", "redis://:hunter2%@h", "redis://:hunter2@h:port", "redis://u:hunter2@h#x", "redis:hunter2",
	} {
		if r, err := OpenRedis(url, RedisOptions{}); err == nil {
			r.Close()
			t.Errorf("OpenRedis(%q) succeeded", url)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("OpenRedis(%q) repeats the password: %v", url, err)
		}
	}
	if _, err := OpenRedis("rediss://h", RedisOptions{CAFile: filepath.Join(t.TempDir(), "none.pem")}); err == nil {
		t.Error("OpenRedis with a missing CA file succeeded")
	}
	if _, err := OpenRedis("redis://h", RedisOptions{Prefix: "a*"}); err == nil {
		t.Error("OpenRedis with a pattern as prefix succeeded")
	}
}

// expectFault checks an error that Redis' state must cause.
func expectFault(t *testing.T, what string, err error, kind string) {
	t.Helper()
	var f *fault
	if !errors.Is(err, ErrUnavailable) || !errors.As(err, &f) || f.kind != kind {
		t.Errorf("%s = %v, want %v (%s)", what, err, ErrUnavailable, kind)
	}
}

func ownRedis(t *testing.T, args ...string) (*redisServerProcess, *Redis, backend) {
	t.Helper()
	server := startRedis(t, args...)
	b := redisBackendAt(t, server, "redis://"+server.address)
	return server, b.store.(*Redis), b
}

func TestRedisKeysExpireAndAreOurs(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	r, err := OpenRedis("redis://"+server.address+"/3", RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mustSwap(t, r, "a-1", nil, []byte("x"), later())
	unlock, err := r.Lock(t.Context(), "a-1")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	info := server.do(t, "INFO", "keyspace").([]byte)
	if !strings.Contains(string(info), "db3:keys=2,expires=2") || strings.Contains(string(info), "db0") {
		t.Errorf("keyspace = %s, want 2 keys that expire in db3", info)
	}
}

// Something of another type at a record's key is no record; a new one takes
// its place.
func TestRedisWrongType(t *testing.T) {
	t.Parallel()
	b := redisBackend(t)
	r := b.store.(*Redis)
	for _, key := range []string{"list-1", "list-2", "huge-1"} {
		switch key {
		case "huge-1":
			b.plant(t, key, make([]byte, 50<<20), later())
		default:
			shared.server.do(t, "LPUSH", r.prefix+key, "x")
		}
		if _, err := r.Load(t.Context(), key); !errors.Is(err, ErrAbsent) || err == ErrAbsent {
			t.Errorf("Load(%s) = %v, want %v and what was found", key, err, ErrAbsent)
		}
	}
	if err := r.Swap(t.Context(), "list-1", []byte("x"), []byte("y"), later()); !errors.Is(err, ErrConflict) {
		t.Errorf("Swap = %v, want %v", err, ErrConflict)
	}
	mustSwap(t, r, "list-1", nil, []byte("new"), later())
	mustSwap(t, r, "huge-1", nil, []byte("new"), later())
	if end := b.expiry(t, "list-1"); end.After(later()) {
		t.Errorf("the new record expires %v", end)
	}
	if err := r.Delete(t.Context(), "list-2"); err != nil {
		t.Errorf("Delete = %v", err)
	}
}

func TestRedisGoneAndBack(t *testing.T) {
	t.Parallel()
	server, r, _ := ownRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	mustSwap(t, r, "a-1", nil, []byte("x"), later())
	// Several idle connections, all of which the server's end leaves dead.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { r.Load(context.Background(), "a-1") })
	}
	wg.Wait()
	server.stop()
	began := time.Now()
	_, err := r.Load(t.Context(), "a-1")
	expectFault(t, "Load", err, "connection")
	expectFault(t, "Swap", r.Swap(t.Context(), "a-1", []byte("x"), []byte("y"), later()), "connection")
	if took := time.Since(began); took > budget {
		t.Errorf("two calls took %v", took)
	}
	server.start(t)
	// The write first: it must not be tried on a dead connection.
	eventually(t, 5*time.Second, "the server has loaded", func() bool {
		return r.Swap(t.Context(), "a-1", []byte("x"), []byte("y"), later()) == nil
	})
	if got := mustLoad(t, r, "a-1"); string(got) != "y" {
		t.Errorf("Load = %q, want %q", got, "y")
	}
}

// After a restart no pooled connection costs a request: writes included.
func TestRedisDeadIdleConnections(t *testing.T) {
	t.Parallel()
	server, r, _ := ownRedis(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { r.Ping(context.Background()) })
	}
	wg.Wait()
	idle := r.pool.IdleCount()
	server.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	eventually(t, 2*time.Second, "connections are closed", func() bool {
		return strings.Count(string(server.do(t, "CLIENT", "LIST").([]byte)), "\n") == 1
	})
	if idle < 2 {
		t.Errorf("%d idle connections, want several for this test", idle)
	}
	mustSwap(t, r, "a-1", nil, []byte("x"), later())
}

func TestRedisHung(t *testing.T) {
	t.Parallel()
	server, r, b := ownRedis(t)
	mustSwap(t, r, "a-1", nil, []byte("x"), later())
	server.cmd.Process.Signal(syscall.SIGSTOP)
	cold := b.again().(*Redis) // has no connection yet
	for name, call := range map[string]func(context.Context) error{
		"Load":         func(ctx context.Context) error { _, err := r.Load(ctx, "a-1"); return err },
		"Swap":         func(ctx context.Context) error { return r.Swap(ctx, "a-1", []byte("x"), []byte("y"), later()) },
		"Delete":       func(ctx context.Context) error { return r.Delete(ctx, "a-2") },
		"Touch":        func(ctx context.Context) error { return r.Touch(ctx, "a-1", later()) },
		"Lock":         func(ctx context.Context) error { _, err := r.Lock(ctx, "a-1"); return err },
		"Ping":         func(ctx context.Context) error { return r.Ping(ctx) },
		"Load, anew":   func(ctx context.Context) error { _, err := cold.Load(ctx, "a-1"); return err },
		"Delete, anew": func(ctx context.Context) error { return cold.Delete(ctx, "a-2") },
	} {
		began := time.Now()
		expectFault(t, name, call(t.Context()), "timeout")
		if took := time.Since(began); took > budget+200*time.Millisecond {
			t.Errorf("%s took %v, want at most %v", name, took, budget)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began = time.Now()
		if err := call(ctx); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s = %v, want %v", name, err, ErrUnavailable)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%s with a deadline of 50ms took %v", name, took)
		}
		cancel()
	}
	server.cmd.Process.Signal(syscall.SIGCONT)
	eventually(t, 5*time.Second, "it answers again", func() bool { return r.Ping(t.Context()) == nil })
	if r.pool.ActiveCount() > r.pool.MaxIdle {
		t.Errorf("%d connections remain", r.pool.ActiveCount())
	}
}

// After a failover the address leads to another server, while the former primary
// goes on as a replica and keeps its connections: those are given up.
func TestRedisFailsOver(t *testing.T) {
	t.Parallel()
	former, open, _ := ownRedis(t)
	next, other, _ := ownRedis(t)
	mustSwap(t, open, "a-1", nil, []byte("x"), later())
	former.do(t, "REPLICAOF", "127.0.0.1", "1")
	open.pool.DialContext = other.pool.DialContext
	expectFault(t, "Swap on the former primary", open.Swap(t.Context(), "b-1", nil, []byte("y"), later()), "readonly")
	mustSwap(t, open, "b-1", nil, []byte("y"), later())
	if got := next.do(t, "EXISTS", open.prefix+"b-1"); got != int64(1) {
		t.Errorf("the new primary has %v of what was written", got)
	}
}

// Versions before 7 say what a command of a script answered in words of their
// own.
func TestRedisAnswersOfScripts(t *testing.T) {
	t.Parallel()
	const around = "ERR Error running script (call to f_2067d915024a3e1657c4169c84f809f8ec75bb2a): @user_script:13: @user_script: 13: "
	for answer, kind := range map[string]string{
		around + "-READONLY You can't write against a read only replica. ":                     "readonly",
		around + "-OOM command not allowed when used memory > 'maxmemory'. ":                   "full",
		around + "-MISCONF Redis is configured to save RDB snapshots: -but it cannot. ":        "readonly",
		around + "-NOPERM this user has no permissions to run the 'set' command. ":             "auth",
		around + "attempt to compare nil with number":                                          "other",
		"READONLY You can't write against a read only replica. script: x, on @user_script:13.": "readonly",
		"ERR unknown command: -READONLY":                                                       "other",
	} {
		expectFault(t, answer, redisFault("swap", redis.Error(answer)), kind)
	}
}

func TestRedisRefuses(t *testing.T) {
	t.Parallel()
	const password = "p@ss/word%canary"
	server, open, _ := ownRedis(t)
	mustSwap(t, open, "a-1", nil, []byte("x"), later())
	write := func(r *Redis) error { return r.Swap(t.Context(), "b-1", nil, []byte("y"), later()) }

	server.do(t, "REPLICAOF", "127.0.0.1", "1")
	expectFault(t, "Swap on a replica", write(open), "readonly")
	expectFault(t, "Delete on a replica", open.Delete(t.Context(), "a-1"), "readonly")
	expectFault(t, "Ping of a replica", open.Ping(t.Context()), "readonly")
	mustLoad(t, open, "a-1")
	server.do(t, "REPLICAOF", "NO", "ONE")

	server.do(t, "CONFIG", "SET", "maxmemory", "1")
	expectFault(t, "Swap on a full server", write(open), "full")
	expectFault(t, "Ping of a full server", open.Ping(t.Context()), "full")
	mustLoad(t, open, "a-1")
	if err := open.Delete(t.Context(), "a-1"); err != nil {
		t.Errorf("Delete on a full server: %v", err)
	}
	server.do(t, "CONFIG", "SET", "maxmemory", "0")

	server.do(t, "CONFIG", "SET", "min-replicas-to-write", "1")
	expectFault(t, "Swap without replicas", write(open), "readonly")
	server.do(t, "CONFIG", "SET", "min-replicas-to-write", "0")
	if err := write(open); err != nil {
		t.Errorf("Swap once all is well: %v", err)
	}

	server.do(t, "ACL", "SETUSER", "reader", "on", ">"+password, "~*", "+get", "+ping")
	server.do(t, "ACL", "SETUSER", "plain", "on", ">"+password, "~*", "+@all", "-@scripting")
	plain := redisBackendAt(t, server, "redis://plain:p%40ss%2Fword%25canary@"+server.address).store.(*Redis)
	expectFault(t, "Ping without scripts", plain.Ping(t.Context()), "auth")
	reader := redisBackendAt(t, server, "redis://reader:p%40ss%2Fword%25canary@"+server.address).store.(*Redis)
	if _, err := reader.Load(t.Context(), "a-1"); !errors.Is(err, ErrAbsent) {
		t.Errorf("Load as reader = %v, want %v", err, ErrAbsent)
	}
	err := write(reader)
	expectFault(t, "Swap as reader", err, "auth")
	wrong := redisBackendAt(t, server, "redis://reader:canary@"+server.address).store.(*Redis)
	_, wrongErr := wrong.Load(t.Context(), "a-1")
	expectFault(t, "Load with a wrong password", wrongErr, "auth")

	server.do(t, "CONFIG", "SET", "requirepass", "other")
	anew := redisBackendAt(t, server, "redis://"+server.address).store.(*Redis)
	_, noErr := anew.Load(t.Context(), "a-1")
	expectFault(t, "Load without a password", noErr, "auth")
	for _, err := range []error{err, wrongErr, noErr} {
		if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "a-1") {
			t.Errorf("the error says too much: %v", err)
		}
	}
	right := redisBackendAt(t, server, "redis://:other@"+server.address).store.(*Redis)
	if err := right.Ping(t.Context()); err != nil {
		t.Errorf("Ping with the right password: %v", err)
	}
}

func TestRedisLoading(t *testing.T) {
	t.Parallel()
	server, r, _ := ownRedis(t, "--appendonly", "yes", "--key-load-delay", "400")
	server.do(t, "EVAL", "for i = 1, 5000 do redis.call('SET', 'x' .. i, 'y') end", 0)
	server.stop()
	server.start(t)
	loading := false
	eventually(t, 20*time.Second, "loading ends", func() bool {
		err := r.Ping(t.Context())
		var f *fault
		if errors.As(err, &f) && f.kind == "loading" {
			loading = true
		}
		return err == nil
	})
	if !loading {
		t.Error("the server was never seen loading")
	}
}

// A holder that keeps a lock for longer than its lease has it still.
func TestRedisLockOutlivesLease(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes longer than a lease of ten seconds")
	}
	b := redisBackend(t)
	unlock, err := b.store.Lock(t.Context(), "slow-1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lease+time.Second)
	defer cancel()
	if _, err := b.again().Lock(ctx, "slow-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock after the lease = %v, want %v", err, context.DeadlineExceeded)
	}
	unlock()
}

// Whoever has lost a lock must not free the next holder's.
func TestRedisUnlockOfLostLock(t *testing.T) {
	t.Parallel()
	b := redisBackend(t)
	r := b.store.(*Redis)
	first, err := r.Lock(t.Context(), "lost-1")
	if err != nil {
		t.Fatal(err)
	}
	shared.server.do(t, "DEL", r.prefix+"lock:lost-1")
	second, err := b.again().Lock(t.Context(), "lost-1")
	if err != nil {
		t.Fatal(err)
	}
	defer second()
	first()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Lock(ctx, "lost-1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock = %v, want %v", err, context.DeadlineExceeded)
	}
}
