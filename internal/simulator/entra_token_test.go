package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	body, res := g.redeem(g.guest, g.signIn(g.guest))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", res.StatusCode, body)
	}
	if got, want := res.Header.Get("Cache-Control"), "no-store, no-cache"; got != want {
		t.Errorf("Cache-Control = %q, want %q", got, want)
	}
	if res.Header.Get("x-ms-request-id") == "" || res.Header.Get("x-ms-clitelem") == "" {
		t.Errorf("Entra's own headers are missing: %v", res.Header)
	}
	if got, want := body["scope"], "openid profile email Calendars.Read MailboxSettings.Read User.Read"; got != want {
		t.Errorf("scope = %q, want %q", got, want)
	}
	if got := body["expires_in"].(float64); got < 3599 || got > 5399 {
		t.Errorf("expires_in = %v, want what Entra gives to clients without cp1", got)
	}
	if _, found := body["refresh_in"]; found {
		t.Error("refresh_in is there, want it only with long-lived tokens")
	}
	info, err := base64.RawURLEncoding.DecodeString(body["client_info"].(string))
	if want := `{"uid":"` + g.guest.HomeObjectID + `","utid":"` + contoso + `"}`; err != nil || string(info) != want {
		t.Errorf("client_info = %s (%v), want %s", info, err, want)
	}
	claims := claimsOf(t, body["id_token"].(string))
	for name, want := range map[string]any{
		"iss": g.server.URL + "/" + fabrikam + "/v2.0", "aud": clientID, "tid": fabrikam, "oid": g.guest.ObjectID,
		"nonce": "n-0S6", "ver": "2.0", "preferred_username": g.guest.Username, "idp": "https://sts.windows.net/" + contoso + "/",
		"login_hint": loginHint(g.guest), "sub": pairwise(clientID, g.guest),
	} {
		if claims[name] != want {
			t.Errorf("claim %s = %v, want %v", name, claims[name], want)
		}
	}
	for _, name := range []string{"c_hash", "at_hash", "email"} {
		if _, found := claims[name]; found {
			t.Errorf("claim %s is there, want none", name)
		}
	}
	if claims["sid"] == "" {
		t.Error("no sid claim")
	}
}

func claimsOf(t *testing.T, idToken string) map[string]any {
	t.Helper()
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", idToken)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestCapableClientsGetLongTokens(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	cp1 := `{"access_token":{"xms_cc":{"values":["CP1"]}}}`
	body, _ := g.redeem(g.adele, g.signIn(g.adele, "claims", cp1), "claims", cp1)
	if got, want := body["expires_in"], float64(24*3600); got != want {
		t.Errorf("expires_in = %v, want %v", got, want)
	}
	if got, want := body["refresh_in"], float64(12*3600); got != want {
		t.Errorf("refresh_in = %v, want %v", got, want)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		tenant string
		pairs  []string
		status int
		err    string
		number int
	}{
		{"no secret", contoso, []string{"client_secret", ""}, 401, "invalid_client", 7000218},
		{"wrong secret", contoso, []string{"client_secret", "wrong"}, 401, "invalid_client", 7000215},
		{"other client", contoso, []string{"client_id", "someone-else"}, 400, "unauthorized_client", 700016},
		{"no client", contoso, []string{"client_id", ""}, 400, "invalid_request", 900144},
		{"no grant", contoso, []string{"grant_type", ""}, 400, "invalid_request", 900144},
		{"other grant", contoso, []string{"grant_type", "password"}, 400, "unsupported_grant_type", 70003},
		{"app-only grant", contoso, []string{"grant_type", "client_credentials"}, 400, "invalid_scope", 1002012},
		{"no tenant", "nowhere.example", nil, 400, "invalid_request", 90002},
		{"other tenant", "common", nil, 400, "invalid_grant", 700005},
		{"no code", contoso, []string{"code", ""}, 400, "invalid_request", 900144},
		{"unknown code", contoso, []string{"code", "0.made-up"}, 400, "invalid_grant", 70000},
		{"no verifier", contoso, []string{"code_verifier", ""}, 400, "invalid_grant", 50147},
		{"other verifier", contoso, []string{"code_verifier", strings.Repeat("a", 43)}, 400, "invalid_grant", 501481},
		{"challenge as verifier", contoso, []string{"code_verifier", challengeOf(verifier)}, 400, "invalid_grant", 501481},
		{"other redirect", contoso, []string{"redirect_uri", callback + "/"}, 400, "invalid_grant", 500112},
		{"unknown scope", contoso, []string{"scope", "Mail.Everything"}, 400, "invalid_scope", 70011},
		{"two resources", contoso, []string{"scope", "User.Read https://vault.azure.net/.default"}, 400, "invalid_request", 700022},
		{"no consent", contoso, []string{"scope", "Calendars.Read.Shared"}, 400, "invalid_grant", 65001},
		{"bad assertion", contoso, []string{"client_assertion_type", assertionType, "client_assertion", "a.b.c"}, 401, "invalid_client", 700027},
	}
	guidForm := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	g := newRig(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := g.signIn(g.adele)
			pairs := append([]string{
				"grant_type", "authorization_code", "code", code, "code_verifier", verifier, "redirect_uri", callback, "scope", "User.Read openid",
			}, tt.pairs...)
			body, res := g.post(tt.tenant, pairs...)
			if res.StatusCode != tt.status || body["error"] != tt.err || number(body) != tt.number {
				t.Errorf("answer = %d %v %d, want %d %s %d", res.StatusCode, body["error"], number(body), tt.status, tt.err, tt.number)
			}
			for _, name := range []string{"trace_id", "correlation_id"} {
				if id, _ := body[name].(string); !guidForm.MatchString(id) {
					t.Errorf("%s = %q, want a GUID", name, id)
				}
			}
			if _, err := time.Parse("2006-01-02 15:04:05Z", body["timestamp"].(string)); err != nil {
				t.Error(err)
			}
			if text := body["error_description"].(string); !strings.HasPrefix(text, "AADSTS") || !strings.Contains(text, "Trace ID: ") {
				t.Errorf("error_description = %q", text)
			}
			// What was refused did not use the code up.
			if body, res := g.redeem(g.adele, code); res.StatusCode != http.StatusOK {
				t.Errorf("redeeming afterwards: %d %v", res.StatusCode, body)
			}
		})
	}
}

