package graph

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bytes of a reply that are read at most.
const (
	maxReply      = 16 << 20 // a page of 100 events with 500 attendees each
	maxErrorReply = 64 << 10
)

// prefer goes with every call, each page of a list included: Graph forgets it
// between pages. One header holds both, since gateways have been met that let
// the last of several win. With UTC no odd mailbox zone can fail a call.
const prefer = `outlook.timezone="UTC", IdType="ImmutableId"`

// A job is the fetching of one answer; its calls share a patience.
type job struct {
	mailbox  *Mailbox
	person   *person
	flight   *flight
	patience time.Time // no waiting for Graph beyond
}

// A call is one request to Graph. The zero body is a GET.
type call struct {
	operation string
	url       string // absolute
	body      []byte
	weight    int64  // of the mailbox's calls at a time; 0: one
	limit     int64  // bytes of the reply; 0: maxReply
	id        string // client-request-id; empty: one is made
}

// get asks for path, which begins with a slash.
func (j *job) get(ctx context.Context, operation, path string) ([]byte, error) {
	return j.send(ctx, call{operation: operation, url: j.mailbox.client.base + path})
}

// send makes a call and, once, makes it again: with another token when Graph
// refuses this one without a challenge, and after a wait when Graph asks for a
// wait that patience covers.
func (j *job) send(ctx context.Context, cl call) ([]byte, error) {
	c := j.mailbox.client
	refused, waited := "", false
	for {
		token, err := j.mailbox.accessToken(ctx, refused)
		if err != nil {
			return nil, err
		}
		body, err := j.once(ctx, cl, token)
		var e *Error
		if err == nil || !errors.As(err, &e) {
			return body, err
		}
		switch {
		case e.Status == http.StatusUnauthorized && e.Claims == "" && refused == "":
			refused = token
			c.metrics.retries.WithLabelValues("token").Inc()
		case !waited && j.wait(ctx, e):
			waited = true
		default:
			return nil, err
		}
	}
}

// wait waits as long as e asks, and reports whether the call may then be made
// again. It does not wait at all when that would be too long.
func (j *job) wait(ctx context.Context, e *Error) bool {
	c := j.mailbox.client
	reason, d := "throttled", e.RetryAfter
	switch e.Status {
	case http.StatusTooManyRequests:
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		reason = "unavailable"
		if d == 0 {
			d = 200*time.Millisecond + mrand.N(200*time.Millisecond)
		}
	default:
		return false
	}
	until := c.now().Add(d)
	if until.After(j.patience) {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && until.After(deadline) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return false
	}
	if reason == "unavailable" {
		// Best practices of Graph: after a 503 or 504, try on a new connection.
		c.http.CloseIdleConnections()
	}
	c.metrics.retries.WithLabelValues(reason).Inc()
	return true
}

