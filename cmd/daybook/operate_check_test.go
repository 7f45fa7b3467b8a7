package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/config"
	"daybook/internal/simulator"
)

// command runs a command of daybook and returns what it prints and its status.
func (m *stage) command(args []string, environ ...string) (stdout, stderr string, status int) {
	m.t.Helper()
	cmd := program(m.t, environ, args...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		m.t.Fatal(err)
	}
	for _, text := range []string{string(out), problems.String()} {
		if what := m.leak(text); what != "" {
			m.t.Errorf("daybook %v prints a secret: %s\n%s", args, what, text)
		}
	}
	return string(out), problems.String(), cmd.ProcessState.ExitCode()
}

// findings runs `daybook check --json`.
func (m *stage) findings(environ ...string) (list []finding, status int) {
	m.t.Helper()
	out, problems, status := m.command([]string{"check", "--json"}, environ...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		m.t.Fatalf("check --json: %v\n%s\n%s", err, out, problems)
	}
	return list, status
}

// says reports whether there is a finding of that level about that thing with
// that text.
func says(list []finding, level, what, text string) bool {
	for _, f := range list {
		if f.Level == level && f.What == what && strings.Contains(f.Says, text) {
			return true
		}
	}
	return false
}

func TestCheckFiles(t *testing.T) {
	t.Parallel()
	m := newStage(t, "http://"+freeAddr(t))
	dir := filepath.Join(t.TempDir(), "sessions")
	environ := m.environ("127.0.0.1:1", "SESSION_DIR="+dir)

	list, status := m.findings(environ...)
	for what, text := range map[string]string{"settings": "complete", "secret": "1 given", "store": "written, read and deleted", "microsoft": "discovery document fits",
		"clock": "within", "register": m.base + "/auth/callback", "site": "plain http"} {
		if !says(list, "ok", what, text) {
			t.Errorf("check does not find %s to be well (%q): %v", what, text, list)
		}
	}
	if status != 0 {
		t.Errorf("exit status %d for a site that is well", status)
	}
	for _, f := range list {
		if f.Level == "fail" {
			t.Errorf("check finds wrong: %v", f)
		}
	}
	out, _, _ := m.command([]string{"check"}, environ...)
	if lines := strings.Count(out, "\n"); lines != len(list) || !strings.HasPrefix(out, "ok    settings") {
		t.Errorf("as text %d lines for %d findings:\n%s", lines, len(list), out)
	}

	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if list, _ := m.findings(environ...); !says(list, "warn", "folder", "open to others") {
		t.Errorf("nothing about an open folder: %v", list)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, status := m.findings(append(environ, "SESSION_DIR="+file)...); !says(list, "fail", "store", "") || status != 1 {
		t.Errorf("a file for a folder: status %d, %v", status, list)
	}
	if list, status := m.findings(append(environ, "SESSION_SECRET=changeme", "BASE_URL=http://calendar.example.com")...); !says(list, "fail", "settings", "SESSION_SECRET") ||
		!says(list, "fail", "settings", "BASE_URL") || status != 1 {
		t.Errorf("two mistakes: status %d, %v", status, list)
	}
	weak := "SESSION_SECRET=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	if list, status := m.findings(append(environ, weak)...); !says(list, "warn", "settings", "does not look random") || status != 0 {
		t.Errorf("a secret that counts: status %d, %v", status, list)
	}
}

func TestCheckMicrosoft(t *testing.T) {
	t.Parallel()
	m := newStage(t, "http://"+freeAddr(t))
	environ := m.environ("127.0.0.1:1", "SESSION_STORE=memory")
	m.Inject(simulator.Fault{On: simulator.Discovery, Status: http.StatusInternalServerError})
	if list, status := m.findings(environ...); !says(list, "fail", "microsoft", "discovery document") || status != 1 {
		t.Errorf("Microsoft fails: status %d, %v", status, list)
	}
	m.ClearFaults()
	if list, status := m.findings(append(environ, "SSL_CERT_FILE=/dev/null")...); !says(list, "fail", "microsoft", "") || status != 1 {
		t.Errorf("a certificate that nobody vouches for: status %d, %v", status, list)
	}
	ahead := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(2*maxSkew).UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(ahead.Close)
	var list []finding
	examineClock(t.Context(), ahead.URL, nil, func(level, what, format string, _ ...any) { list = append(list, finding{level, what, format}) })
	if !says(list, "warn", "clock", "not compared") { // nobody vouches for its certificate here
		t.Errorf("clock: %v", list)
	}
	list = nil
	examineClock(t.Context(), ahead.URL, ahead.Client(), func(level, what, format string, _ ...any) { list = append(list, finding{level, what, format}) })
	if !says(list, "fail", "clock", "away from Microsoft's") {
		t.Errorf("a clock that is far behind: %v", list)
	}
}

