package simulator

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/coreos/go-oidc/v3/oidc"
)

var graphScopes = []string{"User.Read", "Calendars.Read", "MailboxSettings.Read"}

// msal returns the real client, reaching the simulator through c.
func (g *rig) msal(tenant string, credential confidential.Credential, c *http.Client) confidential.Client {
	g.t.Helper()
	client, err := confidential.New(g.options.BackURL+"/"+tenant, clientID, credential,
		confidential.WithHTTPClient(c), confidential.WithInstanceDiscovery(false), confidential.WithClientCapabilities([]string{"CP1"}))
	if err != nil {
		g.t.Fatal(err)
	}
	return client
}

func (g *rig) secretCredential() confidential.Credential {
	g.t.Helper()
	credential, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		g.t.Fatal(err)
	}
	return credential
}

// msalSignIn goes from MSAL's authorize URL through the pages to tokens.
func (g *rig) msalSignIn(client confidential.Client, p *Person) (confidential.AuthResult, error) {
	g.t.Helper()
	ctx := g.t.Context()
	// The authorize endpoint wants the OIDC scopes, the token call must not
	// have them.
	address, err := client.AuthCodeURL(ctx, clientID, callback, strings.Fields(scopes))
	if err != nil {
		g.t.Fatal(err)
	}
	address += "&" + url.Values{
		"state": {"s1"}, "nonce": {"n-0S6"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	page := g.open(address)
	if page.StatusCode == http.StatusOK {
		page = g.press(page, "account", p.key())
	}
	got := page.toApp(g.t)
	if got.Get("state") != "s1" {
		g.t.Errorf("state = %q, want what was sent", got.Get("state"))
	}
	return client.AcquireTokenByAuthCode(ctx, got.Get("code"), callback, graphScopes, confidential.WithChallenge(verifier))
}

// verify checks an ID token as an application must.
func (g *rig) verify(tenant, idToken string) error {
	g.t.Helper()
	ctx := oidc.ClientContext(context.Background(), g.server.Client())
	provider, err := oidc.NewProvider(ctx, g.server.URL+"/"+tenant+"/v2.0")
	if err != nil {
		g.t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, idToken)
	if err != nil {
		return err
	}
	var claims struct {
		TID string `json:"tid"`
	}
	if err := token.Claims(&claims); err != nil {
		return err
	}
	switch {
	case token.Nonce != "n-0S6":
		return errors.New("nonce")
	case claims.TID != tenant:
		return errors.New("tid")
	}
	return nil
}

func TestMSALCodeFlow(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.SetTokenLifetime(time.Minute) // too short for MSAL to keep: every silent call refreshes
	client := g.msal(contoso, g.secretCredential(), g.server.Client())
	result, err := g.msalSignIn(client, g.adele)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := result.Account.HomeAccountID, g.adele.ObjectID+"."+contoso; got != want {
		t.Errorf("HomeAccountID = %q, want %q", got, want)
	}
	if err := g.verify(contoso, result.IDToken.RawToken); err != nil {
		t.Errorf("ID token: %v", err)
	}
	if res := g.callGraph(result.AccessToken); res.StatusCode != http.StatusOK || !strings.Contains(res.body, g.adele.ObjectID) {
		t.Errorf("Graph: %d %s, want the person's profile", res.StatusCode, res.body)
	}
	silent, err := client.AcquireTokenSilent(t.Context(), graphScopes, confidential.WithSilentAccount(result.Account))
	if err != nil {
		t.Fatal(err)
	}
	if silent.AccessToken == result.AccessToken {
		t.Error("the refreshed access token is the old one")
	}
	if got, want := g.Grants(), (Grants{Codes: 1, Refreshes: 1}); got != want {
		t.Errorf("Grants() = %+v, want %+v", got, want)
	}

	g.SetTokenLifetime(0)
	long, err := client.AcquireTokenSilent(t.Context(), graphScopes, confidential.WithSilentAccount(result.Account))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(long.ExpiresOn); left < 20*time.Hour {
		t.Errorf("a client with cp1 got a token for %v, want a long one", left)
	}
	before := g.Count(Token)
	cached, err := client.AcquireTokenSilent(t.Context(), graphScopes, confidential.WithSilentAccount(result.Account))
	if err != nil || cached.AccessToken != long.AccessToken || g.Count(Token) != before {
		t.Errorf("a valid token was not used from the cache: %v, %d calls", err, g.Count(Token)-before)
	}
}

func TestMSALAuthorities(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	tests := []struct {
		tenant string
		person *Person
	}{
		{"common", g.adele}, {"common", g.mia}, {"organizations", g.guest}, {"consumers", g.mia}, {"fabrikam.example", g.guest},
	}
	for _, tt := range tests {
		g.browser = g.newBrowser()
		client := g.msal(tt.tenant, g.secretCredential(), g.server.Client())
		result, err := g.msalSignIn(client, tt.person)
		if err != nil {
			t.Errorf("%s as %s: %v", tt.tenant, tt.person.Name, err)
			continue
		}
		uid, utid := tt.person.home()
		if got, want := result.Account.HomeAccountID, uid+"."+utid; got != want {
			t.Errorf("%s: HomeAccountID = %q, want %q", tt.tenant, got, want)
		}
		if err := g.verify(tt.person.TenantID, result.IDToken.RawToken); err != nil {
			t.Errorf("%s: ID token: %v", tt.tenant, err)
		}
	}
}

// In the demo MSAL reaches the simulator under a name that exists nowhere,
// while the browser is sent to the public address.
func TestMSALInProcess(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.BackURL = "https://simulator.invalid" })
	inside := &http.Client{Transport: g.Transport(nil)}
	client := g.msal(contoso, g.secretCredential(), inside)
	result, err := g.msalSignIn(client, g.adele)
	if err != nil {
		t.Fatal(err)
	}
	ctx := oidc.ClientContext(t.Context(), inside)
	provider, err := oidc.NewProvider(ctx, "https://simulator.invalid/"+contoso+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := provider.Endpoint().AuthURL, g.server.URL+"/"+contoso+"/oauth2/v2.0/authorize"; got != want {
		t.Errorf("authorization_endpoint = %q, want %q", got, want)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: clientID}).Verify(ctx, result.IDToken.RawToken); err != nil {
		t.Error(err)
	}
}

