package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func sorted(s []string) []string { slices.Sort(s); return s }

func later() time.Time { return time.Now().Add(time.Hour) }

func TestStoreSwap(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, tt := range []struct {
			name             string
			have, old, new   string // "-": absent
			end              time.Duration
			want             string
			wantErr          error
			extra, wantExtra string
		}{
			{name: "create", have: "-", old: "-", new: "a", end: time.Hour, want: "a"},
			{name: "create what is there", have: "a", old: "-", new: "b", end: time.Hour, want: "a", wantErr: ErrConflict},
			{name: "replace", have: "a", old: "a", new: "b", end: time.Hour, want: "b"},
			{name: "replace by the same", have: "a", old: "a", new: "a", end: time.Hour, want: "a"},
			{name: "replace what has changed", have: "a", old: "b", new: "c", end: time.Hour, want: "a", wantErr: ErrConflict},
			{name: "replace what is absent", have: "-", old: "a", new: "b", end: time.Hour, want: "-", wantErr: ErrConflict},
			{name: "a longer value that begins alike", have: "ab", old: "a", new: "c", end: time.Hour, want: "ab", wantErr: ErrConflict},
			{name: "delete", have: "a", old: "a", new: "-", end: time.Hour, want: "-"},
			{name: "delete what has changed", have: "a", old: "b", new: "-", end: time.Hour, want: "a", wantErr: ErrConflict},
			{name: "delete what is absent", have: "-", old: "a", new: "-", end: time.Hour, want: "-", wantErr: ErrConflict},
			{name: "nothing by nothing", have: "-", old: "-", new: "-", end: time.Hour, want: "-"},
			{name: "empty is not absent", have: "", old: "-", new: "a", end: time.Hour, want: "", wantErr: ErrConflict},
			{name: "empty by something", have: "", old: "", new: "a", end: time.Hour, want: "a"},
			{name: "something by empty", have: "a", old: "a", new: "", end: time.Hour, want: ""},
			{name: "expired on creation", have: "-", old: "-", new: "a", end: -time.Second, want: "-"},
			{name: "expired on replacement", have: "a", old: "a", new: "b", end: 0, want: "-"},
			{name: "expired long ago", have: "a", old: "a", new: "b", end: -60 * 365 * 24 * time.Hour, want: "-"},
			{name: "expired, but changed", have: "a", old: "b", new: "c", end: -time.Second, want: "a", wantErr: ErrConflict},
		} {
			t.Run(tt.name, func(t *testing.T) {
				key := "test-" + randomHex(8)
				value := func(s string) []byte {
					if s == "-" {
						return nil
					}
					return []byte(s)
				}
				if tt.have != "-" {
					mustSwap(t, b.store, key, nil, value(tt.have), later())
				}
				err := b.store.Swap(t.Context(), key, value(tt.old), value(tt.new), time.Now().Add(tt.end))
				if !errors.Is(err, tt.wantErr) || (err == nil) != (tt.wantErr == nil) {
					t.Errorf("Swap(%q, %q) = %v, want %v", tt.old, tt.new, err, tt.wantErr)
				}
				got, err := b.again().Load(t.Context(), key)
				if tt.want == "-" {
					if !errors.Is(err, ErrAbsent) {
						t.Errorf("Load = %q, %v, want %v", got, err, ErrAbsent)
					}
				} else if err != nil || string(got) != tt.want || got == nil {
					t.Errorf("Load = %q, %v, want %q", got, err, tt.want)
				}
			})
		}
	})
}

func TestStoreBytesAndSizes(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for _, value := range [][]byte{every, bytes.Repeat([]byte{0}, 10), bytes.Repeat(every, MaxRecord/256)} {
			mustSwap(t, b.store, "bytes-1", nil, value, later())
			got := mustLoad(t, b.store, "bytes-1")
			if !bytes.Equal(got, value) {
				t.Errorf("Load gave %d other bytes, want %d as written", len(got), len(value))
			}
			if len(got) > 0 {
				got[0]++
			}
			mustSwap(t, b.store, "bytes-1", value, nil, later())
		}
		err := b.store.Swap(t.Context(), "bytes-2", nil, make([]byte, MaxRecord+1), later())
		if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnavailable) {
			t.Errorf("Swap of %d bytes = %v, want %v", MaxRecord+1, err, ErrTooLarge)
		}
	})
}

