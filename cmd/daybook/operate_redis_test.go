package main

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A redisServer is a real one, with a password, on a port and folder of its
// own.
type redisServer struct {
	t    *testing.T
	addr string
	dir  string
	cmd  *exec.Cmd
	held redis.Conn // stays open when there is room for no other
	done chan struct{}
}

func runRedis(t *testing.T, options ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("needs redis-server")
	}
	r := &redisServer{t: t, addr: freeAddr(t), dir: t.TempDir()}
	r.run(options...)
	t.Cleanup(r.kill)
	return r
}

// url is what Daybook is told, through addr if that is a proxy's.
func (r *redisServer) url(addr string) string {
	return "REDIS_URL=redis://:" + testRedisPassword + "@" + addr + "/0"
}

// run starts the server on its port and folder and waits until it answers,
// with PONG or an error.
func (r *redisServer) run(options ...string) {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd = exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--requirepass", testRedisPassword,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction", "--enable-debug-command", "yes"}, options...)...)
	output := newLines()
	r.cmd.Stdout, r.cmd.Stderr = output, output
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan struct{})
	r.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(done)
	}(r.cmd)
	eventually(r.t, 20*time.Second, "redis-server listens", func() bool {
		select {
		case <-done:
			r.t.Fatalf("redis-server ended:\n%s", output)
		default:
		}
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

func (r *redisServer) kill() {
	_ = r.cmd.Process.Kill()
	<-r.done
}

func (r *redisServer) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// do executes a command on a connection of its own.
func (r *redisServer) do(command string, args ...any) any {
	r.t.Helper()
	reply, err := r.try(testRedisPassword, command, args...)
	if err != nil {
		r.t.Fatalf("redis %s %v: %v", command, args, err)
	}
	return reply
}

func (r *redisServer) try(password, command string, args ...any) (any, error) {
	c, err := redis.Dial("tcp", r.addr, redis.DialPassword(password), redis.DialReadTimeout(10*time.Second))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(command, args...)
}

func (r *redisServer) keys(pattern string) []string {
	r.t.Helper()
	names, err := redis.Strings(r.do("KEYS", pattern), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return names
}
