package session

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"daybook/internal/identity"
)

// personTokens is how long a person's token record is kept after each write,
// and its kind in the vault.
const (
	tokensExpiry = 24 * time.Hour
	ofTokens     = "tokens"
)

// Tokens returns the cache of this session's tokens: a value of the session
// or, with Options.Tokens, the record that all sessions of the person share.
// The change given to Update must not call the cache or the session.
func (s *Session) Tokens() identity.Cache {
	if s.all.tokens != nil {
		return personTokens{s}
	}
	return sessionTokens{s}
}

// sessionTokens keeps the tokens inside the session.
type sessionTokens struct{ *Session }

func (c sessionTokens) Key() string { return recordKey(c.token) }

func (c sessionTokens) Load(ctx context.Context, fresh bool) ([]byte, error) {
	if !fresh {
		return present(c.all.scs.GetBytes(c.data, keyTokens)), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.all.records.reload(ctx, c.token, c.view); err != nil {
		return nil, err
	}
	return present(c.view.current[keyTokens]), nil
}

// present is nil for tokens that were removed.
func present(tokens []byte) []byte {
	if len(tokens) == 0 {
		return nil
	}
	return bytes.Clone(tokens)
}

func (c sessionTokens) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view.guarded = keyTokens
	defer func() { c.view.guarded = "" }()
	for {
		current := c.view.current[keyTokens]
		next, err := change(present(current))
		if err != nil {
			return err
		}
		// From here on the present value is what the change is based on, for
		// this request too, so that only a still newer one is a conflict.
		c.rebase(ctx, current)
		if bytes.Equal(next, current) {
			// Nothing to write; the session may have ended all the same.
			if err := c.all.records.reload(ctx, c.token, c.view); err != nil {
				return err
			}
			if bytes.Equal(c.view.current[keyTokens], current) {
				return nil
			}
			continue
		}
		if len(next) == 0 {
			next = nil
		}
		if err := c.change(ctx, keyTokens, next); !errors.Is(err, errMoved) {
			return err
		}
	}
}

// rebase makes the store's present tokens those of this request.
func (c sessionTokens) rebase(ctx context.Context, current []byte) {
	base := make(map[string][]byte, len(c.view.base)+1)
	for key, value := range c.view.base {
		base[key] = value
	}
	if current == nil {
		delete(base, keyTokens)
		c.all.scs.Remove(c.in(ctx), keyTokens)
	} else {
		base[keyTokens] = current
		c.all.scs.Put(c.in(ctx), keyTokens, current)
	}
	c.view.base = base
}

func (c sessionTokens) Lock(ctx context.Context) (func(), error) {
	return c.all.records.store.Lock(ctx, c.Key())
}

// personTokens keeps the tokens in one record for each person. It is sealed
// with the secret alone: every session of the person opens it.
type personTokens struct{ *Session }

func (c personTokens) Key() string { return c.names()[0] }

// names are what the record may be called, in an order that is the same for
// whoever has the same secrets in another order.
func (c personTokens) names() []string {
	var names []string
	for _, key := range c.all.tokens.keys {
		names = append(names, key.name(ofTokens, c.account.Key()))
	}
	slices.Sort(names)
	return names
}

func (c personTokens) Load(ctx context.Context, fresh bool) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Session.tokens != nil && !fresh {
		return bytes.Clone(c.Session.tokens), nil
	}
	all, err := c.all.tokens.read(ctx, ofTokens, c.account.Key())
	if err != nil {
		return nil, err
	}
	c.Session.tokens = gathered(all)
	// Afterwards: a sign-out that takes the tokens away has ended the session.
	if fresh || c.Session.tokens == nil {
		if err := c.live(ctx); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(c.Session.tokens), nil
}

// gathered is what all records of a person hold. Two processes whose secrets
// are in different orders may each have written one.
func gathered(all [][]byte) []byte {
	if len(all) == 0 {
		return nil
	}
	tokens := all[0]
	for _, other := range all[1:] {
		if merged, err := identity.Merge(nil, tokens, other); err == nil {
			tokens = merged
		}
	}
	return present(tokens)
}

// live is ErrEnded unless the session is still there.
func (c personTokens) live(ctx context.Context) error {
	_, _, _, err := c.all.records.read(ctx, c.token)
	if errors.Is(err, ErrSignedOut) {
		return ErrEnded
	}
	return err
}

func (c personTokens) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.live(ctx); err != nil {
		return c.ended(ctx, err)
	}
	var stored []byte
	err := c.all.tokens.update(ctx, ofTokens, c.account.Key(),
		func(all [][]byte) (next []byte, expiry time.Time, err error) {
			current := gathered(all)
			if next, err = change(bytes.Clone(current)); err != nil {
				return nil, time.Time{}, err
			}
			if stored = present(next); bytes.Equal(stored, current) {
				return nil, time.Time{}, errUnchanged
			}
			return stored, c.all.options.Now().Add(tokensExpiry), nil
		})
	if err != nil {
		// A sign-out takes the tokens away, and change may fail for lack of them.
		if e := c.live(ctx); errors.Is(e, ErrEnded) {
			return c.ended(ctx, e)
		}
		return err
	}
	c.Session.tokens = stored
	return c.ended(ctx, c.live(ctx))
}

// ended returns err. If that is the session's end, a sign-out may have come
// between the look at the session and the write, this one's or that of an
// attempt before it whose answer was lost: then what was written is nobody's.
func (c personTokens) ended(ctx context.Context, err error) error {
	if errors.Is(err, ErrEnded) {
		err = errors.Join(err, c.all.dropTokensSurely(ctx, c.account.Key()))
	}
	return err
}

// Lock takes the lock of every name, so that processes which share a secret
// keep each other out while secrets are rotated, whatever the order of theirs.
func (c personTokens) Lock(ctx context.Context) (func(), error) {
	var held []func()
	unlock := func() {
		for _, release := range slices.Backward(held) {
			release()
		}
	}
	for _, name := range c.names() {
		release, err := c.all.tokens.store.Lock(ctx, name)
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, release)
	}
	return unlock, nil
}

// putTokens stores the tokens of a sign-in for all sessions of the person.
func (s *Sessions) putTokens(ctx context.Context, person string, tokens []byte) error {
	return s.tokens.update(ctx, ofTokens, person, func([][]byte) ([]byte, time.Time, error) {
		return tokens, s.options.Now().Add(tokensExpiry), nil
	})
}

// dropTokens removes the tokens kept for a person who has no session left. The
// tokens are read before the roster: a sign-in enters the roster before it
// writes them, so either it is seen there or its write makes ours fail.
func (s *Sessions) dropTokens(ctx context.Context, person string) error {
	if s.tokens == nil {
		return nil
	}
	all, err := s.tokens.entries(ctx, ofTokens, person)
	if err != nil {
		return err
	}
	r, err := s.rosters.read(ctx, ofPerson, person)
	if err != nil || len(r.Members) > 0 {
		return err
	}
	if err := s.tokens.replace(ctx, ofTokens, all, nil, time.Time{}); !errors.Is(err, ErrConflict) {
		return err
	}
	return nil
}

// dropTokensSurely is dropTokens, tried on in the background where it fails.
func (s *Sessions) dropTokensSurely(ctx context.Context, person string) error {
	return s.surely(ctx, "drop the tokens of a person", func(ctx context.Context) error { return s.dropTokens(ctx, person) })
}
