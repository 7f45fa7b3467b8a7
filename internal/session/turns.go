package session

import (
	"context"
	"sync"
)

// turns lets one goroutine of this process through at a time for each key. It
// holds an entry only for keys that somebody has or waits for. The zero value
// is ready for use.
type turns struct {
	mu   sync.Mutex
	keys map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody has the key
	users int           // who has it or waits for it
}

// take waits for key until ctx ends. The release it returns may be called more
// than once.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	t.mu.Lock()
	if t.keys == nil {
		t.keys = make(map[string]*turn)
	}
	mine := t.keys[key]
	if mine == nil {
		mine = &turn{free: make(chan struct{}, 1)}
		mine.free <- struct{}{}
		t.keys[key] = mine
	}
	mine.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.keys, key)
		}
	}
	select {
	case <-mine.free:
		return sync.OnceFunc(func() {
			mine.free <- struct{}{}
			leave()
		}), nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
