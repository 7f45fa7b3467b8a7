package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// maxParts is how many requests one batch may hold (Microsoft Graph, "Combine
// multiple HTTP requests using JSON batching").
const maxParts = 20

// A part is one GET of a batch, and its answer.
type part struct {
	operation string
	path      string
	body      []byte
	err       error
}

type batchRequest struct {
	Requests []batchItem `json:"requests"`
}

type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

type batchReply struct {
	Responses []struct {
		ID      string                     `json:"id"`
		Status  int                        `json:"status"`
		Headers map[string]json.RawMessage `json:"headers"`
		Body    json.RawMessage            `json:"body"`
	} `json:"responses"`
}

// batch fills the parts' answers, which come in any order and each with a
// status of its own. Parts that Graph throttles or refuses are asked for again
// together, once. The error is about all parts; a part's own is in the part.
func (j *job) batch(ctx context.Context, parts []*part) error {
	for chunk := range slices.Chunk(parts, maxParts) {
		refused, err := j.ask(ctx, chunk)
		if err != nil {
			return err
		}
		again, err := j.unanswered(ctx, chunk, refused)
		if err != nil {
			return err
		}
		if len(again) > 0 {
			if _, err := j.ask(ctx, again); fatal(err) {
				return err
			} else if err != nil {
				for _, p := range again { // the others have come
					p.err = err
				}
			}
		}
		for _, p := range chunk {
			if fatal(p.err) {
				return p.err
			}
		}
	}
	return nil
}

// unanswered returns the parts worth asking again, when that may be done.
func (j *job) unanswered(ctx context.Context, parts []*part, token string) ([]*part, error) {
	if token == "" {
		return nil, nil // asked one by one, and again where that was due
	}
	var refused, busy []*part
	var longest *Error
	for _, p := range parts {
		var e *Error
		if !errors.As(p.err, &e) {
			continue
		}
		switch {
		case e.Status == http.StatusUnauthorized && e.Claims == "":
			refused = append(refused, p)
		case e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout:
			busy = append(busy, p)
			if longest == nil || e.RetryAfter > longest.RetryAfter {
				longest = e
			}
		}
	}
	if longest != nil && !j.wait(ctx, longest) {
		busy = nil
	}
	// A token that did for other parts is a good one: then it is this part that
	// the person may not have, and no refresh would change that.
	if len(refused) == len(parts) {
		if _, err := j.mailbox.accessToken(ctx, token); err != nil {
			var e *Error
			if errors.As(err, &e) {
				return busy, nil // the same token again
			}
			return nil, err
		}
		j.mailbox.client.metrics.retries.WithLabelValues("token").Inc()
		return refused, nil
	}
	return busy, nil
}

// ask sends one batch and sorts its answers to their parts. It returns the
// token that was used.
func (j *job) ask(ctx context.Context, parts []*part) (token string, err error) {
	var q batchRequest
	for i, p := range parts {
		p.body, p.err = nil, &Error{Status: http.StatusOK, Code: "unreadable"} // until an answer is found
		q.Requests = append(q.Requests, batchItem{fmt.Sprint(i + 1), http.MethodGet, p.path,
			map[string]string{"Prefer": prefer}})
	}
	content, err := json.Marshal(q)
	if err != nil {
		return "", fmt.Errorf("batch: %w", err)
	}
	c := j.mailbox.client
	// Graph runs up to four Outlook parts of a batch at a time: that is the
	// whole mailbox.
	id := newGUID()
	body, err := j.send(ctx, call{operation: opBatch, url: c.base + "/$batch", body: content, weight: perMailbox, id: id})
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented) {
		return "", j.oneByOne(ctx, parts)
	}
	if err != nil {
		return "", err
	}
	var r batchReply
	if err := decode(body, &r); err != nil {
		return "", err
	}
	for _, a := range r.Responses {
		for i, p := range parts {
			if a.ID == fmt.Sprint(i+1) {
				p.body, p.err = a.Body, nil
				if a.Status/100 != 2 {
					p.body, p.err = nil, j.partError(ctx, p, id, a.Status, partHeader(a.Headers), a.Body)
				}
			}
		}
	}
	return j.mailbox.accessToken(ctx, "")
}

// oneByOne asks for the parts in calls of their own, for gateways that know no
// batches.
func (j *job) oneByOne(ctx context.Context, parts []*part) error {
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() {
			defer j.mailbox.client.recovered(&p.err)
			p.body, p.err = j.get(ctx, p.operation, p.path)
		})
	}
	wg.Wait()
	for _, p := range parts {
		if fatal(p.err) {
			return p.err
		}
	}
	return nil
}

// partError reads one answer of a batch as if it had come alone.
func (j *job) partError(ctx context.Context, p *part, id string, status int, header http.Header, body []byte) *Error {
	c := j.mailbox.client
	e := replyError(status, header, body, retryAfter(header.Get("Retry-After"), c.now()))
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && e.RetryAfter > 0 {
		e.RetryAfter = j.person.refused(p.operation, c.now(), e.RetryAfter)
	}
	c.logCall(ctx, p.operation, id, header, e, 0)
	return e
}

// partHeader takes values that are strings, numbers, or lists of them.
func partHeader(raw map[string]json.RawMessage) http.Header {
	h := make(http.Header)
	for name, v := range raw {
		var value any
		if json.Unmarshal(v, &value) != nil {
			continue
		}
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		for _, v := range values {
			switch v := v.(type) {
			case string:
				h.Add(name, v)
			case float64:
				h.Add(name, fmt.Sprint(v))
			}
		}
	}
	return h
}
