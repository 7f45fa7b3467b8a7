package identity

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// consumers is the tenant of all personal accounts (OpenID Connect on the
	// Microsoft identity platform, "Find your app's OpenID configuration").
	consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"
	// anyTenant stands for the tenant in the issuer of "common" and
	// "organizations".
	anyTenant = "{tenantid}"

	shortestKeep = 10 * time.Minute
	longestKeep  = 24 * time.Hour // what Microsoft itself says
	retryKeep    = time.Minute    // an old document serves on this long after a failed fetch
)

var (
	guid       = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	tenantName = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|common|organizations|consumers|[a-z0-9-]+(\.[a-z0-9-]+)+)$`)
)

// microsoft are the hosts whose word is Microsoft's own, in all its clouds (the
// list that MSAL trusts).
var microsoft = map[string]bool{
	"login.microsoftonline.com": true, "login.microsoft.com": true, "login.windows.net": true, "sts.windows.net": true,
	"login.microsoftonline.us": true, "login.usgovcloudapi.net": true, "login-us.microsoftonline.com": true,
	"login.partner.microsoftonline.cn": true, "login.chinacloudapi.cn": true, "login.microsoftonline.de": true,
	"login.sovcloud-identity.fr": true, "login.sovcloud-identity.de": true, "login.sovcloud-identity.sg": true,
}

// A document is what Daybook uses of a discovery document (OpenID Connect
// Discovery 1.0, section 3), checked.
type document struct {
	Issuer     string `json:"issuer"`
	Authorize  string `json:"authorization_endpoint"`
	Token      string `json:"token_endpoint"`
	Keys       string `json:"jwks_uri"`
	EndSession string `json:"end_session_endpoint"`

	keys    oidc.KeySet
	forMSAL []byte
}

// discovery keeps the discovery document for the whole process: asked for once,
// kept as long as Microsoft says within bounds, and while it cannot be had
// anew. Failures are not kept.
type discovery struct {
	app   registration
	fetch http.RoundTripper
	tasks *tasks

	mu       sync.Mutex // guards what follows
	kept     *document
	until    time.Time
	inFlight *fetch
}

// A fetch is one request for the document that all who need it wait for.
type fetch struct {
	done chan struct{}
	doc  *document
	err  error
}

func (d *discovery) url() string { return d.app.authority + "/v2.0/.well-known/openid-configuration" }

// document returns the document. Only the first call of a process, and those
// beside it, wait for the network.
func (d *discovery) document(ctx context.Context) (*document, error) {
	d.mu.Lock()
	kept, stale := d.kept, !time.Now().Before(d.until)
	d.mu.Unlock()
	if kept == nil {
		return d.reload(ctx)
	}
	if stale {
		d.start(ctx)
	}
	return kept, nil
}

// reload waits for a document fetched from now on or being fetched already.
func (d *discovery) reload(ctx context.Context) (*document, error) {
	f := d.start(ctx)
	select {
	case <-f.done:
		return f.doc, f.err
	case <-ctx.Done():
		return nil, interrupted(ctx)
	}
}

func (d *discovery) start(ctx context.Context) *fetch {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inFlight != nil {
		return d.inFlight
	}
	f := &fetch{done: make(chan struct{})}
	ctx = context.WithoutCancel(ctx) // others wait for the same answer
	if !d.tasks.start(func() { d.run(ctx, f) }) {
		f.err = &Error{Problem: Unavailable, Code: "closed"}
		close(f.done)
		return f
	}
	d.inFlight = f
	return f
}

func (d *discovery) run(ctx context.Context, f *fetch) {
	defer close(f.done)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var keep time.Duration
	f.err = &Error{Problem: Unavailable, Code: "panic"} // unless ask returns
	defer func() { d.settle(f, keep) }()
	f.doc, keep, f.err = d.ask(ctx)
}

// settle notes what came of a fetch.
func (d *discovery) settle(f *fetch, keep time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight = nil
	now := time.Now()
	switch e, _ := f.err.(*Error); {
	case f.err == nil:
		// With the document the keys are asked for anew: one that Microsoft has
		// withdrawn is believed no longer than the document is kept.
		f.doc.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), newClient(d.fetch)), f.doc.Keys)
		d.kept, d.until = f.doc, now.Add(keep)
	case e != nil && e.Problem == Rejected:
		d.kept = nil // Microsoft's word has changed to one that must not be believed: fail closed
	default:
		d.until = now.Add(retryKeep)
	}
}

// ask fetches and checks the document once. Its errors are of type *Error.
func (d *discovery) ask(ctx context.Context) (*document, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url(), nil)
	if err != nil {
		return nil, 0, &Error{Problem: Misconfigured, Code: "discovery_url"}
	}
	resp, err := newClient(d.fetch).Do(req)
	if err != nil {
		return nil, 0, sortOut(err).Error
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, 0, sortOut(err).Error
	}
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return nil, 0, &Error{Problem: Unavailable, Code: "discovery", Detail: resp.Status, RetryAfter: retryAfter(resp.Header)}
	case resp.StatusCode != http.StatusOK:
		return nil, 0, &Error{Problem: Misconfigured, Code: "discovery", Detail: "no such tenant or authority: " + strconv.Itoa(resp.StatusCode)}
	}
	doc := new(document)
	if err := json.Unmarshal(body, doc); err != nil {
		return nil, 0, &Error{Problem: Unavailable, Code: "discovery", Detail: "the document is not what it should be"}
	}
	if why := d.app.doubt(doc); why != "" {
		return nil, 0, &Error{Problem: Rejected, Code: "discovery", Detail: why}
	}
	doc.forMSAL, err = json.Marshal(map[string]string{
		"issuer": doc.Issuer, "authorization_endpoint": doc.Authorize, "token_endpoint": doc.Token,
	})
	if err != nil {
		return nil, 0, &Error{Problem: Unavailable, Code: "discovery"}
	}
	return doc, keepFor(resp.Header), nil
}

// keepFor reads max-age (RFC 9111, section 5.2.2.1).
func keepFor(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		if age, ok := strings.CutPrefix(strings.TrimSpace(strings.ToLower(directive)), "max-age="); ok {
			if seconds, err := strconv.Atoi(age); err == nil {
				return min(max(time.Duration(min(seconds, 1<<30))*time.Second, shortestKeep), longestKeep)
			}
		}
	}
	return longestKeep
}

// doubt says what speaks against a document, or nothing. The issuer must be the
// configured tenant's (OpenID Connect Discovery 1.0, section 4.3); what
// programs call must be on the authority's host or Microsoft's. What browsers
// are sent to may also be on this machine, for a pretend Microsoft.
func (a registration) doubt(doc *document) string {
	issuer, err := url.Parse(doc.Issuer)
	if err != nil || !a.owns(issuer) || issuer.RawQuery != "" || issuer.Fragment != "" {
		return "the issuer is on another host than the authority"
	}
	tenant, isV2 := strings.CutSuffix(strings.TrimPrefix(issuer.Path, "/"), "/v2.0")
	fits := false
	switch a.Tenant {
	case "common", "organizations":
		fits = tenant == anyTenant
	case "consumers":
		fits = tenant == consumers
	default:
		fits = guid.MatchString(tenant) && (tenant == a.Tenant || !guid.MatchString(a.Tenant))
	}
	if !isV2 || !fits {
		return "the issuer is not the configured tenant's"
	}
	for name, endpoint := range map[string]string{"token endpoint": doc.Token, "key set": doc.Keys} {
		if u, err := url.Parse(endpoint); err != nil || !a.owns(u) {
			return "the " + name + " is on another host than the authority"
		}
	}
	for name, endpoint := range map[string]string{"authorization endpoint": doc.Authorize, "end-session endpoint": doc.EndSession} {
		if u, err := url.Parse(endpoint); err != nil || !a.owns(u) && !a.local(u) {
			if name == "end-session endpoint" && endpoint == "" {
				continue
			}
			return "the " + name + " is on another host than the authority"
		}
	}
	return ""
}

func (a registration) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(a.authority, "https://"), "/"+a.Tenant)
}

// owns reports whether u is https on the authority's host or Microsoft's.
func (a registration) owns(u *url.URL) bool {
	host := strings.ToLower(u.Host)
	return u.Scheme == "https" && u.User == nil && (host == a.host() || microsoft[host])
}

// local reports whether u is on this machine, which only a pretend Microsoft is.
func (a registration) local(u *url.URL) bool {
	if microsoft[a.host()] || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	name := u.Hostname()
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// admits reports whether a person of tenant tid may sign in, given the issuer
// that the discovery document names.
func (a registration) admits(tid, issuer string) bool {
	if len(a.allowed) > 0 && !a.allowed[tid] {
		return false
	}
	switch a.Tenant {
	case "common":
		return true
	case "organizations":
		return tid != consumers
	}
	return strings.HasSuffix(issuer, "/"+tid+"/v2.0")
}
