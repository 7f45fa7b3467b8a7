package simulator

import "sync/atomic"

// concurrency is how many requests of an app Exchange serves at once for a
// mailbox.
const concurrency = 4

// gate counts the requests that are inside a mailbox.
type gate struct{ inside atomic.Int32 }

// enter takes a place, and tells false when all are taken.
func (g *gate) enter() bool {
	if g.inside.Add(1) > concurrency {
		g.inside.Add(-1)
		return false
	}
	return true
}

func (g *gate) leave() { g.inside.Add(-1) }
