package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// verifierForm is what a PKCE verifier looks like (RFC 7636, section 4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// token is the token endpoint.
func (s *Simulator) token(w http.ResponseWriter, r *http.Request) {
	t, found := s.tenant(r.PathValue("tenant"))
	if !found {
		s.tokenError(w, r, aadsts(90002))
		return
	}
	if e := s.refuseClient(r); e != nil {
		s.tokenError(w, r, *e)
		return
	}
	var reply map[string]any
	var number int
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		reply, number = s.redeem(r, t)
	case "refresh_token":
		reply, number = s.renew(r)
	case "client_credentials":
		number = 1002012
	case "":
		number = 900144
	default:
		number = 70003
	}
	if number != 0 {
		s.tokenError(w, r, aadsts(number))
		return
	}
	s.tokenHeaders(w, r)
	w.Header().Set("x-ms-clitelem", "1,0,0,,")
	writeJSON(w, http.StatusOK, reply)
}

// redeem answers a code, or returns the number of what is wrong with it.
func (s *Simulator) redeem(r *http.Request, t tenant) (map[string]any, int) {
	e, form := s.entra, r.PostForm
	e.mu.Lock()
	defer e.mu.Unlock()
	if form.Get("code") == "" {
		return nil, 900144
	}
	c, expired, found := e.codes.find(e.now(), form.Get("code"))
	switch {
	case !found:
		return nil, 70000
	case c.used:
		return nil, 54005
	case expired:
		return nil, 70008
	case c.tenant != t.path:
		return nil, 700005
	case form.Get("redirect_uri") != c.redirectURI:
		return nil, 500112
	}
	if number := checkVerifier(c.challenge, form.Get("code_verifier")); number != 0 {
		return nil, number
	}
	reply, number := s.issue(r, c.grant, c.nonce)
	if number == 0 {
		c.used = true
		e.tally.Codes++
	}
	return reply, number
}

// checkVerifier proves that who redeems a code also asked for it (RFC 7636,
// section 4.6). A verifier without a challenge is refused, since that is how a
// stripped challenge would show (RFC 9700, section 2.1.1).
func checkVerifier(challenge, verifier string) int {
	if challenge == "" && verifier == "" {
		return 0
	}
	if !verifierForm.MatchString(verifier) {
		return 50147
	}
	sum := sha256.Sum256([]byte(verifier))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
		return 501481
	}
	return 0
}

// renew answers a refresh token, or returns the number of what is wrong.
func (s *Simulator) renew(r *http.Request) (map[string]any, int) {
	e, form := s.entra, r.PostForm
	e.mu.Lock()
	defer e.mu.Unlock()
	if form.Get("refresh_token") == "" {
		return nil, 900144
	}
	t, expired, found := e.refresh.find(e.now(), digestOf(form.Get("refresh_token")))
	switch {
	case !found:
		return nil, 70000
	case expired:
		return nil, 700082
	case e.rules.strict && t.used:
		t.grant.revoked = true
		e.tally.Reused++
		return nil, 50173
	case t.revoked || t.grant.revoked:
		return nil, 50173
	}
	g := t.grant
	if e.rules.other != nil {
		g = &grant{person: e.rules.other, sid: guid(), cae: g.cae, answered: g.answered, authTime: g.authTime, scopes: g.scopes}
	}
	reply, number := s.issue(r, g, "")
	if number == 0 {
		t.used = true
		e.tally.Refreshes++
	}
	return reply, number
}

// issue makes the answer with tokens for a grant; e.mu is held. The number
// says what is wrong with the scopes.
func (s *Simulator) issue(r *http.Request, g *grant, nonce string) (map[string]any, int) {
	e := s.entra
	asked := g.scopes
	if r.PostForm.Has("scope") {
		asked = strings.Fields(r.PostForm.Get("scope"))
	}
	want, number := sortScopes(asked)
	if number != 0 {
		return nil, number
	}
	st := e.of(g.person)
	for _, name := range want.graph {
		if !st.consented[strings.ToLower(name)] {
			return nil, 65001
		}
	}
	if claims := parseClaims(r.PostForm.Get("claims")); claims.cae {
		g.cae = true
	}
	life := e.rules.life
	if life == 0 {
		life = plainLife
		if g.cae {
			life = caeLife
		}
	}
	granted := st.granted()
	access := e.newAccess(g, granted, life)
	seconds := int(life / time.Second)
	reply := map[string]any{
		"token_type": "Bearer", "scope": want.scope(granted),
		"expires_in": seconds, "ext_expires_in": seconds, "access_token": access,
	}
	if life >= 2*time.Hour {
		reply["refresh_in"] = seconds / 2
	}
	if slices.Contains(want.oidc, "offline_access") {
		reply["refresh_token"] = e.newRefresh(g)
	}
	if r.PostForm.Get("client_info") == "1" {
		reply["client_info"] = clientInfo(g.person)
	}
	if slices.Contains(want.oidc, "openid") {
		draft := s.idToken(g, want.oidc, nonce)
		draft.Grant, draft.Answer = r.PostForm.Get("grant_type"), reply
		if e.rules.tamper != nil {
			e.rules.tamper(draft)
		}
		if instead, replaced := reply["id_token"]; !replaced {
			reply["id_token"] = s.encode(draft)
		} else if instead == nil {
			delete(reply, "id_token")
		}
	}
	return reply, 0
}
