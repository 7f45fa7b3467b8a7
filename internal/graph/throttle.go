package graph

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Outlook allows four calls at a time per app and mailbox (Microsoft Graph
// service-specific throttling limits, "Outlook service limits"); a fourth is
// left to whatever else the same app does.
const perMailbox = 3

// maxRetryAfter bounds how long one reply can keep a person's calls back,
// whatever its Retry-After says.
const maxRetryAfter = 5 * time.Minute

// maxPeople is how many people are remembered before idle ones are let go.
const maxPeople = 4096

// A person is what calls for one owner share in this process.
type person struct {
	calls *semaphore.Weighted
	ahead *semaphore.Weighted // prefetches, so that they leave room for who waits

	mu         sync.Mutex
	pauses     [2]pause // of the mailbox and of the directory
	generation uint64   // raised by Forget
	flying     int      // answers being fetched
}

// A pause is what one of Graph's services has asked for. Each has limits of its
// own: a directory that is throttled keeps nobody from their calendar.
type pause struct {
	until   time.Time // no call before
	strikes int       // refusals in a row that named no time
}

// pause returns the one that an operation keeps; the caller has the lock.
func (w *person) pause(operation string) *pause {
	if operation == opPerson || operation == opManager {
		return &w.pauses[1]
	}
	return &w.pauses[0]
}

// people knows every owner that has asked lately.
type people struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]*person
	born  uint64
}

// begin returns the person and counts one more answer being fetched; the
// caller must call done. While it is counted the person is not let go.
func (p *people) begin(owner string) *person {
	p.mu.Lock()
	defer p.mu.Unlock()
	who := p.known[owner]
	if who == nil {
		if len(p.known) >= maxPeople {
			p.sweep()
		}
		p.born++
		// A generation is used once in the life of the process, so that what a
		// person who was let go left in flight cannot be taken for new.
		who = &person{calls: semaphore.NewWeighted(perMailbox), ahead: semaphore.NewWeighted(1), generation: p.born}
		p.known[owner] = who
	}
	who.mu.Lock()
	who.flying++
	who.mu.Unlock()
	return who
}

func (p *people) sweep() {
	now := p.now()
	for k, who := range p.known {
		who.mu.Lock()
		idle := who.flying == 0 && !now.Before(who.pauses[0].until) && !now.Before(who.pauses[1].until)
		who.mu.Unlock()
		if idle {
			delete(p.known, k)
		}
	}
}

func (p *people) forget(owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if who := p.known[owner]; who != nil {
		p.born++
		who.mu.Lock()
		who.generation = p.born
		who.mu.Unlock()
	}
}

func (w *person) done() {
	w.mu.Lock()
	w.flying--
	w.mu.Unlock()
}

func (w *person) current() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.generation
}

// throttled returns how long no call for operation may be made, 0 if one may.
func (w *person) throttled(operation string, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, w.pause(operation).until.Sub(now))
}

// refused notes that Graph wants fewer calls and returns for how long none
// will be made: what it said, or longer each time when it said nothing.
func (w *person) refused(operation string, now time.Time, said time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pause(operation)
	if said <= 0 && now.Before(p.until) {
		return p.until.Sub(now) // one of several calls that met the same refusal
	}
	if said <= 0 {
		said = min(time.Second<<min(p.strikes, 6), time.Minute)
		said += time.Duration(rand.Int64N(int64(said / 5)))
		p.strikes++
	}
	if until := now.Add(said); until.After(p.until) {
		p.until = until
	}
	return said
}

func (w *person) served(operation string) {
	w.mu.Lock()
	w.pause(operation).strikes = 0
	w.mu.Unlock()
}

// retryAfter reads a Retry-After header: seconds (Graph's documentation shows
// fractions), or a date (RFC 9110 section 10.2.3). It returns 0 for what is
// missing, in the past or cannot be read, and at most [maxRetryAfter].
func retryAfter(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if t, err := http.ParseTime(s); err == nil {
		return min(max(0, t.Sub(now)), maxRetryAfter)
	}
	seconds, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(seconds, 1) || math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	if seconds >= maxRetryAfter.Seconds() {
		return maxRetryAfter
	}
	return time.Duration(seconds * float64(time.Second))
}
