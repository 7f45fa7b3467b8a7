package simulator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain finds goroutines that outlive the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func inProcess(h http.Handler, next http.RoundTripper) *http.Client {
	return &http.Client{Transport: &transport{host: "simulator.invalid", handler: h, next: next}}
}

func request(t *testing.T, ctx context.Context, address string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestTransportShowsTheRequestAsAServerWould(t *testing.T) {
	t.Parallel()
	client := inProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Host != "simulator.invalid" || r.URL.Host != "" || r.RequestURI != "/a%2Fb?c=d" || string(body) != "hello" {
			t.Errorf("request = %q %q %q %q", r.Host, r.URL.Host, r.RequestURI, body)
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
	}), nil)
	res, err := client.Do(request(t, t.Context(), "https://simulator.invalid/a%2Fb?c=d", strings.NewReader("hello")))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusTeapot || res.Header.Get("X-Answer") != "yes" {
		t.Errorf("answer = %d %v", res.StatusCode, res.Header)
	}
}

func TestTransportStreams(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	client := inProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		<-more
		_, _ = io.WriteString(w, "second\n")
	}), nil)
	res, err := client.Do(request(t, t.Context(), "https://simulator.invalid/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	if line, err := lines.ReadString('\n'); line != "first\n" || err != nil {
		t.Errorf("first line = %q, %v", line, err)
	}
	close(more)
	if rest, err := io.ReadAll(lines); string(rest) != "second\n" || err != nil {
		t.Errorf("rest = %q, %v", rest, err)
	}
}

func TestTransportEndsWithTheContext(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	client := inProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "some")
		close(started)
		<-r.Context().Done()
	}), nil)
	ctx, cancel := context.WithCancel(t.Context())
	res, err := client.Do(request(t, ctx, "https://simulator.invalid/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	some := make([]byte, 4)
	if _, err := io.ReadFull(res.Body, some); err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading on: %v, want context.Canceled", err)
	}
}

func TestTransportPanics(t *testing.T) {
	t.Parallel()
	client := inProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a mistake") }), nil)
	if _, err := client.Do(request(t, t.Context(), "https://simulator.invalid/", nil)); err == nil || !strings.Contains(err.Error(), "a mistake") {
		t.Errorf("error = %v, want the panic's value", err)
	}
}

func TestTransportOtherHosts(t *testing.T) {
	t.Parallel()
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the simulator answered for another host") })
	var asked string
	client := inProcess(never, roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.Host
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	}))
	res, err := client.Do(request(t, t.Context(), "https://elsewhere.example/", nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if asked != "elsewhere.example" {
		t.Errorf("next was asked for %q", asked)
	}
	if _, err := inProcess(never, nil).Do(request(t, t.Context(), "https://elsewhere.example/", nil)); err == nil {
		t.Error("no error without a next, want a refusal")
	}
}

// Both URLs may have paths: the public one is removed by whoever mounts the
// simulator, the other by Transport.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	adele, _, _, _ := people()
	s := New(Options{
		PublicURL: "http://localhost:8080/simulator/", BackURL: "https://simulator.invalid/inner",
		App: App{ClientID: clientID, RedirectURIs: []string{callback}}, People: []*Person{adele},
	})
	client := &http.Client{Transport: s.Transport(nil)}
	res, err := client.Get("https://simulator.invalid/inner/" + contoso + "/v2.0/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"authorization_endpoint":"http://localhost:8080/simulator/` + contoso + `/oauth2/v2.0/authorize"`,
		`"end_session_endpoint":"http://localhost:8080/simulator/` + contoso + `/oauth2/v2.0/logout"`,
		`"token_endpoint":"https://simulator.invalid/inner/` + contoso + `/oauth2/v2.0/token"`,
		`"issuer":"https://simulator.invalid/inner/` + contoso + `/v2.0"`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the discovery document lacks %s: %s", want, body)
		}
	}
	if got, want := s.cookie("x").String(), "simulated-estsauth=x; Path=/simulator/; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("cookie = %q, want %q", got, want)
	}
}
