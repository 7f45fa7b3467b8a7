package server

import (
	"errors"
	"net/http"

	"daybook/internal/session"
)

// frontPage is what a visitor without a session sees.
type frontPage struct {
	layout
	ReturnTo string
}

// front handles GET /. Who brings no session cookie gets the page also while
// the session store is out of reach.
func (s *Server) front(w http.ResponseWriter, r *http.Request) error {
	_, err := s.Sessions.Open(r)
	if err == nil {
		http.Redirect(w, r, localPath(r.FormValue("return_to"), "/calendar"), http.StatusSeeOther)
		return nil
	}
	if !errors.Is(err, session.ErrSignedOut) {
		return err
	}
	return s.pages.render(w, http.StatusOK, "front", frontPage{
		layout: s.publicLayout(r, "Your calendar"), ReturnTo: localPath(r.FormValue("return_to"), "")})
}
