package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"time"

	"daybook/internal/config"
	"daybook/internal/server"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// Time-outs of the public listener. Answers wait for Microsoft for at most ten
// seconds, so a minute is room enough for slow networks.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 20 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeader         = 64 << 10
	// maxConnections bounds what a crowd of slow clients can hold: about 20 KB
	// each. Further ones wait until one of them goes.
	maxConnections = 10_000
	// stopTimeout is how long requests in flight may take after the signal:
	// less than the ten seconds that container engines wait.
	stopTimeout = 8 * time.Second
)

// load reads the settings and prints every mistake on a line of its own.
func load(e environment) (config.Config, error) {
	c, err := config.Load(e.environ, ".env")
	if err != nil {
		fmt.Fprintln(e.stderr, err)
		return c, errReported
	}
	return c, nil
}

// serve runs the web site until ctx is done.
func serve(ctx context.Context, e environment) error {
	c, err := load(e)
	if err != nil {
		return err
	}
	log := newLog(c.Log, e.stderr)
	for _, warning := range c.Warnings {
		log.Warn("setting", "warning", warning)
	}
	listener, err := net.Listen("tcp", c.Web.ListenAddr)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	defer listener.Close()

	p, err := wire(ctx, c, log)
	if err != nil {
		return err
	}
	defer p.close()
	site, handler, err := p.site(c)
	if err != nil {
		return err
	}
	public := &http.Server{Handler: leaving(ctx, p.traces.handler(handler), site.Leaving()), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true,                                              // OPTIONS * is refused like any other OPTIONS, with the site's headers
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelError)} // no room for connections, panics past the site's own net

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(site.Collectors()...)
	registry.MustRegister(p.collectors()...)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return serveUntilDone(ctx, public, netutil.LimitListener(listener, maxConnections), c.Web.StopDelay)
	})
	if c.Web.AdminAddr != "" {
		adminListener, err := net.Listen("tcp", c.Web.AdminAddr)
		if err != nil {
			return fmt.Errorf("ADMIN_ADDR: %w", err)
		}
		admin := &http.Server{Handler: adminHandler(registry), ReadHeaderTimeout: readHeaderTimeout, ErrorLog: public.ErrorLog}
		group.Go(func() error { return serveUntilDone(ctx, admin, adminListener, 0) })
	}
	group.Go(func() error { p.sweep(ctx, c.Session.CleanupInterval); return nil })
	group.Go(func() error { p.stores.doubtRedis(ctx, log); return nil })

	log.Info("daybook is ready", "url", c.Web.BaseURL.String(), "listen", listener.Addr().String(), "store", c.Session.Store, "demo", c.Demo, "version", version(buildInfo()))
	if c.Demo {
		fmt.Fprintf(e.stdout, "\n  Daybook's demo is at %s\n  Sign in as one of the invented people; stop with Ctrl-C.\n\n", c.Web.BaseURL)
	}
	if err := notify(os.Getenv("NOTIFY_SOCKET"), stateReady); err != nil {
		log.Warn("systemd was not told", "error", err)
	}
	err = group.Wait()
	log.Info("daybook has stopped")
	return err
}

// leaving lets health answer for the site once ctx is done. Everything else is
// served as before, but each connection ends with its answer: one that rests
// could be closed just as a proxy sends a form on it, which it may not repeat.
func leaving(ctx context.Context, site, health http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
			if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
				health.ServeHTTP(w, r)
				return
			}
		}
		site.ServeHTTP(w, r)
	})
}

// serveUntilDone serves until delay after ctx is done, then lets requests in
// flight end.
func serveUntilDone(ctx context.Context, s *http.Server, l net.Listener, delay time.Duration) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		_ = notify(os.Getenv("NOTIFY_SOCKET"), stateStopping)
		time.Sleep(delay)
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := s.Shutdown(deadline)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close() // whoever is still reading has had their time
		}
		stopped <- err
	})
	err := s.Serve(l)
	if !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}

// adminHandler serves metrics and profiles, on a listener that the public
// never reaches.
func adminHandler(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// newLog writes text to a terminal and JSON elsewhere, unless told otherwise.
// JSON times are in UTC, so that lines of several servers sort, and durations
// name their unit.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.Level(c.Level), ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) == 0 && a.Key == slog.TimeKey:
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		case len(groups) == 0 && a.Key == slog.LevelKey && a.Value.Any() == server.LevelAudit:
			a.Value = slog.AnyValue(slog.LevelInfo) // nothing is wrong
		case a.Value.Kind() == slog.KindDuration:
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	format := c.Format
	if format == "" {
		format = "json"
		if f, ok := w.(*os.File); ok {
			if stat, err := f.Stat(); err == nil && stat.Mode()&os.ModeCharDevice != 0 {
				format = "text"
			}
		}
	}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// newSecret returns 32 random bytes.
func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	return secret
}

func buildInfo() *debug.BuildInfo {
	build, _ := debug.ReadBuildInfo()
	return build
}

// printVersion says which version this is.
func printVersion(_ context.Context, e environment) error {
	_, err := fmt.Fprintln(e.stdout, version(buildInfo()))
	return err
}
