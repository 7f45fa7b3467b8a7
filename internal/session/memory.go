package session

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a [Store] in this process: nothing survives a restart and no other
// process sees it. Records that have expired go by themselves as others are
// written. The zero value is not usable; call [NewMemory].
type Memory struct {
	mu      sync.Mutex
	records map[string]memoryRecord
	crowd   int // number of records at which expired ones are looked for
	locks   turns
}

type memoryRecord struct {
	value  []byte
	expiry time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{records: make(map[string]memoryRecord), crowd: 64}
}

// live returns the record under key unless it has expired; mu is held.
func (m *Memory) live(key string) (memoryRecord, bool) {
	r, found := m.records[key]
	return r, found && time.Now().Before(r.expiry)
}

// Load is described at [Store].
func (m *Memory) Load(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, faultOf("load", err)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.live(key)
	if !found {
		return nil, ErrAbsent
	}
	return bytes.Clone(r.value), nil
}

// Swap is described at [Store].
func (m *Memory) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	if err := ctx.Err(); err != nil {
		return faultOf("swap", err)
	}
	if err := checkSwap(key, old, new, expiry); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.live(key)
	if found != (old != nil) || !bytes.Equal(r.value, old) && found {
		return ErrConflict
	}
	if new == nil || past(expiry) {
		delete(m.records, key)
		return nil
	}
	if expiry.IsZero() {
		expiry = r.expiry
	}
	m.records[key] = memoryRecord{value: append([]byte{}, new...), expiry: expiry}
	if len(m.records) > m.crowd {
		m.sweep(time.Now())
		m.crowd = max(64, 2*len(m.records))
	}
	return nil
}

// Delete is described at [Store].
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return faultOf("delete", err)
	}
	if err := checkKey(key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, key)
	return nil
}

// Touch is described at [Store].
func (m *Memory) Touch(ctx context.Context, key string, expiry time.Time) error {
	if err := ctx.Err(); err != nil {
		return faultOf("touch", err)
	}
	if err := checkKey(key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.live(key)
	if !found {
		return ErrAbsent
	}
	if expiry.After(r.expiry) {
		r.expiry = expiry
		m.records[key] = r
	}
	return nil
}

// Lock is described at [Store].
func (m *Memory) Lock(ctx context.Context, key string) (func(), error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	unlock, err := m.locks.take(ctx, key)
	if err != nil {
		return nil, faultOf("lock", err)
	}
	return unlock, nil
}

// Keys is described at [Store].
func (m *Memory) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		m.mu.Lock()
		keys := slices.Collect(maps.Keys(m.records))
		m.mu.Unlock()
		for _, key := range keys {
			if !strings.HasPrefix(key, prefix) {
				continue
			}
			m.mu.Lock()
			_, found := m.live(key)
			m.mu.Unlock()
			if found && !yield(key, nil) {
				return
			}
		}
	}
}

// Ping reports whether ctx has ended: there is nothing else that could fail.
func (m *Memory) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return faultOf("ping", err)
	}
	return nil
}

// Sweep removes what has expired by now and returns how many records that were.
func (m *Memory) Sweep(_ context.Context, now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sweep(now), nil
}

func (m *Memory) sweep(now time.Time) int {
	before := len(m.records)
	maps.DeleteFunc(m.records, func(_ string, r memoryRecord) bool { return !now.Before(r.expiry) })
	return before - len(m.records)
}
