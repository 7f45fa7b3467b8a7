package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/session"
	"daybook/internal/simulator"
)

// A place is a store for the instances of one test, which serve one tenant.
type place struct {
	name     string
	settings []string
	dir      string       // where sessions are files
	redis    *redisServer // where there is one
}

const oneTenant = "AZURE_TENANT_ID=" + simulator.DemoTenant

func inFiles(t *testing.T) place {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sessions")
	return place{name: "files", dir: dir, settings: []string{oneTenant, "SESSION_STORE=filesystem", "SESSION_DIR=" + dir}}
}

// inRedis does not wait for the disk, whose losses are none of its tests'.
func inRedis(t *testing.T) place {
	t.Helper()
	r := runRedis(t, "--appendonly", "no")
	return place{name: "redis", redis: r, settings: []string{oneTenant, "SESSION_STORE=redis", r.url(r.addr)}}
}

// tokensInRedis keeps sessions in files and tokens in Redis, by person.
func tokensInRedis(t *testing.T) place {
	t.Helper()
	at, redis := inFiles(t), inRedis(t).redis
	at.name, at.redis = "tokens in redis", redis
	at.settings = append(at.settings, "TOKEN_CACHE=redis", redis.url(redis.addr))
	return at
}

// with are the place's settings and more.
func (at place) with(more ...string) []string { return slices.Concat(at.settings, more) }

// onStores runs a test on files and on Redis.
func onStores(t *testing.T, test func(t *testing.T, at place)) {
	t.Helper()
	onPlaces(t, test, inFiles, inRedis)
}

// onStoresAtOnce is onStores for tests that mostly wait, which two can do in
// the time of one.
func onStoresAtOnce(t *testing.T, test func(t *testing.T, at place)) {
	t.Helper()
	t.Parallel()
	var both sync.WaitGroup
	for _, at := range []place{inFiles(t), inRedis(t)} {
		both.Go(func() { t.Run(at.name, func(t *testing.T) { test(t, at) }) })
	}
	both.Wait()
}

func onPlaces(t *testing.T, test func(t *testing.T, at place), places ...func(*testing.T) place) {
	t.Helper()
	t.Parallel()
	for _, in := range places {
		at := in(t)
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			test(t, at)
		})
	}
}

// records returns the keys in all stores of a place.
func (at place) records(t *testing.T, prefix string) []string {
	t.Helper()
	var keys []string
	for _, s := range at.stores(t) {
		for key, err := range s.Keys(context.Background(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
	}
	return keys
}

// nothingLeft checks that no record of anybody is in the store, apart from the
// marks of sign-ins that were used up.
func (at place) nothingLeft(t *testing.T) {
	t.Helper()
	for _, key := range at.records(t, "") {
		if !strings.HasPrefix(key, "used-") {
			t.Errorf("%s is left", key)
		}
	}
}

// stores opens the place's stores, that of the sessions first, beside the
// instances that use them.
func (at place) stores(t *testing.T) []session.Store {
	t.Helper()
	var all []session.Store
	if at.dir != "" {
		d, err := session.OpenDir(at.dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		all = append(all, d)
	}
	if at.redis != nil {
		_, url, _ := strings.Cut(at.redis.url(at.redis.addr), "=")
		r, err := session.OpenRedis(url, session.RedisOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		all = append(all, r)
	}
	return all
}

// recordOf is where the session of a cookie's value is kept.
func recordOf(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return "session-" + hex.EncodeToString(sum[:])
}

// put writes a record past the store, as somebody would who has the disk or
// the server but not the secret.
func (at place) put(t *testing.T, key string, record []byte) {
	t.Helper()
	if at.dir == "" {
		at.redis.do("SET", "daybook:"+key, record, "EX", 3600)
		return
	}
	path := at.path(key)
	if err := os.WriteFile(path, record, 0o600); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour) // a file's time is its expiry
	if err := os.Chtimes(path, until, until); err != nil {
		t.Fatal(err)
	}
}

// spoil puts something that is no record in a record's place.
func (at place) spoil(t *testing.T, key string) {
	t.Helper()
	if at.dir == "" {
		at.redis.do("DEL", "daybook:"+key)
		at.redis.do("RPUSH", "daybook:"+key, "a", "b")
		return
	}
	if err := os.Remove(at.path(key)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at.path(key), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (at place) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(at.dir, hex.EncodeToString(sum[:1]), key)
}
