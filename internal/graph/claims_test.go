package graph

import (
	"encoding/base64"
	"encoding/json"
	"testing"
)

func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"nbf":{"essential":true, "value":"1657834417"}}}`
	std := base64.StdEncoding.EncodeToString([]byte(claims))
	odd := `{"a":"????>>>>ÿÿ"}`
	for _, tt := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"as Graph sends it", []string{`Bearer realm="", authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="` + std + `", errorDescription="Continuous access evaluation resulted in claims challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"`}, claims},
		{"as documented", []string{`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="` + std + `"`}, claims},
		{"unquoted, with padding", []string{`Bearer error=insufficient_claims, claims=` + base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))}, `{"a":1}`},
		{"without padding", []string{`Bearer error="insufficient_claims", claims="` + base64.RawStdEncoding.EncodeToString([]byte(`{"a":1}`)) + `"`}, `{"a":1}`},
		{"URL alphabet", []string{`Bearer error="insufficient_claims", claims="` + base64.URLEncoding.EncodeToString([]byte(odd)) + `"`}, odd},
		{"standard alphabet", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(odd)) + `"`}, odd},
		{"names in capitals, no spaces", []string{`BEARER Error="Insufficient_Claims",Claims="` + std + `"`}, claims},
		{"several headers", []string{`Negotiate`, `Basic realm="a, Bearer b=\"c\""`, `Bearer error="insufficient_claims", claims="` + std + `"`}, claims},
		{"several challenges in one", []string{`PoP nonce="x", Bearer error="insufficient_claims", claims="` + std + `", Basic realm="z"`}, claims},
		{"an expired token", []string{`Bearer error="invalid_token", claims="` + std + `"`}, ""},
		{"another scheme", []string{`PoP error="insufficient_claims", claims="` + std + `"`}, ""},
		{"parameters of two schemes", []string{`Bearer error="insufficient_claims", PoP claims="` + std + `"`}, ""},
		{"no base64", []string{`Bearer error="insufficient_claims", claims="%%%"`}, ""},
		{"no JSON", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`{"a":`)) + `"`}, ""},
		{"no object", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`"a"`)) + `"`}, ""},
		{"never closed", []string{`Bearer error="insufficient_claims", claims="` + std}, ""},
		{"empty", []string{""}, ""},
		{"none", nil, ""},
	} {
		if got := claimsChallenge(tt.headers); got != tt.want {
			t.Errorf("%s: claimsChallenge(%q) = %q, want %q", tt.name, tt.headers, got, tt.want)
		}
	}
}

func FuzzClaimsChallenge(f *testing.F) {
	f.Add(`Bearer realm="", authorization_uri=https://x/y, error="insufficient_claims", claims="eyJhIjoxfQ=="`)
	f.Add(`Bearer error=insufficient_claims,claims=eyJhIjoxfQ`)
	f.Add(`Basic realm="\"", Bearer a=b=c==, ,,= =`)
	f.Fuzz(func(t *testing.T, header string) {
		got := claimsChallenge([]string{header, header})
		if got != "" && (got[0] != '{' || !json.Valid([]byte(got)) || len(got) > maxClaims) {
			t.Errorf("claimsChallenge(%q) = %q", header, got)
		}
	})
}
