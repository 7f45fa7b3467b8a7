package server

import "net/http"

// routes is the whole site. The pattern of a route is also its name in logs
// and metrics.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()

	open := func(pattern string, h handler) { mux.Handle(pattern, named(pattern, s.page(h))) }
	signedIn := func(pattern string, h accountHandler) { open(pattern, s.signedIn(h)) }

	// For everybody.
	open("GET /{$}", s.front)
	open("GET /auth/login", s.login)
	open("GET /auth/callback", s.callback)
	open("POST /auth/logout", s.logout)
	open("GET /auth/signed-out", s.signedOut)
	open("GET /auth/frontchannel-logout", s.frontchannelLogout())
	open("GET /healthz", s.healthz)
	open("GET /readyz", s.readyz())
	open("GET /static/{file}", s.pages.static)

	// For who is signed in.
	signedIn("GET /calendar", s.calendar)
	signedIn("GET /calendar/{view}/{date}", s.view)
	signedIn("GET /calendar/events/{id}", s.event)
	signedIn("GET /calendar/search", s.search)
	signedIn("GET /profile", s.profile)
	signedIn("GET /profile/photo", s.photo)
	signedIn("GET /settings", s.settingsPage)
	signedIn("POST /settings", s.saveSettings)
	signedIn("GET /sessions", s.sessionsPage)
	signedIn("POST /sessions/revoke", s.revokeSession)
	signedIn("POST /sessions/revoke-others", s.revokeOtherSessions)

	if s.Simulator != nil {
		mux.Handle("/simulator/", named("/simulator/", s.bare(http.StripPrefix("/simulator", s.Simulator))))
	}

	return s.elsewhere(mux)
}

// elsewhere answers what no route takes, with Daybook's own pages instead of
// the mux's plain text: 404, or 405 with Allow.
func (s *Server) elsewhere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// The mux knows which methods a path has; only its Allow is wanted.
		probe := &headerOnly{header: make(http.Header)}
		h.ServeHTTP(probe, r)
		s.page(func(w http.ResponseWriter, r *http.Request) error {
			if allow := probe.header.Get("Allow"); allow != "" {
				w.Header().Set("Allow", allow)
				return problem{Status: http.StatusMethodNotAllowed, Title: "This page does not take that kind of request."}
			}
			return errNotFound
		}).ServeHTTP(w, r)
	})
}

// headerOnly is an http.ResponseWriter that keeps the header and nothing else.
type headerOnly struct{ header http.Header }

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h *headerOnly) WriteHeader(int)             {}
