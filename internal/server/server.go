// Package server takes HTTP requests in and gives pages out. It owns the
// routes, the pages' data and the way errors become pages; one file per page.
// Who is signed in is package session's to say, what Microsoft Graph holds
// package graph's, where an event is drawn package calendar's, in which words
// package locale's.
//
// A handler parses, asks, builds a small struct, renders. It returns its
// error: [Server.fail] is the one place that turns errors into pages.
package server

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/session"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
)

// Parts are the other packages' halves of the work.
type Parts struct {
	Sessions *session.Sessions
	Identity *identity.Provider
	Graph    *graph.Client
	// Simulator is served below /simulator/ when it is not nil: in the demo.
	Simulator http.Handler
}

// Config is what a Server needs. All fields but Proxies must be set.
type Config struct {
	Parts
	BaseURL *url.URL       // as browsers see the site
	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	Web     fs.FS          // the folders templates and static
	Log     *slog.Logger
	Now     func() time.Time
}

// A Server is Daybook's web site. It is safe for concurrent use and needs no
// closing.
type Server struct {
	Parts
	site    site
	pages   *pages
	signIns *limiter
	traffic *traffic
	log     *slog.Logger
	now     func() time.Time
}

// New returns the web site. It parses every template and fingerprints every
// static file, so that a broken one stops the start.
func New(c Config) (*Server, error) {
	p, err := newPages(c.Web)
	if err != nil {
		return nil, err
	}
	return &Server{
		Parts:   c.Parts,
		site:    newSite(c.BaseURL, c.Proxies, c.Identity.FormAction()),
		pages:   p,
		signIns: newLimiter(c.Now),
		traffic: newTraffic(),
		log:     c.Log,
		now:     c.Now,
	}, nil
}

// Handler returns the whole site with everything that applies to all of it.
func (s *Server) Handler() (http.Handler, error) {
	gzip, err := gzhttp.NewWrapper(gzhttp.MinSize(512), gzhttp.CompressionLevel(6))
	if err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	// A proxy may hand on another Host than the one that browsers name.
	if err := crossOrigin.AddTrustedOrigin(s.site.base.Scheme + "://" + s.site.base.Host); err != nil {
		return nil, err
	}
	crossOrigin.SetDenyHandler(s.page(func(http.ResponseWriter, *http.Request) error {
		return problem{Status: http.StatusForbidden, Title: "This form came from another site.",
			Text: "For your safety Daybook only accepts forms that were sent from its own pages."}
	}))
	// Each line wraps those above it.
	h := s.routes()
	h = crossOrigin.Handler(h)
	h = s.limitRequest(h)
	h = s.recoverPanic(h)
	h = s.secure(h)
	h = gzip(h)
	return s.observe(h), nil
}

// Collectors returns the metrics of the requests served.
func (s *Server) Collectors() []prometheus.Collector { return s.traffic.collectors() }
