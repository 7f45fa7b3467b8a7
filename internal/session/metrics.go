package session

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters measure the stores. Labels come from fixed lists: the store's name,
// the kind of record, the operation, the kind of fault.
type meters struct {
	seconds *prometheus.HistogramVec
	bytes   *prometheus.HistogramVec
	loads   *prometheus.CounterVec
	faults  *prometheus.CounterVec
	waits   *prometheus.HistogramVec
	merged  *prometheus.CounterVec
}

func newMeters() *meters {
	fast := prometheus.ExponentialBuckets(0.00005, 2.5, 12) // 50 µs to 1.2 s
	return &meters{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_session_store_seconds", Buckets: fast,
			Help: "Time that a session store took, by store, kind of record and operation.",
		}, []string{"store", "record", "op"}),
		bytes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_session_record_bytes", Buckets: prometheus.ExponentialBuckets(256, 2, 13),
			Help: "Size of records as written, sealed.",
		}, []string{"store", "record"}),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_session_loads_total",
			Help: "Reads of a session store by result: hit, miss, error.",
		}, []string{"store", "record", "result"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_session_store_faults_total",
			Help: "Operations that a session store could not do, by kind of fault.",
		}, []string{"store", "op", "fault"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_session_lock_wait_seconds", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10),
			Help: "Time until a lock was had.",
		}, []string{"store"}),
		merged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_session_lost_races_total",
			Help: "Writes that another writer had overtaken and that were merged with it.",
		}, []string{"record"}),
	}
}

// Collectors returns the metrics of all stores, for the caller to register.
func (s *Sessions) Collectors() []prometheus.Collector {
	m := s.meters
	return []prometheus.Collector{m.seconds, m.bytes, m.loads, m.faults, m.waits, m.merged}
}

func storeName(s Store) string {
	switch s.(type) {
	case *Dir:
		return "filesystem"
	case *Redis:
		return "redis"
	case *Memory:
		return "memory"
	}
	return "other"
}

// observed is a Store that measures another and logs, at debug level, what was
// done with which kind of record; never a key that leads to a person.
type observed struct {
	store  Store
	name   string
	meters *meters
	now    func() time.Time
	log    *slog.Logger
}

// onWall is a time of our clock on that of the stores, which is time.Now's or
// a server's. The two differ where a clock was injected.
func (o *observed) onWall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(time.Since(o.now()).Round(time.Second))
}

// kindOf is the part of a key before its hash.
func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "-")
	return kind
}

// note measures one operation and returns its error, sorted: whatever is none
// of the contract's answers means that the store could not be used.
func (o *observed) note(ctx context.Context, op, key string, size int, began time.Time, err error) error {
	took := time.Since(began)
	if err != nil && !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrTooLarge) {
		err = faultOf(op, err)
	}
	o.meters.seconds.WithLabelValues(o.name, kindOf(key), op).Observe(took.Seconds())
	if f := (*fault)(nil); errors.As(err, &f) {
		o.meters.faults.WithLabelValues(o.name, op, f.kind).Inc()
	}
	if o.log.Enabled(ctx, slog.LevelDebug) {
		result := "ok"
		if err != nil {
			result = err.Error()
		}
		o.log.DebugContext(ctx, "session store", "store", o.name, "op", op,
			"record", kindOf(key), "bytes", size, "took", took, "result", result)
	}
	return err
}

func (o *observed) Load(ctx context.Context, key string) ([]byte, error) {
	began := time.Now()
	value, err := o.store.Load(ctx, key)
	result := "hit"
	if errors.Is(err, ErrAbsent) {
		result = "miss"
	} else if err != nil {
		result = "error"
	}
	o.meters.loads.WithLabelValues(o.name, kindOf(key), result).Inc()
	return value, o.note(ctx, "load", key, len(value), began, err)
}

func (o *observed) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	began := time.Now()
	err := o.store.Swap(ctx, key, old, new, o.onWall(expiry))
	if new != nil && err == nil {
		o.meters.bytes.WithLabelValues(o.name, kindOf(key)).Observe(float64(len(new)))
	}
	return o.note(ctx, "save", key, len(new), began, err)
}

func (o *observed) Delete(ctx context.Context, key string) error {
	began := time.Now()
	err := o.store.Delete(ctx, key)
	return o.note(ctx, "delete", key, 0, began, err)
}

func (o *observed) Touch(ctx context.Context, key string, expiry time.Time) error {
	began := time.Now()
	err := o.store.Touch(ctx, key, o.onWall(expiry))
	return o.note(ctx, "touch", key, 0, began, err)
}

func (o *observed) Lock(ctx context.Context, key string) (func(), error) {
	began := time.Now()
	unlock, err := o.store.Lock(ctx, key)
	o.meters.waits.WithLabelValues(o.name).Observe(time.Since(began).Seconds())
	return unlock, o.note(ctx, "lock", key, 0, began, err)
}

func (o *observed) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return o.store.Keys(ctx, prefix)
}

func (o *observed) Ping(ctx context.Context) error { return o.store.Ping(ctx) }
