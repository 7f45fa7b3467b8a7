package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// A visit is what is learnt about one request on its way, for the one log
// line written at its end.
type visit struct {
	id    string   // reference shown on error pages
	route string   // the pattern that took it, or ""
	user  string   // a hash of who is signed in, or ""
	who   *visitor // they themselves, or nil
	page  string   // what a sign-in that ends here was for; "": this request
	level slog.Level
	err   error
	gone  bool // the browser left before its answer
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	if v == nil {
		return new(visit)
	}
	return v
}

// noteError keeps err for the request's log line.
func noteError(r *http.Request, level slog.Level, err error) {
	v := visitOf(r)
	v.level, v.err = level, err
}

// named records which route takes a request. The pattern is passed in because
// r.Pattern is set on the mux's copy of the request, which outer handlers do
// not see.
func named(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visitOf(r).route = pattern
		next.ServeHTTP(w, r)
	})
}

// observe gives each request a reference, writes its log line and counts it.
// Neither query strings nor addresses of pages are logged: both may hold what
// is private.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{id: rand.Text()[:12], level: slog.LevelInfo}
		rec := &recorder{ResponseWriter: w}
		rec.Header().Set("X-Request-Id", v.id)
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		next.ServeHTTP(rec, r)

		took := time.Since(start)
		route := v.route
		if route == "" {
			route = "none"
		}
		trace.SpanFromContext(r.Context()).SetName(route) // does nothing when there are no traces
		status := rec.status()
		if v.gone && rec.code == 0 {
			status = statusGone
		}
		s.traffic.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		s.traffic.seconds.WithLabelValues(route).Observe(took.Seconds())
		if v.err == nil && (route == "GET /healthz" || route == "GET /readyz" || route == "GET /static/{file}") {
			return // probes and files would drown the rest
		}
		attrs := []slog.Attr{
			slog.String("request", v.id),
			slog.String("route", route),
			slog.String("method", methodName(r.Method)),
			slog.Int("status", status),
			slog.Float64("ms", float64(took.Microseconds())/1000),
			slog.Int64("bytes", rec.bytes),
			slog.String("client", s.site.client(r).String()),
		}
		if v.user != "" {
			attrs = append(attrs, slog.String("user", v.user))
		}
		if v.err != nil {
			attrs = append(attrs, slog.String("error", v.err.Error()))
		}
		s.log.LogAttrs(context.WithoutCancel(r.Context()), v.level, "request", attrs...)
	})
}

// statusGone counts browsers that left before their answer, as nginx does.
const statusGone = 499

// methodName keeps what a stranger typed as a method out of the log.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return m
	}
	return "other"
}

// recoverPanic is the last resort: a page, a log line with the stack, and the
// process lives on.
func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.log.ErrorContext(r.Context(), "panic", "request", visitOf(r).id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.fail(w, r, fmt.Errorf("panic: %v", p))
		}()
		next.ServeHTTP(w, r)
	})
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	code  int // 0 before the header is written
	bytes int64
}

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 && code >= 200 { // what comes before is only information
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// traffic counts requests. Labels are route patterns and status codes, both
// bounded by the program and not by visitors.
type traffic struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newTraffic() *traffic {
	return &traffic{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "daybook_http_requests_total",
			Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "daybook_http_request_seconds",
			Help: "Time to answer, by route.", Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"route"}),
	}
}

func (t *traffic) collectors() []prometheus.Collector {
	return []prometheus.Collector{t.requests, t.seconds}
}
