package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"no client id":      func(c *Config) { c.App.ClientID = "" },
		"no redirect":       func(c *Config) { c.App.RedirectURL = "/auth/callback" },
		"http authority":    func(c *Config) { c.App.AuthorityHost = "http://login.test" },
		"authority path":    func(c *Config) { c.App.AuthorityHost = "https://login.test/x" },
		"no tenant":         func(c *Config) { c.App.Tenant = "" },
		"tenant with path":  func(c *Config) { c.App.Tenant = "../common" },
		"adfs":              func(c *Config) { c.App.Tenant = "adfs" },
		"allowed no id":     func(c *Config) { c.AllowedTenants = []string{"contoso.example"} },
		"no credential":     func(c *Config) { c.Credential = Credential{} },
		"two credentials":   func(c *Config) { c.Credential.CertificatePath = "x" },
		"no certificate":    func(c *Config) { c.Credential = Credential{CertificatePath: "/nowhere"} },
		"no federated file": func(c *Config) { c.Credential = Credential{FederatedTokenFile: "/nowhere"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{
				App:        App{ClientID: testClient, Tenant: testTenant, RedirectURL: testRedirect},
				Credential: Credential{Secret: testSecret},
			}
			change(&cfg)
			p, err := New(cfg)
			if err == nil {
				p.Close()
				t.Fatal("New() = nil, want an error")
			}
			if strings.Contains(err.Error(), testSecret) {
				t.Errorf("New() tells the secret: %v", err)
			}
		})
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	key := signingKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "daybook"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	path := filepath.Join(t.TempDir(), "app.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	i := newIDP()
	i.mustSignIn(t, i.provider(t, func(c *Config) { c.Credential = Credential{CertificatePath: path} }), alice)
	form := i.lastGrant()
	if form.Has("client_secret") {
		t.Error("a secret was sent")
	}
	jws, err := jose.ParseSignedCompact(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.PS256})
	if err != nil {
		t.Fatalf("client assertion: %v", err)
	}
	if _, err := jws.Verify(key.Public()); err != nil {
		t.Errorf("client assertion: %v", err)
	}
	sum := sha256.Sum256(der)
	if got, want := jws.Signatures[0].Header.ExtraHeaders["x5t#S256"], base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("x5t#S256 = %v, want %v", got, want)
	}
}

// TestFederatedToken: the file is read for each use, and its absence is the
// operator's trouble.
func TestFederatedToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("canary-one\n")
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p, a, s := ready(t, i, func(c *Config) { c.Credential = Credential{FederatedTokenFile: path} })
		if got := i.lastGrant().Get("client_assertion"); got != "canary-one" {
			t.Errorf("client_assertion = %q, want canary-one", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		_, err := p.Token(t.Context(), a, s, TokenOptions{})
		if problem(err) != Misconfigured || strings.Contains(err.Error(), path) {
			t.Errorf("Token() = %v, want Misconfigured", err)
		}
		write("canary-two")
		time.Sleep(operatorKept + time.Second)
		if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
			t.Errorf("Token() = %v", err)
		}
		if got := i.lastGrant().Get("client_assertion"); got != "canary-two" {
			t.Errorf("client_assertion = %q, want canary-two", got)
		}
	})
}

// TestMSALRefreshesAhead pins what MSAL does with a token whose refresh_in has
// passed: it redeems the person's refresh token. Before 1.10 it took an app-only
// token instead and stored it as the person's.
func TestMSALRefreshesAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		i.refreshIn = 1800
		p := i.provider(t)
		a, s := i.mustSignIn(t, p, alice)
		time.Sleep(31 * time.Minute)
		var home confidential.Account
		if err := json.Unmarshal(a.Home, &home); err != nil {
			t.Fatal(err)
		}
		answer, _, err := p.silent(t.Context(), ask{home: home, scopes: scopes}, s.bytes(), p.web)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.lastGrant().Get("grant_type"); i.refreshes() != 1 || got != "refresh_token" {
			t.Errorf("%d refreshes, grant_type = %q, want 1 and refresh_token", i.refreshes(), got)
		}
		if !strings.HasPrefix(answer.AccessToken, "canary-at-Alice-") {
			t.Errorf("token = %q, want the person's", answer.AccessToken)
		}
	})
}

// TestEmptyRecord pins why Replace unmarshals an empty record: MSAL would
// otherwise find the tokens of whom it served before.
func TestEmptyRecord(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	a, s := i.mustSignIn(t, p, alice)
	var home confidential.Account
	if err := json.Unmarshal(a.Home, &home); err != nil {
		t.Fatal(err)
	}
	r := &record{given: s.bytes()}
	client, err := p.client(r, offline)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AcquireTokenSilent(t.Context(), scopes, confidential.WithSilentAccount(home)); err != nil {
		t.Fatalf("with the record: %v", err)
	}
	r.given = nil
	if answer, err := client.AcquireTokenSilent(t.Context(), scopes, confidential.WithSilentAccount(home)); err == nil {
		t.Errorf("with an empty record: %q", answer.AccessToken)
	}
}

func TestCollectors(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p, a, s := ready(t, i)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(p.Collectors()...)
	if _, err := p.Token(t.Context(), a, s, TokenOptions{}); err != nil {
		t.Fatal(err)
	}
	p.Close()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		// What an alert rises on is there before it happens.
		if outcomes := len(f.GetMetric()); f.GetName() == "daybook_sign_ins_total" && outcomes != 1+int(WrongPerson) {
			t.Errorf("%d outcomes of sign-ins are counted from the start", outcomes)
		}
		n := 0.0
		for _, m := range f.GetMetric() {
			n += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		if want := f.GetName() != "daybook_token_merges_total"; (n > 0) != want || !strings.HasPrefix(f.GetName(), "daybook_") {
			t.Errorf("%s = %v", f.GetName(), n)
		}
	}
	if len(families) != 7 {
		t.Errorf("%d metrics, want 7", len(families))
	}
}

// TestVerdictsBounded: what is remembered of refusals does not grow for ever.
func TestVerdictsBounded(t *testing.T) {
	t.Parallel()
	s := sharing{verdicts: map[string]verdict{}}
	for n := range mostVerdicts + 100 {
		s.keep(big.NewInt(int64(n)).String(), verdict{until: time.Now().Add(time.Hour)})
	}
	if n := len(s.verdicts); n > mostVerdicts {
		t.Errorf("%d verdicts, want at most %d", n, mostVerdicts)
	}
}

func TestPlainHTTPRefused(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://login.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := limit(nil).RoundTrip(req); err == nil {
		t.Error("plain http was tried")
	}
}
