package identity

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestDiscoveryDoubts(t *testing.T) {
	t.Parallel()
	const other = "https://evil.test/"
	tests := []struct {
		name, tenant, member, value string
		want                        Problem
	}{
		{"as it is", testTenant, "", "", 0},
		{"another host", testTenant, "issuer", other + testTenant + "/v2.0", Rejected},
		{"Microsoft's host", testTenant, "issuer", "https://login.microsoftonline.com/" + testTenant + "/v2.0", 0},
		{"http", testTenant, "issuer", "http://login.test/" + testTenant + "/v2.0", Rejected},
		{"another tenant", testTenant, "issuer", testOrigin + "/" + otherTenant + "/v2.0", Rejected},
		{"v1", testTenant, "issuer", testOrigin + "/" + testTenant + "/", Rejected},
		{"template for a tenant", testTenant, "issuer", testOrigin + "/{tenantid}/v2.0", Rejected},
		{"no issuer", testTenant, "issuer", "", Rejected},
		{"domain with a tenant", "contoso.example", "", "", 0},
		{"domain with a template", "contoso.example", "issuer", testOrigin + "/{tenantid}/v2.0", Rejected},
		{"common with a template", "common", "", "", 0},
		{"common with a tenant", "common", "issuer", testOrigin + "/" + testTenant + "/v2.0", Rejected},
		{"consumers", "consumers", "", "", 0},
		{"consumers with a tenant", "consumers", "issuer", testOrigin + "/" + testTenant + "/v2.0", Rejected},
		{"token endpoint elsewhere", testTenant, "token_endpoint", other, Rejected},
		{"token endpoint on this machine", testTenant, "token_endpoint", "http://localhost:8080/token", Rejected},
		{"keys elsewhere", testTenant, "jwks_uri", other, Rejected},
		{"no keys", testTenant, "jwks_uri", "", Rejected},
		{"sign-in elsewhere", testTenant, "authorization_endpoint", other, Rejected},
		{"sign-in on this machine", testTenant, "authorization_endpoint", "http://localhost:8080/simulator/x/authorize", 0},
		{"sign-in on http elsewhere", testTenant, "authorization_endpoint", "http://login.test/authorize", Rejected},
		{"sign-out elsewhere", testTenant, "end_session_endpoint", other, Rejected},
		{"no sign-out", testTenant, "end_session_endpoint", "", 0},
		{"not found", testTenant, "status", "404", Misconfigured},
		{"down", testTenant, "status", "503", Unavailable},
		{"no JSON", testTenant, "issuer", "5", Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			i.tenant = tt.tenant
			i.document = func(doc map[string]any) {
				switch {
				case tt.member == "status":
					doc["status"] = map[string]int{"404": 404, "503": 503}[tt.value]
				case tt.value == "5":
					doc[tt.member] = 5
				case tt.member != "":
					doc[tt.member] = tt.value
				}
			}
			p := i.provider(t)
			if err := p.Ping(t.Context()); problem(err) != tt.want || tt.want == 0 && err != nil {
				t.Errorf("Ping() = %v, want %v", err, tt.want)
			}
			if _, _, err := p.Begin(t.Context(), Request{}); problem(err) != tt.want || tt.want == 0 && err != nil {
				t.Errorf("Begin() = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestSimulatorOnThisMachine: browsers are sent to another origin than the one
// that programs call, as with the demo's pretend Microsoft.
func TestSimulatorOnThisMachine(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.document = func(doc map[string]any) {
		doc["authorization_endpoint"] = "http://localhost:8080/simulator/authorize"
		doc["end_session_endpoint"] = "http://localhost:8080/simulator/logout?x=1"
	}
	p := i.provider(t)
	link, a, err := p.Begin(t.Context(), Request{})
	if err != nil || !strings.HasPrefix(link, "http://localhost:8080/simulator/authorize?") {
		t.Fatalf("Begin() = %s, %v", link, err)
	}
	in, err := p.Finish(t.Context(), a, i.authorize(t, link, alice))
	if err != nil {
		t.Fatalf("Finish() = %v", err)
	}
	out, err := p.EndSession(t.Context(), in.Account, "http://localhost:8080/")
	if err != nil || !strings.HasPrefix(out, "http://localhost:8080/simulator/logout?") || !strings.Contains(out, "x=1") {
		t.Errorf("EndSession() = %s, %v", out, err)
	}
}

// TestRealAuthorityStaysAbroad: with Microsoft itself nothing on this machine
// is believed.
func TestRealAuthorityStaysAbroad(t *testing.T) {
	t.Parallel()
	app := registration{App: App{Tenant: testTenant}, authority: "https://login.microsoftonline.com/" + testTenant}
	doc := &document{
		Issuer: app.authority + "/v2.0", Authorize: "http://localhost/authorize",
		Token: app.authority + "/token", Keys: app.authority + "/keys",
	}
	if app.doubt(doc) == "" {
		t.Error("an authorization endpoint on localhost was believed")
	}
}

// TestDiscoveryKept: the document is fetched once for all who ask at once, again
// when it is old, and an old one serves while it cannot be had.
func TestDiscoveryKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		status := 503
		i.document = func(doc map[string]any) {
			if status != 200 {
				doc["status"] = status
			}
		}
		p := i.provider(t)
		begin := func() error { _, _, err := p.Begin(t.Context(), Request{}); return err }
		for range 2 {
			if err := begin(); problem(err) != Unavailable {
				t.Fatalf("Begin() = %v, want Unavailable", err)
			}
		}
		if n := i.count("openid-configuration"); n != 2 {
			t.Fatalf("requests = %d, want 2: failures are not kept", n)
		}
		i.set(func() { status = 200 })
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := begin(); err != nil {
					t.Errorf("Begin() = %v", err)
				}
			})
		}
		wg.Wait()
		if n := i.count("openid-configuration"); n > 4 {
			t.Errorf("requests = %d, want at most two more", n)
		}
		before := i.count("openid-configuration")

		i.set(func() { status = 500 })
		time.Sleep(24*time.Hour + time.Second)
		for range 50 {
			if err := begin(); err != nil {
				t.Errorf("Begin() with an old document = %v", err)
			}
			synctest.Wait()
		}
		if n := i.count("openid-configuration"); n != before+1 {
			t.Errorf("requests for an old document = %d, want 1", n-before)
		}

		i.set(func() {
			i.document = func(doc map[string]any) { doc["issuer"] = "https://evil.test/" + testTenant + "/v2.0" }
		})
		time.Sleep(2 * time.Minute)
		_ = begin()
		synctest.Wait()
		if err := begin(); problem(err) != Rejected {
			t.Errorf("Begin() with another issuer = %v, want Rejected", err)
		}
	})
}

