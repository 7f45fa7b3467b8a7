package simulator

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A Fault makes requests to one endpoint fail, wait or be answered wrongly.
//
// What happens, in this order: Arrived is told, Delay and Hold pass; a request
// whose sender has gone meanwhile ends here; it is carried out, or, when
// Status, Body or OAuth is set, it is not and the answer is made of those; with
// Late, Arrived is told and Delay and Hold pass only now; Header is laid over
// the answer's own; Truncate and Drop cut it.
type Fault struct {
	On    Endpoint
	Match func(*http.Request) bool // which requests; nil: all. The form is parsed.
	Times int                      // how many requests; 0: all until ClearFaults

	Arrived chan<- struct{} // receives once per request, which waits until it is received
	Delay   time.Duration
	Hold    <-chan struct{} // waits until it is closed
	Late    bool            // wait after the request was carried out, not before

	Status int
	Header http.Header // replaces the answer's headers of these names; a nil list removes
	Body   string
	OAuth  *OAuthError // an error in the endpoint's own form; see OAuthError

	Truncate int  // keeps so many bytes of the body, properly ended; 0: all
	Drop     bool // breaks the connection after Truncate bytes, before any if 0
	Surplus  bool // sends what Truncate cuts off all the same, behind the end (HTTP/1.1)
}

// An OAuthError is an error as Entra answers it. On [Token] it becomes the
// documented JSON, on [Authorize] a redirect back to the app (or Microsoft's
// own error page for the codes that never lead back), on [Graph] the 401 of
// continuous access evaluation with Claims in it.
type OAuthError struct {
	AADSTS   int    // for example 50173; decides what is left empty below
	Code     string // for example "invalid_grant"
	Suberror string
	Claims   string // claims challenge, as plain JSON
	Status   int    // 0: 400, or 401 for invalid_client
}

type faults struct {
	mu     sync.Mutex
	active []*Fault
}

// Inject adds a fault. Of several that fit a request the one injected first
// applies.
func (s *Simulator) Inject(f Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = append(s.faults.active, &f)
}

// ClearFaults removes all faults. Requests that wait in one go on waiting.
func (s *Simulator) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.active = nil
}

// take returns the fault for a request, or nil, and uses it up once.
func (f *faults) take(on Endpoint, r *http.Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.active {
		if fault.On != on || fault.Match != nil && !fault.Match(r) {
			continue
		}
		taken := *fault
		if fault.Times--; fault.Times == 0 {
			f.active = slices.Delete(f.active, i, i+1)
		} else if fault.Times < 0 {
			fault.Times = 0
		}
		return &taken
	}
	return nil
}

// guard counts and records what reaches an endpoint and lets faults happen to
// it. The parts of a Graph batch pass through it like requests of their own.
func (s *Simulator) guard(on Endpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := s.record(on, r)
		observed := &statusWriter{ResponseWriter: w}
		defer func() { s.calls.answered(number, observed.status) }()
		if f := s.faults.take(on, r); f != nil {
			s.fail(observed, r, f, next)
			return
		}
		next.ServeHTTP(observed, r)
	})
}

func (s *Simulator) fail(w http.ResponseWriter, r *http.Request, f *Fault, next http.Handler) {
	if !f.Late {
		f.wait(r.Context())
		if r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
	}
	answer := &answer{header: http.Header{}}
	switch {
	case f.OAuth != nil:
		s.answerError(answer, r, f)
	case f.Status != 0 || f.Body != "":
		answer.status = f.Status
		answer.body.WriteString(f.Body)
	default:
		next.ServeHTTP(answer, r)
	}
	if f.Late {
		f.wait(r.Context())
	}
	for name, values := range f.Header {
		answer.header[http.CanonicalHeaderKey(name)] = values
	}
	answer.send(w, f)
}

func (f *Fault) wait(ctx context.Context) {
	if f.Arrived != nil {
		select {
		case f.Arrived <- struct{}{}:
		case <-ctx.Done():
		}
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-ctx.Done():
		}
	}
}

// answerError writes the error in the form of the endpoint.
func (s *Simulator) answerError(w http.ResponseWriter, r *http.Request, f *Fault) {
	e := f.OAuth.complete()
	switch f.On {
	case Authorize:
		s.authorizeError(w, r, e)
	case Graph:
		s.refuse(w, r, &bearerError{claims: e.Claims, message: "Continuous access evaluation resulted in challenge"})
	default:
		s.tokenError(w, r, e)
	}
}

// An answer is a response held back until it is known what becomes of it.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// send writes the answer with the fault's cuts.
func (a *answer) send(w http.ResponseWriter, f *Fault) {
	body := a.body.Bytes()
	whole := len(body)
	if f.Truncate > 0 && f.Truncate < whole {
		body = body[:f.Truncate]
	}
	if f.Drop && f.Truncate == 0 {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	if f.Drop {
		w.Header().Set("Content-Length", strconv.Itoa(whole))
	}
	if f.Surplus {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(max(a.status, http.StatusOK))
	_, _ = w.Write(body)
	if f.Drop {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if f.Surplus {
		control := http.NewResponseController(w)
		_ = control.Flush()
		conn, _, err := control.Hijack()
		if err != nil {
			return // this is not HTTP/1.1
		}
		_, _ = conn.Write(a.body.Bytes()[len(body):])
		_ = conn.Close()
	}
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the writer beneath.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
