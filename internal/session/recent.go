package session

import (
	"maps"
	"sync"
	"time"
)

// recent says whether something was done within the last window. It holds no
// more than what was done within two windows.
type recent struct {
	window time.Duration

	mu     sync.Mutex
	done   map[string]time.Time
	pruned time.Time
}

// first reports whether key is due at the given time, and notes it as done.
func (r *recent) first(key string, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done, r.pruned = make(map[string]time.Time), at
	}
	if at.Sub(r.pruned) >= r.window {
		maps.DeleteFunc(r.done, func(_ string, t time.Time) bool { return at.Sub(t) >= r.window })
		r.pruned = at
	}
	if t, found := r.done[key]; found && at.Sub(t) < r.window {
		return false
	}
	r.done[key] = at
	return true
}
