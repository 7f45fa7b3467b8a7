package server

import (
	"net/http"
	"strings"
)

// errorPage is the page of a problem.
type errorPage struct {
	layout
	Status    int
	Text      string
	Action    action
	Reference string // the request's id, also in the log
}

// renderProblem writes p as a page in the person's language; should even that
// fail, as plain text.
func (s *Server) renderProblem(w http.ResponseWriter, r *http.Request, p problem) {
	page := errorPage{layout: s.publicLayout(r, p.Title), Status: p.Status, Action: p.Action, Reference: visitOf(r).id}
	if who := visitOf(r).who; who != nil {
		page.layout = s.layout(who, "", page.Title)
	}
	if p.Text != "" {
		page.Text = page.T(p.Text)
	}
	if page.Action.Href == "" {
		page.Action = action{"Back to the calendar", "/calendar"}
	}
	page.Action.Text = page.T(page.Action.Text)
	// An answer that was begun as something else must not keep its headers.
	for _, name := range []string{"Content-Disposition", "Content-Length", "Content-Type", "ETag", "Last-Modified", "Location"} {
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", "no-store")
	if strings.HasPrefix(r.URL.Path, "/static/") || r.Method == http.MethodTrace {
		http.Error(w, http.StatusText(p.Status), p.Status)
		return
	}
	if err := s.pages.render(w, p.Status, "error", page); err != nil {
		s.log.ErrorContext(r.Context(), "error page", "request", visitOf(r).id, "error", err)
		http.Error(w, "Something went wrong in Daybook. Reference: "+page.Reference, p.Status)
	}
}
