package identity

import (
	"context"
	"sync"
)

// tasks owns the goroutines that outlive the request which started them.
type tasks struct {
	mu      sync.Mutex // orders start before close
	closed  bool
	running sync.WaitGroup
	closing context.Context
	stop    context.CancelFunc
}

func newTasks() *tasks {
	t := new(tasks)
	t.closing, t.stop = context.WithCancel(context.Background())
	return t
}

// start runs f unless close has been called, and says whether it does.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running.Go(f)
	return true
}

// close cancels what only waits, refuses new tasks and waits for the others.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	t.running.Wait()
}
