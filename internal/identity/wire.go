package identity

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// answerLimit is far above any token answer (some 10 KB) or key set.
	answerLimit = 1 << 20
	// callTimeout bounds one call to Microsoft, its answer's body included. A
	// token answer of half a minute is still waited for: the old refresh token
	// may be used up by then.
	callTimeout = 33 * time.Second
)

var errNoNetwork = errors.New("not without the network")

// offline is for asking MSAL what it can answer from the cache alone.
var offline = &http.Client{Transport: refuser{}}

type refuser struct{}

func (refuser) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// newClient never follows redirects: none of Microsoft's endpoints for
// programs redirects, and tokens must not go where an answer points.
func newClient(rt http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     rt,
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limit returns the transport of c, or one of its own, with answers cut off at
// answerLimit by an error, and https alone.
func limit(c *http.Client) http.RoundTripper {
	if c != nil && c.Transport != nil {
		return limited{c.Transport}
	}
	return limited{Transport()}
}

// Transport returns a transport made for Microsoft's sign-in: what [New] uses
// when Config.HTTP brings none, for who wants to wrap it.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 5 * time.Second
	// Two, the default, would close most connections under load; without a bound
	// a crowd that comes back from Microsoft at once would spend its time, and
	// more than there is, on handshakes.
	t.MaxIdleConnsPerHost = 16
	t.MaxConnsPerHost = 64
	// HTTP/2 asks whether an answer that does not come has a connection still.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second}
	return t
}

type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, errors.New("not an https URL")
	}
	resp, err := l.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, answerLimit)
	return resp, nil
}

// CloseIdleConnections passes on what http.Client asks of its transport.
func (l limited) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// A router answers MSAL's requests for the discovery document from memory: MSAL
// asks in each new client, and sees only what has been checked.
type router struct {
	discovery *discovery
	next      http.RoundTripper
}

func (r *router) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.Scheme+"://"+req.URL.Host+req.URL.Path != r.discovery.url() {
		return r.next.RoundTrip(req)
	}
	doc, err := r.discovery.document(req.Context())
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(doc.forMSAL)),
		ContentLength: int64(len(doc.forMSAL)),
		Request:       req,
	}, nil
}

func (r *router) CloseIdleConnections() {
	if c, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
