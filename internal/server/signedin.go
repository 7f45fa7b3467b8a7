package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/locale"
	"daybook/internal/session"
)

// A visitor is who is asking, with everything a page needs of them. Handlers
// for signed-in people receive it as an argument, so that none can forget to
// ask for it.
type visitor struct {
	session  *session.Session
	account  identity.Account
	mailbox  *graph.Mailbox
	settings settings
	lastView calendar.View // or empty
	locale   *locale.Locale
	fresh    bool // the browser asked not to be given what is kept (a reload)
}

// An accountHandler answers a signed-in person.
type accountHandler func(w http.ResponseWriter, r *http.Request, v *visitor) error

// signedIn opens the session, one read of the store, and refuses whoever has
// none.
func (s *Server) signedIn(h accountHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		open, err := s.Sessions.Open(r)
		if err != nil {
			return err
		}
		account := open.Account()
		set := s.settingsOf(r)
		// The wish may be another account's, of the same browser.
		set.Shared = set.Shared && !account.Personal()
		v := &visitor{
			session:  open,
			account:  account,
			mailbox:  s.Graph.Mailbox(account.Key(), &tokens{s.Identity, account, open.Tokens(), set.Shared}),
			settings: set,
			lastView: s.lastView(r),
			locale:   locale.Choose(set.Language, r.Header.Get("Accept-Language")),
			fresh:    asksFresh(r),
		}
		v.mailbox.Shared = set.Shared
		visit := visitOf(r)
		visit.user, visit.who = HashUser(account.Key()), v
		return h(w, r, v)
	}
}

// tokens hands access tokens of one session to package graph.
type tokens struct {
	provider *identity.Provider
	account  identity.Account
	cache    identity.Cache
	shared   bool // also for calendars that others share
}

// Token implements graph.Tokens.
func (t *tokens) Token(ctx context.Context, refused string) (string, error) {
	return t.provider.Token(ctx, t.account, t.cache, identity.TokenOptions{Refused: refused, Shared: t.shared})
}

// HashUser names the person with a key (see [identity.Account.Key]) in logs
// without saying who it is.
func HashUser(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// layout fills what base.html shows for a signed-in person.
func (s *Server) layout(v *visitor, section, title string) layout {
	return layout{Locale: v.locale, Title: title, Account: &v.account, Section: section,
		Theme: v.settings.Theme, Keys: !v.settings.NoKeys, Demo: s.Simulator != nil}
}

// publicLayout fills what base.html shows when nobody is known to be signed
// in.
func (s *Server) publicLayout(r *http.Request, title string) layout {
	set := s.settingsOf(r)
	l := locale.Choose(set.Language, r.Header.Get("Accept-Language"))
	return layout{Locale: l, Title: l.T(title), Theme: set.Theme, Demo: s.Simulator != nil}
}

// mendedCookie marks a browser that Daybook has sent to Microsoft by itself,
// for as long as coming back with the same error would look like a loop. The
// person then gets a page with a button instead.
const (
	mendedCookie = "daybook-mended"
	mendedAge    = 20 * time.Second
)

// loops reports whether the browser has just come back from where this error
// would send it: with a session, or with a sign-in that failed.
func (s *Server) loops(r *http.Request) bool {
	_, err := r.Cookie(s.site.cookiePrefix + mendedCookie)
	who := visitOf(r).who
	return err == nil && (who == nil || s.now().Sub(who.session.Since()) < mendedAge)
}

// sendToMicrosoft answers errors that only a trip to Microsoft can mend, and
// reports whether it has. Requests that are not a person's navigation get a
// page instead: a redirect to another site helps neither an image nor a form.
func (s *Server) sendToMicrosoft(w http.ResponseWriter, r *http.Request, err error) bool {
	var (
		ie   *identity.Error
		want identity.Request
	)
	wrong := errors.As(err, &ie) && ie.Problem == identity.WrongPerson
	if wrong {
		if _, err := s.Sessions.SignOut(w, r); err != nil {
			return false
		}
		visitOf(r).who = nil
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); !reads(r) || (dest != "" && dest != "document") {
		return false
	}
	back := pageOf(r)
	switch {
	case errors.Is(err, session.ErrSignedOut), wrong:
		http.Redirect(w, r, "/auth/login?return_to="+url.QueryEscape(back), http.StatusSeeOther)
		return true
	case ie != nil && (ie.Problem == identity.SignIn || ie.Problem == identity.Consent), claimsOf(err) != "":
		want.Claims = claimsOf(err)
	default:
		return false
	}
	set := s.settingsOf(r)
	if ie != nil && ie.Problem == identity.Consent && set.Shared {
		// The wish for shared calendars is this browser's, the permission the
		// person's: who has not given it goes on without.
		set.Shared = false
		s.keep(w, set)
		http.Redirect(w, r, back, http.StatusSeeOther)
		return true
	}
	if s.loops(r) {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: s.site.cookiePrefix + mendedCookie, Value: "1", Path: "/",
		MaxAge: int(2 * mendedAge / time.Second), HttpOnly: true, Secure: s.site.https, SameSite: http.SameSiteLaxMode})
	want.ReturnTo, want.Shared = back, set.Shared
	if who := visitOf(r).who; who != nil {
		want.LoginHint = who.account.Username // spares them Microsoft's account picker
	}
	if err := s.begin(w, r, want); err != nil {
		s.answer(w, r, err) // Microsoft cannot be reached, say
		return true
	}
	return true
}

// reads reports whether r asks for a page, or what asking for it would bring
// (RFC 9110 section 9.3.2).
func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// claimsOf returns the claims challenge that err carries, or nothing.
func claimsOf(err error) string {
	var (
		ie *identity.Error
		ge *graph.Error
	)
	switch {
	case errors.As(err, &ie) && ie.Claims != "":
		return ie.Claims
	case errors.As(err, &ge):
		return ge.Claims
	}
	return ""
}

// askShared asks Microsoft for the permission to read calendars that others
// share, which few people need and nobody is asked for at sign-in.
func (s *Server) askShared(w http.ResponseWriter, r *http.Request, v *visitor) error {
	return s.begin(w, r, identity.Request{ReturnTo: "/settings?saved=1", LoginHint: v.account.Username, Shared: true})
}

// asksFresh reports whether the browser asked for an answer that is not kept
// anywhere: a reload (RFC 9111 section 5.2.1.4).
func asksFresh(r *http.Request) bool {
	return headerHas(r.Header, "Cache-Control", "no-cache") || headerHas(r.Header, "Cache-Control", "max-age=0") ||
		headerHas(r.Header, "Pragma", "no-cache")
}
