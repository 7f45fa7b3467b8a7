package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSignInPages(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	page := g.open(g.authorizeURL("common", "client_info", "1"))
	if got, want := page.doc(t).Find("button[name=account]").Length(), 4; got != want {
		t.Fatalf("the picker shows %d people, want %d", got, want)
	}
	if !strings.Contains(page.body, "Simulated Microsoft sign-in") || !strings.Contains(page.body, g.adele.Note) {
		t.Error("the picker lacks its label or the people's notes")
	}
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(page.body, "<style") || strings.Contains(page.body, " style=") {
		t.Errorf("policy %q or inline style", policy)
	}
	if css := g.open(g.server.URL + page.doc(t).Find("link[rel=stylesheet]").AttrOr("href", "")); css.StatusCode != http.StatusOK ||
		!strings.HasPrefix(css.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d %s", css.StatusCode, css.Header.Get("Content-Type"))
	}

	back := g.press(page, "account", g.adele.key())
	if back.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d, want 303 after a POST", back.StatusCode)
	}
	got := back.toApp(t)
	if got.Get("state") != "st&te" || got.Get("code") == "" || got.Get("session_state") == "" || got.Get("client_info") != clientInfo(g.adele) {
		t.Errorf("redirect to the app = %v", got)
	}
	for _, cookie := range back.Cookies() {
		if !cookie.HttpOnly || !cookie.Secure || cookie.Path != "/" {
			t.Errorf("cookie = %v, want HttpOnly, Secure, Path=/", cookie)
		}
	}

	// The second sign-in is silent and belongs to the same session.
	again := g.open(g.authorizeURL("common")).toApp(t)
	if again.Get("session_state") != got.Get("session_state") || again.Get("code") == got.Get("code") {
		t.Errorf("second sign-in = %v, want a new code of the same session", again)
	}
	first, _ := g.post("common", "grant_type", "authorization_code", "code", again.Get("code"), "code_verifier", verifier, "redirect_uri", callback)
	if sid := claimsOf(t, first["id_token"].(string))["sid"]; sid != got.Get("session_state") {
		t.Errorf("sid = %v, want %v", sid, got.Get("session_state"))
	}
	// Another browser knows nothing of it.
	g.browser = g.newBrowser()
	if page := g.open(g.authorizeURL("common")); page.StatusCode != http.StatusOK {
		t.Error("another browser was signed in silently")
	}
}

// What the authorize endpoint answers to a browser where some are signed in:
// a page's title, "code" or an error code.
func TestAuthorizeDecides(t *testing.T) {
	t.Parallel()
	const picker = "Pick an account"
	adele, _, guest, _ := people()
	tests := []struct {
		name   string
		signed []string // object ids of who is signed in
		tenant string
		pairs  []string
		want   string
	}{
		{"nobody", nil, contoso, nil, picker},
		{"one", []string{adele.ObjectID}, contoso, nil, "code"},
		{"one of another tenant", []string{guest.ObjectID}, contoso, nil, picker},
		{"two", []string{adele.ObjectID, guest.ObjectID}, "common", nil, picker},
		{"two with hint", []string{adele.ObjectID, guest.ObjectID}, "common", []string{"login_hint", adele.Username}, "code"},
		{"two with opaque hint", []string{adele.ObjectID, guest.ObjectID}, "common", []string{"login_hint", loginHint(guest)}, "code"},
		{"hint of somebody else", []string{adele.ObjectID}, "common", []string{"login_hint", guest.Username}, picker},
		{"none, nobody", nil, contoso, []string{"prompt", "none"}, "login_required"},
		{"none, one", []string{adele.ObjectID}, contoso, []string{"prompt", "none"}, "code"},
		{"none, two", []string{adele.ObjectID, guest.ObjectID}, "common", []string{"prompt", "none"}, "login_required"},
		{"none, two with hint", []string{adele.ObjectID, guest.ObjectID}, "common", []string{"prompt", "none", "login_hint", adele.Username}, "code"},
		{"none, consent missing", []string{adele.ObjectID}, contoso, []string{"prompt", "none", "scope", "openid Calendars.Read.Shared"}, "consent_required"},
		{"login", []string{adele.ObjectID}, contoso, []string{"prompt", "login"}, picker},
		{"select_account", []string{adele.ObjectID}, contoso, []string{"prompt", "select_account"}, picker},
		{"consent", []string{adele.ObjectID}, contoso, []string{"prompt", "consent"}, "Permissions requested"},
		{"more permissions", []string{adele.ObjectID}, contoso, []string{"scope", "openid Calendars.Read.Shared"}, "Permissions requested"},
		{"administrator's permission", []string{adele.ObjectID}, contoso, []string{"scope", "openid User.Read.All"}, "Need admin approval"},
		{"select_account with hint", nil, contoso, []string{"prompt", "select_account", "login_hint", adele.Username}, "invalid_request"},
		{"unknown prompt", nil, contoso, []string{"prompt", "later"}, "invalid_request"},
		{"no scope", nil, contoso, []string{"scope", ""}, "invalid_request"},
		{"unknown scope", nil, contoso, []string{"scope", "openid Nothing.Read"}, "invalid_scope"},
		{"implicit flow", nil, contoso, []string{"response_type", "token"}, "unsupported_response_type"},
		{"plain PKCE", nil, contoso, []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"claims no JSON", nil, contoso, []string{"claims", "{"}, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			for _, p := range g.options.People {
				for _, id := range tt.signed {
					if p.ObjectID == id {
						g.press(g.open(g.authorizeURL("common", "prompt", "login")), "account", p.key())
					}
				}
			}
			page := g.open(g.authorizeURL(tt.tenant, tt.pairs...))
			got := page.doc(t).Find("h1").Text()
			if page.StatusCode != http.StatusOK {
				v := page.toApp(t)
				if v.Get("state") != "st&te" {
					t.Errorf("state = %q, want what was sent", v.Get("state"))
				}
				if got = v.Get("error"); v.Has("code") {
					got = "code"
				} else if text := v.Get("error_description"); !strings.HasPrefix(text, "AADSTS") || !strings.Contains(text, "\r\nTrace ID: ") {
					t.Errorf("error_description = %q", text)
				}
			}
			if got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
		})
	}
}

