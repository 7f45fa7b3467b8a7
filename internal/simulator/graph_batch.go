package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxParts is how many requests a batch may have.
const maxParts = 20

type (
	batchRequest struct {
		Requests []batchPart `json:"requests"`
	}
	batchPart struct {
		ID        string            `json:"id"`
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers"`
		Body      json.RawMessage   `json:"body"`
		DependsOn []string          `json:"dependsOn"`
	}
	batchAnswer struct {
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers,omitempty"`
		Body    json.RawMessage   `json:"body,omitempty"`
	}
)

// batch runs the parts of a batch as requests of their own, four at a time
// as Outlook does, and answers them in another order than they came in:
// Graph promises none.
func (s *Simulator) batch(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(callerKey{}).(caller)
	if c.err != nil {
		s.refuse(w, r, c.err)
		return
	}
	var b batchRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(&b); err != nil {
		writeError(w, &graphError{http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."})
		return
	}
	if refusal := b.check(); refusal != nil {
		writeError(w, refusal)
		return
	}
	answers := make([]batchAnswer, len(b.Requests))
	done := make([]chan struct{}, len(b.Requests))
	places := make(chan struct{}, concurrency)
	var parts sync.WaitGroup
	for i, part := range b.Requests {
		done[i] = make(chan struct{})
		parts.Go(func() {
			defer close(done[i])
			for _, on := range part.DependsOn {
				before := slices.IndexFunc(b.Requests, func(p batchPart) bool { return p.ID == on })
				<-done[before]
				if answers[before].Status >= 400 {
					answers[i] = failedDependency(part.ID)
					return
				}
			}
			places <- struct{}{}
			defer func() { <-places }()
			answers[i] = s.part(r, part)
		})
	}
	parts.Wait()
	slices.Reverse(answers)
	writeGraph(w, http.StatusOK, map[string]any{"responses": answers})
}

// check refuses a batch that is refused as a whole.
func (b batchRequest) check() *graphError {
	bad := func(format string, args ...any) *graphError {
		return &graphError{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
	}
	if len(b.Requests) == 0 {
		return bad("Invalid batch payload: it has no requests.")
	}
	if len(b.Requests) > maxParts {
		return bad("Number of batch request steps exceeds the maximum value of %d.", maxParts)
	}
	var seen []string
	for _, part := range b.Requests {
		if part.ID == "" || part.Method == "" || part.URL == "" || slices.Contains(seen, part.ID) {
			return bad("Invalid batch payload: every request needs a method, a url and an id of its own.")
		}
		for _, on := range part.DependsOn {
			if !slices.Contains(seen, on) {
				return bad("Invalid batch payload: request %s depends on %s, which is not before it.", part.ID, on)
			}
		}
		seen = append(seen, part.ID)
	}
	return nil
}

func failedDependency(id string) batchAnswer {
	return batchAnswer{
		ID: id, Status: http.StatusFailedDependency, Headers: map[string]string{"Content-Type": "application/json"},
		Body: raw(map[string]any{"error": map[string]string{"code": "FailedDependency", "message": "A dependent request failed."}}),
	}
}

// part runs one request of a batch with the token of the whole.
func (s *Simulator) part(outer *http.Request, part batchPart) (done batchAnswer) {
	done = batchAnswer{ID: part.ID, Status: http.StatusBadGateway}
	url := s.options.BackURL + "/v1.0/" + strings.TrimPrefix(part.URL, "/")
	r, err := http.NewRequestWithContext(outer.Context(), part.Method, url, bytes.NewReader(part.Body))
	if err != nil || strings.Contains(part.URL, "$batch") {
		done.Status = http.StatusBadRequest
		done.Body = raw(map[string]any{"error": map[string]string{"code": "BadRequest", "message": "Invalid batch request url."}})
		return done
	}
	r.URL.Path = strings.TrimPrefix(r.URL.Path, s.back.Path)
	r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, s.back.EscapedPath())
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Authorization", outer.Header.Get("Authorization"))
	for name, value := range part.Headers {
		r.Header.Set(name, value)
	}
	reply := &answer{header: http.Header{}}
	// A fault that breaks a connection reaches only this part: the gateway
	// that runs the batch reports it.
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	s.handler.ServeHTTP(reply, r)
	done.Status = reply.status
	done.Headers = map[string]string{}
	for name := range reply.header {
		done.Headers[name] = reply.header.Get(name)
	}
	done.Body = reply.body.Bytes()
	if !json.Valid(done.Body) {
		done.Body = raw(base64.StdEncoding.EncodeToString(done.Body))
	}
	return done
}
