package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A Draft is an ID token about to be signed, for [Simulator.Tamper] to spoil.
type Draft struct {
	Grant  string // grant_type of the token request
	Person *Person
	Header map[string]any
	Claims map[string]any
	// Forged signs with a key that is not published, whatever kid says.
	Forged bool
	// Answer is the rest of the token endpoint's answer. An id_token put here
	// is sent as it is in the place of this one, nil for none.
	Answer map[string]any
}

// Tamper lets spoil change every ID token before it is signed. The alg header
// decides how it is signed: RS256, HS256 with the client secret, or none. nil
// ends it. spoil must not call the Simulator. Ready spoilers: [AlgNone], [AlgHS256], [ForgedSignature],
// [UnknownKey], [KeyFromURL], [WrongAudience], [ForeignIssuer],
// [ForeignTenant], [WrongNonce], [NoNonce], [Expired], [NotYetValid],
// [NoIDToken], [AccessTokenAsIDToken].
func (s *Simulator) Tamper(spoil func(*Draft)) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	s.entra.rules.tamper = spoil
}

// AlgNone sends the token unsigned (RFC 8725, section 2.1).
func AlgNone(d *Draft) { d.Header["alg"] = "none" }

// AlgHS256 signs with the client secret as a symmetric key.
func AlgHS256(d *Draft) { d.Header["alg"] = "HS256" }

// ForgedSignature signs with a foreign key under the published key's id.
func ForgedSignature(d *Draft) { d.Forged = true }

// UnknownKey signs with a foreign key under an id that is not published.
func UnknownKey(d *Draft) { d.Forged, d.Header["kid"] = true, "unknown-key" }

// KeyFromURL returns a spoiler that signs with a foreign key and says, in the
// jku header, that it is found at a URL.
func KeyFromURL(url string) func(*Draft) {
	return func(d *Draft) { UnknownKey(d); d.Header["jku"] = url }
}

// WrongAudience names another application in aud.
func WrongAudience(d *Draft) { d.claim("aud", "11111111-2222-4333-8444-555555555555") }

// ForeignIssuer names another host in iss.
func ForeignIssuer(d *Draft) { d.claim("iss", "https://sts.evil.example/"+d.Person.TenantID+"/v2.0") }

// ForeignTenant names another tenant in tid, and leaves iss.
func ForeignTenant(d *Draft) { d.claim("tid", "99999999-2222-4333-8444-555555555555") }

// WrongNonce names the nonce of another sign-in.
func WrongNonce(d *Draft) { d.claim("nonce", "another-nonce") }

// NoNonce leaves the nonce out.
func NoNonce(d *Draft) { delete(d.Claims, "nonce") }

// Expired moves the token's times two hours back.
func Expired(d *Draft) { d.shift(-2 * time.Hour) }

// NotYetValid moves the token's times two hours ahead.
func NotYetValid(d *Draft) { d.shift(2 * time.Hour) }

// NoIDToken leaves the ID token out of the answer.
func NoIDToken(d *Draft) { d.Answer["id_token"] = nil }

// AccessTokenAsIDToken sends the access token in the ID token's place.
func AccessTokenAsIDToken(d *Draft) { d.Answer["id_token"] = d.Answer["access_token"] }

func (d *Draft) claim(name string, value any) { d.Claims[name] = value }

func (d *Draft) shift(by time.Duration) {
	for _, name := range []string{"iat", "nbf", "exp"} {
		d.Claims[name] = d.Claims[name].(int64) + int64(by/time.Second)
	}
}

// idToken drafts an ID token v2.0 (ID token claims reference); e.mu is held.
func (s *Simulator) idToken(g *grant, scopes []string, nonce string) *Draft {
	p, now := g.person, s.now()
	client := s.options.App.ClientID
	d := &Draft{
		Person: p,
		Header: map[string]any{"typ": "JWT", "alg": "RS256"},
		Claims: map[string]any{
			"ver": "2.0", "iss": s.issuer(p.TenantID), "aud": client,
			"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(idTokenLife).Unix(), "auth_time": g.authTime.Unix(),
			"sub": pairwise(client, p), "tid": p.TenantID, "sid": g.sid, "login_hint": loginHint(p),
			"uti": random(16), "rh": "1." + random(24), "aio": random(48),
		},
	}
	if nonce != "" {
		d.claim("nonce", nonce)
	}
	if slices.Contains(scopes, "profile") {
		d.claim("oid", p.ObjectID)
		d.claim("name", p.Name)
		d.claim("preferred_username", p.Username)
	}
	if slices.Contains(scopes, "email") {
		d.claim("email", p.Username)
	}
	if _, utid := p.home(); utid != p.TenantID {
		d.claim("idp", "https://sts.windows.net/"+utid+"/")
	}
	return d
}

// encode signs the token as its header says.
func (s *Simulator) encode(d *Draft) string {
	key := s.entra.keys.current()
	if d.Header["kid"] == nil {
		d.Header["kid"] = key.id
	}
	input := segment(d.Header) + "." + segment(d.Claims)
	var signature []byte
	switch {
	case d.Header["alg"] == "none":
	case d.Header["alg"] == "HS256":
		mac := hmac.New(sha256.New, []byte(s.options.App.Secret))
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	case d.Forged:
		signature = newSigningKey(s.now()).sign(input)
	default:
		signature = key.sign(input)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(v map[string]any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a spoiler put in something that is no JSON value
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// pairwise returns the sub claim: the person as this client sees them (OpenID
// Connect Core, section 8.1).
func pairwise(client string, p *Person) string {
	sum := sha256.Sum256([]byte(client + "|" + p.key()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// loginHint returns the login_hint claim: opaque to clients, and what
// logout_hint takes.
func loginHint(p *Person) string {
	uid, utid := p.home()
	return "O." + base64.RawURLEncoding.EncodeToString([]byte(uid+"."+utid))
}

// clientInfo returns the client_info value: the account in its home tenant, in
// unpadded base64url.
func clientInfo(p *Person) string {
	uid, utid := p.home()
	return segment(map[string]any{"uid": uid, "utid": utid})
}

// hinted tells whether a login_hint or logout_hint means p.
func hinted(hint string, p *Person) bool {
	return hint != "" && (strings.EqualFold(hint, p.Username) || hint == loginHint(p))
}
