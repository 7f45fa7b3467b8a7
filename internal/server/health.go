package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"
)

// healthz handles GET /healthz: the process is alive, whatever it depends on.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
	return nil
}

// readyz handles GET /readyz: sessions can be written and read. Microsoft has
// no part in it: taking every instance out of service would mend nothing there.
// However many ask at once, the store is written to once.
func (s *Server) readyz() handler {
	var shared singleflight.Group
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err, _ := shared.Do("", func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 2*time.Second)
			defer cancel()
			return nil, s.Sessions.Ready(ctx)
		})
		if err != nil {
			noteError(r, slog.LevelError, err)
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "session store unavailable\n")
			return nil
		}
		_, _ = io.WriteString(w, "ready\n")
		return nil
	}
}

// Leaving answers /healthz and /readyz in place of the site once it is to stop:
// it says no, so that proxies look elsewhere.
func (s *Server) Leaving() http.Handler {
	return s.secure(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "stopping\n")
	}))
}
