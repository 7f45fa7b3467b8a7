package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/gomodule/redigo/redis"
)

// A composeRedis is a real Redis that runs as docker-compose.yml says, with
// what its service redis-password has made.
type composeRedis struct {
	t       *testing.T
	project *types.Project
	secrets string // the folder that both mount
	data    string
	addr    string
	server  *exec.Cmd
}

// here turns the words of a service into those for this machine.
func (r *composeRedis) here(words []string) []string {
	words = slices.Clone(words)
	for i := range words {
		words[i] = strings.NewReplacer("/run/redis-password", r.secrets, "--dir /data", "--dir "+r.data, "$$", "$").Replace(words[i])
	}
	return words
}

// makePassword runs the service redis-password and returns what Daybook is
// told, with this machine's address.
func (r *composeRedis) makePassword() (url, password string) {
	r.t.Helper()
	maker := r.project.Services["redis-password"]
	script := append(r.here(maker.Entrypoint), r.here(maker.Command)...)
	if os.Geteuid() == 0 { // cap_drop: root may not write to files that say so
		script = append([]string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}, script...)
	}
	if out, err := exec.CommandContext(r.t.Context(), script[0], script[1:]...).CombinedOutput(); err != nil {
		r.t.Fatalf("redis-password: %v\n%s", err, out)
	}
	c, err := config.Load([]string{"DEMO=1", "SESSION_STORE=redis", "REDIS_URL_FILE=" + filepath.Join(r.secrets, "url")}, "")
	if err != nil {
		r.t.Fatalf("REDIS_URL_FILE: %v", err)
	}
	url = c.Redis.URL.Reveal()
	secret, err := os.ReadFile(filepath.Join(r.secrets, "password"))
	if err != nil || len(secret) != 64 || url != "redis://daybook:"+string(secret)+"@redis:6379/0" {
		r.t.Fatalf("a password of %d characters, %v, want 64; not the one in the URL?", len(secret), err)
	}
	return strings.Replace(url, "redis:6379", r.addr, 1), string(secret)
}

// watcher is a user that the test adds to those of redis.conf.
const watcher = "watcher on >" + testRedisPassword + " ~* &* +@all"

func (r *composeRedis) run() {
	r.t.Helper()
	_, port, _ := strings.Cut(r.addr, ":")
	command := append(r.here(r.project.Services["redis"].Command), "--port", port, "--bind", "127.0.0.1", "--user")
	command = append(command, strings.Fields(watcher)...)
	output := newLines()
	r.server = exec.Command(command[0], command[1:]...)
	r.server.Dir, r.server.Stdout, r.server.Stderr = r.data, output, output
	if err := r.server.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.kill)
	eventually(r.t, 20*time.Second, "redis-server answers", func() bool {
		_, err := r.try("watcher", testRedisPassword, "PING")
		return err == nil
	})
}

func (r *composeRedis) kill() {
	_ = r.server.Process.Kill()
	_ = r.server.Wait()
}

// try executes a command on a connection of its own as the given user.
func (r *composeRedis) try(user, password, command string, args ...any) (any, error) {
	c, err := redis.Dial("tcp", r.addr, redis.DialUsername(user), redis.DialPassword(password), redis.DialReadTimeout(10*time.Second))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(command, args...)
}

func newComposeRedis(t *testing.T) *composeRedis {
	t.Helper()
	for _, program := range []string{"redis-server", "redis-cli"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs redis-server")
		}
	}
	return &composeRedis{t: t, project: composeProject(t, ""), secrets: t.TempDir(), data: t.TempDir(), addr: freeAddr(t)}
}

