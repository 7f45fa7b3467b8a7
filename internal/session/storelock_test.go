package session

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestStoreLockIsExclusive(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		stores := []Store{b.store, b.again()}
		var inside, most, rounds atomic.Int32
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for range 5 {
					unlock, err := stores[i%2].Lock(t.Context(), "lock-1")
					if err != nil {
						t.Errorf("Lock: %v", err)
						return
					}
					if n := inside.Add(1); n > most.Load() {
						most.Store(n)
					}
					rounds.Add(1)
					inside.Add(-1)
					unlock()
					unlock() // does nothing
				}
			})
		}
		wg.Wait()
		if most.Load() != 1 || rounds.Load() != 60 {
			t.Errorf("%d at once in %d rounds, want 1 in 60", most.Load(), rounds.Load())
		}
		if got := keysOf(t, b.store, ""); got != "0 " {
			t.Errorf("locks left records: %s", got)
		}
	})
}

func TestStoreLockWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		unlock, err := b.store.Lock(t.Context(), "lock-1")
		if err != nil {
			t.Fatal(err)
		}
		for name, store := range map[string]Store{"same": b.store, "other": b.again()} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, err := store.Lock(ctx, "lock-1")
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
				t.Errorf("Lock of what is locked, %s instance = %v, want %v", name, err, context.DeadlineExceeded)
			}
		}
		other, err := b.store.Lock(t.Context(), "lock-2")
		if err != nil {
			t.Fatalf("Lock of another key: %v", err)
		}
		other()
		unlock()
		again, err := b.again().Lock(t.Context(), "lock-1")
		if err != nil {
			t.Fatalf("Lock after unlock: %v", err)
		}
		again()
	})
}

// The unlock of a request that has ended works all the same.
func TestStoreUnlockAfterContext(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		ctx, cancel := context.WithCancel(t.Context())
		unlock, err := b.store.Lock(ctx, "lock-1")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		unlock()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		again, err := b.again().Lock(ctx, "lock-1")
		if err != nil {
			t.Fatalf("Lock after unlock: %v", err)
		}
		again()
	})
}

func TestStoreLockOfKilledProcess(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		if b.name == "redis" && testing.Short() {
			t.Skip("takes a lease of ten seconds")
		}
		holder := process(t, "hold", b, "lock-1", 0)
		begin(t, holder)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := b.store.Lock(ctx, "lock-1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Lock of what another process has = %v, want %v", err, context.DeadlineExceeded)
		}
		cancel()
		holder.Process.Kill()
		ctx, cancel = context.WithTimeout(t.Context(), lease+3*time.Second)
		defer cancel()
		unlock, err := b.store.Lock(ctx, "lock-1")
		if err != nil {
			t.Fatalf("Lock after the holder was killed: %v", err)
		}
		unlock()
	})
}

// A process that is killed while it writes leaves the old record or the new.
func TestStoreWriterKilled(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "kill-1"
		if err := rewrite(t.Context(), b.store, key, 'a'); err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			writer := process(t, "rewrite", b, key, 0)
			begin(t, writer)
			// Let it get to a different point each time.
			rest(t.Context(), time.Duration(1+3*i)*time.Millisecond)
			writer.Process.Kill()
			writer.Wait()
			value := mustLoad(t, b.store, key)
			if len(value) != 64<<10 || bytes.Count(value, value[:1]) != len(value) {
				t.Fatalf("round %d: %d bytes that are not one letter", i, len(value))
			}
			if err := rewrite(t.Context(), b.store, key, 'z'); err != nil {
				t.Fatalf("round %d: write after the kill: %v", i, err)
			}
		}
		if d, ok := b.store.(*Dir); ok {
			if _, err := d.Sweep(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			for entry := range d.entries(t.Context()) {
				if name := entry[3:]; name != key && name != shardLock {
					t.Errorf("Sweep left %s", entry)
				}
			}
		}
	})
}
