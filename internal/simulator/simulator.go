// Package simulator is a pretend Microsoft: enough of Microsoft Entra ID's
// v2.0 endpoints and of Microsoft Graph v1.0 for a web application to sign
// people in and show their calendars, in a demo, while developing, and in
// tests. It speaks the wire format (paths, headers, JSON, error codes) as
// Microsoft documents it and as recorded traffic shows it, and it can be told
// to fail in the ways that Microsoft does ([Simulator.Inject],
// [Simulator.Tamper], [Simulator.Challenge], [Simulator.SetStrict]).
//
// It shares no code with the clients that talk to it, so that a mistake in
// them is not repeated here. It asks nobody for a password and protects
// nothing: who may reach it is left to whoever mounts it.
package simulator

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say where a Simulator is reached and whom it knows.
type Options struct {
	// PublicURL is where browsers reach the simulator, for example
	// "http://localhost:8080/simulator". Its path, if any, must be removed
	// before requests get to [Simulator.ServeHTTP] ([http.StripPrefix]).
	PublicURL string
	// BackURL is the https URL under which programs reach it: token, key and
	// Graph addresses and the issuer begin with it. Empty means PublicURL.
	// [Simulator.Transport] answers for its host without any network.
	BackURL string
	Now     func() time.Time // nil means time.Now
	App     App
	People  []*Person
}

// App is the application's registration.
type App struct {
	ClientID     string
	Secret       string   // empty: no client secret is accepted
	RedirectURIs []string // compared as they are; also where sign-out may lead
	LogoutURL    string   // front-channel logout URL, or empty
	// Certificates verify client assertions (PS256, RFC 7523).
	Certificates []*x509.Certificate
	// FederatedToken is accepted as a client assertion as it is, in the place
	// of a token from a trusted workload identity issuer. Empty: none.
	FederatedToken string
}

// A Simulator is the pretend Microsoft. It is safe for concurrent use and
// keeps everything in memory, bounded in number and age.
type Simulator struct {
	options Options
	public  *url.URL
	back    *url.URL
	handler http.Handler
	entra   *entra
	faults  faults
	calls   calls
}

// New returns a Simulator. It panics when PublicURL or BackURL is no absolute
// URL, since that is a mistake of the program and not of its user.
func New(o Options) *Simulator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BackURL == "" {
		o.BackURL = o.PublicURL
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	o.BackURL = strings.TrimRight(o.BackURL, "/")
	s := &Simulator{
		options: o,
		public:  mustAbsolute(o.PublicURL),
		back:    mustAbsolute(o.BackURL),
		entra:   newEntra(o.Now),
	}
	s.handler = s.routes()
	return s
}

func mustAbsolute(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		panic("simulator: not an absolute URL: " + raw)
	}
	return u
}

// ServeHTTP answers as Microsoft's sign-in and Graph hosts do.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handler.ServeHTTP(w, r)
}

func (s *Simulator) routes() http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	mux := http.NewServeMux()
	mount := func(pattern string, on Endpoint, h http.Handler) {
		mux.Handle(pattern, s.guard(on, h))
	}
	mount("GET /{tenant}/v2.0/.well-known/openid-configuration", Discovery, http.HandlerFunc(s.configuration))
	mount("GET /common/discovery/instance", Discovery, http.HandlerFunc(s.instance))
	mount("GET /{tenant}/discovery/v2.0/keys", Keys, http.HandlerFunc(s.keys))
	mount("GET /{tenant}/oauth2/v2.0/authorize", Authorize, http.HandlerFunc(s.authorize))
	mount("POST /{tenant}/oauth2/v2.0/authorize", Authorize, sameOrigin.Handler(http.HandlerFunc(s.authorize)))
	mount("POST /{tenant}/oauth2/v2.0/token", Token, http.HandlerFunc(s.token))
	mount("GET /{tenant}/oauth2/v2.0/logout", Logout, http.HandlerFunc(s.logout))
	mount("POST /{tenant}/oauth2/v2.0/logout", Logout, sameOrigin.Handler(http.HandlerFunc(s.logout)))
	mux.HandleFunc("GET /error", s.explain)
	mux.HandleFunc("GET /static/simulator.css", stylesheet)
	// Graph is told apart first: to a ServeMux, "/v1.0/" and "/{tenant}/..."
	// would be patterns in conflict. It guards its requests itself.
	graph := s.graph()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1.0/") {
			graph.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// now returns the simulator's time.
func (s *Simulator) now() time.Time { return s.options.Now() }

// Person returns who signs in with username, or nil.
func (s *Simulator) Person(username string) *Person {
	for _, p := range s.options.People {
		if p.Username == username {
			return p
		}
	}
	return nil
}

// person returns who has the key "tid.oid", or nil.
func (s *Simulator) person(key string) *Person {
	for _, p := range s.options.People {
		if p.key() == key {
			return p
		}
	}
	return nil
}
