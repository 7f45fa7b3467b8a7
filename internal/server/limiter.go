package server

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter bounds how often one address may start a sign-in, or have one ended
// that its browser does not name. It
// forgets addresses that have been quiet, and all of them rather than grow
// beyond its limit.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time // when byNet was last emptied
	byNet map[netip.Prefix]*rate.Limiter
}

const (
	signInsPerMinute = 60  // a classroom behind one address
	signInBurst      = 120 // five tabs of each
	limiterSize      = 50_000
	limiterAge       = 10 * time.Minute
)

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, since: now(), byNet: make(map[netip.Prefix]*rate.Limiter)}
}

// allow takes one attempt from the budget of addr. IPv6 addresses share one by
// /64, which is what a single subscriber holds.
func (l *limiter) allow(addr netip.Addr) bool {
	if addr.IsLoopback() || !addr.IsValid() {
		// This machine or a Unix socket: everybody at once behind a proxy that
		// nobody declared, with nothing to tell callers apart by.
		return true
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // every valid address has one of this length
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) > limiterAge || len(l.byNet) >= limiterSize {
		clear(l.byNet)
		l.since = now
	}
	lim, found := l.byNet[prefix]
	if !found {
		lim = rate.NewLimiter(rate.Limit(signInsPerMinute/60.0), signInBurst)
		l.byNet[prefix] = lim
	}
	return lim.AllowN(now, 1)
}
