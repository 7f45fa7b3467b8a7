package graph

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// A flight is an answer on its way, which several requests may wait for. It
// goes on when those who wait go away, and ends by its own time-out.
type flight struct {
	done   chan struct{}
	leader *Mailbox    // whose tokens it uses
	sent   atomic.Bool // a call for it has left
	value  any
	asked  time.Time
	err    error
}

type flightKey struct {
	cacheKey
	generation uint64
}

type flights struct {
	base context.Context
	stop context.CancelFunc

	mu     sync.Mutex
	closed bool
	flying map[flightKey]*flight
	wg     sync.WaitGroup
}

func newFlights() flights {
	ctx, stop := context.WithCancel(context.Background())
	return flights{base: ctx, stop: stop, flying: make(map[flightKey]*flight)}
}

// start returns the flight for key, a new one if none may be joined.
func (f *flights) start(ctx context.Context, key flightKey, m *Mailbox, join func(*flight) bool, fly func(context.Context, *flight) (any, time.Time, error)) (*flight, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if fl := f.flying[key]; fl != nil && join(fl) {
		return fl, nil
	}
	fl := &flight{done: make(chan struct{}), leader: m}
	f.flying[key] = fl
	f.wg.Go(func() {
		defer func() {
			f.mu.Lock()
			if f.flying[key] == fl {
				delete(f.flying, key)
			}
			f.mu.Unlock()
			close(fl.done)
		}()
		defer m.client.recovered(&fl.err)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		defer context.AfterFunc(f.base, cancel)()
		fl.value, fl.asked, fl.err = fly(ctx, fl)
	})
	return fl, nil
}

// recovered makes a panic an error, deferred in goroutines for which no HTTP
// server recovers: a reply that makes this code panic must cost an answer, not
// the process.
func (c *Client) recovered(err *error) {
	if r := recover(); r != nil {
		c.log.Error("graph answer", "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
		*err = &Error{Code: "unreadable"}
	}
}

func (f *flights) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop()
	f.wg.Wait()
}

// spawn runs work in a goroutine that close waits for; not after close.
func (f *flights) spawn(work func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Go(work)
	return true
}

// An answer is what ask got from Graph: the value, about how many bytes it
// takes, and whether it is whole enough to serve others.
type answer[T any] struct {
	value T
	size  int64
	keep  bool
}

// fetch returns what is kept under key, or asks Graph, once for all equal
// requests of one person. It returns when ctx ends; the answer is then kept
// for whoever asks next.
func fetch[T any](ctx context.Context, m *Mailbox, key cacheKey, fresh bool, ask func(context.Context, *job) (answer[T], error)) (T, time.Time, error) {
	var none T
	c := m.client
	key.owner = m.owner
	if !fresh {
		v, asked, found := c.cache.load(key)
		c.metrics.lookup(key.kind, found)
		if found {
			return v.(T), asked, nil
		}
	}
	// Before anything is shared, so that who has to wait for a token, or gets
	// none, neither holds up nor fails another session of the same person.
	if _, err := m.accessToken(ctx, ""); err != nil {
		return none, time.Time{}, err
	}
	who := c.people.begin(m.owner)
	defer who.done()
	generation := cmp.Or(m.generation, who.current())
	fly := func(ctx context.Context, f *flight) (any, time.Time, error) {
		who := c.people.begin(m.owner)
		defer who.done()
		asked := c.now()
		a, err := ask(ctx, &job{mailbox: m, person: who, flight: f, patience: asked.Add(patience)})
		if err != nil {
			return none, asked, err
		}
		if a.keep {
			c.cache.store(key, a.value, a.size, asked, func() bool { return who.current() == generation })
		}
		return a.value, asked, nil
	}
	// Someone who wants fresh values joins no flight that has asked already: it
	// may have done so before the change that they want to see. Those who come
	// while one waits for its turn share that one, or reloads would pile up.
	join := func(f *flight) bool { return !fresh || !f.sent.Load() }
	for {
		f, err := c.flights.start(ctx, flightKey{key, generation}, m, join, fly)
		if err != nil {
			return none, time.Time{}, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return none, time.Time{}, contextError(ctx.Err())
		}
		// Another session's trouble with its tokens is none of this one's.
		if f.err != nil && fatal(f.err) && f.leader != m {
			join = func(*flight) bool { return false }
			continue
		}
		if f.err != nil {
			return none, f.asked, f.err
		}
		return f.value.(T), f.asked, nil
	}
}
