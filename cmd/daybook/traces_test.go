package main

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A fakeCollector keeps the spans it is sent.
type fakeCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*spans.Span
	about string
}

func newFakeCollector(t *testing.T) *fakeCollector {
	t.Helper()
	c := new(fakeCollector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		raw, err := io.ReadAll(body)
		var request collector.ExportTraceServiceRequest
		if e := proto.Unmarshal(raw, &request); e != nil || err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v, %v", r.URL.Path, err, e)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, from := range request.ResourceSpans {
			c.about += from.Resource.String()
			for _, scope := range from.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func TestTraces(t *testing.T) {
	t.Parallel()
	c := newFakeCollector(t)
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	b := m.signedIn(m.people[0])
	b.get("/calendar/search?q=CanaryQuery")
	b.get("/calendar/events/CanaryEventID")
	b.with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").get("/no/such/CanaryPath")
	site.stop()

	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.Contains(c.about, `"daybook"`) {
		t.Errorf("the service has no name: %s", c.about)
	}
	var names []string
	calls := 0
	for _, span := range c.spans {
		names = append(names, span.Name)
		text := span.String()
		if what := m.leak(text); what != "" {
			t.Errorf("a span holds a secret: %s\n%s", what, text)
		}
		for _, private := range []string{"Canary", "2026-11", "return_to", "orderby", m.people[0].Username} {
			if strings.Contains(text, private) {
				t.Errorf("a span holds %q:\n%s", private, text)
			}
		}
		if span.Kind == spans.Span_SPAN_KIND_CLIENT {
			calls++
			if span.Name != "GET "+m.server.Listener.Addr().String() && span.Name != "POST "+m.server.Listener.Addr().String() {
				t.Errorf("a call to Microsoft is named %q", span.Name)
			}
		} else if span.ParentSpanId != nil {
			t.Errorf("whoever asks decides on the trace: %s", text)
		}
	}
	for _, route := range []string{"GET /auth/login", "GET /auth/callback", "GET /calendar/{view}/{date}", "GET /calendar/search", "GET /calendar/events/{id}", "none"} {
		if !slices.Contains(names, route) {
			t.Errorf("no span is named %q: %q", route, names)
		}
	}
	if calls < 3 {
		t.Errorf("%d spans of calls to Microsoft, want some for discovery, token and Graph", calls)
	}
}

// Who runs several of them tells them apart by OpenTelemetry's own variables.
func TestTracesNames(t *testing.T) {
	t.Parallel()
	for want, setting := range map[string]string{
		`"daybook"`:    "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
		`"calendar-a"`: "OTEL_SERVICE_NAME=calendar-a",
		`"calendar-b"`: "OTEL_RESOURCE_ATTRIBUTES=service.name=calendar-b",
	} {
		c := newFakeCollector(t)
		addr := freeAddr(t)
		m := newStage(t, "http://"+addr)
		site := m.start(addr, "SESSION_STORE=memory", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, setting)
		m.visitor().get("/")
		site.stop()
		c.mu.Lock()
		if !strings.Contains(c.about, want) {
			t.Errorf("%s: the service is not named %s: %s", setting, want, c.about)
		}
		c.mu.Unlock()
	}
}

// Without a collector's address there is nothing to go through.
func TestTracesAreOff(t *testing.T) {
	t.Parallel()
	off, err := startTraces(t.Context(), nil, quiet())
	if err != nil || off != nil {
		t.Fatalf("startTraces without an endpoint = %v, %v", off, err)
	}
	h, own := http.NewServeMux(), new(http.Transport)
	if off.handler(h) != http.Handler(h) || off.transport(nil, func() *http.Transport { return own }) != http.RoundTripper(own) {
		t.Error("something is wrapped although traces are off")
	}
	off.stop()
}

// What a span says of an error is its kind: net/http's words quote what came.
// Who closes idle connections closes those beneath the spans.
func TestTracesLeaveOut(t *testing.T) {
	t.Parallel()
	kept := tracetest.NewInMemoryExporter()
	on := &traces{sdktrace.NewTracerProvider(sdktrace.WithSyncer(sparing{kept}))}
	beneath := new(brokenTransport)
	client := &http.Client{Transport: on.transport(beneath, nil)}
	if _, err := client.Get("https://graph.invalid/me"); err == nil {
		t.Fatal("a broken transport answers")
	}
	spans := kept.GetSpans()
	if len(spans) != 1 || spans[0].Status != (sdktrace.Status{Code: codes.Error}) || len(spans[0].Events) > 0 {
		t.Errorf("spans of a broken call: %+v", spans)
	}
	client.CloseIdleConnections()
	if !beneath.closed {
		t.Error("idle connections are not closed")
	}
}

type brokenTransport struct{ closed bool }

func (*brokenTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New(`malformed HTTP response "CanaryOfSomebody"`)
}

func (b *brokenTransport) CloseIdleConnections() { b.closed = true }