// The words of the compose file are tried on a real Redis: the script makes a
// password, once; Redis starts with it and keeps to the promised settings; the
// health check tells a living one from a dead one.
func TestComposeRedis(t *testing.T) {
	t.Parallel()
	r := newComposeRedis(t)
	// What an older Daybook left, whose Redis had a password but no users.
	for name, content := range map[string]string{"url": "redis://:old@redis:6379/0\n", "password": "old", "redis.conf": "requirepass old\n"} {
		if err := os.WriteFile(filepath.Join(r.secrets, name), []byte(content), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	url, password := r.makePassword()
	conf := filepath.Join(r.secrets, "redis.conf")
	want := mustRead(t, conf)
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("user daybook on >"+password+" +get\n"), 0o444); err != nil { // of a version that needed less
		t.Fatal(err)
	}
	if again, _ := r.makePassword(); again != url {
		t.Error("a second start made another password")
	}
	if got := mustRead(t, conf); !bytes.Equal(got, want) {
		t.Errorf("after an upgrade Redis is told %q, want %q", got, want)
	}
	r.run()
	for name, want := range map[string]string{"appendonly": "yes", "maxmemory-policy": "noeviction", "dir": r.data} {
		if got, err := redis.Strings(r.try("watcher", testRedisPassword, "CONFIG", "GET", name)); err != nil || !slices.Equal(got, []string{name, want}) {
			t.Errorf("CONFIG GET %s = %q, %v, want %s", name, got, err, want)
		}
	}

	check := r.here(r.project.Services["redis"].HealthCheck.Test)
	if check[0] != "CMD-SHELL" {
		t.Fatalf("health check %q", check)
	}
	_, port, _ := strings.Cut(r.addr, ":")
	healthy := func(password string) error {
		if err := os.WriteFile(filepath.Join(r.secrets, "password"), []byte(password), 0o644); err != nil {
			t.Fatal(err)
		}
		return exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(check[1], "redis-cli", "redis-cli -p "+port)).Run()
	}
	if err := os.Chmod(filepath.Join(r.secrets, "password"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := healthy(password); err != nil {
		t.Errorf("health check: %v", err)
	}
	if err := healthy("another"); err == nil {
		t.Error("the health check passes with a wrong password")
	}
	r.kill()
	if err := healthy(password); err == nil {
		t.Error("the health check finds a dead Redis healthy")
	}
}

// Daybook's user in Redis is allowed all that Daybook does and nothing beyond:
// no other keys, no settings, no emptying. There is no other user.
func TestRedisUser(t *testing.T) {
	t.Parallel()
	r := newComposeRedis(t)
	url, password := r.makePassword()
	r.run()
	conf, err := os.ReadFile(filepath.Join(r.secrets, "redis.conf"))
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(strings.TrimSpace(string(conf)), ">"+password)
	if !strings.Contains(readFile(t, "README.md"), "ACL SETUSER daybook on >PASSWORD"+rules+"\n") {
		t.Errorf("README.md has other rules than %s", rules)
	}
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.secret("Redis password", password)
	m.SetTokenLifetime(10 * time.Second) // the first page needs a new token
	for _, tokens := range []string{"session", "redis"} {
		settings := []string{"SESSION_STORE=redis", "REDIS_URL=" + url, "TOKEN_CACHE=" + tokens}
		environ := m.environ(addr, settings...)
		site := m.start(addr, settings...)
		refreshes := m.Grants().Refreshes
		b, other := m.signedIn(m.people[0]), m.signedIn(m.people[1])
		status(t, "readyz", b.get("/readyz"), 200)
		status(t, "week", b.get(week), 200)
		if m.Grants().Refreshes == refreshes {
			t.Error("no token was refreshed")
		}
		status(t, "sign-out", b.must("POST", "/auth/logout", nil), 303)
		status(t, "week after the sign-out", b.get(week), 303)
		for _, args := range [][]string{{"sessions", "list"}, {"sessions", "purge"}, {"sessions", "revoke", "--all"}, {"check"}} {
			if out, problems, code := m.command(args, environ...); code != 0 {
				t.Errorf("daybook %v: status %d\n%s%s", args, code, out, problems)
			}
		}
		status(t, "week after revoke --all", other.get(week), 303)
		site.stop()
	}
	everyOperation(t, url)
	refused, err := redis.Values(r.try("watcher", testRedisPassword, "ACL", "LOG"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range refused {
		if !strings.Contains(fmt.Sprintf("%s", entry), "config|get") { // by `daybook check`, which says so
			t.Errorf("Daybook was refused %s", entry)
		}
	}

	if _, err := r.try("watcher", testRedisPassword, "SET", "foreign", "x"); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"GET foreign", "SET foreign y", "DEL foreign", "STRLEN foreign", "EVAL return(redis.call('GET','foreign')) 0", "EVAL return(redis.call('FLUSHALL')) 0",
		"FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET requirepass", "CONFIG SET dir /tmp", "ACL LIST", "SHUTDOWN", "CLIENT LIST", "MONITOR", "SAVE", "SUBSCRIBE x", "RENAME foreign daybook:x", "COPY foreign daybook:x"} {
		var args []any
		for _, word := range strings.Fields(words)[1:] {
			args = append(args, word)
		}
		answer, err := r.try("daybook", password, strings.Fields(words)[0], args...)
		if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") && !strings.HasPrefix(err.Error(), "ERR The user executing the script can't") {
			t.Errorf("%s = %v, %v; want NOPERM", words, answer, err)
		}
	}
	if _, err := r.try("", "", "PING"); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("PING of a stranger: %v, want NOAUTH", err)
	}
	if _, err := r.try("default", "", "PING"); err == nil {
		t.Error("the default user may PING")
	}
	users, err := redis.Strings(r.try("watcher", testRedisPassword, "ACL", "USERS"))
	if slices.Sort(users); err != nil || !slices.Equal(users, []string{"daybook", "default", "watcher"}) {
		t.Errorf("users %q, %v", users, err)
	}
}

// everyOperation uses each operation of the store at url once.
func everyOperation(t *testing.T, url string) {
	t.Helper()
	store, err := session.OpenRedis(url, session.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, until := t.Context(), time.Now().Add(time.Hour)
	var found int
	unlock, err := store.Lock(ctx, "user-1")
	if err == nil {
		unlock()
	}
	err = errors.Join(err, store.Ping(ctx), store.Swap(ctx, "user-1", nil, []byte("a"), until), store.Swap(ctx, "user-1", []byte("a"), []byte("b"), until),
		store.Touch(ctx, "user-1", until.Add(time.Hour)))
	for _, e := range store.Keys(ctx, "user-") {
		err = errors.Join(err, e)
		found++
	}
	value, e := store.Load(ctx, "user-1")
	err = errors.Join(err, e, store.Swap(ctx, "user-1", []byte("b"), nil, until), store.Delete(ctx, "user-1"))
	if err != nil || string(value) != "b" || found != 1 {
		t.Errorf("the store's operations: %v, %q, %d keys", err, value, found)
	}
}

// A user that may ask Redis nothing about itself is no fault: `daybook check`
// says what it could not learn.
func TestCheckRedisThatSaysNothing(t *testing.T) {
	t.Parallel()
	m := newStage(t, "http://"+freeAddr(t))
	r := runRedis(t)
	for _, user := range []struct{ name, rules, says string }{
		{"quiet", "-config", "does not say whether it keeps its data over a restart"},
		{"silent", "-config -info", "does not say which version it has"},
	} {
		r.do("ACL", append([]any{"SETUSER", user.name, "on", ">" + testRedisPassword, "~*", "+@all"}, anys(strings.Fields(user.rules))...)...)
		r.do("CONFIG", "SET", "appendonly", "no")
		r.do("CONFIG", "SET", "save", "3600 1")
		list, status := m.findings(m.environ("127.0.0.1:1", "SESSION_STORE=redis", "REDIS_URL=redis://"+user.name+":"+testRedisPassword+"@"+r.addr+"/0")...)
		if !says(list, "warn", "redis", user.says) || !says(list, "ok", "store", "redis: written") || status != 0 {
			t.Errorf("%s: status %d, %v", user.rules, status, list)
		}
		if says(list, "warn", "redis", "keeps nothing") || says(list, "fail", "redis", "") {
			t.Errorf("%s: check claims what it cannot know: %v", user.rules, list)
		}
	}
}

func anys(words []string) (list []any) {
	for _, word := range words {
		list = append(list, word)
	}
	return list
}