// While Microsoft's document is not to be believed nothing is refreshed, and
// nobody's refresh token is held to be refused.
func TestRefreshWithoutDiscovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i)
		defer p.Close()
		i.set(func() { i.document = func(doc map[string]any) { doc["issuer"] = "https://evil.test/x/v2.0" } })
		time.Sleep(25 * time.Hour)
		if _, _, err := p.Begin(t.Context(), Request{}); err != nil {
			t.Errorf("Begin() with the old document = %v", err)
		}
		synctest.Wait() // until the new one has come
		for range 3 {
			if token, err := p.Token(t.Context(), a, s, TokenOptions{}); problem(err) != Unavailable {
				t.Errorf("Token() = %q, %v, want Unavailable", token, err)
			}
			synctest.Wait()
		}
		i.set(func() { i.document = nil })
		if token, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil || token == "" {
			t.Errorf("Token() once it is well = %q, %v", token, err)
		}
	})
}

func TestKeepFor(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"":                                24 * time.Hour,
		"max-age=86400, private":          24 * time.Hour,
		"private, MAX-AGE=3600":           time.Hour,
		"max-age=0":                       10 * time.Minute,
		"max-age=-5":                      10 * time.Minute,
		"max-age=999999999":               24 * time.Hour,
		"max-age=99999999999999999999999": 24 * time.Hour,
		"no-store":                        24 * time.Hour,
	} {
		if got := keepFor(http.Header{"Cache-Control": {header}}); got != want {
			t.Errorf("keepFor(%q) = %v, want %v", header, got, want)
		}
	}
}

// TestOverTLS goes through a real listener and MSAL's own idea of the URLs.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	i := newIDP()
	server := httptest.NewUnstartedServer(i)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a failing handshake is part of the test
	server.StartTLS()
	defer server.Close()
	p := i.provider(t, func(c *Config) {
		c.App.AuthorityHost = server.URL
		c.HTTP = server.Client()
	})
	a, s := i.mustSignIn(t, p, alice)
	s.age(0)
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
		t.Errorf("Token() = %v", err)
	}
	strange := i.provider(t, func(c *Config) { c.App.AuthorityHost, c.HTTP = server.URL, nil })
	if err := strange.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Ping() with an unknown certificate = %v, want that it is not trusted", err)
	}
	gone := i.provider(t, func(c *Config) { c.App.AuthorityHost, c.HTTP = "https://127.0.0.1:1", nil })
	if err := gone.Ping(t.Context()); problem(err) != Unavailable {
		t.Errorf("Ping() of nobody = %v, want Unavailable", err)
	}
}

func FuzzCallback(f *testing.F) {
	f.Add("code=x&state=s")
	f.Add("error=access_denied&error_description=AADSTS65004%3A&state=s")
	f.Add("iss=https%3A%2F%2Flogin.test%2F&state=s&state=t")
	i := newIDP()
	p, err := New(Config{
		App:        App{ClientID: testClient, Tenant: "common", AuthorityHost: testOrigin, RedirectURL: testRedirect},
		Credential: Credential{Secret: testSecret}, HTTP: &http.Client{Transport: i},
	})
	if err != nil {
		f.Fatal(err)
	}
	i.tenant = "common"
	f.Fuzz(func(t *testing.T, query string) {
		q, _ := url.ParseQuery(query)
		in, err := p.Finish(t.Context(), Attempt{State: "s", Nonce: "n", Verifier: "v"}, q)
		if err == nil || in.Tokens != nil {
			t.Fatalf("Finish(%q) = %v, %v", query, in, err)
		}
		if text := err.Error(); len(text) > 300 || strings.ContainsAny(text, "\r\n\x1b") {
			t.Fatalf("Finish(%q) says %q", query, text)
		}
	})
}
