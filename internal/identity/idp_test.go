package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	testClient   = "11111111-2222-3333-4444-555555555555"
	testTenant   = "aaaaaaaa-0000-4000-8000-00000000000a"
	otherTenant  = "bbbbbbbb-0000-4000-8000-00000000000b"
	testSecret   = "canary-client-secret"
	testRedirect = "https://daybook.example/auth/callback"
	testOrigin   = "https://login.test"
)

var (
	signingKey = sync.OnceValue(newKey)
	spareKey   = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// idp is a small and, where a test says so, hostile identity provider. It
// serves as its own transport, so that it works inside a synctest bubble.
type idp struct {
	tenant string // of the authority

	mu      sync.Mutex
	calls   map[string]int // by last path element
	grants  []url.Values
	serial  int
	codes   map[string]grant
	refresh map[string]grant
	key     *rsa.PrivateKey
	kid     string

	// What tests change before the first request, or with set.
	strict    bool // refresh tokens work once, reuse is invalid_grant
	expiresIn any
	refreshIn int
	document  func(map[string]any)
	claims    func(map[string]any)
	answer    func(map[string]any)
	sign      func(claims map[string]any) string
	token     func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	keysFail  bool
}

type grant struct {
	who       person
	nonce     string
	challenge string
	used      bool
}

type person struct{ oid, tid, name string }

var (
	alice = person{"a11ce000-0000-4000-8000-000000000001", testTenant, "Alice"}
	bob   = person{"b0b00000-0000-4000-8000-000000000002", testTenant, "Bob"}
)

func newIDP() *idp {
	return &idp{
		tenant: testTenant, calls: map[string]int{}, codes: map[string]grant{}, refresh: map[string]grant{},
		key: signingKey(), kid: "k1", expiresIn: 3600,
	}
}

func (i *idp) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

func (i *idp) count(what string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls[what]
}

// lastGrant returns the form of the last token request.
func (i *idp) lastGrant() url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.grants) == 0 {
		return nil
	}
	return i.grants[len(i.grants)-1]
}

func (i *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.ServeHTTP(w, r)
	}()
	select {
	case <-done:
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
	if w.Code == 599 {
		return nil, fmt.Errorf("connection reset by %s", "peer")
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (i *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	origin := "https://" + r.Host
	if r.Host == "" { // MSAL's own requests name it in the URL alone
		origin = "https://" + r.URL.Host
	}
	i.mu.Lock()
	i.calls[what]++
	i.mu.Unlock()
	switch what {
	case "openid-configuration":
		issuer := i.tenant
		switch issuer {
		case "common", "organizations":
			issuer = anyTenant
		case "consumers":
			issuer = consumers
		case "contoso.example":
			issuer = testTenant
		}
		doc := map[string]any{
			"issuer":                 origin + "/" + issuer + "/v2.0",
			"authorization_endpoint": origin + "/" + i.tenant + "/oauth2/v2.0/authorize",
			"token_endpoint":         origin + "/" + i.tenant + "/oauth2/v2.0/token",
			"jwks_uri":               origin + "/" + i.tenant + "/discovery/v2.0/keys",
			"end_session_endpoint":   origin + "/" + i.tenant + "/oauth2/v2.0/logout",
		}
		w.Header().Set("Cache-Control", "max-age=86400, private")
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.document != nil {
			i.document(doc)
		}
		if status, ok := doc["status"].(int); ok {
			w.WriteHeader(status)
		}
		writeJSON(w, doc)
	case "keys":
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.keysFail {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: i.kid, Algorithm: "RS256", Use: "sig"}}})
	case "token":
		i.serveToken(w, r, origin)
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, answer map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *idp) serveToken(w http.ResponseWriter, r *http.Request, origin string) {
	_ = r.ParseForm()
	i.mu.Lock()
	i.grants = append(i.grants, r.PostForm)
	hook := i.token
	i.mu.Unlock()
	if hook != nil && hook(w, r) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var g grant
	var ok bool
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		code := r.PostForm.Get("code")
		g, ok = i.codes[code]
		delete(i.codes, code)
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if ok && g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
			ok = false
		}
	case "refresh_token":
		token := r.PostForm.Get("refresh_token")
		g, ok = i.refresh[token]
		if i.strict && g.used {
			ok = false
		}
		used := g
		used.used = true
		i.refresh[token] = used
		g.nonce, g.used = "", false
	}
	if !ok {
		refuse(w, 400, map[string]any{"error": "invalid_grant", "error_codes": []int{70000}, "error_description": "AADSTS70000: refused"})
		return
	}
	i.serial++
	now := time.Now()
	claims := map[string]any{
		"iss": origin + "/" + g.who.tid + "/v2.0", "aud": testClient, "sub": "sub-" + g.who.name, "oid": g.who.oid, "tid": g.who.tid,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "ver": "2.0", "name": g.who.name,
		"preferred_username": strings.ToLower(g.who.name) + "@contoso.example", "login_hint": "hint-" + g.who.name, "sid": "sid-" + g.who.name,
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if i.claims != nil {
		i.claims(claims)
	}
	id := ""
	if i.sign != nil {
		id = i.sign(claims)
	} else {
		id = signWith(jose.RS256, i.key, i.kid, claims, nil)
	}
	info, _ := json.Marshal(map[string]string{"uid": g.who.oid, "utid": g.who.tid})
	rt := fmt.Sprintf("canary-rt-%s-%d", g.who.name, i.serial)
	i.refresh[rt] = g
	answer := map[string]any{
		"token_type": "Bearer", "scope": strings.ReplaceAll(r.PostForm.Get("scope"), " offline_access", ""),
		"expires_in": i.expiresIn, "ext_expires_in": i.expiresIn,
		"access_token":  fmt.Sprintf("canary-at-%s-%d", g.who.name, i.serial),
		"refresh_token": rt, "id_token": id, "client_info": base64.RawURLEncoding.EncodeToString(info),
	}
	if i.refreshIn > 0 {
		answer["refresh_in"] = i.refreshIn
	}
	if i.answer != nil {
		i.answer(answer)
	}
	writeJSON(w, answer)
}

