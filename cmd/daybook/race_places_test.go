package main

import (
	"context"
	"encoding/base64"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"daybook/internal/session"
)

// A place is a store for the instances of one test.
type place struct {
	name    string
	environ []string
	dir     string // where sessions are files
	redis   string // address of the server, where there is one
}

var testSecret = base64.StdEncoding.EncodeToString(newSecret())

func inFiles(t testing.TB) place {
	dir := filepath.Join(t.TempDir(), "sessions")
	return place{name: "files", dir: dir, environ: []string{"SESSION_STORE=filesystem", "SESSION_DIR=" + dir, "SESSION_SECRET=" + testSecret}}
}

func inRedis(t testing.TB) place {
	address := startRedis(t)
	return place{name: "redis", redis: address, environ: []string{"SESSION_STORE=redis", "REDIS_URL=redis://" + address, "SESSION_SECRET=" + testSecret}}
}

// tokensInRedis keeps sessions in files and tokens in Redis, by person.
func tokensInRedis(t testing.TB) place {
	at := inFiles(t)
	at.name, at.redis = "tokens in redis", startRedis(t)
	at.environ = append(at.environ, "TOKEN_CACHE=redis", "REDIS_URL=redis://"+at.redis)
	return at
}

// startRedis runs a Redis server for the length of a test.
func startRedis(t testing.TB) (address string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server")
	}
	for range 3 { // somebody else may be given the port first
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address = listener.Addr().String()
		port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
		listener.Close()
		server := exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--maxmemory-policy", "noeviction")
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { server.Wait(); close(ended) }()
		if answers(address, ended) {
			t.Cleanup(func() { server.Process.Kill(); <-ended })
			return address
		}
		server.Process.Kill()
		<-ended
	}
	t.Fatal("redis-server does not start")
	return ""
}

// answers waits until something listens at address.
func answers(address string, ended <-chan struct{}) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// records returns the keys in all stores of a place.
func (at place) records(t testing.TB, prefix string) []string {
	t.Helper()
	var stores []session.Store
	if at.dir != "" {
		stores = append(stores, at.files(t))
	}
	if at.redis != "" {
		stores = append(stores, at.server(t))
	}
	var keys []string
	for _, s := range stores {
		for key, err := range s.Keys(context.Background(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
	}
	return keys
}

// sessions opens the store with the sessions, beside the instances that use it.
func (at place) sessions(t testing.TB) session.Store {
	if at.dir != "" {
		return at.files(t)
	}
	return at.server(t)
}

func (at place) files(t testing.TB) *session.Dir {
	t.Helper()
	d, err := session.OpenDir(at.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (at place) server(t testing.TB) *session.Redis {
	t.Helper()
	r, err := session.OpenRedis("redis://"+at.redis, session.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
