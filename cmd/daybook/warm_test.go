package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/session"
	"daybook/internal/simulator"
)

// A countingStore counts what a store is asked for.
type countingStore struct {
	session.Store
	reads, writes atomic.Int64
}

func (s *countingStore) Load(ctx context.Context, key string) ([]byte, error) {
	s.reads.Add(1)
	return s.Store.Load(ctx, key)
}

func (s *countingStore) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	s.writes.Add(1)
	return s.Store.Swap(ctx, key, old, new, expiry)
}

func (s *countingStore) Touch(ctx context.Context, key string, expiry time.Time) error {
	s.writes.Add(1)
	return s.Store.Touch(ctx, key, expiry)
}

func (s *countingStore) Delete(ctx context.Context, key string) error {
	s.writes.Add(1)
	return s.Store.Delete(ctx, key)
}

// calendarsOfLena is how many calendars the first of the demo's people sees.
const calendarsOfLena = 4

// TestWarmPage holds the promise on speed: a page like one just shown costs
// one read of the store and nothing else of anybody, and a reload asks Graph.
func TestWarmPage(t *testing.T) {
	t.Parallel()
	people := simulator.People(time.Now())
	m := newStage(t, nowhere, people...)
	store := new(countingStore)
	at := m.inside(func(s session.Store) session.Store {
		store.Store = s
		return store
	}, inFiles(t).settings...)
	b := m.visitor().on(at.addr)
	const page = "/calendar/week/2026-11-23"
	b.enter(people[0], page)
	// A page fetches the week before and the week after ahead. From the moment
	// when Graph has been asked for all three, nothing is left to ask.
	for asked := 0; asked < 3*calendarsOfLena; {
		if a := b.get(page); a.status != http.StatusOK || t.Context().Err() != nil {
			t.Fatalf("GET %s = %d, want 200", page, a.status)
		}
		asked = 0
		for _, call := range m.Calls() {
			if strings.Contains(call.URL, "/calendarView?") {
				asked++
			}
		}
	}
	reads, writes, calls := store.reads.Load(), store.writes.Load(), len(m.Calls())
	first := b.get(page)
	if first.status != http.StatusOK || !strings.Contains(first.body, "h-event") {
		t.Fatalf("GET %s = %d without events", page, first.status)
	}
	if n := store.reads.Load() - reads; n != 1 {
		t.Errorf("a warm page reads the store %d times, want 1", n)
	}
	if n := store.writes.Load() - writes; n != 0 {
		t.Errorf("a warm page writes to the store %d times, want 0", n)
	}
	if n := len(m.Calls()) - calls; n != 0 {
		t.Errorf("a warm page makes %d calls to Microsoft, want 0", n)
	}

	b.reload(page)
	if n := len(m.Calls()) - calls; n == 0 {
		t.Error("a reload asked Graph nothing")
	}
}
