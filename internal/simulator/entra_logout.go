package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// logout is the end-session endpoint (OpenID Connect RP-Initiated Logout; Send
// a sign-out request). Without a hint it asks which account to sign out, even
// if there is only one, as Microsoft does.
func (s *Simulator) logout(w http.ResponseWriter, r *http.Request) {
	s.commonHeaders(w, r)
	w.Header().Set("Cache-Control", "no-store, no-cache")
	t, found := s.tenant(r.PathValue("tenant"))
	if !found {
		s.showError(w, aadsts(90002))
		return
	}
	sessions := s.sessions(r, t)
	chosen := slices.IndexFunc(sessions, func(one *session) bool {
		return hinted(r.Form.Get("logout_hint"), one.person) ||
			r.PostForm.Get("account") == one.person.key() ||
			s.namedBy(r.Form.Get("id_token_hint"), one)
	})
	switch {
	case chosen >= 0:
		s.signOut(w, r, sessions[chosen])
		s.endSession(w, r, sessions[chosen])
	case len(sessions) == 0:
		s.endSession(w, r, nil)
	default:
		s.showLogoutPicker(w, r, sessions)
	}
}

// namedBy tells whether an ID token of ours names the session. An expired one
// is as good (RP-Initiated Logout, section 2).
func (s *Simulator) namedBy(idToken string, one *session) bool {
	if idToken == "" {
		return false
	}
	token, err := jwt.ParseSigned(idToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return false
	}
	var claims struct {
		SID string `json:"sid"`
	}
	key := s.entra.keys.current()
	return token.Claims(key.Public(), &claims) == nil && claims.SID == one.sid
}

// endSession ends with the app: told through a hidden frame that its session
// is over (Front-Channel Logout), then visited again if it gave an address
// that is registered.
func (s *Simulator) endSession(w http.ResponseWriter, r *http.Request, ended *session) {
	back := r.Form.Get("post_logout_redirect_uri")
	if !slices.Contains(s.options.App.RedirectURIs, back) {
		back = ""
	} else if r.Form.Has("state") {
		separator := "?"
		if strings.Contains(back, "?") {
			separator = "&"
		}
		back += separator + url.Values{"state": {r.Form.Get("state")}}.Encode()
	}
	frame := ""
	if ended != nil && s.options.App.LogoutURL != "" {
		frame = s.options.App.LogoutURL + "?" + url.Values{"sid": {ended.sid}}.Encode()
	}
	if frame == "" && back != "" {
		http.Redirect(w, r, back, http.StatusSeeOther)
		return
	}
	s.showSignedOut(w, frame, back)
}
