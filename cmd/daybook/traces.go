package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// traces sends a span for each request, named after its route, and for each
// call to Microsoft to an OpenTelemetry collector. A nil *traces does nothing
// and costs nothing.
type traces struct{ provider *sdktrace.TracerProvider }

// startTraces sends to the collector at endpoint (OTLP over HTTP), nowhere if
// that is nil. The collector may be away: spans are then dropped.
func startTraces(ctx context.Context, endpoint *url.URL, log *slog.Logger) (*traces, error) {
	if endpoint == nil {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.JoinPath("v1/traces").String()))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "daybook"), attribute.String("service.version", version(buildInfo()))),
		resource.WithFromEnv()) // the last one wins
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "error", err) }))
	return &traces{sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(sparing{exporter}))}, nil
}

// handler makes a span of each request that h answers. Who asks cannot decide
// which trace it belongs to; what they sent becomes a link.
func (t *traces) handler(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	return otelhttp.NewHandler(h, "request", otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }))
}

// transport makes a span of each request through rt, where that is nil through
// what network makes. Nothing is added to the requests: Microsoft has no use for
// our traces.
func (t *traces) transport(rt http.RoundTripper, network func() *http.Transport) http.RoundTripper {
	if rt == nil {
		rt = network()
	}
	if t == nil {
		return rt
	}
	return tracedTransport{otelhttp.NewTransport(rt, otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Host })), rt}
}

// A tracedTransport passes on what otelhttp's does not.
type tracedTransport struct {
	*otelhttp.Transport
	beneath http.RoundTripper
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (t tracedTransport) CloseIdleConnections() {
	(&http.Client{Transport: t.beneath}).CloseIdleConnections()
}

// stop sends what has not been sent yet.
func (t *traces) stop() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // its error went to the handler above
}

// A sparing exporter leaves out of spans what only few need and what is
// nobody's business: paths hold the ids of events, queries hold codes and what
// people search for.
type sparing struct{ sdktrace.SpanExporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (s sparing) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	spared := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		spared[i] = sparedSpan{span}
	}
	return s.SpanExporter.ExportSpans(ctx, spared)
}

type sparedSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns those that no visitor can write to.
func (s sparedSpan) Attributes() []attribute.KeyValue {
	var kept []attribute.KeyValue
	for _, a := range s.ReadOnlySpan.Attributes() {
		switch a.Key {
		case "error.type", "http.request.method", "http.response.status_code", "network.protocol.version", "server.address", "server.port", "url.scheme":
			kept = append(kept, a)
		}
	}
	return kept
}

// Status returns whether it went well, without the words of an error, which may
// be what somebody sent.
func (s sparedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}

// Events returns none: errors are in the log.
func (sparedSpan) Events() []sdktrace.Event { return nil }
