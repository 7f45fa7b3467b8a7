package identity

import (
	"context"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// clockSkew is how far Microsoft's clock and this one may be apart: what
// Microsoft's own libraries allow.
const clockSkew = 5 * time.Minute

// idClaims are the claims of an ID token that Daybook uses (ID token claims
// reference).
type idClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	NotBefore int64  `json:"nbf"`
	Nonce     string `json:"nonce"`
	Party     string `json:"azp"`
	ObjectID  string `json:"oid"`
	TenantID  string `json:"tid"`
	Name      string `json:"name"`
	Username  string `json:"preferred_username"`
	LoginHint string `json:"login_hint"`
	SessionID string `json:"sid"`
}

// verify checks an ID token (OpenID Connect Core 1.0, section 3.1.3.7): RS256
// with one of the issuer's keys, for this app alone, from this issuer for a
// tenant that may sign in, in time, answering nonce. MSAL checks none of it.
func (p *Provider) verify(ctx context.Context, doc *document, raw, nonce, accessToken string) (idClaims, error) {
	var c idClaims
	keys := &askedKeys{KeySet: doc.keys}
	token, err := oidc.NewVerifier("", keys, &oidc.Config{
		ClientID:             p.app.ClientID,
		SupportedSigningAlgs: []string{oidc.RS256},
		SkipIssuerCheck:      true, // needs tid for the issuers of several tenants: below
		SkipExpiryCheck:      true, // has no leeway for exp: below
	}).Verify(ctx, raw)
	switch {
	case keys.missing:
		return c, &Error{Problem: Unavailable, Code: "keys"}
	case err != nil:
		return c, rejected("id_token", "signature, algorithm or audience")
	case token.Claims(&c) != nil:
		return c, rejected("id_token", "claims")
	}
	c.ObjectID, c.TenantID = strings.ToLower(c.ObjectID), strings.ToLower(c.TenantID)
	now := time.Now()
	switch {
	case len(token.Audience) != 1 || c.Party != "" && c.Party != p.app.ClientID:
		err = rejected("id_token", "audience")
	case !guid.MatchString(c.ObjectID) || !guid.MatchString(c.TenantID) || c.Subject == "":
		err = rejected("id_token", "no person")
	case c.Issuer != issuerFor(doc, c.TenantID):
		err = rejected("id_token", "issuer")
	case !p.app.admits(c.TenantID, c.Issuer):
		err = &Error{Problem: Rejected, Code: "tenant", Detail: "not allowed: " + c.TenantID}
	case token.Expiry.Before(now.Add(-clockSkew)):
		err = rejected("id_token", "expired")
	case time.Unix(c.NotBefore, 0).After(now.Add(clockSkew)):
		err = rejected("id_token", "not yet valid")
	case token.IssuedAt.IsZero() || token.IssuedAt.After(now.Add(clockSkew)):
		err = rejected("id_token", "time of issue")
	case nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1:
		err = rejected("id_token", "nonce")
	case token.AccessTokenHash != "" && token.VerifyAccessToken(accessToken) != nil:
		err = rejected("id_token", "at_hash")
	}
	return c, err
}

func issuerFor(doc *document, tid string) string {
	return strings.Replace(doc.Issuer, anyTenant, tid, 1)
}

func rejected(code, detail string) error {
	return &Error{Problem: Rejected, Code: code, Detail: detail}
}

// askedKeys notes when the keys could not be fetched, which the verifier's
// error does not tell from a wrong signature.
type askedKeys struct {
	oidc.KeySet
	missing bool
}

func (k *askedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.missing = err != nil && strings.HasPrefix(err.Error(), "fetching keys ")
	return payload, err
}
