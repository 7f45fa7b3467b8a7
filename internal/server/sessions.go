package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"daybook/internal/identity"
	"daybook/internal/locale"
)

// sessionsPage shows where a person is signed in and what the token cache of
// this session holds.
type sessionsPage struct {
	layout
	Missing  []string
	Sessions []sessionRow
	Others   bool
	Held     []heldRow
}

type sessionRow struct {
	ID, Browser, Since, Seen string
	Current                  bool
}

type heldRow struct {
	Kind    string
	Scopes  []string
	Expires string
	Size    string
}

// ago writes a time of the last day as how long ago it was, any other as when
// writes it.
func (s *Server) ago(l *locale.Locale, at time.Time, when func(time.Time) string) string {
	if ago := s.now().Sub(at); ago >= 0 && ago < 24*time.Hour {
		return l.Relative(-ago)
	}
	return when(at)
}

// sessionsPage handles GET /sessions.
func (s *Server) sessionsPage(w http.ResponseWriter, r *http.Request, v *visitor) error {
	siblings, err := v.session.Siblings(r.Context())
	if err != nil {
		return err
	}
	page := sessionsPage{layout: s.layout(v, "sessions", v.locale.T("Where you are signed in"))}
	when := s.stamp(r, v)
	for _, b := range siblings {
		page.Sessions = append(page.Sessions, sessionRow{ID: b.ID, Browser: browserName(v.locale, b.Browser), Since: when(b.Since), Seen: s.ago(v.locale, b.Seen, when), Current: b.Current})
		page.Others = page.Others || !b.Current
	}
	var held []identity.Held
	tokens, err := v.session.Tokens().Load(r.Context(), false)
	if err == nil {
		held, err = identity.Contents(tokens)
	}
	if errors.Is(err, identity.ErrEnded) {
		return err
	}
	if err != nil {
		// The cache is MSAL's own and may be in a store of its own; one that
		// cannot be read is not a reason to keep a person from ending their
		// sessions.
		noteError(r, slog.LevelWarn, fmt.Errorf("contents of the token cache: %w", err))
		page.Missing = append(page.Missing, v.locale.T("What this session holds cannot be read at the moment."))
	}
	for _, h := range held {
		row := heldRow{Kind: v.locale.T(h.Kind), Scopes: h.Scopes, Size: v.locale.T("%d bytes", h.Bytes)}
		if !h.Expires.IsZero() {
			row.Expires = when(h.Expires)
		}
		page.Held = append(page.Held, row)
	}
	return s.pages.render(w, http.StatusOK, "sessions", page)
}

// browserName puts package session's "Firefox on Windows" into the person's
// language.
func browserName(l *locale.Locale, name string) string {
	browser, system, both := strings.Cut(name, " on ")
	switch {
	case name == "Unknown browser":
		return l.T("Unknown browser")
	case browser == "Browser":
		browser = l.T("Browser")
	}
	if !both {
		return browser
	}
	return l.T("%s on %s", browser, system)
}

// stamp returns a function that writes an instant as date and time in the
// person's zone.
func (s *Server) stamp(r *http.Request, v *visitor) func(time.Time) string {
	home, _ := v.home(r.Context(), false) // without it times are in UTC, which the text says
	loc := s.zone(v, home)
	h12 := v.hour12(home)
	return func(t time.Time) string {
		t = t.In(loc)
		text := v.locale.Date(t, locale.Medium) + ", " + v.locale.Clock(t, h12)
		if loc == time.UTC {
			text += " UTC"
		}
		return text
	}
}

// revokeSession handles POST /sessions/revoke.
func (s *Server) revokeSession(w http.ResponseWriter, r *http.Request, v *visitor) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id := r.PostFormValue("id")
	if id == "" || len(id) > 128 {
		return badRequest("No such session.", "It may have ended already.")
	}
	found, err := v.session.Revoke(r.Context(), id)
	if err != nil {
		return err
	}
	if !found {
		return problem{Status: http.StatusNotFound, Title: "No such session.", Text: "It may have ended already."}
	}
	s.audit(r, "session revoked")
	http.Redirect(w, r, "/sessions", http.StatusSeeOther)
	return nil
}

// revokeOtherSessions handles POST /sessions/revoke-others.
func (s *Server) revokeOtherSessions(w http.ResponseWriter, r *http.Request, v *visitor) error {
	ended, err := v.session.RevokeOthers(r.Context())
	if err != nil {
		return err
	}
	s.audit(r, "other sessions revoked", slog.Int("sessions", ended))
	http.Redirect(w, r, "/sessions", http.StatusSeeOther)
	return nil
}
