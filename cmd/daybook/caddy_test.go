package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A caddy is Debian's Caddy, which runs deploy/Caddyfile as it is deployed.
type caddy struct {
	log   *lines
	admin string // where its admin API is
	plain string // where it answers plain http and leads to https
	roots []byte // PEM of its own authority
	stop  func() // its log is whole then
}

// startCaddy runs Caddy for site, a URL, in front of the instances until the
// test ends. What it would do beyond this test (ports below 1024, public
// certificates, the system's roots) is set around the Caddyfile; options are
// further global ones.
func startCaddy(t *testing.T, site string, instances []string, options ...string) *caddy {
	t.Helper()
	if _, err := exec.LookPath("caddy"); err != nil {
		t.Skip("needs caddy")
	}
	committed, err := filepath.Abs(filepath.Join(root, "deploy/Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &caddy{log: newLines(), admin: freeAddr(t), plain: freeAddr(t)}
	_, port, _ := net.SplitHostPort(c.plain)
	options = append(options, "admin "+c.admin, "http_port "+port, "local_certs", "skip_install_trust", "default_bind 127.0.0.1")
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, "{\n%s\n}\nimport %s\n", strings.Join(options, "\n"), committed), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("caddy", "run", "--config", file, "--adapter", "caddyfile")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
		"SITE=" + site, "UPSTREAM=" + strings.Join(instances, " ")}
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		c.stop()
		if t.Failed() {
			t.Logf("caddy: %s", tail(c.log.String(), 3000))
		}
	})
	at, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "Caddy serves "+site, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+at.Port())
		if err != nil {
			return false
		}
		defer conn.Close()
		if at.Scheme != "https" {
			return true
		}
		return tls.Client(conn, &tls.Config{ServerName: at.Hostname(), InsecureSkipVerify: true}).Handshake() == nil
	})
	if at.Scheme == "https" {
		if c.roots, err = os.ReadFile(filepath.Join(dir, "caddy/pki/authorities/local/root.crt")); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The Caddyfile is valid as it is printed, and Caddy would lay it out so.
func TestCaddyfile(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("caddy"); err != nil {
		t.Skip("needs caddy")
	}
	dir, file := t.TempDir(), filepath.Join(root, "deploy/Caddyfile")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "caddy", args...)
		cmd.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
		var problems strings.Builder
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil || strings.Contains(problems.String(), `"level":"warn"`) {
			t.Errorf("caddy %v: %v\n%s", args, err, problems.String())
		}
		return string(out)
	}
	run("validate", "--config", file, "--adapter", "caddyfile")
	if got := run("fmt", file); got != readFile(t, "deploy/Caddyfile") {
		t.Errorf("caddy fmt changes it to\n%s", got)
	}
}

// trust lets visitors and Daybook's commands believe a further authority.
func (m *stage) trust(roots []byte) {
	m.t.Helper()
	if !m.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM(roots) {
		m.t.Fatal("no certificate to trust")
	}
	file, err := os.OpenFile(m.roots, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.Write(roots)
		file.Close()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// from returns a browser on another machine, as far as the server can tell.
func (m *stage) from(address string) *visitor {
	b := m.visitor()
	b.client.Transport.(roads).site.(*http.Transport).DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	return b
}

// The way to a real site in production: a browser, TLS that Caddy ends, and
// Daybook behind it.
func TestCaddy(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(freeAddr(t))
	base, addr := "https://localhost:"+port, freeAddr(t)
	front := startCaddy(t, base, []string{addr})
	m := newStage(t, base)
	m.trust(front.roots)
	environ := []string{"SESSION_STORE=memory", "TRUSTED_PROXIES=127.0.0.1"}
	site := m.start(addr, environ...)

	b := m.from("127.0.0.2").with("X-Forwarded-For", "203.0.113.77").with("X-Real-IP", "203.0.113.78").with("Forwarded", "for=203.0.113.79")
	callback := b.throughCallback(m.people[0])
	if lines := callback.header["Set-Cookie"]; !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "__Host-daybook=") }) {
		t.Errorf("the sign-in sets %.200q, want __Host-daybook", lines)
	}
	checkHeaders(t, m, "end of the sign-in", callback)
	if r := b.follow(callback); r.status != http.StatusOK || !strings.Contains(r.body, "h-event") {
		t.Errorf("the sign-in led to %s: %v, want the calendar", r.url, r)
	}
	checkHeaders(t, m, "week", b.get(week))
	checkHeaders(t, m, "no such page", b.get("/no/such/page"))
	ended := b.cookie()
	out := b.must(http.MethodPost, "/auth/logout", nil)
	if out.status != http.StatusSeeOther || !strings.HasPrefix(out.header.Get("Location"), m.server.URL) {
		t.Errorf("sign-out: %v, want Microsoft's sign-out", out)
	}
	checkHeaders(t, m, "sign-out", out)
	if r := b.with("Cookie", "__Host-daybook="+ended).get(week); r.status != http.StatusSeeOther {
		t.Errorf("the ended session answers %v", r)
	}
	// What Go's own parser refuses has no headers of Daybook's.
	if r := b.with("X-Long", strings.Repeat("x", 80<<10)).get("/"); r.status != http.StatusRequestHeaderFieldsTooLarge || r.header.Get("Strict-Transport-Security") != hsts || r.header.Get("Server") != "" {
		t.Errorf("a header that is too long: %v, Strict-Transport-Security %q, Server %q", r, r.header.Get("Strict-Transport-Security"), r.header.Get("Server"))
	}
	plain, err := http.NewRequest(http.MethodGet, "http://"+front.plain+"/calendar?tz=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	plain.Host = "localhost"
	answer, err := b.client.Do(plain)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusPermanentRedirect || to != base+"/calendar?tz=x" {
		t.Errorf("plain http: %d, Location %q, want %s", answer.StatusCode, to, base)
	}
	if list, _ := m.findings(m.environ(addr, environ...)...); !says(list, "warn", "site", "ends in 0 days") { // Caddy's own last half a day
		t.Errorf("daybook check: %v", list)
	}

	site.stop()
	if log := site.log.String(); strings.Contains(log, "203.0.113.") || !strings.Contains(log, `"client":"127.0.0.2"`) {
		t.Errorf("not the address that Caddy saw:\n%s", tail(log, 1000))
	}
	// An instance that restarts is waited for.
	waiting := make(chan reply)
	go func() {
		r, err := b.send(http.MethodGet, "/", nil)
		if err != nil {
			t.Errorf("during a restart: %v", err)
		}
		waiting <- r
	}()
	site = m.start(addr, environ...)
	if r := <-waiting; r.status != http.StatusOK {
		t.Errorf("during a restart: %v", r)
	}
	site.stop()
	down := b.get("/auth/callback?code=CanaryCodeInAnAddress&state=CanaryStateInAnAddress")
	if down.status != http.StatusServiceUnavailable && down.status != http.StatusBadGateway || !strings.Contains(down.body, "try again") || down.header.Get("Retry-After") == "" || down.header["Set-Cookie"] != nil {
		t.Errorf("without Daybook: %v, cookies %q\n%s", down, down.header["Set-Cookie"], down.body)
	}
	for name, want := range map[string]string{"Strict-Transport-Security": hsts, "Server": "", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"} {
		if got := down.header.Get(name); got != want {
			t.Errorf("without Daybook: %s: %q, want %q", name, got, want)
		}
	}
	front.stop()
	log := front.log.String()
	if what := m.leak(log); what != "" || strings.Contains(log, "InAnAddress") {
		t.Errorf("Caddy's log holds a secret: %s\n%s", what, tail(log, 3000))
	}
}