func TestStoreRefusesForeignKeys(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, key := range []string{"", ".", "..", "../x", "a/b", "a.lock", "A", "a b", "a\x00", "ä", "*", strings.Repeat("a", 129)} {
			_, err := b.store.Load(t.Context(), key)
			_, lockErr := b.store.Lock(t.Context(), key)
			for op, err := range map[string]error{
				"Load": err, "Lock": lockErr,
				"Swap":   b.store.Swap(t.Context(), key, nil, []byte("x"), later()),
				"Delete": b.store.Delete(t.Context(), key),
				"Touch":  b.store.Touch(t.Context(), key, later()),
			} {
				if err == nil || errors.Is(err, ErrAbsent) {
					t.Errorf("%s(%q) = %v, want a refusal", op, key, err)
				}
			}
		}
	})
}

func TestStoreDelete(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "gone-1"
		if err := b.store.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete of nothing = %v, want nil", err)
		}
		mustSwap(t, b.store, key, nil, []byte("a"), later())
		if err := b.again().Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		// Whoever had read it before cannot bring it back, nor can a touch.
		if err := b.store.Swap(t.Context(), key, []byte("a"), []byte("b"), later()); !errors.Is(err, ErrConflict) {
			t.Errorf("Swap after Delete = %v, want %v", err, ErrConflict)
		}
		if err := b.store.Touch(t.Context(), key, later()); !errors.Is(err, ErrAbsent) {
			t.Errorf("Touch after Delete = %v, want %v", err, ErrAbsent)
		}
		if got, err := b.store.Load(t.Context(), key); err != ErrAbsent {
			t.Errorf("Load after Delete = %q, %v, want %v", got, err, ErrAbsent)
		}
	})
}

func TestStoreExpiry(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "brief-1"
		end := time.Now().Add(150 * time.Millisecond)
		mustSwap(t, b.store, key, nil, []byte("a"), end)
		if got := mustLoad(t, b.store, key); string(got) != "a" {
			t.Errorf("Load = %q, want %q", got, "a")
		}
		eventually(t, 3*time.Second, "the record expires", func() bool {
			_, err := b.store.Load(t.Context(), key)
			return errors.Is(err, ErrAbsent)
		})
		// A Redis server may look at its clock a few milliseconds later.
		if now := time.Now(); now.Before(end.Add(-time.Millisecond)) {
			t.Errorf("expired %v early", end.Sub(now))
		}
		if err := b.store.Touch(t.Context(), key, later()); !errors.Is(err, ErrAbsent) {
			t.Errorf("Touch of an expired record = %v, want %v", err, ErrAbsent)
		}
		if err := b.store.Swap(t.Context(), key, []byte("a"), []byte("b"), later()); !errors.Is(err, ErrConflict) {
			t.Errorf("Swap of an expired record = %v, want %v", err, ErrConflict)
		}
		if got := keysOf(t, b.store, "brief-"); got != "0 " {
			t.Errorf("Keys = %s, want none", got)
		}
		mustSwap(t, b.store, key, nil, []byte("c"), later())
		if got := mustLoad(t, b.store, key); string(got) != "c" {
			t.Errorf("Load = %q, want %q", got, "c")
		}
	})
}

func TestStoreTouch(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "touch-1"
		start := time.Now().Truncate(time.Millisecond)
		if err := b.store.Touch(t.Context(), key, later()); !errors.Is(err, ErrAbsent) {
			t.Errorf("Touch of nothing = %v, want %v", err, ErrAbsent)
		}
		if got := b.expiry(t, key); !got.IsZero() {
			t.Errorf("Touch of nothing made a record that expires %v", got)
		}
		mustSwap(t, b.store, key, nil, []byte("a"), start.Add(time.Hour))
		for _, tt := range []struct{ touch, want time.Duration }{
			{2 * time.Hour, 2 * time.Hour},
			{time.Hour, 2 * time.Hour}, // never earlier
			{-time.Hour, 2 * time.Hour},
			{3 * time.Hour, 3 * time.Hour},
		} {
			if err := b.again().Touch(t.Context(), key, start.Add(tt.touch)); err != nil {
				t.Fatal(err)
			}
			if got := b.expiry(t, key).Sub(start); got != tt.want {
				t.Errorf("Touch(+%v): expires +%v, want +%v", tt.touch, got, tt.want)
			}
		}
		// A write says its own expiry, an earlier one too.
		mustSwap(t, b.store, key, []byte("a"), []byte("b"), start.Add(time.Hour))
		if got := b.expiry(t, key).Sub(start); got != time.Hour {
			t.Errorf("Swap: expires +%v, want +%v", got, time.Hour)
		}
		// Or none, and keeps the present one.
		mustSwap(t, b.again(), key, []byte("b"), []byte("c"), time.Time{})
		if got := b.expiry(t, key).Sub(start); got != time.Hour {
			t.Errorf("Swap without an expiry: expires +%v, want +%v", got, time.Hour)
		}
		if got := mustLoad(t, b.store, key); string(got) != "c" {
			t.Errorf("Swap without an expiry: Load = %q, want c", got)
		}
		if err := b.store.Swap(t.Context(), key+"-new", nil, []byte("a"), time.Time{}); err == nil {
			t.Error("a new record without an expiry is stored")
		}
	})
}

