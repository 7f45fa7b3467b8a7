package graph

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Operations are the label values of calls.
const (
	opBatch      = "batch"
	opPerson     = "person"
	opSettings   = "settings"
	opCalendars  = "calendars"
	opGroups     = "groups"
	opCategories = "categories"
	opView       = "view"
	opEvent      = "event"
	opPhoto      = "photo"
	opManager    = "manager"
)

type metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	retries  *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	bytes    prometheus.GaugeFunc
}

func newMetrics(c *cache) *metrics {
	return &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_graph_calls_total",
			Help: "Calls to Microsoft Graph by operation and outcome.",
		}, []string{"operation", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "daybook_graph_call_duration_seconds",
			Help:    "Time from sending a call to Microsoft Graph to the end of its reply.",
			Buckets: []float64{.025, .05, .1, .2, .4, .8, 1.6, 3.2, 8},
		}, []string{"operation"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_graph_retries_total",
			Help: "Calls to Microsoft Graph made again, by reason: throttled, unavailable, token.",
		}, []string{"reason"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_graph_cache_lookups_total",
			Help: "Answers looked for in memory, by kind and result.",
		}, []string{"kind", "result"}),
		bytes: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "daybook_graph_cache_bytes",
			Help: "About how many bytes of answers are kept in memory.",
		}, c.size),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.calls, m.duration, m.retries, m.lookups, m.bytes}
}

func (m *metrics) lookup(kind string, found bool) {
	result := "miss"
	if found {
		result = "hit"
	}
	m.lookups.WithLabelValues(kind, result).Inc()
}

func (m *metrics) call(operation string, err error, took time.Duration) {
	m.calls.WithLabelValues(operation, outcome(err)).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// outcome is a label value: one of a dozen words, whatever comes.
func outcome(err error) string {
	var e *Error
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &e):
		return "error"
	case errors.Is(e.cause, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(e.cause, context.Canceled):
		return "stopped"
	case e.Status == 0:
		return "unreachable"
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden,
		e.Status == http.StatusNotFound, e.Status == http.StatusTooManyRequests:
		return map[int]string{401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "throttled"}[e.Status]
	case e.Status >= 500:
		return "server_error"
	case e.Status >= 400:
		return "client_error"
	default:
		return "unreadable"
	}
}