// once makes one call when the mailbox has room for it and is not throttled.
func (j *job) once(ctx context.Context, cl call, token string) ([]byte, error) {
	c := j.mailbox.client
	weight := max(cl.weight, 1)
	if err := j.person.calls.Acquire(ctx, weight); err != nil {
		return nil, contextError(err)
	}
	defer j.person.calls.Release(weight)
	if err := c.all.Acquire(ctx, 1); err != nil {
		return nil, contextError(err)
	}
	defer c.all.Release(1)
	// Asked last: while this call waited for its turn another may have been
	// told to stop.
	if d := j.person.throttled(cl.operation, c.now()); d > 0 {
		return nil, &Error{Status: http.StatusTooManyRequests, Code: "throttled", RetryAfter: d}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	if cl.id == "" {
		cl.id = newGUID()
	}
	j.flight.sent.Store(true)
	began := time.Now()
	body, header, err := c.roundTrip(ctx, cl, token)
	c.metrics.call(cl.operation, err, time.Since(began))
	var e *Error
	if !errors.As(err, &e) {
		j.person.served(cl.operation)
		return body, nil
	}
	if e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable && e.RetryAfter > 0 {
		e.RetryAfter = j.person.refused(cl.operation, c.now(), e.RetryAfter)
	}
	c.logCall(ctx, cl.operation, cl.id, header, e, time.Since(began))
	return nil, e
}

// roundTrip sends the request and reads the reply to its end, without which
// the connection could not be used again.
func (c *Client) roundTrip(ctx context.Context, cl call, token string) ([]byte, http.Header, error) {
	method, content := http.MethodGet, io.Reader(nil)
	if cl.body != nil {
		method, content = http.MethodPost, bytes.NewReader(cl.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, cl.url, content)
	if err != nil {
		return nil, nil, notFound() // only an id can make the URL a bad one
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Prefer", prefer)
	req.Header.Set("client-request-id", cl.id)
	req.Header.Set("return-client-request-id", "true")
	req.Header.Set("Accept", "application/json")
	if cl.operation == opPhoto {
		req.Header.Set("Accept", "image/*")
	}
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	limit := int64(maxErrorReply)
	if res.StatusCode/100 == 2 {
		limit = maxReply
		if cl.limit > 0 {
			limit = cl.limit
		}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if res.StatusCode/100 != 2 {
		return nil, res.Header, replyError(res.StatusCode, res.Header, body, retryAfter(res.Header.Get("Retry-After"), c.now()))
	}
	if err != nil {
		return nil, res.Header, unreachable(ctx, err)
	}
	if int64(len(body)) > limit {
		return nil, res.Header, &Error{Status: res.StatusCode, Code: "too-large"}
	}
	return body, res.Header, nil
}

// unreachable sorts an error of the transport. Its text may quote the URL or
// what the other side sent, so that only addresses and names are logged.
func unreachable(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return contextError(ctx.Err())
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &Error{Code: "timeout", cause: context.DeadlineExceeded}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return &Error{Code: "unreachable", detail: op.Error()}
	}
	return &Error{Code: "unreachable"}
}

// logCall writes what Microsoft's support asks for. Paths hold ids, and are
// left out.
func (c *Client) logCall(ctx context.Context, operation, id string, header http.Header, e *Error, took time.Duration) {
	level := slog.LevelWarn
	if errors.Is(e, ErrNotFound) || errors.Is(e.cause, context.Canceled) {
		level = slog.LevelDebug
	}
	c.log.LogAttrs(ctx, level, "graph call",
		slog.String("operation", operation), slog.Int("status", e.Status), slog.String("code", e.Code), slog.String("detail", e.detail),
		slog.Duration("took", took), slog.Duration("retry_after", e.RetryAfter), slog.String("client_request_id", id),
		slog.String("request_id", loggable(header.Get("request-id"))), slog.String("date", loggable(header.Get("Date"))))
}

// loggable cuts what a header says to what fits in a log line.
func loggable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), 64)])
}

// newGUID returns a random UUID (RFC 9562 section 5.4).
func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// maxPages bounds a list, against replies that never end.
const maxPages = 200

// A page is one reply of a list.
type page[T any] struct {
	Value []T    `json:"value"`
	Next  string `json:"@odata.nextLink"`
}

// readPage reads a reply. An item that cannot be read costs itself and not the
// page: damaged tells that there are such items.
func readPage[T any](body []byte) (p page[T], damaged bool, err error) {
	if json.Unmarshal(body, &p) == nil && p.Value != nil {
		return p, false, nil
	}
	var raw page[json.RawMessage]
	if json.Unmarshal(body, &raw) != nil || raw.Value == nil {
		return p, false, unreadable(body)
	}
	p = page[T]{Next: raw.Next}
	for _, r := range raw.Value {
		var item T
		if json.Unmarshal(r, &item) != nil {
			damaged = true
			continue
		}
		p.Value = append(p.Value, item)
	}
	return p, damaged, nil
}

// everyPage reads a list to its end. first is its first page if that has come
// already. What came before an error is returned with the error, and so is
// what remains when single items cannot be read. Items that come twice are
// taken once.
func everyPage[T any](ctx context.Context, j *job, operation, link string, first []byte, id func(*T) string) ([]T, error) {
	var items []T
	var problem error
	links, ids := map[string]bool{}, map[string]bool{}
	for range maxPages {
		if first == nil {
			links[link] = true
			var err error
			if first, err = j.send(ctx, call{operation: operation, url: link}); err != nil {
				return items, err
			}
		}
		p, damaged, err := readPage[T](first)
		if err != nil {
			return items, err
		}
		if damaged {
			problem = unreadable(nil)
		}
		repeated := 0
		for i := range p.Value {
			k := id(&p.Value[i])
			if k != "" && ids[k] {
				repeated++
				continue
			}
			ids[k] = true
			items = append(items, p.Value[i])
		}
		if p.Next == "" {
			return items, problem
		}
		if links[p.Next] || repeated > 0 && repeated == len(p.Value) {
			return items, &Error{Status: http.StatusOK, Code: "loop"}
		}
		if !j.mailbox.client.own(p.Next) {
			return items, &Error{Status: http.StatusOK, Code: "foreign-link"}
		}
		link, first = p.Next, nil
	}
	return items, &Error{Status: http.StatusOK, Code: "loop"}
}

// own reports whether link leads to the configured host: tokens go nowhere
// else, whatever a reply says (OWASP ASVS 5.0, 13.2.4).
func (c *Client) own(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.User == nil && u.Scheme == c.endpoint.Scheme && hostPort(u) == hostPort(c.endpoint)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