func TestCodeIsForOneUseAndTenMinutes(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	code := g.signIn(g.adele)
	late := g.signIn(g.adele)
	if body, res := g.redeem(g.adele, code); res.StatusCode != http.StatusOK {
		t.Fatalf("first use: %d %v", res.StatusCode, body)
	}
	if body, _ := g.redeem(g.adele, code); number(body) != 54005 || body["error_codes"].([]any)[0] != 70002.0 {
		t.Errorf("second use: error_codes = %v, want [70002 54005]", body["error_codes"])
	}
	g.pass(10 * time.Minute)
	if body, _ := g.redeem(g.adele, late); number(body) != 70008 {
		t.Errorf("after ten minutes: %v, want 70008", body)
	}
	if got, want := g.Grants(), (Grants{Codes: 1}); got != want {
		t.Errorf("Grants() = %+v, want %+v", got, want)
	}
}

func TestAccessTokenExpires(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.SetTokenLifetime(10 * time.Minute)
	access, _ := g.tokens(g.adele)
	g.pass(10*time.Minute - time.Second - time.Second)
	if res := g.callGraph(access); res.StatusCode != http.StatusOK {
		t.Errorf("just before: %d %s", res.StatusCode, res.body)
	}
	g.pass(2 * time.Second)
	if res := g.callGraph(access); res.StatusCode != http.StatusUnauthorized || strings.Contains(res.Header.Get("WWW-Authenticate"), "claims") {
		t.Errorf("just after: %d %v, want 401 without claims", res.StatusCode, res.Header)
	}
}

func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	_, first := g.tokens(g.adele)
	body, _ := g.refresh(g.adele, first)
	second := body["refresh_token"].(string)
	if claims := claimsOf(t, body["id_token"].(string)); claims["nonce"] != nil || claims["oid"] != g.adele.ObjectID {
		t.Errorf("ID token of a refresh = %v, want no nonce and the same person", claims)
	}
	// Another tenant path is as good, and so is a token that was used before.
	if body, res := g.post("common", "grant_type", "refresh_token", "refresh_token", first); res.StatusCode != http.StatusOK {
		t.Errorf("using the first again: %d %v", res.StatusCode, body)
	}
	if body, _ := g.refresh(g.adele, "rt.1.made-up"); number(body) != 70000 {
		t.Errorf("unknown token: %v, want 70000", body)
	}
	g.pass(90 * 24 * time.Hour)
	if body, _ := g.refresh(g.adele, second); number(body) != 700082 || body["suberror"] != "bad_token" {
		t.Errorf("after 90 days: %v, want 700082 bad_token", body)
	}
	if got, want := g.Grants(), (Grants{Codes: 1, Refreshes: 2}); got != want {
		t.Errorf("Grants() = %+v, want %+v", got, want)
	}
}

func TestStrictRefreshTokensWorkOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.SetStrict(true)
	_, first := g.tokens(g.adele)
	_, bystander := g.tokens(g.adele)
	body, _ := g.refresh(g.adele, first)
	second, access := body["refresh_token"].(string), body["access_token"].(string)
	if body, _ := g.refresh(g.adele, first); number(body) != 50173 || body["error"] != "invalid_grant" {
		t.Fatalf("reuse: %v, want invalid_grant 50173", body)
	}
	if body, _ := g.refresh(g.adele, second); number(body) != 50173 {
		t.Errorf("the newest token after a reuse: %v, want 50173", body)
	}
	if res := g.callGraph(access); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("access token after a reuse: %d, want 401", res.StatusCode)
	}
	if body, res := g.refresh(g.adele, bystander); res.StatusCode != http.StatusOK {
		t.Errorf("another sign-in of the same person: %v, want it to go on", body)
	}
	if got, want := g.Grants(), (Grants{Codes: 2, Refreshes: 2, Reused: 1}); got != want {
		t.Errorf("Grants() = %+v, want %+v", got, want)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	access, refresh := g.tokens(g.adele)
	other, _ := g.tokens(g.guest)

	g.RevokeAccess(g.adele)
	if res := g.callGraph(access); res.StatusCode != http.StatusUnauthorized || strings.Contains(res.Header.Get("WWW-Authenticate"), "claims=") {
		t.Errorf("revoked access token: %d %q, want a plain 401", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	body, _ := g.refresh(g.adele, refresh)
	if res := g.callGraph(body["access_token"].(string)); res.StatusCode != http.StatusOK {
		t.Errorf("refreshed access token: %d, want 200", res.StatusCode)
	}

	g.Revoke(g.adele)
	if body, _ := g.refresh(g.adele, refresh); number(body) != 50173 || body["suberror"] != "bad_token" {
		t.Errorf("refresh after Revoke: %v, want 50173 bad_token", body)
	}
	if page := g.open(g.authorizeURL(contoso)); page.StatusCode != http.StatusOK {
		t.Errorf("sign-in after Revoke was silent")
	}
	if res := g.callGraph(other); res.StatusCode != http.StatusOK {
		t.Errorf("another person's token: %d, want 200", res.StatusCode)
	}

	g.Withdraw(g.guest)
	_, refresh = g.tokens(g.guest) // agrees again on the way
	g.Withdraw(g.guest)
	if body, _ := g.refresh(g.guest, refresh); number(body) != 65001 || body["suberror"] != "consent_required" {
		t.Errorf("refresh after Withdraw: %v, want 65001 consent_required", body)
	}
}

func TestAnswerRefreshForAnotherPerson(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	_, refresh := g.tokens(g.adele)
	g.AnswerRefreshFor(g.guest)
	body, _ := g.refresh(g.adele, refresh)
	if got := claimsOf(t, body["id_token"].(string))["oid"]; got != g.guest.ObjectID {
		t.Errorf("oid = %v, want the other person's", got)
	}
	g.AnswerRefreshFor(nil)
	body, _ = g.refresh(g.adele, refresh)
	if got := claimsOf(t, body["id_token"].(string))["oid"]; got != g.adele.ObjectID {
		t.Errorf("oid = %v, want the person's own again", got)
	}
}

// The challenge of continuous access evaluation: refreshing does not answer
// it, signing in with its claims does.
func TestChallenge(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	cp1 := `{"access_token":{"xms_cc":{"values":["cp1"]}}}`
	access, refresh := g.tokens(g.adele, "claims", cp1)
	plain, _ := g.tokens(g.adele)
	g.Challenge(g.adele)

	if res := g.callGraph(plain); res.StatusCode != http.StatusUnauthorized || strings.Contains(res.Header.Get("WWW-Authenticate"), "claims=") {
		t.Errorf("client without cp1: %d %q, want a plain 401", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	body, _ := g.refresh(g.adele, refresh, "claims", cp1)
	var asked string
	for _, token := range []string{access, body["access_token"].(string)} {
		res := g.callGraph(token)
		header := res.Header.Get("WWW-Authenticate")
		found := regexp.MustCompile(`error="insufficient_claims", claims="([A-Za-z0-9+/=]+)"`).FindStringSubmatch(header)
		if res.StatusCode != http.StatusUnauthorized || found == nil {
			t.Fatalf("answer = %d %q, want a claims challenge", res.StatusCode, header)
		}
		decoded, err := base64.StdEncoding.DecodeString(found[1])
		if err != nil {
			t.Fatal(err)
		}
		asked = string(decoded)
	}
	if page := g.open(g.authorizeURL(contoso, "prompt", "none", "claims", asked)); page.toApp(t).Get("error") != "login_required" {
		t.Errorf("silent sign-in after the challenge: %v, want login_required", page.toApp(t))
	}
	access, _ = g.tokens(g.adele, "claims", asked, "login_hint", g.adele.Username)
	if res := g.callGraph(access); res.StatusCode != http.StatusOK {
		t.Errorf("after signing in with the claims: %d %s", res.StatusCode, res.body)
	}
}
