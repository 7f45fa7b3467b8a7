package identity

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestHostileIDTokens is the list that OpenID's conformance suite has for
// clients, as far as it fits a code flow.
func TestHostileIDTokens(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	at := func(name string, d time.Duration) func(map[string]any) {
		return func(c map[string]any) { c[name] = time.Now().Add(d).Unix() }
	}
	sign := func(alg jose.SignatureAlgorithm, key func() any, kid string, header map[jose.HeaderKey]any) func(map[string]any) string {
		return func(c map[string]any) string { return signWith(alg, key(), kid, c, header) }
	}
	own := func() any { return signingKey() }
	foreign := func() any { return spareKey() }
	tests := []struct {
		name   string
		claims func(map[string]any)
		sign   func(map[string]any) string
		ok     bool
	}{
		{name: "as it should be", ok: true},
		{name: "no kid, one key", sign: sign(jose.RS256, own, "", nil), ok: true},
		{name: "clock a minute ahead", claims: at("nbf", time.Minute), ok: true},
		{name: "expired a minute ago", claims: at("exp", -time.Minute), ok: true},
		{name: "alg none", sign: func(c map[string]any) string { return unsigned(`{"alg":"none","typ":"JWT"}`, c) }},
		{name: "no signature", sign: func(c map[string]any) string { return unsigned(`{"alg":"RS256","kid":"k1"}`, c) }},
		{name: "HS256 with the client secret", sign: sign(jose.HS256, func() any { return []byte(testSecret + testSecret) }, "k1", nil)},
		{name: "PS256 with the right key", sign: sign(jose.PS256, own, "k1", nil)},
		{name: "another key under the same kid", sign: sign(jose.RS256, foreign, "k1", nil)},
		{name: "unknown kid", sign: sign(jose.RS256, foreign, "k9", nil)},
		{name: "no kid, another key", sign: sign(jose.RS256, foreign, "", nil)},
		{name: "jku to elsewhere", sign: sign(jose.RS256, foreign, "k9", map[jose.HeaderKey]any{"jku": testOrigin + "/canary"})},
		{name: "own key inside", sign: func(c map[string]any) string {
			return signWith(jose.RS256, spareKey(), "", c, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: spareKey().Public()}})
		}},
		{name: "garbage", sign: func(map[string]any) string { return "a.b.c" }},
		{name: "empty", sign: func(map[string]any) string { return "" }},
		{name: "wrong aud", claims: set("aud", "00000003-0000-0000-c000-000000000000")},
		{name: "no aud", claims: set("aud", nil)},
		{name: "two aud", claims: set("aud", []string{testClient, "other"})},
		{name: "azp of another", claims: set("azp", "other")},
		{name: "wrong iss", claims: set("iss", "https://evil.test/"+testTenant+"/v2.0")},
		{name: "iss of another tenant", claims: set("iss", testOrigin+"/"+otherTenant+"/v2.0")},
		{name: "no iss", claims: set("iss", nil)},
		{name: "iss not a string", claims: set("iss", 1)},
		{name: "another tenant", claims: func(c map[string]any) {
			c["tid"], c["iss"] = otherTenant, testOrigin+"/"+otherTenant+"/v2.0"
		}},
		{name: "tid of another tenant", claims: set("tid", otherTenant)},
		{name: "no tid", claims: set("tid", nil)},
		{name: "no oid", claims: set("oid", nil)},
		{name: "oid not a GUID", claims: set("oid", "../../alice")},
		{name: "no sub", claims: set("sub", nil)},
		{name: "wrong nonce", claims: set("nonce", "other")},
		{name: "no nonce", claims: set("nonce", nil)},
		{name: "expired", claims: at("exp", -time.Hour)},
		{name: "no exp", claims: set("exp", nil)},
		{name: "not yet valid", claims: at("nbf", time.Hour)},
		{name: "issued in the future", claims: at("iat", time.Hour)},
		{name: "no iat", claims: set("iat", nil)},
		{name: "wrong at_hash", claims: set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			i.claims, i.sign = tt.claims, tt.sign
			in, err := i.signIn(t, i.provider(t), alice, Request{})
			if tt.ok {
				if err != nil {
					t.Fatalf("Finish() = %v, want nil", err)
				}
				return
			}
			if problem(err) != Rejected {
				t.Errorf("Finish() = %v, want Rejected", err)
			}
			if in.Tokens != nil || in.Account.ObjectID != "" {
				t.Errorf("Finish() returned %+v beside its error", in)
			}
			if n := i.count("canary"); n != 0 {
				t.Errorf("the jku was asked %d times", n)
			}
		})
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	i.mustSignIn(t, p, alice)
	i.set(func() { i.key, i.kid = spareKey(), "k2" })
	i.mustSignIn(t, p, alice)
	if n := i.count("keys"); n != 2 {
		t.Errorf("key set requests = %d, want 2", n)
	}
	i.set(func() { i.key, i.kid, i.keysFail = signingKey(), "k3", true })
	if _, err := i.signIn(t, p, alice, Request{}); problem(err) != Unavailable {
		t.Errorf("Finish() without keys = %v, want Unavailable", err)
	}
}

