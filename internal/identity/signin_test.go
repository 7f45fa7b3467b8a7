package identity

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func problem(err error) Problem {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem
	}
	return 0
}

func TestBegin(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	link, a, err := p.Begin(t.Context(), Request{
		ReturnTo: "/calendar/week/2026-01-05", LoginHint: "alice@contoso.example", Shared: true,
		Claims: `{"access_token":{"nbf":{"essential":true,"value":"1657834417"}}}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": testClient, "response_type": "code", "response_mode": "query", "redirect_uri": testRedirect,
		"scope": "openid profile email offline_access User.Read Calendars.Read MailboxSettings.Read Calendars.Read.Shared",
		"state": a.State, "nonce": a.Nonce, "code_challenge_method": "S256", "login_hint": "alice@contoso.example", "prompt": "",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if c := q.Get("claims"); !strings.Contains(c, "1657834417") || !strings.Contains(c, `"cp1"`) {
		t.Errorf("claims = %s, want the challenge and cp1", c)
	}
	if n := len(a.Verifier); n < 43 || n > 128 || strings.Trim(a.Verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" {
		t.Errorf("verifier %q does not fit RFC 7636, section 4.1", a.Verifier)
	}
	if a.ReturnTo != "/calendar/week/2026-01-05" || !a.Shared || a.Started.IsZero() {
		t.Errorf("attempt = %+v", a)
	}

	seen := map[string]bool{}
	for range 1000 {
		_, a, err := p.Begin(t.Context(), Request{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{a.State, a.Nonce, a.Verifier} {
			if seen[s] || len(s) < 43 {
				t.Fatalf("%q repeats or is short", s)
			}
			seen[s] = true
		}
	}
	if n := i.count("openid-configuration"); n != 1 {
		t.Errorf("discovery requests = %d, want 1", n)
	}
}

func TestBeginPrompt(t *testing.T) {
	t.Parallel()
	p := newIDP().provider(t)
	link, _, err := p.Begin(t.Context(), Request{Prompt: "select_account", LoginHint: "a@b"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	if q := u.Query(); q.Get("prompt") != "select_account" || q.Has("login_hint") {
		t.Errorf("query = %v, want the prompt and no hint", q)
	}
	for _, r := range []Request{{Prompt: "quickly"}, {Claims: "x"}, {Claims: `{"access_token":1}`}, {Claims: "null"}, {Claims: `{"a":"` + strings.Repeat("x", 5000) + `"}`}} {
		if _, _, err := p.Begin(t.Context(), r); problem(err) != Rejected {
			t.Errorf("Begin(%.40v) = %v, want Rejected", r, err)
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	in, err := i.signIn(t, p, alice, Request{})
	if err != nil {
		t.Fatal(err)
	}
	a := in.Account
	if a.ObjectID != alice.oid || a.TenantID != alice.tid || a.Name != "Alice" || a.Username != "alice@contoso.example" ||
		a.LoginHint != "hint-Alice" || a.SessionID != "sid-Alice" || a.Key() != alice.tid+"."+alice.oid {
		t.Errorf("account = %+v", a)
	}
	form := i.lastGrant()
	if form.Get("scope") != "User.Read Calendars.Read MailboxSettings.Read openid offline_access profile" || form.Get("client_secret") != testSecret {
		t.Errorf("token request = %v", form)
	}
	s := newStore("s", in.Tokens)
	token, err := p.Token(t.Context(), a, s, TokenOptions{})
	if err != nil || token == "" {
		t.Fatalf("Token() = %q, %v", token, err)
	}
	if n := i.count("token"); n != 1 {
		t.Errorf("token requests = %d, want 1: the cache holds a good one", n)
	}
	link, err := p.EndSession(t.Context(), a, "https://daybook.example/")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(link)
	if q := u.Query(); q.Get("post_logout_redirect_uri") != "https://daybook.example/" || q.Get("logout_hint") != "hint-Alice" {
		t.Errorf("EndSession() = %s", link)
	}
	if got, want := p.FormAction(), testOrigin; got != want {
		t.Errorf("FormAction() = %q, want %q", got, want)
	}
	if link, _ := p.EndSession(t.Context(), Account{}, "https://daybook.example/"); strings.Contains(link, "logout_hint") {
		t.Errorf("EndSession without a hint = %s", link)
	}
}

func TestCallback(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(url.Values)
		want   Problem
		tokens int
	}{
		{"iss absent", func(url.Values) {}, 0, 1},
		{"iss right", func(q url.Values) { q.Set("iss", testOrigin+"/"+testTenant+"/v2.0") }, 0, 1},
		{"iss wrong", func(q url.Values) { q.Set("iss", testOrigin+"/"+otherTenant+"/v2.0") }, Rejected, 0},
		{"iss empty", func(q url.Values) { q.Set("iss", "") }, Rejected, 0},
		{"state wrong", func(q url.Values) { q.Set("state", "x") }, Rejected, 0},
		{"state missing", func(q url.Values) { q.Del("state") }, Rejected, 0},
		{"state twice", func(q url.Values) { q.Add("state", q.Get("state")) }, Rejected, 0},
		{"code twice", func(q url.Values) { q.Add("code", "x") }, Rejected, 0},
		{"code missing", func(q url.Values) { q.Del("code") }, Rejected, 0},
		{"code unknown", func(q url.Values) { q.Set("code", "x") }, SignIn, 1},
		{"declined", func(q url.Values) { q.Set("error", "access_denied") }, Declined, 0},
		{"error with wrong state", func(q url.Values) { q.Set("error", "access_denied"); q.Set("state", "x") }, Rejected, 0},
		{"login required", func(q url.Values) { q.Set("error", "login_required") }, SignIn, 0},
		{"interaction required", func(q url.Values) { q.Set("error", "interaction_required") }, SignIn, 0},
		{"consent required", func(q url.Values) { q.Set("error", "consent_required") }, Consent, 0},
		{"server error", func(q url.Values) { q.Set("error", "server_error") }, Unavailable, 0},
		{"unknown error", func(q url.Values) { q.Set("error", "<b>canary</b>") }, Unavailable, 0},
		{"misconfigured", func(q url.Values) { q.Set("error", "unauthorized_client") }, Misconfigured, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			p := i.provider(t)
			link, a, err := p.Begin(t.Context(), Request{})
			if err != nil {
				t.Fatal(err)
			}
			q := i.authorize(t, link, alice)
			tt.change(q)
			_, err = p.Finish(t.Context(), a, q)
			if problem(err) != tt.want || tt.want == 0 && err != nil {
				t.Errorf("Finish() = %v, want %v", err, tt.want)
			}
			if n := i.count("token"); n != tt.tokens {
				t.Errorf("token requests = %d, want %d", n, tt.tokens)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells what came: %v", err)
			}
		})
	}
}

func TestCallbackDescription(t *testing.T) {
	t.Parallel()
	p := newIDP().provider(t)
	_, a, err := p.Begin(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Finish(t.Context(), a, url.Values{"state": {a.State}, "error": {"access_denied"},
		"error_description": {"AADSTS65004: canary declined\r\nTrace ID: x"}})
	if got, want := err.Error(), "microsoft sign-in: access_denied AADSTS65004"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
}

// TestVerifierIsTheAttempts: a verifier of another attempt redeems nothing.
func TestVerifierIsTheAttempts(t *testing.T) {
	t.Parallel()
	i := newIDP()
	p := i.provider(t)
	link, a, _ := p.Begin(t.Context(), Request{})
	_, b, _ := p.Begin(t.Context(), Request{})
	a.Verifier = b.Verifier
	if _, err := p.Finish(t.Context(), a, i.authorize(t, link, alice)); problem(err) != SignIn {
		t.Errorf("Finish() = %v, want SignIn", err)
	}
}

func TestDeclinedScope(t *testing.T) {
	t.Parallel()
	i := newIDP()
	i.answer = func(a map[string]any) { a["scope"] = "openid profile User.Read" }
	in, err := i.signIn(t, i.provider(t), alice, Request{})
	if problem(err) != Consent || in.Tokens != nil {
		t.Errorf("Finish() = %v, %v, want Consent and nothing", in, err)
	}
}

func TestSignInFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hook func(http.ResponseWriter)
		want Problem
	}{
		"503":             {func(w http.ResponseWriter) { w.WriteHeader(503) }, Unavailable},
		"invalid_client":  {func(w http.ResponseWriter) { refuse(w, 401, map[string]any{"error": "invalid_client"}) }, Misconfigured},
		"code used":       {func(w http.ResponseWriter) { refuse(w, 400, map[string]any{"error": "invalid_grant"}) }, SignIn},
		"HTML":            {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>canary")) }, Rejected},
		"10 MB":           {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 10<<20)) }, Rejected},
		"connection lost": {func(w http.ResponseWriter) { w.WriteHeader(599) }, Unavailable},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", testOrigin+"/canary")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIDP()
			i.token = func(w http.ResponseWriter, _ *http.Request) bool { tt.hook(w); return true }
			if _, err := i.signIn(t, i.provider(t), alice, Request{}); problem(err) != tt.want {
				t.Errorf("Finish() = %v, want %v", err, tt.want)
			}
			if n := i.count("token"); n != 1 {
				t.Errorf("token requests = %d, want 1: a code is good for one", n)
			}
			if n := i.count("canary"); n != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}