func TestCheckSite(t *testing.T) {
	t.Parallel()
	m, site := securedStage(t)
	list, status := m.findings(m.environ(site.addr, "SESSION_STORE=memory", "TRUSTED_PROXIES=127.0.0.1")...)
	if !says(list, "ok", "site", "answers over TLS with a certificate until") || status != 0 {
		t.Errorf("a site that is well: status %d, %v", status, list)
	}
	site.stop()
	list, _ = m.findings(m.environ(site.addr, "SESSION_STORE=memory")...)
	if !says(list, "warn", "site", "answers 502") {
		t.Errorf("a proxy with nothing behind it: %v", list)
	}
}

// What browsers refuse is wrong; what does not run yet may not be.
func TestCheckSiteRefused(t *testing.T) {
	t.Parallel()
	serve := func(end func(*httptest.Server)) string {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		end(server)
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	for _, test := range []struct{ what, addr, level, says string }{
		{"an unknown authority", serve((*httptest.Server).StartTLS), "fail", "unknown authority"},
		{"no certificate for this name", serve(func(s *httptest.Server) {
			s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("unknown name") }}
			s.StartTLS()
		}), "fail", "internal error"},
		{"no TLS", serve((*httptest.Server).Start), "fail", "HTTP response to HTTPS"},
		{"nobody listens", freeAddr(t), "warn", "refused"},
	} {
		var list []finding
		c := config.Config{Web: config.Web{BaseURL: mustURL("https://" + test.addr)}}
		examineSite(t.Context(), c, func(level, what, format string, args ...any) {
			list = append(list, finding{level, what, fmt.Sprintf(format, args...)})
		})
		if len(list) != 1 || !says(list, test.level, "site", test.says) {
			t.Errorf("%s: %v, want one %s", test.what, list, test.level)
		}
	}
}

func TestCheckRedis(t *testing.T) {
	t.Parallel()
	m := newStage(t, "http://"+freeAddr(t))
	r := runRedis(t)
	environ := m.environ("127.0.0.1:1", "SESSION_STORE=redis", r.url(r.addr))
	list, status := m.findings(environ...)
	for _, text := range []string{"version ", "evicts nothing", "keeps its data"} {
		if !says(list, "ok", "redis", text) {
			t.Errorf("check does not find Redis to be well (%q): %v", text, list)
		}
	}
	if !says(list, "ok", "store", "redis: written") || status != 0 {
		t.Errorf("status %d, %v", status, list)
	}
	if left := r.keys("*"); len(left) != 0 {
		t.Errorf("the check left %q", left)
	}
	tokens := m.environ("127.0.0.1:1", "SESSION_DIR="+filepath.Join(t.TempDir(), "sessions"), "TOKEN_CACHE=redis", r.url(r.addr))
	list, status = m.findings(tokens...)
	if !says(list, "ok", "store", "filesystem: written") || !says(list, "ok", "tokens", "redis: written") || status != 0 {
		t.Errorf("tokens in Redis: status %d, %v", status, list)
	}
	r.do("ACL", "SETUSER", "default", "-set")
	if list, status = m.findings(tokens...); !says(list, "ok", "store", "filesystem: written") || !says(list, "fail", "tokens", "lacks a permission") || status != 1 {
		t.Errorf("tokens in a Redis that may not be written to: status %d, %v", status, list)
	}
	r.do("ACL", "SETUSER", "default", "+set")
	r.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	r.do("CONFIG", "SET", "appendonly", "no")
	list, status = m.findings(environ...)
	if !says(list, "warn", "redis", "allkeys-lru may drop") || !says(list, "warn", "redis", "keeps nothing over a restart") || status != 0 {
		t.Errorf("an evicting Redis without persistence: status %d, %v", status, list)
	}
	r.do("CONFIG", "SET", "requirepass", "another")
	list, status = m.findings(environ...)
	if !says(list, "fail", "store", "user or password wrong") || status != 1 {
		t.Errorf("a wrong password: status %d, %v", status, list)
	}
	r.kill()
	if list, status = m.findings(environ...); !says(list, "fail", "store", "") || status != 1 {
		t.Errorf("no Redis: status %d, %v", status, list)
	}
	for version, want := range map[string]bool{"6.0.16": false, "5.0": false, "6.2.0": true, "7.4.1": true, "10.1": true, "": true} {
		if redisHasPXAT(version) != want {
			t.Errorf("redisHasPXAT(%q) = %v", version, !want)
		}
	}
}

