package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"golang.org/x/oauth2"
)

// scopes are the permissions that Daybook asks for. Tokens are asked for by
// these names and no others: MSAL finds a token in its cache by their letters.
var scopes = []string{"User.Read", "Calendars.Read", "MailboxSettings.Read"}

// sharedScope is asked for besides once a person wants others' calendars too.
const sharedScope = "Calendars.Read.Shared"

func scopesFor(shared bool) []string {
	if shared {
		return append(scopes[:len(scopes):len(scopes)], sharedScope)
	}
	return scopes
}

// A Request is what a sign-in should be like.
type Request struct {
	ReturnTo  string // local path to come back to, validated by the caller
	LoginHint string // who, if it is known: usually no question is asked then
	Claims    string // claims challenge to answer: a JSON object, not base64
	Prompt    string // "", "login", "none", "consent" or "select_account"
	Shared    bool   // ask for others' calendars too
}

// Begin returns the URL to send a browser to and the attempt to remember for
// it: state, nonce and PKCE with S256, each made for this attempt alone (RFC
// 9700, section 2.1). It waits for Microsoft's discovery document, the first
// time, ten seconds at most. Its errors are of type [*Error].
func (p *Provider) Begin(ctx context.Context, r Request) (string, Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := Attempt{
		State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(),
		ReturnTo: r.ReturnTo, Shared: r.Shared, Started: time.Now(),
	}
	client, err := p.client(&record{}, p.web)
	if err != nil {
		return "", Attempt{}, &Error{Problem: Misconfigured, Code: "client"}
	}
	var options []confidential.AuthCodeURLOption
	if r.Claims != "" {
		if !isClaims(r.Claims) {
			return "", Attempt{}, rejected("claims", "not a claims challenge")
		}
		options = append(options, confidential.WithClaims(r.Claims))
	}
	// A hint and the question who it is exclude each other.
	if r.LoginHint != "" && r.Prompt != "select_account" {
		options = append(options, confidential.WithLoginHint(r.LoginHint))
	}
	asked := append([]string{"openid", "profile", "email", "offline_access"}, scopesFor(r.Shared)...)
	link, err := client.AuthCodeURL(ctx, p.app.ClientID, p.app.RedirectURL, asked, options...)
	if err != nil {
		if r.Claims != "" && sortOut(err).Code == "bad_answer" {
			return "", Attempt{}, rejected("claims", "in conflict with cp1")
		}
		return "", Attempt{}, sortOut(err).Error
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", Attempt{}, &Error{Problem: Misconfigured, Code: "authorization_endpoint"}
	}
	q := u.Query()
	q.Set("state", a.State)
	q.Set("nonce", a.Nonce)
	q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(a.Verifier))
	q.Set("code_challenge_method", "S256")
	// Of the modes only query arrives with a SameSite=Lax cookie.
	q.Set("response_mode", "query")
	switch r.Prompt {
	case "":
	case "login", "none", "consent", "select_account":
		q.Set("prompt", r.Prompt)
	default:
		return "", Attempt{}, rejected("prompt", "unknown")
	}
	u.RawQuery = q.Encode()
	return u.String(), a, nil
}

// random returns 256 random bits, URL-safe.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Finish ends the sign-in that a began with the parameters that the browser
// brought back. It redeems the code and checks the ID token before it returns
// anything; after an error nothing of Microsoft's answer is left. The caller
// must have made sure that a is this browser's and not used before. It takes
// half a minute at most. Its errors are of type [*Error], or the context's when
// the browser went away.
func (p *Provider) Finish(ctx context.Context, a Attempt, callback url.Values) (SignedIn, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	in, err := p.finish(ctx, a, callback)
	p.metrics.signIns.WithLabelValues(outcome(err, "signed_in")).Inc()
	return in, err
}

func (p *Provider) finish(ctx context.Context, a Attempt, callback url.Values) (SignedIn, error) {
	for _, values := range callback {
		if len(values) > 1 {
			return SignedIn{}, rejected("callback", "a parameter comes twice")
		}
	}
	if a.State == "" || subtle.ConstantTimeCompare([]byte(callback.Get("state")), []byte(a.State)) != 1 {
		return SignedIn{}, rejected("state", "not this attempt's")
	}
	doc, err := p.discovery.document(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	iss := callback.Get("iss")
	if callback.Has("iss") && !mayBe(doc, iss) {
		return SignedIn{}, rejected("iss", "another issuer") // RFC 9207, section 2.4
	}
	if callback.Has("error") {
		return SignedIn{}, sortCallback(callback)
	}
	code := callback.Get("code")
	if code == "" || a.Verifier == "" {
		return SignedIn{}, rejected("callback", "no code")
	}

	r := new(record)
	client, err := p.client(r, p.web)
	if err != nil {
		return SignedIn{}, &Error{Problem: Misconfigured, Code: "client"}
	}
	answer, err := client.AcquireTokenByAuthCode(ctx, code, p.app.RedirectURL, scopesFor(a.Shared), confidential.WithChallenge(a.Verifier))
	if err != nil {
		return SignedIn{}, p.notRedeemed(ctx, err, r)
	}
	claims, err := p.verify(ctx, doc, answer.IDToken.RawToken, a.Nonce, answer.AccessToken)
	if err != nil {
		return SignedIn{}, err
	}
	if callback.Has("iss") && iss != claims.Issuer {
		return SignedIn{}, rejected("iss", "another issuer than the ID token's")
	}
	home, err := json.Marshal(answer.Account)
	if err != nil || answer.Account.HomeAccountID == "" {
		return SignedIn{}, rejected("id_token", "no account")
	}
	p.metrics.size.Observe(float64(len(r.exported)))
	return SignedIn{
		Account: Account{
			ObjectID: claims.ObjectID, TenantID: claims.TenantID, Name: claims.Name, Username: claims.Username,
			LoginHint: claims.LoginHint, SessionID: claims.SessionID, Home: home,
		},
		Tokens: r.exported,
	}, nil
}

// notRedeemed sorts MSAL's error about a code. An answer that came but makes no
// sense is not to be believed; it says nothing about whether Microsoft is up.
func (p *Provider) notRedeemed(ctx context.Context, err error, r *record) error {
	if r.result() != nil {
		return &Error{Problem: Consent, Code: "scope_declined"}
	}
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	f := sortOut(err)
	if f.Code == "bad_answer" {
		return &Error{Problem: Rejected, Code: f.Code, Detail: f.Detail}
	}
	return f.Error
}

// mayBe reports whether iss can be the issuer, whose tenant is not known before
// the ID token is when the app serves several.
func mayBe(doc *document, iss string) bool {
	before, after, several := strings.Cut(doc.Issuer, anyTenant)
	if !several {
		return iss == doc.Issuer
	}
	tenant, ok := strings.CutPrefix(iss, before)
	tenant, ok2 := strings.CutSuffix(tenant, after)
	return ok && ok2 && guid.MatchString(tenant)
}

// sortCallback sorts an error that the browser brought back.
func sortCallback(callback url.Values) error {
	e := &Error{Code: word(callback.Get("error")), AADSTS: numberOf(callback.Get("error_description"))}
	e.Problem = sortCode(e.Code, callback.Get("suberror"))
	if c := callback.Get("claims"); isClaims(c) {
		e.Claims = c
	}
	return e
}
