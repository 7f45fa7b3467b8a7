package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
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

// A Redis on which no sign-in can succeed is named at the start and by the
// check, not at the first sign-in.
func TestUnfitRedis(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(freeAddr(t)) // and not 10000 above the other
	if err != nil {
		t.Fatal(err)
	}
	cluster := runRedis(t, "--cluster-enabled", "yes", "--cluster-port", port)
	for url, want := range map[string]string{
		cluster.url(cluster.addr):          "is a cluster, which is not supported",
		"REDIS_URL=redis://" + oldRedis(t): "version 6.0.14 is too old; use 6.2 or newer",
	} {
		addr := freeAddr(t)
		m := newStage(t, "http://"+addr)
		site := m.start(addr, "SESSION_STORE=redis", url)
		eventually(t, 10*time.Second, "the log says that Redis "+want, func() bool {
			for line := range strings.Lines(site.log.problems()) {
				if strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, want) {
					return true
				}
			}
			return false
		})
		if list, status := m.findings(m.environ(addr, "SESSION_STORE=redis", url)...); !says(list, "fail", "redis", want) || status != 1 {
			t.Errorf("check: status %d, %v; want that Redis %s", status, list, want)
		}
	}
}

// oldRedis returns the address of something that says it is Redis 6.0.
func oldRedis(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	answer := func(c net.Conn) {
		defer c.Close()
		for r := bufio.NewReader(c); ; {
			var words, size int
			if _, err := fmt.Fscanf(r, "*%d\r\n", &words); err != nil {
				return
			}
			command := ""
			for i := range words {
				if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
					return
				}
				word := make([]byte, size+len("\r\n"))
				if _, err := io.ReadFull(r, word); err != nil {
					return
				}
				if i == 0 {
					command = string(word[:size])
				}
			}
			switch command {
			case "INFO":
				fmt.Fprint(c, "$22\r\nredis_version:6.0.14\r\n\r\n")
			case "SELECT":
				fmt.Fprint(c, "+OK\r\n")
			default:
				fmt.Fprint(c, "-ERR syntax error\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	return l.Addr().String()
}
