package session

import (
	"context"
	"sync"
	"time"
)

// Bounds of sign-outs that the store did not take.
const (
	farewellLife = 5 * time.Minute  // how long one is tried on
	farewellWait = 10 * time.Second // the longest wait between two
	maxFarewells = 1000             // more are given up
)

// farewells are sign-outs that could not reach the store and are tried again
// in the background, one at a time: a copy of the cookie must not stay good
// until the session's end.
type farewells struct {
	say func(ctx context.Context, token string) error

	closing context.Context
	stop    context.CancelFunc

	mu      sync.Mutex
	queue   []farewell
	running bool
	wg      sync.WaitGroup
}

type farewell struct {
	token string
	until time.Time
}

func newFarewells(say func(ctx context.Context, token string) error) *farewells {
	f := &farewells{say: say}
	f.closing, f.stop = context.WithCancel(context.Background())
	return f
}

// add tries to sign token out from now on, and reports whether it will.
func (f *farewells) add(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing.Err() != nil || len(f.queue) >= maxFarewells {
		return false
	}
	f.queue = append(f.queue, farewell{token, time.Now().Add(farewellLife)})
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
		token, found := f.first()
		if !found {
			return
		}
		ctx, cancel := context.WithTimeout(f.closing, budget)
		err := f.say(ctx, token)
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

// first returns the first that is still to be tried; without one the run is
// over.
func (f *farewells) first() (token string, found bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 && f.closing.Err() == nil {
		if time.Now().Before(f.queue[0].until) {
			return f.queue[0].token, true
		}
		f.queue = f.queue[1:]
	}
	f.running = false
	return "", false
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