func TestStoreKeysAndPing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		for _, key := range []string{"a-1", "a-2", "ab-1", "b-1"} {
			mustSwap(t, b.store, key, nil, []byte("x"), later())
		}
		unlock, err := b.store.Lock(t.Context(), "a-3")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if got, want := keysOf(t, b.again(), "a-"), "2 a-1 a-2"; got != want {
			t.Errorf("Keys(a-) = %s, want %s", got, want)
		}
		if err := b.store.Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v", err)
		}
		if got, want := keysOf(t, b.store, ""), "4 a-1 a-2 ab-1 b-1"; got != want {
			t.Errorf("Keys after Ping = %s, want %s", got, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.store.Ping(ctx); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Ping with an ended context = %v, want %v", err, ErrUnavailable)
		}
		if _, err := b.store.Load(ctx, "a-1"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("Load with an ended context = %v, want %v", err, ErrUnavailable)
		}
	})
}

// A hundred writers, half of them on another instance: none that was told it
// had written is lost. On a busy machine some may give up waiting.
func TestStoreCounter(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const writers = 100
		stores := []Store{b.store, b.again()}
		var wg sync.WaitGroup
		var written atomic.Int32
		for i := range writers {
			wg.Go(func() {
				err := increment(t.Context(), stores[i%2], "count-1")
				switch {
				case err == nil:
					written.Add(1)
				case !busy(err):
					t.Errorf("increment: %v", err)
				}
			})
		}
		wg.Wait()
		got, err := strconv.Atoi(string(mustLoad(t, b.store, "count-1")))
		if least := int(written.Load()); err != nil || got < least || got > writers || least < writers/4 {
			t.Errorf("after %d of %d increments: %d, %v", least, writers, got, err)
		}
	})
}

func TestStoreCounterOfTwoProcesses(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		first, second := process(t, "count", b, "count-1", 60), process(t, "count", b, "count-1", 60)
		first.Stderr, second.Stderr = os.Stderr, os.Stderr
		if err := errors.Join(first.Start(), second.Start(), first.Wait(), second.Wait()); err != nil {
			t.Fatal(err)
		}
		if got := mustLoad(t, b.store, "count-1"); string(got) != "120" {
			t.Errorf("after 120 increments: %s", got)
		}
	})
}

// Readers that take no lock see whole records all the same.
func TestStoreReadsAreNeverTorn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "torn-1"
		if err := rewrite(t.Context(), b.store, key, 'a'); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var readers sync.WaitGroup
		reader := b.again()
		for range 4 {
			readers.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					value, err := reader.Load(context.Background(), key)
					if err != nil || len(value) != 64<<10 || bytes.Count(value, value[:1]) != len(value) {
						t.Errorf("Load = %d bytes, %v; want %d equal ones", len(value), err, 64<<10)
						return
					}
				}
			})
		}
		for i := range 60 {
			if err := rewrite(t.Context(), b.store, key, byte('a'+i%26)); err != nil {
				t.Error(err)
			}
		}
		close(done)
		readers.Wait()
	})
}

// At no time is there a record that does not expire, or does so too late.
func TestStoreExpiryIsAlwaysThere(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		const key = "ttl-1"
		last := time.Now().Add(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				store := b.again()
				for n := 0; ctx.Err() == nil; n++ {
					old, _ := store.Load(t.Context(), key)
					var err error
					switch (n + i) % 4 {
					case 0, 1:
						err = store.Swap(t.Context(), key, old, []byte(randomHex(8)), last.Add(-time.Duration(n%1000)*time.Millisecond))
					case 2:
						err = store.Touch(t.Context(), key, last)
					case 3:
						err = store.Delete(t.Context(), key)
					}
					if errors.Is(err, ErrUnavailable) && !busy(err) {
						t.Error(err)
					}
				}
			})
		}
		seen := 0
		eventually(t, 20*time.Second, "the sampler sees the record a hundred times", func() bool {
			if end := b.expiry(t, key); !end.IsZero() {
				seen++
				if end.Before(last.Add(-time.Minute)) || end.After(last.Add(time.Millisecond)) {
					t.Errorf("a record expires %v, want at most %v before %v", end, time.Minute, last)
					return true
				}
			}
			return seen >= 100
		})
		cancel()
		wg.Wait()
	})
}
