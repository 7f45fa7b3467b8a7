package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"daybook/internal/simulator"
)

// installObservatory returns the folder of the scanner's package, installed
// from the npm registry once for each version of the lock file.
func installObservatory(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("needs node")
	}
	if out, err := exec.Command("node", "--version").Output(); err != nil || strings.HasPrefix(string(out), "v1") {
		t.Skipf("needs node 20 or newer, not %q", out)
	}
	lock, err := os.ReadFile("testdata/observatory/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "daybook-observatory-"+hex.EncodeToString(sum[:6]))
	inside := filepath.Join(dir, "node_modules/@mdn/mdn-http-observatory")
	if _, err := os.Stat(inside); err == nil {
		return inside
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(cache, "daybook-observatory-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(fresh) })
	if err := os.CopyFS(fresh, os.DirFS("testdata/observatory")); err != nil {
		t.Fatal(err)
	}
	// Its scripts would fetch lists from the network that say nothing of us.
	install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("needs the npm registry: %v\n%s", err, tail(string(out), 500))
	}
	preloaded := filepath.Join(fresh, "node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json")
	if err := os.WriteFile(preloaded, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		t.Fatal(err)
	}
	return inside
}

// A lazyConn is TLS if its first byte says so. The scanner asks for http and
// https on the same port.
type lazyConn struct {
	net.Conn
	config *tls.Config
	once   sync.Once
	tls    atomic.Bool
}

// A peeked connection has had its first byte looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (c peeked) Read(p []byte) (int, error) { return c.r.Read(p) }

func (c *lazyConn) Read(p []byte) (int, error) {
	c.once.Do(func() {
		in := peeked{c.Conn, bufio.NewReader(c.Conn)}
		c.Conn = in
		if first, err := in.r.Peek(1); err == nil && first[0] == 0x16 {
			c.Conn = tls.Server(in, c.config)
			c.tls.Store(true)
		}
	})
	return c.Conn.Read(p)
}

type lazyListener struct {
	net.Listener
	config *tls.Config
}

func (l lazyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lazyConn{Conn: c, config: l.config}, nil
}

// A grade is what the scanner says.
type grade struct {
	Error string
	Scan  struct {
		Grade       string
		Score       int
		StatusCode  int
		TestsFailed int
	}
	Tests map[string]struct {
		Pass   bool
		Result string
	}
}

// MDN's HTTP Observatory gives the best grade, behind a proxy that does what
// deploy/Caddyfile does: TLS, and http led to https.
func TestObservatory(t *testing.T) {
	t.Parallel()
	scanner := installObservatory(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, host := freeAddr(t), listener.Addr().String()
	m := newStage(t, "https://"+host)
	type connKey struct{}
	var cookie atomic.Value // sent with every request, since the scanner cannot sign in
	cookie.Store("")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	front := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c := r.Context().Value(connKey{}).(*lazyConn); !c.tls.Load() {
				http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
				return
			}
			if value := cookie.Load().(string); value != "" {
				r.Header.Set("Cookie", value)
			}
			proxy.ServeHTTP(w, r)
		}),
	}
	go func() { _ = front.Serve(lazyListener{listener, m.server.TLS.Clone()}) }()
	t.Cleanup(func() { front.Close() })
	m.start(addr, "SESSION_STORE=memory", "TRUSTED_PROXIES=127.0.0.1")
	person := m.signedIn(m.people[0])

	for _, page := range []struct {
		name, path string
		signedIn   bool
		status     int
		fault      *simulator.Fault
	}{
		{name: "front page", path: "/", status: 200},
		// The sign-in itself answers with a redirect to Microsoft, whose page
		// would be graded; this is Daybook's page about it.
		{name: "sign-in", path: "/auth/signed-out", status: 200},
		{name: "signed-in page", path: week, signedIn: true, status: 200},
		{name: "error page", path: "/calendar/day/2031-01-01", signedIn: true, status: 403,
			fault: &simulator.Fault{On: simulator.Graph, Status: 403, Body: `{"error":{"code":"ErrorAccessDenied","message":"no"}}`}},
	} {
		t.Run(page.name, func(t *testing.T) {
			if page.signedIn {
				cookie.Store("__Host-daybook=" + person.cookie())
				defer cookie.Store("")
			}
			if page.fault != nil {
				m.Inject(*page.fault)
				defer m.ClearFaults()
			}
			scan := exec.Command("node", filepath.Join(scanner, "src/scan.js"), host+page.path)
			scan.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_EXTRA_CA_CERTS=" + m.roots}
			out, err := scan.Output()
			var g grade
			if e := json.Unmarshal(out, &g); e != nil || err != nil {
				t.Fatalf("scan: %v, %v\n%s", err, e, out)
			}
			t.Logf("%s: %s (%d), status %d, %d tests failed", page.path, g.Scan.Grade, g.Scan.Score, g.Scan.StatusCode, g.Scan.TestsFailed)
			if g.Scan.Grade != "A+" || g.Scan.TestsFailed != 0 || g.Scan.StatusCode != page.status {
				for name, test := range g.Tests {
					if !test.Pass {
						t.Logf("%s: %s", name, test.Result)
					}
				}
				t.Errorf("%s: grade %s, status %d, %d tests failed; want A+, %d, 0 %s", page.path, g.Scan.Grade, g.Scan.StatusCode, g.Scan.TestsFailed, page.status, strings.TrimSpace(g.Error))
			}
		})
	}
}
