package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An authorization is a request to the authorize endpoint, checked. Its pages
// keep no state: their forms post to the same URL, and everything is checked
// anew.
type authorization struct {
	tenant tenant
	query  url.Values
	scopes wanted
	claims claims
	prompt string
	hint   string
}

// authorize is the authorize endpoint (OAuth 2.0 authorization code flow).
func (s *Simulator) authorize(w http.ResponseWriter, r *http.Request) {
	s.commonHeaders(w, r)
	w.Header().Set("Cache-Control", "no-store, no-cache")
	a, number := s.checkAuthorization(r)
	switch {
	case number != 0:
		s.authorizeError(w, r, aadsts(number))
	case r.Method == http.MethodPost:
		s.answerPage(w, r, a)
	default:
		s.begin(w, r, a)
	}
}

// checkAuthorization returns the number of what is wrong with a request. Where
// it must not be trusted to lead back is checked first.
func (s *Simulator) checkAuthorization(r *http.Request) (authorization, int) {
	q := r.URL.Query()
	a := authorization{query: q, prompt: q.Get("prompt"), hint: q.Get("login_hint"), claims: parseClaims(q.Get("claims"))}
	var found bool
	if a.tenant, found = s.tenant(r.PathValue("tenant")); !found {
		return a, 90002
	}
	switch {
	case q.Get("client_id") != s.options.App.ClientID:
		return a, 700016
	case !slices.Contains(s.options.App.RedirectURIs, q.Get("redirect_uri")):
		return a, 50011
	case q.Get("response_type") != "code":
		return a, 700051
	case a.claims.bad,
		!slices.Contains([]string{"", "none", "login", "consent", "select_account"}, a.prompt),
		!slices.Contains([]string{"", "query", "fragment", "form_post"}, q.Get("response_mode")),
		a.prompt == "select_account" && a.hint != "",
		q.Has("code_challenge") && (q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43):
		return a, 90023
	}
	var number int
	if a.scopes, number = sortScopes(strings.Fields(q.Get("scope"))); number != 0 {
		return a, number
	}
	return a, 0
}

// begin answers a browser that comes from the app: silently when it can.
func (s *Simulator) begin(w http.ResponseWriter, r *http.Request, a authorization) {
	sessions := s.sessions(r, a.tenant)
	if a.hint != "" {
		sessions = slices.DeleteFunc(sessions, func(one *session) bool { return !hinted(a.hint, one.person) })
	}
	switch {
	case a.prompt == "none" && len(sessions) != 1:
		s.authorizeError(w, r, aadsts(50058))
	case a.prompt == "login", a.prompt == "select_account", len(sessions) != 1:
		s.showPicker(w, r, a)
	case s.consentNeeded(a, sessions[0].person):
		if a.prompt == "none" {
			s.authorizeError(w, r, OAuthError{AADSTS: 65001, Code: "consent_required"}.complete())
			return
		}
		s.showConsent(w, r, a, sessions[0].person)
	default:
		s.sendCode(w, r, a, sessions[0])
	}
}

// answerPage takes what a person chose on one of the pages.
func (s *Simulator) answerPage(w http.ResponseWriter, r *http.Request, a authorization) {
	p := s.person(r.PostForm.Get("account"))
	switch action := r.PostForm.Get("action"); {
	case action == "cancel" && s.adminNeeded(a):
		s.authorizeError(w, r, aadsts(90094))
	case action == "cancel":
		s.authorizeError(w, r, aadsts(65004))
	case p == nil:
		s.showPicker(w, r, a)
	case !a.tenant.admits(p):
		s.authorizeError(w, r, aadsts(50020))
	case action == "accept":
		// Only who has signed in may agree: the page before this one saw to it.
		sessions := s.sessions(r, a.tenant)
		i := slices.IndexFunc(sessions, func(one *session) bool { return one.person == p })
		if i < 0 || s.adminNeeded(a) {
			s.showPicker(w, r, a)
			return
		}
		s.consent(a, p)
		s.sendCode(w, r, a, sessions[i])
	default:
		one := s.signIn(w, r, p)
		if s.consentNeeded(a, p) {
			s.showConsent(w, r, a, p)
			return
		}
		s.sendCode(w, r, a, one)
	}
}

// adminNeeded tells whether only an administrator can agree to the request.
func (s *Simulator) adminNeeded(a authorization) bool {
	return slices.ContainsFunc(a.scopes.graph, func(name string) bool { return restricted[strings.ToLower(name)] })
}

func (s *Simulator) consentNeeded(a authorization, p *Person) bool {
	if a.prompt == "consent" {
		return true
	}
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	st := s.entra.of(p)
	return slices.ContainsFunc(a.scopes.graph, func(name string) bool { return !st.consented[strings.ToLower(name)] })
}

func (s *Simulator) consent(a authorization, p *Person) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	for _, name := range a.scopes.graph {
		s.entra.of(p).consented[strings.ToLower(name)] = true
	}
}

// sendCode ends a sign-in: the browser goes back to the app with a code.
func (s *Simulator) sendCode(w http.ResponseWriter, r *http.Request, a authorization, one *session) {
	q := a.query
	c := &code{
		grant: &grant{
			person: one.person, sid: one.sid, authTime: one.authTime,
			cae: a.claims.cae, answered: a.claims.nbf, scopes: strings.Fields(q.Get("scope")),
		},
		tenant: a.tenant.path, redirectURI: q.Get("redirect_uri"),
		nonce: q.Get("nonce"), challenge: q.Get("code_challenge"),
	}
	id := "0.code." + random(400)
	s.entra.mu.Lock()
	s.entra.codes.put(s.now(), id, c, codeLife)
	s.entra.mu.Unlock()
	v := url.Values{"code": {id}, "session_state": {one.sid}}
	if q.Get("client_info") == "1" {
		v.Set("client_info", clientInfo(one.person))
	}
	s.toApp(w, r, c.redirectURI, v)
}

// toApp sends the browser back to the app with the parameters and the state
// that the app sent. Nothing but a registered redirect URI gets here.
func (s *Simulator) toApp(w http.ResponseWriter, r *http.Request, redirect string, v url.Values) {
	q := r.URL.Query()
	if q.Has("state") {
		v.Set("state", q.Get("state"))
	}
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther // RFC 9700, section 4.12
	}
	switch q.Get("response_mode") {
	case "form_post":
		s.showFormPost(w, redirect, v)
	case "fragment":
		http.Redirect(w, r, redirect+"#"+v.Encode(), status)
	default:
		separator := "?"
		if strings.Contains(redirect, "?") {
			separator = "&"
		}
		http.Redirect(w, r, redirect+separator+v.Encode(), status)
	}
}