// Requests that must not lead the browser anywhere.
func TestAuthorizeErrorPages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tenant string
		pairs        []string
		want         string
	}{
		{"redirect with a slash more", contoso, []string{"redirect_uri", callback + "/"}, "AADSTS50011"},
		{"no redirect", contoso, []string{"redirect_uri", ""}, "AADSTS50011"},
		{"other client", contoso, []string{"client_id", "someone-else"}, "AADSTS700016"},
		{"unknown tenant", "nowhere.example", nil, "AADSTS90002"},
	}
	g := newRig(t)
	for _, tt := range tests {
		page := g.open(g.authorizeURL(tt.tenant, tt.pairs...))
		if page.StatusCode != http.StatusBadRequest || page.Header.Get("Location") != "" || !strings.Contains(page.body, tt.want+":") {
			t.Errorf("%s: %d, Location %q, want a page with %s\n%s", tt.name, page.StatusCode, page.Header.Get("Location"), tt.want, page.body)
		}
	}
	// A person of another organisation, forced into the form.
	address := g.authorizeURL(contoso)
	page := g.read(g.browser.PostForm(address, url.Values{"account": {g.guest.key()}}))
	if page.StatusCode != http.StatusBadRequest || !strings.Contains(page.body, "AADSTS50020:") {
		t.Errorf("person of another organisation: %d, want a page with AADSTS50020", page.StatusCode)
	}
	if page := g.open(g.server.URL + "/error?code=65004"); !strings.Contains(page.body, "AADSTS65004:") {
		t.Errorf("error_uri leads to %d", page.StatusCode)
	}
	if page := g.open(g.server.URL + "/error?code=<script>"); page.StatusCode != http.StatusNotFound {
		t.Errorf("made-up error number: %d, want 404", page.StatusCode)
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	page := g.press(g.open(g.authorizeURL(contoso)), "account", g.nestor.key())
	if !strings.Contains(page.body, "Read your calendars") || !strings.Contains(page.body, "Maintain access to data") {
		t.Fatalf("no consent page:\n%s", page.body)
	}
	v := g.press(page, "action", "cancel").toApp(t)
	if v.Get("error") != "access_denied" || !strings.HasPrefix(v.Get("error_description"), "AADSTS65004:") || v.Get("state") != "st&te" {
		t.Errorf("after cancel: %v, want access_denied AADSTS65004", v)
	}
	// Saying no changes nothing: the next attempt asks again.
	if v := g.press(g.open(g.authorizeURL(contoso)), "action", "accept").toApp(t); v.Get("code") == "" {
		t.Errorf("after accept: %v, want a code", v)
	}
	if v := g.open(g.authorizeURL(contoso)).toApp(t); v.Get("code") == "" {
		t.Errorf("once accepted: %v, want a code without a question", v)
	}
	// Nobody agrees for a person who is not signed in here.
	g.browser = g.newBrowser()
	g.Withdraw(g.nestor)
	page = g.read(g.browser.PostForm(g.authorizeURL(contoso), url.Values{"account": {g.nestor.key()}, "action": {"accept"}}))
	if page.StatusCode != http.StatusOK || page.doc(t).Find("h1").Text() != "Pick an account" {
		t.Errorf("accepting without a session: %d %s", page.StatusCode, page.Header.Get("Location"))
	}
	// Nor for what only an administrator can grant.
	page = g.open(g.authorizeURL(contoso, "scope", "openid Directory.Read.All"))
	page = g.press(page, "account", g.adele.key())
	if v := g.press(page, "action", "cancel").toApp(t); v.Get("error") != "access_denied" || !strings.HasPrefix(v.Get("error_description"), "AADSTS90094:") {
		t.Errorf("administrator's permission: %v, want AADSTS90094", v)
	}
	page = g.read(g.browser.PostForm(g.authorizeURL(contoso, "scope", "openid Directory.Read.All"), url.Values{"account": {g.adele.key()}, "action": {"accept"}}))
	if page.StatusCode != http.StatusOK {
		t.Errorf("accepting in an administrator's place: %d %s", page.StatusCode, page.Header.Get("Location"))
	}
}

func TestCrossSiteFormIsRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.authorizeURL(contoso), strings.NewReader("account="+g.adele.key()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := g.read(g.browser.Do(req)); res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", res.StatusCode)
	}
}

func TestResponseModes(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.signIn(g.adele)
	if location := g.open(g.authorizeURL(contoso, "response_mode", "fragment")).Header.Get("Location"); !strings.HasPrefix(location, callback+"#code=") {
		t.Errorf("fragment: Location %q", location)
	}
	doc := g.open(g.authorizeURL(contoso, "response_mode", "form_post")).doc(t)
	form := doc.Find("form")
	if form.AttrOr("action", "") != callback || form.Find("input[name=code]").Length() != 1 || form.Find("input[name=state]").AttrOr("value", "") != "st&te" {
		t.Error("form_post: no form with code and state for the app")
	}
}

func TestBrowserSessionEnds(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.signIn(g.adele)
	g.pass(browserLife)
	if page := g.open(g.authorizeURL(contoso)); page.StatusCode != http.StatusOK {
		t.Error("a day later the sign-in was silent")
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	tests := []struct{ tenant, issuer string }{
		{contoso, contoso}, {"contoso.example", contoso}, {"common", "{tenantid}"}, {"organizations", "{tenantid}"}, {"consumers", consumers},
	}
	for _, tt := range tests {
		page := g.open(g.server.URL + "/" + tt.tenant + "/v2.0/.well-known/openid-configuration")
		if want := `"issuer":"` + g.server.URL + "/" + tt.issuer + `/v2.0"`; !strings.Contains(page.body, want) {
			t.Errorf("%s: want %s in %s", tt.tenant, want, page.body)
		}
		for _, absent := range []string{"revocation_endpoint", "backchannel", "code_challenge_methods", "check_session"} {
			if strings.Contains(page.body, absent) {
				t.Errorf("%s: the document has %s, which Entra's has not", tt.tenant, absent)
			}
		}
		if got, want := page.Header.Get("Cache-Control"), "max-age=86400, private"; got != want {
			t.Errorf("%s: Cache-Control = %q, want %q", tt.tenant, got, want)
		}
	}
	if page := g.open(g.server.URL + "/nowhere.example/v2.0/.well-known/openid-configuration"); page.StatusCode != http.StatusBadRequest {
		t.Errorf("unknown tenant: %d, want 400", page.StatusCode)
	}
	ask := g.server.URL + "/common/discovery/instance?api-version=1.1&authorization_endpoint="
	if page := g.open(ask + url.QueryEscape(g.server.URL+"/common/oauth2/v2.0/authorize")); !strings.Contains(page.body, `"tenant_discovery_endpoint":"`+g.server.URL+`/common/v2.0/.well-known/openid-configuration"`) {
		t.Errorf("instance discovery: %s", page.body)
	}
	if page := g.open(ask + url.QueryEscape("https://login.evil.example/common")); page.StatusCode != http.StatusBadRequest || !strings.Contains(page.body, "invalid_instance") {
		t.Errorf("unknown instance: %d %s", page.StatusCode, page.body)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	end := func(pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return g.server.URL + "/" + contoso + "/oauth2/v2.0/logout?" + q.Encode()
	}
	signedIn := func() bool { return g.open(g.authorizeURL(contoso)).StatusCode == http.StatusFound }
	body, _ := g.redeem(g.adele, g.signIn(g.adele))
	claims := claimsOf(t, body["id_token"].(string))

	// Without a hint Microsoft asks, even if only one is signed in.
	page := g.open(end("post_logout_redirect_uri", goodbye, "state", "x&y"))
	if page.StatusCode != http.StatusOK || !signedIn() {
		t.Fatalf("without a hint: %d, want a question and nobody signed out", page.StatusCode)
	}
	page = g.press(page, "account", g.adele.key())
	frame := page.doc(t).Find("iframe").AttrOr("src", "")
	if want := "https://app.example/auth/frontchannel-logout?sid=" + claims["sid"].(string); frame != want {
		t.Errorf("front-channel logout = %q, want %q", frame, want)
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-src 'self' https://app.example") {
		t.Errorf("the policy does not allow the frame: %q", policy)
	}
	if got, want := page.Header.Get("Refresh"), "1; url="+goodbye+"?state=x%26y"; got != want {
		t.Errorf("Refresh = %q, want %q", got, want)
	}
	if got, want := page.doc(t).Find("main a").AttrOr("href", ""), goodbye+"?state=x%26y"; got != want {
		t.Errorf("link = %q, want %q", got, want)
	}
	if signedIn() {
		t.Fatal("still signed in")
	}

	// With a hint nothing is asked; the address must be registered.
	for name, hint := range map[string][2]string{
		"logout_hint":   {"logout_hint", claims["login_hint"].(string)},
		"id_token_hint": {"id_token_hint", ""},
	} {
		body, _ := g.redeem(g.adele, g.signIn(g.adele))
		if name == "id_token_hint" {
			hint[1] = body["id_token"].(string)
		}
		page := g.open(end(hint[0], hint[1], "post_logout_redirect_uri", "https://evil.example/"))
		if page.doc(t).Find("iframe").Length() != 1 || page.Header.Get("Refresh") != "" || strings.Contains(page.body, "evil.example") {
			t.Errorf("%s: no sign-out page of its own:\n%s", name, page.body)
		}
		if signedIn() {
			t.Errorf("%s: still signed in", name)
		}
	}
	// With nobody signed in the browser goes straight back.
	if page := g.open(end("post_logout_redirect_uri", goodbye)); page.StatusCode != http.StatusSeeOther || page.Header.Get("Location") != goodbye {
		t.Errorf("nobody signed in: %d to %q", page.StatusCode, page.Header.Get("Location"))
	}
	// Sign-out leaves the app's tokens alone, as at Microsoft.
	if res := g.callGraph(body["access_token"].(string)); res.StatusCode != http.StatusOK {
		t.Errorf("access token after sign-out: %d, want 200", res.StatusCode)
	}
}

func TestProblemsTable(t *testing.T) {
	t.Parallel()
	for n, p := range problems {
		e := OAuthError{AADSTS: n}.complete()
		if p.code == "" || p.text == "" || e.Code != p.code {
			t.Errorf("AADSTS%d: %+v is not complete", n, p)
		}
	}
	if got, want := (OAuthError{AADSTS: 50173, Code: "interaction_required", Suberror: "basic_action", Status: 401}).complete(),
		(OAuthError{AADSTS: 50173, Code: "interaction_required", Suberror: "basic_action", Status: 401}); got != want {
		t.Errorf("complete() = %+v, want what was given to stay", got)
	}
}

func TestShelfIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newShelf[int, int](100)
	for i := range 10_000 {
		s.put(now, i, i, time.Hour)
		if i%2 == 0 {
			s.remove(i)
		}
		if len(s.items) > 100 || len(s.order) > 200 {
			t.Fatalf("after %d: %d items, %d in order", i, len(s.items), len(s.order))
		}
	}
	if _, expired, found := s.find(now, 9_999); !found || expired {
		t.Error("the newest is gone")
	}
	if _, _, found := s.find(now, 1); found {
		t.Error("the oldest is still there")
	}
	if _, expired, _ := s.find(now.Add(time.Hour), 9_999); !expired {
		t.Error("still valid after its time")
	}
	s.put(now.Add(time.Hour), 10_000, 0, time.Hour)
	if len(s.items) != 1 {
		t.Errorf("%d items, want the expired ones swept", len(s.items))
	}
}
