package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// MaxRecord is the largest record in bytes that a [Store] takes or gives.
const MaxRecord = 1 << 20

// patience is how long a store may take over one command before it counts as
// unreachable, and budget the same for a request's several calls together.
const (
	patience = time.Second
	budget   = 2 * time.Second
)

// Errors of a [Store]. Every other error means that the store could not be
// asked or did not answer, and is one that [ErrUnavailable] matches.
var (
	// ErrAbsent says that no record is stored under the key: there never was
	// one, it was deleted, its expiry has passed, or what is there is no record
	// at all (the text then says what was found).
	ErrAbsent = errors.New("no record")
	// ErrConflict says that what is stored is not what the caller expected.
	ErrConflict = errors.New("record changed meanwhile")
	// ErrTooLarge says that a record above [MaxRecord] was not written.
	ErrTooLarge = errors.New("record too large")
)

// A Store keeps small records, each with an expiry, under keys. It knows
// nothing of sessions: what it is given is sealed already, and keys are made
// from hashes. [Dir], [Redis] and [Memory] satisfy it and one test suite runs
// against all three.
//
// A Store is safe for concurrent use by many goroutines, and [Dir] and [Redis]
// by many processes that share the folder or the server. Reads and conditional
// writes of one key are linearizable: once a call that changed a record has
// returned nil, every call that begins afterwards, in any process, sees that
// change or a later one. Nothing is promised between two keys.
//
// A call that returns nil is durable as far as the medium can make it so: on
// files it has been synced, on Redis the server has acknowledged it. A call
// that returns an error matching [ErrUnavailable] may or may not have taken
// effect, but a record is never left half written. Calls give up when ctx ends
// and, Lock and Keys apart, after two seconds at the latest.
//
// Keys consist of the characters a-z, 0-9 and '-', at most 128 of them; any
// other key is an error. The part before the first '-' says what kind of
// record it is.
type Store interface {
	// Load returns the record under key, or ErrAbsent. The caller owns the
	// slice.
	Load(ctx context.Context, key string) ([]byte, error)

	// Swap replaces old by new and sets when the record expires, provided that
	// old is what is stored, byte for byte; otherwise nothing is written and
	// the error is ErrConflict. A nil old means that the record must be absent,
	// a nil new deletes it. A record whose expiry has passed is absent, and a
	// Swap with an expiry that is not in the future deletes; with the zero time
	// the expiry stays what it is, for which old must not be nil.
	//
	// It follows that with a non-nil old a deleted record cannot come back.
	Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error

	// Delete removes the record. That there is none is no error.
	Delete(ctx context.Context, key string) error

	// Touch moves the expiry of a record later without reading or writing its
	// content; an expiry before the present one changes nothing. It never
	// creates a record: ErrAbsent.
	Touch(ctx context.Context, key string, expiry time.Time) error

	// Lock waits for the exclusive right to key among all who share the store,
	// until ctx ends. The right is kept until unlock is called, however long
	// that takes, and is freed when the holder's process dies: at once on
	// files, within ten seconds on Redis. It is advice: it keeps nobody from
	// calling the other methods, and a process that was suspended may wake up
	// without it, so writes are fenced by Swap. A lock and a record of the same
	// key are independent. Calling unlock again does nothing.
	Lock(ctx context.Context, key string) (unlock func(), err error)

	// Keys yields the keys that begin with prefix, in no order; it takes time
	// in proportion to all records and is for operators' commands alone. A
	// record that is written or deleted meanwhile may be missing or yielded. An
	// error ends the iteration.
	Keys(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Ping writes, reads back and deletes a record of its own.
	Ping(ctx context.Context) error
}

// A fault is why a store could not be used; ErrUnavailable matches it. Its
// text is for the operator and holds no secret.
type fault struct {
	kind string // bounded: a metric's label
	op   string
	err  error
}

func (f *fault) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrUnavailable, f.op, f.err)
}

func (f *fault) Unwrap() []error { return []error{ErrUnavailable, f.err} }

// faultOf makes a fault of err unless it is one.
func faultOf(op string, err error) error {
	if f := (*fault)(nil); errors.As(err, &f) {
		return err
	}
	return newFault(op, err)
}

func newFault(op string, err error) *fault {
	kind := "other"
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		kind = "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		kind = "timeout"
	}
	return &fault{kind: kind, op: op, err: err}
}

// checkKey guards paths and patterns against a key that is not one of ours.
func checkKey(key string) error {
	if key == "" || len(key) > 128 {
		return fmt.Errorf("session store: key of %d characters", len(key))
	}
	for i := range len(key) {
		if c := key[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Errorf("session store: key with character %q", c)
		}
	}
	return nil
}

// checkSwap guards what stores would take differently.
func checkSwap(key string, old, new []byte, expiry time.Time) error {
	if old == nil && new != nil && expiry.IsZero() {
		return errors.New("session store: a new record without an expiry")
	}
	if len(new) > MaxRecord {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(new))
	}
	return checkKey(key)
}

// past reports whether a record with that expiry would be none.
func past(expiry time.Time) bool { return !expiry.IsZero() && !expiry.After(time.Now()) }

// damaged is an ErrAbsent that says what was found instead of a record.
func damaged(what string) error { return fmt.Errorf("%w, but %s", ErrAbsent, what) }

// probe is Ping for a store on which each operation is conditional anyway.
func probe(ctx context.Context, s Store) error {
	key, value := "ping-"+randomHex(16), randomHex(16)
	if err := s.Swap(ctx, key, nil, []byte(value), time.Now().Add(time.Minute)); err != nil {
		return err
	}
	back, err := s.Load(ctx, key)
	if err == nil && string(back) != value {
		err = faultOf("ping", errors.New("what was written did not come back"))
	}
	if e := s.Delete(ctx, key); err == nil {
		err = e
	}
	return err
}
