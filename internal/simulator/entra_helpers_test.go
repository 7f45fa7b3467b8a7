package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

const (
	contoso  = "7d3f2f0a-5c0a-4f4e-9d0a-0c6a5f7f1b11"
	fabrikam = "a4f1d2c3-77aa-4a0e-8c55-2a1f6f0e9b22"
	clientID = "3f1c9a52-0d5b-4f7a-9a65-5d8f5c2e7a01"
	secret   = "sim~secret+value/with=odd&characters"
	callback = "https://app.example/auth/callback"
	goodbye  = "https://app.example/"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
	scopes   = "openid profile email offline_access User.Read Calendars.Read MailboxSettings.Read"
)

func people() (adele, nestor, guest, mia *Person) {
	adele = &Person{ObjectID: "11111111-0000-4000-8000-000000000001", TenantID: contoso, Name: "Adele Vance", Username: "adele@contoso.example", Note: "a dense week"}
	nestor = &Person{ObjectID: "11111111-0000-4000-8000-000000000002", TenantID: contoso, Name: "Nestor Wilke", Username: "nestor@contoso.example", Note: "must consent first", NeedsConsent: true}
	guest = &Person{ObjectID: "22222222-0000-4000-8000-000000000003", TenantID: fabrikam, Name: "Gus Guest", Username: "gus@fabrikam.example", HomeObjectID: "11111111-0000-4000-8000-000000000009", HomeTenantID: contoso}
	mia = &Person{ObjectID: "00000000-0000-0000-0a1b-000000000004", TenantID: consumers, Name: "Mia Home", Username: "mia@home.example"}
	return adele, nestor, guest, mia
}

// A rig is a simulator behind TLS, a clock and a browser.
type rig struct {
	*Simulator
	t       *testing.T
	server  *httptest.Server
	browser *http.Client // keeps cookies, follows no redirect

	adele, nestor, guest, mia *Person

	mu    sync.Mutex
	ahead time.Duration
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	g := &rig{t: t}
	g.adele, g.nestor, g.guest, g.mia = people()
	g.server = httptest.NewUnstartedServer(nil)
	o := Options{
		PublicURL: "https://" + g.server.Listener.Addr().String(),
		Now: func() time.Time {
			g.mu.Lock()
			defer g.mu.Unlock()
			return time.Now().Add(g.ahead)
		},
		App: App{
			ClientID: clientID, Secret: secret, RedirectURIs: []string{callback, goodbye},
			LogoutURL: "https://app.example/auth/frontchannel-logout",
		},
		People: []*Person{g.adele, g.nestor, g.guest, g.mia},
	}
	for _, c := range change {
		c(&o)
	}
	g.Simulator = New(o)
	g.server.Config.Handler = g
	g.server.StartTLS()
	t.Cleanup(g.server.Close)
	g.browser = g.newBrowser()
	return g
}

func (g *rig) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return &http.Client{
		Transport: g.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pass lets time go by for the simulator.
func (g *rig) pass(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead += d
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorizeURL returns a request as an app sends it; pairs set or, with an
// empty value, remove parameters.
func (g *rig) authorizeURL(tenant string, pairs ...string) string {
	q := url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {scopes},
		"state": {"st&te"}, "nonce": {"n-0S6"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return g.server.URL + "/" + tenant + "/oauth2/v2.0/authorize?" + q.Encode()
}

// A reply is an answer read to its end.
type reply struct {
	*http.Response
	body string
}

func (g *rig) read(res *http.Response, err error) reply {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply{res, string(body)}
}

func (g *rig) open(address string) reply { return g.read(g.browser.Get(address)) }

// press presses the button with this value in the page's form.
func (g *rig) press(on reply, name, value string) reply {
	g.t.Helper()
	doc := on.doc(g.t)
	button := doc.Find("form button").FilterFunction(func(_ int, b *goquery.Selection) bool {
		return b.AttrOr("name", "") == name && b.AttrOr("value", "") == value
	})
	if button.Length() != 1 {
		g.t.Fatalf("the page has %d buttons %s=%s:\n%s", button.Length(), name, value, on.body)
	}
	form := button.Closest("form")
	v := url.Values{name: {value}}
	form.Find("input").Each(func(_ int, in *goquery.Selection) { v.Add(in.AttrOr("name", ""), in.AttrOr("value", "")) })
	action, err := on.Request.URL.Parse(form.AttrOr("action", ""))
	if err != nil {
		g.t.Fatal(err)
	}
	return g.read(g.browser.PostForm(action.String(), v))
}

func (r reply) doc(t *testing.T) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// toApp returns the parameters of a redirect to the app.
func (r reply) toApp(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(u.String(), callback) {
		t.Fatalf("status %d, Location %q: no redirect to the app\n%s", r.StatusCode, r.Header.Get("Location"), r.body)
	}
	return u.Query()
}

// signIn goes through the pages and returns the code.
func (g *rig) signIn(p *Person, pairs ...string) string {
	g.t.Helper()
	page := g.open(g.authorizeURL(p.TenantID, pairs...))
	if page.doc(g.t).Find("button[name=account]").Length() > 0 {
		page = g.press(page, "account", p.key())
	}
	if page.StatusCode == http.StatusOK {
		page = g.press(page, "action", "accept")
	}
	return page.toApp(g.t).Get("code")
}

// post sends a token request; pairs as with authorizeURL.
func (g *rig) post(tenant string, pairs ...string) (map[string]any, *http.Response) {
	g.t.Helper()
	q := url.Values{"client_id": {clientID}, "client_secret": {secret}, "client_info": {"1"}}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	res := g.read(g.server.Client().PostForm(g.server.URL+"/"+tenant+"/oauth2/v2.0/token", q))
	var body map[string]any
	if err := json.Unmarshal([]byte(res.body), &body); err != nil {
		g.t.Fatalf("%v in %q", err, res.body)
	}
	return body, res.Response
}

func (g *rig) redeem(p *Person, code string, pairs ...string) (map[string]any, *http.Response) {
	g.t.Helper()
	return g.post(p.TenantID, append([]string{
		"grant_type", "authorization_code", "code", code, "code_verifier", verifier, "redirect_uri", callback,
		"scope", "User.Read Calendars.Read openid offline_access profile",
	}, pairs...)...)
}

func (g *rig) refresh(p *Person, token string, pairs ...string) (map[string]any, *http.Response) {
	g.t.Helper()
	return g.post(p.TenantID, append([]string{
		"grant_type", "refresh_token", "refresh_token", token, "scope", "User.Read Calendars.Read openid offline_access profile",
	}, pairs...)...)
}

// tokens signs in and redeems.
func (g *rig) tokens(p *Person, pairs ...string) (access, refresh string) {
	g.t.Helper()
	body, res := g.redeem(p, g.signIn(p, pairs...))
	if res.StatusCode != http.StatusOK {
		g.t.Fatalf("redeeming: %d %v", res.StatusCode, body)
	}
	return body["access_token"].(string), body["refresh_token"].(string)
}

// callGraph sends a Graph request with an access token.
func (g *rig) callGraph(access string) reply {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.server.URL+"/v1.0/me", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+access)
	return g.read(g.server.Client().Do(req))
}

// number returns the AADSTS number of an error answer, 0 for none.
func number(body map[string]any) int {
	list, _ := body["error_codes"].([]any)
	if len(list) == 0 {
		return 0
	}
	return int(list[len(list)-1].(float64))
}
