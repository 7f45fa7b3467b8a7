package session

import (
	"context"
	"sync"
)

// errands are small jobs that no answer waits for. The zero value is ready.
type errands struct {
	mu      sync.Mutex
	closed  bool
	running int
	wg      sync.WaitGroup
}

// maxErrands is how many run at once. Most of them will come up again with a
// later request.
const maxErrands = 64

// run starts job with a context of its own, unless too many are running, and
// reports whether it does.
func (e *errands) run(job func(ctx context.Context)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.running >= maxErrands {
		return false
	}
	e.running++
	e.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), budget)
		defer cancel()
		job(ctx)
		e.mu.Lock()
		e.running--
		e.mu.Unlock()
	})
	return true
}

func (e *errands) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.wg.Wait()
}
