package session

import (
	"context"
	"sync"
	"time"
)

// Bounds of what the store did not take at a sign-out.
const (
	farewellLife = 5 * time.Minute  // how long one is tried on
	farewellWait = 10 * time.Second // the longest wait between two
	maxFarewells = 1000             // more are given up
)

// farewells are the parts of sign-outs that could not reach the store and are
// tried again in the background, one at a time: neither may a copy of the
// cookie stay good until the session's end, nor tokens lie there that nobody
// is signed in for.
type farewells struct {
	closing context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	queue   []farewell
	running bool
	wg      sync.WaitGroup
}

type farewell struct {
	say   func(ctx context.Context) error
	until time.Time
}

func newFarewells() *farewells {
	f := new(farewells)
	f.closing, f.stop = context.WithCancel(context.Background())
	return f
}

// add tries say from now on until it succeeds, and reports whether it will.
func (f *farewells) add(say func(ctx context.Context) error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing.Err() != nil || len(f.queue) >= maxFarewells {
		return false
	}
	f.queue = append(f.queue, farewell{say, time.Now().Add(farewellLife)})
	if !f.running {
		f.running = true
		f.wg.Go(f.run)
	}
	return true
}

func (f *farewells) run() {
	const soon = 500 * time.Millisecond
	wait := soon
	for {
		say := f.first()
		if say == nil {
			return
		}
		ctx, cancel := context.WithTimeout(f.closing, budget)
		err := say(ctx)
		cancel()
		f.done(err == nil)
		if err == nil {
			wait = soon
			continue
		}
		select {
		case <-time.After(wait):
		case <-f.closing.Done():
		}
		wait = min(2*wait, farewellWait)
	}
}

// first returns the first that is still to be tried; without one, nil, the run
// is over.
func (f *farewells) first() (say func(ctx context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 && f.closing.Err() == nil {
		if time.Now().Before(f.queue[0].until) {
			return f.queue[0].say
		}
		f.queue = f.queue[1:]
	}
	f.running = false
	return nil
}

// done removes the first, or puts it behind the others: it may be the only one
// that fails.
func (f *farewells) done(said bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.queue[0]
	f.queue = f.queue[1:]
	if !said {
		f.queue = append(f.queue, first)
	}
}

// close gives up what is left.
func (f *farewells) close() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.wg.Wait()
}
