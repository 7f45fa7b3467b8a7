// Package graph reads calendars and people from Microsoft Graph v1.0 and
// answers in the words of package calendar. It asks for as little as a page
// needs, keeps answers for a short while in memory, per person and bounded in
// bytes, and never lets one person's answers reach another.
//
// Access tokens come from outside, through [Tokens]; who is signed in is left
// to packages session and identity, and drawing to calendar and server. Event
// bodies come as Graph gives them: hostile until somebody cleans them.
//
// What always holds: a token goes to the configured host and nowhere else,
// redirects are not followed, every reply is bounded in bytes and time, and a
// list that is not whole says so ([Missing]).
package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

// Limits that callers may plan with. A call to Graph takes at most
// callTimeout; an answer, which may need several, at most answerTimeout; of
// that at most patience is spent waiting because Graph asked for it.
const (
	callTimeout   = 8 * time.Second
	answerTimeout = 15 * time.Second
	patience      = 2 * time.Second
)

// Defaults of [Config].
const (
	defaultCacheBytes  = 32 << 20
	defaultCacheAge    = time.Minute
	defaultConcurrency = 64
)

// Tokens hands out access tokens of one signed-in person.
type Tokens interface {
	// Token returns an access token for Graph. refused is the token that Graph
	// has just answered 401 to, empty at first: then another one is wanted. Its
	// errors reach the caller of this package unchanged (errors.As, errors.Is).
	Token(ctx context.Context, refused string) (string, error)
}

// A Config says how to reach Graph and what to keep. Only Endpoint must be set.
type Config struct {
	Endpoint    string           // for example https://graph.microsoft.com, without /v1.0
	HTTP        *http.Client     // nil: one made for Graph; its redirect policy and cookies are not used
	Now         func() time.Time // ages what is kept and ends back-offs; nil: time.Now
	Log         *slog.Logger     // nil: nothing is logged
	CacheBytes  int64            // kept for everybody together; 0: 32 MiB; negative: nothing is kept
	CacheAge    time.Duration    // how long an answer serves equal requests; 0: one minute
	Concurrency int              // calls at a time of this process; 0: 64
}

// A Client talks to Graph for everybody who is signed in. It is safe for
// concurrent use.
type Client struct {
	endpoint *url.URL
	base     string // endpoint and version, without a slash at the end
	http     *http.Client
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics
	*state
}

// state is what a Client keeps between calls.
type state struct {
	cache    *cache
	people   people
	flights  flights
	all      *semaphore.Weighted // calls at a time of this process
	prefetch *semaphore.Weighted // prefetches at a time of this process
}

// New returns a client; it does not use the network.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(cfg.Endpoint, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("graph endpoint is not an http or https URL")
	}
	c := &Client{endpoint: u, base: u.String() + "/v1.0", now: cfg.Now, log: cfg.Log, http: httpClient(cfg.HTTP)}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	if cfg.CacheAge == 0 {
		cfg.CacheAge = defaultCacheAge
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = defaultConcurrency
	}
	c.state = &state{
		cache:    newCache(cfg.CacheBytes, cfg.CacheAge, c.now),
		people:   people{known: make(map[string]*person), now: c.now},
		flights:  newFlights(),
		all:      semaphore.NewWeighted(int64(cfg.Concurrency)),
		prefetch: semaphore.NewWeighted(maxPrefetches),
	}
	c.metrics = newMetrics(c.cache)
	return c, nil
}

// httpClient returns given, or a client tuned for many calls to one host,
// with redirects and cookies off: a redirect would carry a person's request to
// a host that nobody configured (OWASP ASVS 5.0, 15.3.2).
func httpClient(given *http.Client) *http.Client {
	var h http.Client
	if given != nil {
		h = *given
	}
	if h.Transport == nil {
		h.Transport = Transport()
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.Jar = nil
	return &h
}

// Transport returns a transport made for many calls to one host: what [New]
// uses when Config.HTTP brings none, for who wants to wrap it.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64 // net/http keeps two; each further call would pay for a TLS handshake
	t.MaxIdleConns = 128
	t.ForceAttemptHTTP2 = true
	// Or a connection that something on the way has silently dropped would hold
	// everybody's calls up until TCP gives up, after a quarter of an hour.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second}
	return t
}

// Mailbox returns one person's view of Graph for the length of one request.
// owner identifies the person for good (an account's key, never an address);
// tokens must hand out this person's tokens alone. It costs nothing: no call
// is made before the first method asks.
func (c *Client) Mailbox(owner string, tokens Tokens) *Mailbox {
	return &Mailbox{client: c, owner: owner, tokens: tokens, access: new(access)}
}

// Forget drops everything that is kept of this person. Answers that are on
// their way at this moment still reach who waits for them, and are not kept;
// prefetches stop.
func (c *Client) Forget(owner string) {
	c.people.forget(owner)
	c.cache.forget(owner)
}

// Collectors returns the metrics of the calls to Graph and of the cache, to be
// registered once. No label comes from outside; their number is bounded.
func (c *Client) Collectors() []prometheus.Collector { return c.metrics.collectors() }

// Close stops calls in flight and prefetches and waits for them. Methods
// called afterwards return [ErrClosed].
func (c *Client) Close() {
	c.flights.close()
	c.http.CloseIdleConnections()
}

// A Mailbox reads what one person may see. It is safe for concurrent use.
// Values that its methods return may be shared with other requests of the same
// person: they must not be changed.
type Mailbox struct {
	// Shared says that the tokens allow Calendars.Read.Shared. Without it
	// calendars that belong to others are left out. Set it before the first call.
	Shared bool

	client *Client
	owner  string
	tokens Tokens
	access *access
	// generation is of which Forget what is fetched is kept; 0: of the present one.
	generation uint64
}

// access is the token in use, and whether Graph has refused one already.
type access struct {
	mu      sync.Mutex
	token   string
	renewed bool
	err     error // of the renewal
}

// accessToken returns the token to call with. However many calls were refused,
// Tokens is asked for another one once in the life of the Mailbox.
func (m *Mailbox) accessToken(ctx context.Context, refused string) (string, error) {
	a := m.access
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && a.token != refused {
		return a.token, nil
	}
	if refused == "" {
		t, err := m.tokens.Token(ctx, "")
		if err != nil {
			return "", &tokenError{err}
		}
		a.token = t
		return t, nil
	}
	if !a.renewed {
		a.renewed = true
		t, err := m.tokens.Token(ctx, refused)
		switch {
		case err != nil:
			a.err = &tokenError{err}
		case t == refused:
			a.err = &Error{Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken"}
		default:
			a.token = t
			return t, nil
		}
	}
	if a.err != nil {
		return "", a.err
	}
	return "", &Error{Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken"}
}

// A tokenError is an error of Tokens: it is the whole answer, never a part
// that is missing, and belongs to the session that asked.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return fmt.Sprintf("access token: %v", e.err) }
func (e *tokenError) Unwrap() error { return e.err }
