package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A vault keeps records that no cookie opens: they are sealed with the secret
// alone and named by a keyed hash of what they are about. After a rotation of
// secrets a subject may have one record for each secret; readers look at all
// of them and writers gather them into the newest.
type vault struct {
	store  Store
	keys   keyring
	log    *slog.Logger
	merged prometheus.Counter
}

// An entry is one record of a subject. raw is nil if there is none; without
// good, raw is damaged: a name holds the secret and the format, so nobody else
// can have put a better record there.
type entry struct {
	name  string
	raw   []byte
	plain []byte
	good  bool
}

// errUnchanged is what a change returns that has nothing to write.
var errUnchanged = errors.New("unchanged")

func (v *vault) entries(ctx context.Context, kind, subject string) ([]entry, error) {
	all := make([]entry, len(v.keys))
	for i, key := range v.keys {
		e, err := v.entry(ctx, kind, key.name(kind, subject))
		if err != nil {
			return nil, err
		}
		all[i] = e
	}
	return all, nil
}

func (v *vault) entry(ctx context.Context, kind, name string) (entry, error) {
	e := entry{name: name}
	raw, err := v.store.Load(ctx, name)
	if errors.Is(err, ErrAbsent) {
		if err != ErrAbsent {
			v.log.WarnContext(ctx, "record not usable", "record", name, "reason", err.Error())
		}
		return e, nil
	}
	if err != nil {
		return e, err
	}
	e.raw = raw
	e.plain, err = v.keys.open(kind, name, nil, raw)
	e.good = err == nil
	if err != nil {
		v.log.WarnContext(ctx, "record not usable", "record", name, "reason", err.Error())
	}
	return e, nil
}

// read returns what is kept about subject, newest secret first; none is no error.
func (v *vault) read(ctx context.Context, kind, subject string) ([][]byte, error) {
	all, err := v.entries(ctx, kind, subject)
	return contents(all), err
}

func contents(all []entry) [][]byte {
	var plains [][]byte
	for _, e := range all {
		if e.good {
			plains = append(plains, e.plain)
		}
	}
	return plains
}

// update replaces what is kept about subject by what change makes of it, under
// compare-and-set: change is called again when another writer was faster. A
// nil result deletes. Errors of change are returned as they are, except that
// errUnchanged becomes nil.
func (v *vault) update(ctx context.Context, kind, subject string,
	change func(present [][]byte) (next []byte, expiry time.Time, err error)) error {
	for {
		all, err := v.entries(ctx, kind, subject)
		if err != nil {
			return err
		}
		next, expiry, err := change(contents(all))
		if errors.Is(err, errUnchanged) {
			return nil
		}
		if err != nil {
			return err
		}
		err = v.replace(ctx, kind, all, next, expiry)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		v.merged.Inc()
	}
}

// replace writes next in place of the first entry and removes the others,
// unless one of them has changed: then it is ErrConflict, and update gathers
// them once more.
func (v *vault) replace(ctx context.Context, kind string, all []entry, next []byte, expiry time.Time) error {
	var sealed []byte
	if next != nil {
		var err error
		if sealed, err = v.keys.seal(kind, all[0].name, nil, next); err != nil {
			return err
		}
	}
	if sealed != nil || all[0].raw != nil {
		if err := v.store.Swap(ctx, all[0].name, all[0].raw, sealed, expiry); err != nil {
			return err
		}
	}
	for _, e := range all[1:] {
		if e.raw == nil {
			continue
		}
		if err := v.store.Swap(ctx, e.name, e.raw, nil, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
