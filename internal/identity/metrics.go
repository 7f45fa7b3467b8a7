package identity

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are this package's, with labels of bounded choice: outcomes are the
// names of problems and a few words more.
type metrics struct {
	tokens    *prometheus.CounterVec // one per Token call
	refreshes *prometheus.CounterVec // one per refresh begun
	signIns   *prometheus.CounterVec
	merges    prometheus.Counter
	duration  prometheus.Histogram
	lockWait  prometheus.Histogram
	size      prometheus.Histogram
}

func newMetrics() *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"outcome"})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	// An alert on a first failure needs the count from which it rises.
	rising := func(c *prometheus.CounterVec, well ...string) *prometheus.CounterVec {
		for p := Unavailable; p <= WrongPerson; p++ {
			well = append(well, p.String())
		}
		for _, outcome := range well {
			c.WithLabelValues(outcome)
		}
		return c
	}
	seconds := []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	return &metrics{
		tokens:    counter("daybook_token_requests_total", "Requests for an access token, by outcome: hit, shared, refreshed or what went wrong."),
		refreshes: rising(counter("daybook_token_refreshes_total", "Refreshes begun, by outcome; found means that another process had refreshed."), "refreshed"),
		signIns:   rising(counter("daybook_sign_ins_total", "Sign-ins finished, by outcome."), "signed_in"),
		merges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "daybook_token_merges_total", Help: "Saves of a token cache that another writer had changed meanwhile."}),
		duration: histogram("daybook_token_refresh_seconds", "Duration of token requests to Microsoft.", seconds),
		lockWait: histogram("daybook_token_lock_wait_seconds", "Time waited for the right to refresh.", seconds),
		size:     histogram("daybook_token_cache_bytes", "Size of serialized token caches.", prometheus.ExponentialBuckets(1024, 2, 9)),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.tokens, m.refreshes, m.signIns, m.merges, m.duration, m.lockWait, m.size}
}

// outcome is the label for err, or well if there is none.
func outcome(err error, well string) string {
	var e *Error
	switch {
	case err == nil:
		return well
	case errors.As(err, &e):
		return e.Problem.String()
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, ErrEnded):
		return "ended"
	}
	return "store"
}