const hsts = "max-age=63072000; includeSubDomains"

// No old TLS and no weak cipher, whichever kind the certificate's key is of.
func TestCaddyTLS(t *testing.T) {
	t.Parallel()
	for key, kind := range map[string]x509.PublicKeyAlgorithm{"p256": x509.ECDSA, "rsa2048": x509.RSA} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			_, port, _ := net.SplitHostPort(freeAddr(t))
			front := startCaddy(t, "https://localhost:"+port, []string{freeAddr(t)}, "key_type "+key)
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(front.roots)
			handshake := func(version uint16, suites ...uint16) error {
				c, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{ServerName: "localhost", RootCAs: pool,
					MinVersion: version, MaxVersion: version, CipherSuites: suites})
				if err != nil {
					return err
				}
				defer c.Close()
				if got := c.ConnectionState().PeerCertificates[0].PublicKeyAlgorithm; got != kind {
					t.Errorf("the key is of %v, want %v", got, kind)
				}
				return nil
			}
			for version, accepted := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
				if err := handshake(version); (err == nil) != accepted {
					t.Errorf("%s: %v, want it accepted: %v", tls.VersionName(version), err, accepted)
				}
			}
			strong := 0
			for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
				if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
					continue
				}
				forward := strings.HasPrefix(suite.Name, "TLS_ECDHE_")
				sealed := strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_CHACHA20_")
				switch err := handshake(tls.VersionTLS12, suite.ID); {
				case err == nil && !(forward && sealed):
					t.Errorf("%s is accepted", suite.Name)
				case err == nil:
					strong++
				}
			}
			if strong == 0 {
				t.Error("no cipher of TLS 1.2 is accepted")
			}
		})
	}
}

// compose.yml asks Caddy's admin API whether it is well.
func TestComposeCaddyHealth(t *testing.T) {
	t.Parallel()
	front := startCaddy(t, "http://"+freeAddr(t), []string{freeAddr(t)})
	check := composeProject(t, "", "tls").Services["caddy"].HealthCheck.Test
	if check[0] != "CMD" {
		t.Fatalf("health check %q", check)
	}
	if _, err := exec.LookPath(check[1]); err != nil {
		t.Skip("needs wget")
	}
	ask := func(admin string) error {
		words := slices.Clone(check[1:])
		for i := range words {
			words[i] = strings.Replace(words[i], "127.0.0.1:2019", admin, 1)
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Stdout = io.Discard
		return cmd.Run()
	}
	if err := ask(front.admin); err != nil {
		t.Errorf("health check: %v", err)
	}
	if err := ask(freeAddr(t)); err == nil {
		t.Error("the health check finds no Caddy healthy")
	}
}

// BASE_URL may end with a slash, which a site's name in a Caddyfile must not.
func TestComposeNamesCaddysSite(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "caddy"), []byte("#!/bin/sh\necho \"$SITE\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	caddy := composeProject(t, "", "tls").Services["caddy"]
	for _, base := range []string{"https://calendar.example.com", "https://calendar.example.com/"} {
		cmd := exec.Command("/bin/"+caddy.Entrypoint[0], append(slices.Clone(caddy.Entrypoint[1:]), caddy.Command...)...)
		cmd.Env = []string{"PATH=" + bin, "SITE=" + base}
		if out, err := cmd.CombinedOutput(); string(out) != "https://calendar.example.com\n" || err != nil {
			t.Errorf("%s: %q, %v", base, out, err)
		}
	}
}