// A key that Microsoft has withdrawn is believed for a day at most.
func TestWithdrawnKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := newIDP()
		p := i.provider(t)
		defer p.Close()
		i.mustSignIn(t, p, alice)
		i.set(func() {
			withdrawn := i.key
			i.key, i.kid = spareKey(), "k2"
			i.sign = func(claims map[string]any) string { return signWith(jose.RS256, withdrawn, "k1", claims, nil) }
		})
		time.Sleep(24*time.Hour + time.Second)
		if _, _, err := p.Begin(t.Context(), Request{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the new document has come
		if _, err := i.signIn(t, p, alice, Request{}); problem(err) != Rejected {
			t.Errorf("Finish() with a key withdrawn a day ago = %v, want Rejected", err)
		}
	})
}

func TestTenants(t *testing.T) {
	t.Parallel()
	msa := person{"00000000-0000-0000-1111-222222222222", consumers, "Mia"}
	guest := person{alice.oid, otherTenant, "Guest"}
	tests := []struct {
		tenant  string
		allowed []string
		who     person
		want    Problem
	}{
		{testTenant, nil, alice, 0},
		{testTenant, []string{otherTenant}, alice, Rejected},
		{"contoso.example", nil, alice, 0},
		{"contoso.example", nil, guest, Rejected},
		{"common", nil, msa, 0},
		{"common", nil, guest, 0},
		{"common", []string{strings.ToUpper(testTenant)}, alice, 0},
		{"common", []string{testTenant}, guest, Rejected},
		{"organizations", nil, guest, 0},
		{"organizations", nil, msa, Rejected},
		{"consumers", nil, msa, 0},
		{"consumers", nil, alice, Rejected},
	}
	for _, tt := range tests {
		t.Run(tt.tenant+" "+tt.who.name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			i.tenant = tt.tenant
			p := i.provider(t, func(c *Config) { c.AllowedTenants = tt.allowed })
			in, err := i.signIn(t, p, tt.who, Request{})
			if problem(err) != tt.want || tt.want == 0 && err != nil {
				t.Fatalf("Finish() = %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			s := newStore("s", in.Tokens)
			narrowed := i.provider(t, func(c *Config) { c.AllowedTenants = []string{"99999999-0000-4000-8000-000000000099"} })
			if token, err := narrowed.Token(t.Context(), in.Account, s, TokenOptions{}); problem(err) != Rejected {
				t.Errorf("Token() once the tenant is not allowed any more = %q, %v", token, err)
			}
			s.age(0)
			if _, err := p.Token(t.Context(), in.Account, s, TokenOptions{}); err != nil {
				t.Errorf("Token() after expiry = %v", err)
			}
		})
	}
}