// newest returns the last refresh token issued.
func (i *idp) newest(who person) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fmt.Sprintf("canary-rt-%s-%d", who.name, i.serial)
}

func signWith(alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any, header map[jose.HeaderKey]any) string {
	opts := (&jose.SignerOptions{}).WithType("JWT")
	for k, v := range header {
		opts = opts.WithHeader(k, v)
	}
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return raw
}

func unsigned(header string, claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(header)) + "." + enc(payload) + "."
}

// provider returns a Provider that talks to i, closed when the test ends.
func (i *idp) provider(t *testing.T, change ...func(*Config)) *Provider {
	t.Helper()
	cfg := Config{
		App:        App{ClientID: testClient, Tenant: i.tenant, AuthorityHost: testOrigin + "/", RedirectURL: testRedirect},
		Credential: Credential{Secret: testSecret},
		HTTP:       &http.Client{Transport: i},
	}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// authorize plays the browser at the authorization endpoint: the parameters
// that come back for who.
func (i *idp) authorize(t *testing.T, link string, who person) url.Values {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serial++
	code := fmt.Sprintf("canary-code-%d", i.serial)
	i.codes[code] = grant{who: who, nonce: q.Get("nonce"), challenge: q.Get("code_challenge")}
	return url.Values{"code": {code}, "state": {q.Get("state")}, "session_state": {"x"}}
}

// signIn signs who in and returns the result.
func (i *idp) signIn(t *testing.T, p *Provider, who person, r Request) (SignedIn, error) {
	t.Helper()
	link, a, err := p.Begin(t.Context(), r)
	if err != nil {
		t.Fatalf("Begin() = %v", err)
	}
	return p.Finish(t.Context(), a, i.authorize(t, link, who))
}

// mustSignIn is signIn and a cache that holds the tokens.
func (i *idp) mustSignIn(t *testing.T, p *Provider, who person) (Account, *store) {
	t.Helper()
	in, err := i.signIn(t, p, who, Request{})
	if err != nil {
		t.Fatalf("Finish() = %v", err)
	}
	return in.Account, newStore(who.name, in.Tokens)
}