func TestMSALCertificate(t *testing.T) {
	t.Parallel()
	key, certificate := newCertificate(t)
	foreignKey, foreign := newCertificate(t)
	g := newRig(t, func(o *Options) { o.App.Certificates = []*x509.Certificate{certificate}; o.App.Secret = "" })

	good, err := confidential.NewCredFromCert([]*x509.Certificate{certificate}, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.msalSignIn(g.msal(contoso, good, g.server.Client()), g.adele); err != nil {
		t.Errorf("with the registered certificate: %v", err)
	}
	bad, err := confidential.NewCredFromCert([]*x509.Certificate{foreign}, foreignKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.msalSignIn(g.msal(contoso, bad, g.server.Client()), g.adele)
	wantNumber(t, err, "AADSTS700027")
	_, err = g.msalSignIn(g.msal(contoso, g.secretCredential(), g.server.Client()), g.adele)
	wantNumber(t, err, "AADSTS7000215")
	g.pass(time.Hour)
	_, err = g.msalSignIn(g.msal(contoso, good, g.server.Client()), g.adele)
	wantNumber(t, err, "AADSTS700024")
}

func TestMSALFederatedToken(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *Options) { o.App.FederatedToken = "token-of-the-platform" })
	token := "token-of-the-platform"
	credential := confidential.NewCredFromAssertionCallback(
		func(context.Context, confidential.AssertionRequestOptions) (string, error) { return token, nil })
	if _, err := g.msalSignIn(g.msal(contoso, credential, g.server.Client()), g.adele); err != nil {
		t.Errorf("with the right token: %v", err)
	}
	token = "token-of-somebody-else"
	_, err := g.msalSignIn(g.msal(contoso, credential, g.server.Client()), g.adele)
	wantNumber(t, err, "AADSTS700027")
}