// The operator lists and ends sessions on either store, and the site notices at
// once.
func TestSessionsCommand(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"filesystem", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			addr := freeAddr(t)
			m := newStage(t, "http://"+addr)
			settings := []string{"SESSION_STORE=" + store, "SESSION_DIR=" + filepath.Join(t.TempDir(), "sessions")}
			if store == "redis" {
				r := runRedis(t)
				settings = append(settings, r.url(r.addr))
			}
			site := m.start(addr, settings...)
			environ := m.environ(addr, append(settings, "LOG_LEVEL=error")...)
			lena, marcus := m.people[0], m.people[1]
			first, second, other := m.signedIn(lena), m.signedIn(lena), m.signedIn(marcus)

			list := func() (all []signedIn) {
				t.Helper()
				out, problems, status := m.command([]string{"sessions", "list", "--json"}, environ...)
				if err := json.Unmarshal([]byte(out), &all); err != nil || status != 0 {
					t.Fatalf("sessions list: %v, status %d\n%s%s", err, status, out, problems)
				}
				return all
			}
			all := list()
			if len(all) != 3 || all[0].Since.IsZero() || all[0].Key == "" {
				t.Fatalf("sessions list: %v, want three", all)
			}
			if out, _, _ := m.command([]string{"sessions", "list"}, environ...); strings.Count(out, lena.Username) != 2 || strings.Count(out, "\n") != 4 {
				t.Errorf("sessions list:\n%s", out)
			}
			if out, problems, status := m.command([]string{"sessions", "revoke", "--user", "nobody@example.com"}, environ...); status != 1 || out != "" || !strings.Contains(problems, "nobody called") {
				t.Errorf("revoke of nobody: status %d, %q, %q", status, out, problems)
			}
			for _, args := range [][]string{{"sessions"}, {"sessions", "revoke"}, {"sessions", "revoke", "--all", "--user", "x"}, {"sessions", "burn"}} {
				if _, problems, status := m.command(args, environ...); status != 1 || !strings.Contains(problems, "Usage: daybook sessions") {
					t.Errorf("%v: status %d, %q", args, status, problems)
				}
			}
			audited := func(what, line string, ended int) (user string) {
				t.Helper()
				var entry struct {
					Level, Msg, Event, User string
					Sessions                int
				}
				if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level != "INFO" || entry.Msg != "audit" ||
					entry.Event != "sessions revoked by the operator" || entry.Sessions != ended {
					t.Errorf("%s: %v, audit line %q", what, err, line)
				}
				return entry.User
			}
			out, problems, status := m.command([]string{"sessions", "revoke", "--user", strings.ToUpper(lena.Username)}, environ...)
			if status != 0 || out != "2 sessions ended\n" {
				t.Errorf("revoke: status %d, %q", status, out)
			}
			if user := audited("revoke", problems, 2); user == "" || !strings.Contains(site.log.String(), `"user":"`+user+`"`) {
				t.Errorf("revoke: the audit line names %q, whom the site's log does not know", user)
			}
			for _, b := range []*visitor{first, second} {
				if r := b.get(week); r.status != http.StatusSeeOther {
					t.Errorf("an ended session answers %v", r)
				}
			}
			if r := other.get(week); r.status != http.StatusOK {
				t.Errorf("somebody else's session answers %v", r)
			}
			if all := list(); len(all) != 1 || all[0].User != marcus.Username {
				t.Errorf("afterwards: %v", all)
			}
			if _, _, status := m.command([]string{"sessions", "purge"}, environ...); status != 0 {
				t.Errorf("purge: status %d", status)
			}
			if r := other.get(week); r.status != http.StatusOK {
				t.Errorf("after a purge the session answers %v", r)
			}
			out, problems, status = m.command([]string{"sessions", "revoke", "--all"}, environ...)
			if status != 0 || out != "1 sessions ended\n" {
				t.Errorf("revoke --all: status %d, %q", status, out)
			}
			if user := audited("revoke --all", problems, 1); user != "all" {
				t.Errorf("revoke --all: the audit line names %q", user)
			}
			if r := other.get(week); r.status != http.StatusSeeOther || len(list()) != 0 {
				t.Errorf("after revoke --all the session answers %v", r)
			}
		})
	}
	m := newStage(t, "http://"+freeAddr(t))
	if _, problems, status := m.command([]string{"sessions", "list"}, m.environ("127.0.0.1:1", "SESSION_STORE=memory")...); status != 1 || !strings.Contains(problems, "no command reaches them") {
		t.Errorf("sessions in memory: status %d, %q", status, problems)
	}
}
