package identity

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// tasks owns the goroutines that outlive the request which started them.
type tasks struct {
	log     *slog.Logger
	mu      sync.Mutex // orders start before close
	closed  bool
	running sync.WaitGroup
	closing context.Context
	stop    context.CancelFunc
}

func newTasks(log *slog.Logger) *tasks {
	t := &tasks{log: log}
	t.closing, t.stop = context.WithCancel(context.Background())
	return t
}

// start runs f unless close has been called, and says whether it does. An
// answer of Microsoft's that makes MSAL or this code panic must cost a token,
// not the process: no HTTP server recovers for these goroutines.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.running.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				t.log.Error("microsoft sign-in", "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			}
		}()
		f()
	})
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