func wantNumber(t *testing.T, err error, number string) {
	t.Helper()
	var call msalerrors.CallErr
	if !errors.As(err, &call) {
		t.Errorf("error = %v, want one of the token endpoint", err)
		return
	}
	if !strings.Contains(call.Error(), number+":") || call.Resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("error = %v, want %s with status 401", call, number)
	}
}

func newCertificate(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

// Every spoilt ID token comes with an answer that MSAL takes, and is refused
// by a verifier that does its work.
func TestTamper(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	tests := []struct {
		name  string
		spoil func(*Draft)
	}{
		{"AlgNone", AlgNone}, {"AlgHS256", AlgHS256}, {"ForgedSignature", ForgedSignature}, {"UnknownKey", UnknownKey},
		{"KeyFromURL", KeyFromURL(g.server.URL + "/canary")}, {"WrongAudience", WrongAudience}, {"ForeignIssuer", ForeignIssuer},
		{"ForeignTenant", ForeignTenant}, {"WrongNonce", WrongNonce}, {"NoNonce", NoNonce}, {"Expired", Expired},
		{"NotYetValid", NotYetValid}, {"NoIDToken", NoIDToken}, {"AccessTokenAsIDToken", AccessTokenAsIDToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g.Tamper(tt.spoil)
			body, res := g.redeem(g.adele, g.signIn(g.adele))
			if res.StatusCode != http.StatusOK || body["access_token"] == nil {
				t.Fatalf("answer = %d %v, want 200 with tokens", res.StatusCode, body)
			}
			idToken, _ := body["id_token"].(string)
			if err := g.verify(contoso, idToken); err == nil {
				t.Errorf("the spoilt token passed: %s", idToken)
			}
			g.Tamper(nil)
			body, _ = g.redeem(g.adele, g.signIn(g.adele))
			if err := g.verify(contoso, body["id_token"].(string)); err != nil {
				t.Errorf("the next token is spoilt too: %v", err)
			}
		})
	}
}

func TestRotateKeys(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	body, _ := g.redeem(g.adele, g.signIn(g.adele))
	before := body["id_token"].(string)
	g.RotateKeys()
	body, _ = g.redeem(g.adele, g.signIn(g.adele))
	after := body["id_token"].(string)
	if strings.Split(before, ".")[0] == strings.Split(after, ".")[0] {
		t.Error("both tokens name the same key")
	}
	for name, token := range map[string]string{"before": before, "after": after} {
		if err := g.verify(contoso, token); err != nil {
			t.Errorf("token from %s the rotation: %v", name, err)
		}
	}
}

// A client assertion must be signed by PS256: anything else says nothing about
// who holds the registered key.
func TestAssertionAlgorithms(t *testing.T) {
	t.Parallel()
	_, certificate := newCertificate(t)
	g := newRig(t, func(o *Options) { o.App.Certificates = []*x509.Certificate{certificate} })
	for _, header := range []map[string]any{{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS256"}} {
		assertion := segment(header) + "." + segment(map[string]any{
			"iss": clientID, "sub": clientID, "aud": g.server.URL + "/" + contoso + "/oauth2/v2.0/token", "exp": time.Now().Add(time.Minute).Unix(),
		}) + "."
		body, _ := g.post(contoso, "grant_type", "authorization_code", "code", "any",
			"client_secret", "", "client_assertion_type", assertionType, "client_assertion", assertion)
		if number(body) != 700027 {
			t.Errorf("assertion with %v: %v, want 700027", header, body)
		}
	}
}
