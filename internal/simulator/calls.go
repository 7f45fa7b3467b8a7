package simulator

import (
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// An Endpoint is a part of the simulator that calls are counted for and that
// faults are injected into.
type Endpoint string

// The endpoints.
const (
	Discovery Endpoint = "discovery" // openid-configuration and instance discovery
	Keys      Endpoint = "keys"
	Authorize Endpoint = "authorize" // the pages that a browser sees, and their forms
	Token     Endpoint = "token"
	Logout    Endpoint = "logout"
	Graph     Endpoint = "graph"
)

// maxCalls bounds what [Simulator.Calls] remembers.
const maxCalls = 2000

// A Call is a request that reached the simulator. It holds what came as it
// came, secrets too: the simulator is a test double.
type Call struct {
	On     Endpoint
	At     time.Time
	Method string
	URL    string // path and query, without the prefix that was stripped
	Header http.Header
	Form   url.Values // query and form body together, nil for other bodies
	Status int        // of the answer; 0 while there is none, or none was sent
}

// calls counts and remembers requests.
type calls struct {
	mu     sync.Mutex
	counts map[Endpoint]int
	first  int // number of the oldest call in last
	last   []Call
}

// add records a request as it arrives and returns its number.
func (c *calls) add(call Call) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[Endpoint]int{}
	}
	c.counts[call.On]++
	if len(c.last) == maxCalls {
		c.last = append(c.last[:0:0], c.last[maxCalls/2:]...)
		c.first += maxCalls / 2
	}
	c.last = append(c.last, call)
	return c.first + len(c.last) - 1
}

// answered notes the status of the call with this number, if still there.
func (c *calls) answered(number, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := number - c.first; i >= 0 {
		c.last[i].Status = status
	}
}

// Count returns how many requests have reached an endpoint, those that a fault
// answered included.
func (s *Simulator) Count(on Endpoint) int {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return s.calls.counts[on]
}

// Calls returns the requests that have reached the simulator, oldest first: at
// least the last thousand.
func (s *Simulator) Calls() []Call {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return append([]Call(nil), s.calls.last...)
}

// record starts the record of a request. It parses a form body, so that
// handlers find it parsed.
func (s *Simulator) record(on Endpoint, r *http.Request) (number int) {
	call := Call{On: on, At: s.now(), Method: r.Method, URL: r.URL.RequestURI(), Header: r.Header.Clone()}
	// A body that cannot be parsed leaves an empty form, which the handler
	// refuses like any other request that lacks its parameters.
	if r.ParseForm() == nil {
		call.Form = maps.Clone(r.Form)
	}
	return s.calls.add(call)
}
