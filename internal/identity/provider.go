package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/prometheus/client_golang/prometheus"
)

// An App is one app registration with Microsoft Entra.
type App struct {
	ClientID      string // application (client) id
	Tenant        string // tenant id or domain, "organizations", "consumers" or "common"
	AuthorityHost string // such as "https://login.microsoftonline.com/", the default; https, no path
	RedirectURL   string // where Microsoft sends browsers back to, exactly as registered
}

// A Config says how to reach Microsoft, and as which app.
type Config struct {
	App            App
	Credential     Credential
	AllowedTenants []string     // tenant ids that may sign in; none means any the authority lets in
	HTTP           *http.Client // its Transport leads to Microsoft, nothing else of it is used; nil: the default
	Log            *slog.Logger // nil: nothing is logged
}

// A Provider signs people in and gets their access tokens. It is safe for
// concurrent use; one serves the whole process.
type Provider struct {
	app       registration
	web       *http.Client // to Microsoft: limited, never redirected, discovery answered from memory
	discovery *discovery
	tasks     *tasks
	sharing   sharing
	metrics   *metrics
	log       *slog.Logger
}

// registration is an [App] made ready for use.
type registration struct {
	App
	authority  string // URL of host and tenant, as MSAL wants it
	credential confidential.Credential
	allowed    map[string]bool // tenant ids; empty: any
}

// New checks the configuration and returns a Provider. It reads the
// credential's file but uses no network. Every error is the operator's to mend
// and holds no secret.
func New(cfg Config) (*Provider, error) {
	app := registration{App: cfg.App, allowed: make(map[string]bool)}
	if app.ClientID == "" {
		return nil, errors.New("the client id is empty")
	}
	if redirect, err := url.Parse(app.RedirectURL); err != nil || redirect.Host == "" {
		return nil, errors.New("the redirect URL is not an absolute URL")
	}
	if app.AuthorityHost == "" {
		app.AuthorityHost = "https://login.microsoftonline.com/"
	}
	host, err := url.Parse(app.AuthorityHost)
	if err != nil || host.Scheme != "https" || host.Host == "" || strings.Trim(host.Path, "/") != "" || host.RawQuery != "" || host.User != nil {
		return nil, errors.New("the authority host is not of the form https://host/")
	}
	app.Tenant = strings.ToLower(app.Tenant)
	if !tenantName.MatchString(app.Tenant) {
		return nil, errors.New(`the tenant is neither an id, a domain, "organizations", "consumers" nor "common"`)
	}
	for _, id := range cfg.AllowedTenants {
		id = strings.ToLower(strings.TrimSpace(id))
		if !guid.MatchString(id) {
			return nil, fmt.Errorf("the allowed tenant %q is not a tenant id", id)
		}
		app.allowed[id] = true
	}
	if app.credential, err = cfg.Credential.open(); err != nil {
		return nil, err
	}
	app.authority = "https://" + strings.ToLower(host.Host) + "/" + app.Tenant

	p := &Provider{app: app, metrics: newMetrics(), log: cfg.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.tasks = newTasks(p.log)
	p.sharing = sharing{flights: make(map[string]*flight), verdicts: make(map[string]verdict)}
	line := limit(cfg.HTTP)
	p.discovery = &discovery{app: app, fetch: line, tasks: p.tasks}
	p.web = newClient(&router{discovery: p.discovery, next: line})
	return p, nil
}

// FormAction returns the origins, divided by a space, that a
// Content-Security-Policy's form-action must allow so that a sign-out form's
// redirect reaches Microsoft: browsers hold the policy against every redirect
// on the way, and personal accounts are led on to login.live.com. No network.
func (p *Provider) FormAction() string {
	u, _ := url.Parse(p.app.authority) // New has parsed it
	origin := "https://" + u.Host
	if u.Host == "login.microsoftonline.com" && (p.app.Tenant == "common" || p.app.Tenant == "consumers") {
		origin += " https://login.live.com"
	}
	return origin
}

// Ping fetches Microsoft's discovery document anew and checks it. The error is
// an [*Error].
func (p *Provider) Ping(ctx context.Context) error {
	_, err := p.discovery.reload(ctx)
	return err
}

// EndSession returns the URL that ends the person's session with Microsoft and
// comes back to postLogout, which must be registered as a redirect URI. The
// hint spares people the account picker (Microsoft identity platform, "Send a
// sign-out request"). The error is an [*Error]; the session here is not this
// package's to end. It waits five seconds at most for Microsoft.
func (p *Provider) EndSession(ctx context.Context, account Account, postLogout string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	doc, err := p.discovery.document(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(doc.EndSession)
	if err != nil || u.Host == "" {
		return "", &Error{Problem: Misconfigured, Code: "no_end_session"}
	}
	q := u.Query()
	q.Set("post_logout_redirect_uri", postLogout)
	if account.LoginHint != "" {
		q.Set("logout_hint", account.LoginHint)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Collectors returns the metrics of sign-ins, token requests and token caches,
// for the caller to register.
func (p *Provider) Collectors() []prometheus.Collector { return p.metrics.collectors() }

// Close waits for the refreshes in flight, each bounded by its own time-out of
// less than a minute, so that no new refresh token is lost. Afterwards
// [Provider.Token] answers from the cache alone.
func (p *Provider) Close() {
	p.tasks.close()
	p.web.CloseIdleConnections()
}

// client makes an MSAL client bound to one record: MSAL's caches are meant for
// one person each (MSAL Go, apps/cache), and making a client costs less than
// parsing one token cache.
func (p *Provider) client(r *record, via *http.Client) (confidential.Client, error) {
	return confidential.New(p.app.authority, p.app.ClientID, p.app.credential,
		confidential.WithCache(r),
		confidential.WithHTTPClient(via),
		// Discovery of instances goes to Microsoft's public cloud whatever the
		// authority, and finds nothing that the discovery document lacks.
		confidential.WithInstanceDiscovery(false),
		confidential.WithAzureRegion("DisableMsalForceRegion"),
		// cp1 says that claims challenges are understood (Continuous access
		// evaluation, "Client capabilities").
		confidential.WithClientCapabilities([]string{"cp1"}),
	)
}

// A record lends MSAL one serialized token cache and catches what MSAL makes
// of it in memory, so that a failing store cannot fail MSAL's call and the
// caller decides what is stored.
type record struct {
	given    []byte
	exported []byte
	manager  cache.Marshaler
}

// Replace gives MSAL the record. It unmarshals an empty one as well: left out,
// MSAL would go on with the tokens it held before.
func (r *record) Replace(_ context.Context, to cache.Unmarshaler, _ cache.ReplaceHints) error {
	r.manager, _ = to.(cache.Marshaler)
	if len(r.given) == 0 {
		return to.Unmarshal([]byte("{}"))
	}
	return to.Unmarshal(r.given)
}

// Export takes what MSAL wants stored.
func (r *record) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) (err error) {
	r.exported, err = from.Marshal()
	return err
}

// result returns what MSAL made of the record. MSAL exports nothing when fewer
// scopes were granted than asked for, though it has then taken a token answer
// that may have used up the old refresh token; so its memory is asked.
func (r *record) result() []byte {
	if r.exported == nil && r.manager != nil {
		if b, err := r.manager.Marshal(); err == nil && answered(r.given, b) {
			r.exported = b
		}
	}
	return r.exported
}
