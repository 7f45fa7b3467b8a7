package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// store is one record that several caches share, as sessions in several
// processes do.
type store struct {
	name string
	turn chan struct{} // holds one when the lock is free

	mu      sync.Mutex
	data    []byte
	ended   bool
	failing int // Update calls that fail from now on
	loads   int
	updates int
	locks   int
	onSave  func()
}

func newStore(name string, data []byte) *store {
	s := &store{name: name, data: data, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

func (s *store) Key() string { return s.name }

func (s *store) Load(ctx context.Context, fresh bool) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if s.ended {
		return nil, fmt.Errorf("store: %w", ErrEnded)
	}
	return s.data, nil
}

func (s *store) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	if s.onSave != nil {
		s.onSave()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updates++
	if s.ended {
		return fmt.Errorf("store: %w", ErrEnded)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.failing > 0 {
		s.failing--
		return errStore
	}
	b, err := change(s.data)
	if err == nil {
		s.data = b
	}
	return err
}

func (s *store) fail(updates int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = updates
}

var errStore = fmt.Errorf("the store is down")

func (s *store) Lock(ctx context.Context) (func(), error) {
	select {
	case <-s.turn:
		s.mu.Lock()
		s.locks++
		s.mu.Unlock()
		return func() { s.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *store) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

func (s *store) set(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = b
}

// rt returns the refresh token that the store holds.
func (s *store) rt() string {
	x, err := takeApart(s.bytes())
	if err != nil {
		return "damaged"
	}
	for _, raw := range x[refreshTokens] {
		return parseEntry(raw).Secret
	}
	return ""
}

// age makes all access tokens of the record expire in left.
func (s *store) age(left time.Duration) {
	s.edit(func(e map[string]any) { e["expires_on"] = fmt.Sprint(time.Now().Add(left).Unix()) })
}

func (s *store) edit(change func(map[string]any)) {
	x, err := takeApart(s.bytes())
	if err != nil {
		panic(err)
	}
	for key, raw := range maps.Clone(x[accessTokens]) {
		var e map[string]any
		_ = json.Unmarshal(raw, &e)
		change(e)
		x[accessTokens][key], _ = json.Marshal(e)
	}
	b, err := x.assemble()
	if err != nil {
		panic(err)
	}
	s.set(b)
}
