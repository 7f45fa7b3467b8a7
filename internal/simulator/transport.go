package simulator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Transport returns a RoundTripper that answers requests to BackURL's host
// itself, without network, and passes all others on to next. A nil next
// refuses them. Answers are streamed; a request whose context ends fails with
// the context's error while its handler sees the same context.
func (s *Simulator) Transport(next http.RoundTripper) http.RoundTripper {
	prefix := strings.TrimRight(s.back.Path, "/")
	return &transport{host: s.back.Host, handler: http.StripPrefix(prefix, s), next: next}
}

type transport struct {
	host    string
	handler http.Handler
	next    http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.EqualFold(r.URL.Host, t.host) {
		if t.next != nil {
			return t.next.RoundTrip(r)
		}
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("no way to %s from the simulator", r.URL.Host)
	}
	body, sent := io.Pipe()
	answer := &streamed{header: http.Header{}, body: sent, started: make(chan struct{})}
	forget := context.AfterFunc(r.Context(), func() { _ = sent.CloseWithError(r.Context().Err()) })
	// The goroutine ends when the handler does, which waits for nothing but
	// the request's context and the reader of the answer.
	go func() {
		defer forget()
		if r.Body != nil {
			defer r.Body.Close()
		}
		defer func() {
			switch p := recover(); p {
			case nil:
				// A handler that gave up early must not look like one that
				// had no more to say.
				answer.end(r.Context().Err())
			case http.ErrAbortHandler:
				answer.end(io.ErrUnexpectedEOF)
			default:
				answer.end(fmt.Errorf("simulator: panic: %v", p))
			}
		}()
		t.handler.ServeHTTP(answer, arriving(r))
	}()
	select {
	case <-answer.started:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if answer.err != nil {
		return nil, answer.err
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.status, http.StatusText(answer.status)),
		StatusCode:    answer.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        answer.sent,
		Body:          body,
		ContentLength: -1,
		Request:       r,
	}, nil
}

// arriving returns the request as a server would see it.
func arriving(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234" // RFC 5737: documentation
	in.URL.Scheme, in.URL.Host = "", ""
	return in
}

// streamed is a ResponseWriter whose body is read while it is written.
type streamed struct {
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	started chan struct{} // closed when status, sent and err are set
	status  int
	sent    http.Header
	err     error
}

func (a *streamed) Header() http.Header { return a.header }

func (a *streamed) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.started)
	})
}

func (a *streamed) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush has nothing to do: nothing is buffered.
func (a *streamed) Flush() { a.WriteHeader(http.StatusOK) }

func (a *streamed) end(err error) {
	a.once.Do(func() {
		a.status, a.sent, a.err = http.StatusOK, a.header.Clone(), err
		close(a.started)
	})
	_ = a.body.CloseWithError(err)
}
