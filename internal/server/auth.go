package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"daybook/internal/identity"
	"daybook/internal/session"
)

// login handles GET /auth/login: off to Microsoft.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	want := identity.Request{ReturnTo: localPath(r.FormValue("return_to"), "/calendar")}
	if r.FormValue("switch") != "" {
		want.Prompt = "select_account"
	}
	visitOf(r).page = want.ReturnTo
	return s.begin(w, r, want)
}

// begin sends the browser to Microsoft and lets it remember why.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, want identity.Request) error {
	if err := s.unhurried(r, s.signIns); err != nil {
		return err
	}
	redirect, attempt, err := s.Identity.Begin(r.Context(), want)
	if err != nil {
		return err
	}
	if err := s.Sessions.Remember(w, r, attempt); err != nil {
		return err
	}
	// See Other: the browser must not repeat a POST at Microsoft (RFC 9700
	// section 4.12).
	http.Redirect(w, r, redirect, http.StatusSeeOther)
	return nil
}

// unhurried refuses an address that asks for too much.
func (s *Server) unhurried(r *http.Request, l *limiter) error {
	if l.allow(s.site.client(r)) {
		return nil
	}
	return problem{Status: http.StatusTooManyRequests, Title: "Too many sign-ins from your network.",
		Text: "Please wait a minute and try again.", RetryAfter: time.Minute}
}

// callback handles GET /auth/callback: the browser is back from Microsoft.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if len(query["state"]) != 1 {
		return s.strayCallback(w, r, errors.New("callback without one state"))
	}
	attempt, err := s.Sessions.Recall(w, r, query.Get("state"))
	if errors.Is(err, session.ErrNoAttempt) || errors.Is(err, session.ErrAttemptUsed) {
		return s.strayCallback(w, r, err)
	}
	if err != nil {
		return err
	}
	visitOf(r).page = attempt.ReturnTo
	who, err := s.Identity.Finish(r.Context(), attempt, query)
	if attempt.Shared && (err == nil || explain(err).Status < 500) {
		// Asking for what was not given would fail for ever after. A fault says
		// nothing about it.
		set := s.settingsOf(r)
		set.Shared = err == nil
		s.keep(w, set)
	}
	if err != nil {
		s.audit(r, "sign-in refused", slog.String("reason", err.Error()))
		return err
	}
	if err := s.Sessions.SignIn(w, r, who); err != nil {
		return err
	}
	visitOf(r).user = HashUser(who.Account.Key())
	s.audit(r, "signed in", slog.String("tenant", who.Account.TenantID))
	// A clean address: code and state must not stay in the history.
	http.Redirect(w, r, localPath(attempt.ReturnTo, "/calendar"), http.StatusSeeOther)
	return nil
}

// strayCallback answers a callback that belongs to no pending sign-in of this
// browser: delivered twice, gone back to, out of date, or somebody else's.
// Whoever is signed in already just goes on.
func (s *Server) strayCallback(w http.ResponseWriter, r *http.Request, cause error) error {
	_, err := s.Sessions.Open(r)
	switch {
	case err == nil:
		http.Redirect(w, r, "/calendar", http.StatusSeeOther)
		return nil
	case !errors.Is(err, session.ErrSignedOut):
		return err
	}
	s.audit(r, "sign-in refused", slog.String("reason", cause.Error()))
	return problem{Status: http.StatusBadRequest, Title: "This sign-in is no longer valid.",
		Text:   "It was used already, is too old, or was started in another browser. Please start again.",
		Action: action{"Sign in with Microsoft", signInHref}, Err: cause}
}

// logout handles POST /auth/logout. The session ends here first; that Microsoft
// can be told as well is not counted on.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	account, err := s.Sessions.SignOut(w, r)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	switch {
	case err == nil && account.ObjectID == "": // nobody was signed in, or not any more
		// A second click may have called off the way to Microsoft.
		http.Redirect(w, r, "/auth/signed-out?microsoft=open", http.StatusSeeOther)
		return nil
	case err != nil:
		return problem{Status: http.StatusServiceUnavailable, Title: "Signed out in this browser only.",
			Text:       "This browser has forgotten your session, but Daybook could not delete it on the server. Please sign in and out again in a moment, to be sure.",
			RetryAfter: retryAfterDefault, Action: action{"Sign in with Microsoft", signInHref}, Err: err}
	}
	s.Graph.Forget(account.Key())
	visitOf(r).user = HashUser(account.Key())
	s.audit(r, "signed out")

	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	to, err := s.Identity.EndSession(ctx, account, s.site.base.JoinPath("/").String())
	if err != nil {
		noteError(r, slog.LevelWarn, err)
		to = "/auth/signed-out?microsoft=open"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// signedOutPage is shown when Microsoft has no part in a sign-out.
type signedOutPage struct {
	layout
	MicrosoftOpen bool // the session with Microsoft goes on
}

// signedOut handles GET /auth/signed-out.
func (s *Server) signedOut(w http.ResponseWriter, r *http.Request) error {
	return s.pages.render(w, http.StatusOK, "signed-out", signedOutPage{
		layout: s.publicLayout(r, "Signed out"), MicrosoftOpen: r.FormValue("microsoft") == "open"})
}

// frontchannelLogout handles GET /auth/frontchannel-logout. Microsoft loads it
// in a hidden frame, so no cookie of ours arrives; sid alone says which
// sessions end (OpenID Connect Front-Channel Logout 1.0; Entra sends no iss).
// It has a limit of its own: a network that signs in a lot must not keep its
// people signed in.
func (s *Server) frontchannelLogout() handler {
	ends := newLimiter(s.now)
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.unhurried(r, ends); err != nil {
			return err
		}
		return s.endByMicrosoft(w, r)
	}
}

func (s *Server) endByMicrosoft(w http.ResponseWriter, r *http.Request) error {
	// Whoever shows the frame sees an empty page; let Microsoft show it.
	for _, name := range []string{"Content-Security-Policy", "X-Frame-Options", "Cross-Origin-Resource-Policy"} {
		w.Header().Del(name)
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self' "+s.Identity.FormAction())
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	sid := r.URL.Query().Get("sid")
	if len(sid) > 0 && len(sid) <= 128 {
		ended, err := s.Sessions.EndByMicrosoft(r.Context(), sid)
		if err != nil {
			return err
		}
		if ended > 0 {
			s.audit(r, "signed out by microsoft", slog.Int("sessions", ended))
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html>\n")
	return nil
}

// LevelAudit is that of audit lines: above every LOG_LEVEL, since an operator
// keeps them whatever else is logged.
const LevelAudit = slog.LevelError + 4

// audit writes a line that an operator keeps: who came, was refused, or left.
func (s *Server) audit(r *http.Request, event string, attrs ...slog.Attr) {
	v := visitOf(r)
	attrs = append(attrs, slog.String("request", v.id), slog.String("client", s.site.client(r).String()))
	if v.user != "" {
		attrs = append(attrs, slog.String("user", v.user))
	}
	s.log.LogAttrs(context.WithoutCancel(r.Context()), LevelAudit, "audit", append([]slog.Attr{slog.String("event", event)}, attrs...)...)
}
