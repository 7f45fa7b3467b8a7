package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// records stands between scs and the [Store]: it seals, hashes, and turns scs'
// "last write wins" into a merge by key under compare-and-set.
//
// scs' own HashTokenInStore is off, because the token itself is needed here: a
// record's key is made from it, its name in the store is a hash of it.
type records struct {
	store  Store
	keys   keyring
	now    func() time.Time
	idle   time.Duration
	log    *slog.Logger
	merged prometheus.Counter
	said   recent // records whose damage was logged
}

// A view is what one request knows of its session's record. scs keeps it in
// the request's context; Session.mu guards it after the session was opened.
type view struct {
	base    map[string][]byte // as scs held the content at its last load or commit
	current map[string][]byte // as it was last seen in the store
	raw     []byte            // current, sealed: what Swap compares with
	guarded string            // a key that must not have been changed by others
}

type viewKey struct{}

// errMoved says that somebody else has changed the guarded key.
var errMoved = errors.New("value changed meanwhile")

// recordKey is where the record of a cookie's token is. Who reads the store
// cannot make a cookie from it.
func recordKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "session-" + hex.EncodeToString(sum[:])
}

// read returns the record of token, or ErrSignedOut if there is none to use.
func (r *records) read(ctx context.Context, token string) (deadline time.Time, plain, raw []byte, err error) {
	key := recordKey(token)
	none := func(err error) (time.Time, []byte, []byte, error) { return time.Time{}, nil, nil, err }
	raw, err = r.store.Load(ctx, key)
	switch {
	case err == ErrAbsent:
		return none(ErrSignedOut)
	case errors.Is(err, ErrAbsent):
		r.unusable(ctx, key, nil, &sealError{reason: err.Error()})
		return none(ErrSignedOut)
	case err != nil:
		return none(err)
	}
	plain, err = r.keys.open("session", key, []byte(token), raw)
	if err != nil {
		r.unusable(ctx, key, raw, err)
		return none(ErrSignedOut)
	}
	deadline, _, err = decode(plain)
	if err != nil {
		r.unusable(ctx, key, raw, &sealError{reason: err.Error(), ours: true})
		return none(ErrSignedOut)
	}
	// The end that counts is the one that was sealed: the store's own expiry
	// can be set by whoever writes there.
	if !r.now().Before(deadline) {
		return none(ErrSignedOut)
	}
	return deadline, plain, raw, nil
}

// unusable logs, once a minute for each record, why a record means a person
// who is signed out, and deletes it if it is surely ours.
func (r *records) unusable(ctx context.Context, key string, raw []byte, why error) {
	if r.said.first(key, r.now()) {
		r.log.WarnContext(ctx, "session record not usable", "record", key, "reason", why.Error())
	}
	if e := (*sealError)(nil); errors.As(why, &e) && e.ours {
		// Nothing is lost if this fails: the record expires.
		_ = r.store.Swap(ctx, key, raw, nil, time.Time{})
	}
}

// FindCtx satisfies scs.CtxStore.
func (r *records) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	_, plain, raw, err := r.read(ctx, token)
	if errors.Is(err, ErrSignedOut) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	v := ctx.Value(viewKey{}).(*view)
	_, v.base, _ = decode(plain)
	v.current, v.raw = v.base, raw
	return plain, true, nil
}

// reload brings v up to what the store has now; ErrEnded if that is nothing.
func (r *records) reload(ctx context.Context, token string, v *view) error {
	_, plain, raw, err := r.read(ctx, token)
	if errors.Is(err, ErrSignedOut) {
		return ErrEnded
	}
	if err != nil {
		return err
	}
	_, v.current, _ = decode(plain)
	v.raw = raw
	return nil
}

// CommitCtx satisfies scs.CtxStore. A new session is written under an id that
// nobody has; of a known one, the keys that differ from the request's base are
// put onto the record as it is by now. The expiry that scs gives is the
// session's end; the idle timeout is kept here, since scs would rewrite the
// whole record at every request for it. What changes a record is no use of the
// session: nobody need be there when a token is renewed.
func (r *records) CommitCtx(ctx context.Context, token string, content []byte, end time.Time) error {
	_, next, err := decode(content)
	if err != nil {
		return err
	}
	v := ctx.Value(viewKey{}).(*view)
	changed := changes(v.base, next)
	if v.raw != nil && len(changed) == 0 {
		return nil
	}
	for {
		if v.guarded != "" && !bytes.Equal(v.current[v.guarded], v.base[v.guarded]) {
			return errMoved
		}
		if !r.now().Before(end) {
			return ErrEnded
		}
		merged := maps.Clone(v.current)
		if merged == nil {
			merged = make(map[string][]byte)
		}
		for key, value := range changed {
			if value == nil {
				delete(merged, key)
			} else {
				merged[key] = value
			}
		}
		key := recordKey(token)
		sealed, err := r.keys.seal("session", key, []byte(token), encode(end, merged))
		if err != nil {
			return err
		}
		var expiry time.Time // the present one
		if v.raw == nil {
			expiry = r.expiry(end)
		}
		err = r.store.Swap(ctx, key, v.raw, sealed, expiry)
		if err == nil {
			v.base, v.current, v.raw = next, merged, sealed
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if v.raw == nil {
			return fmt.Errorf("new session: %w", err)
		}
		if err := r.reload(ctx, token, v); err != nil {
			return err
		}
		r.merged.Inc()
	}
}

// changes returns the keys of next that differ from base, nil for those that
// are gone.
func changes(base, next map[string][]byte) map[string][]byte {
	changed := make(map[string][]byte)
	for key, value := range next {
		if old, found := base[key]; !found || !bytes.Equal(old, value) {
			changed[key] = value
		}
	}
	for key := range base {
		if _, found := next[key]; !found {
			changed[key] = nil
		}
	}
	return changed
}

// expiry is when a record that is used now vanishes from the store.
func (r *records) expiry(end time.Time) time.Time {
	if r.idle > 0 {
		if idle := r.now().Add(r.idle); idle.Before(end) {
			return idle
		}
	}
	return end
}

// DeleteCtx satisfies scs.CtxStore.
func (r *records) DeleteCtx(ctx context.Context, token string) error {
	return r.store.Delete(ctx, recordKey(token))
}

// Find, Commit and Delete satisfy scs.Store; scs calls those with a context.
func (r *records) Find(token string) ([]byte, bool, error) {
	return r.FindCtx(context.WithValue(context.Background(), viewKey{}, &view{}), token)
}

// Commit satisfies scs.Store.
func (r *records) Commit(token string, b []byte, end time.Time) error {
	return r.CommitCtx(context.WithValue(context.Background(), viewKey{}, &view{}), token, b, end)
}

// Delete satisfies scs.Store.
func (r *records) Delete(token string) error { return r.DeleteCtx(context.Background(), token) }
