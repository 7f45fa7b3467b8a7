package config

import (
	"cmp"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// check looks at each setting for what its type does not say, and at settings
// that must fit together.
func check(c *Config, r *report) {
	checkWeb(c.Web, r)
	checkMicrosoft(c.Microsoft, c.Demo, r)
	checkSession(c.Session, c.Demo, r)
	checkRedis(c.Redis, c.Session, r)
	c.Log.Format = strings.ToLower(c.Log.Format)
	if f := c.Log.Format; f != "" && f != "text" && f != "json" {
		r.wrong("LOG_FORMAT", "%q is neither text nor json", f)
	}
	if u := c.Log.Traces; u != nil && u.Scheme != "http" && u.Scheme != "https" {
		r.wrong("OTEL_EXPORTER_OTLP_ENDPOINT", "is neither http:// nor https://")
	}
	if c.Demo {
		checkDemo(c, r)
	}
}

// checkDemo keeps the pretend Microsoft, which signs in anybody, away from
// other machines and from settings meant for the real one.
func checkDemo(c *Config, r *report) {
	for _, credential := range c.Microsoft.Credential.set() {
		r.wrong("DEMO", "is refused while %s is set: unset one of them", credential)
	}
	if !r.has("BASE_URL") && !loopback(c.Web.BaseURL.Hostname()) {
		r.wrong("DEMO", "is refused unless BASE_URL is on this machine, such as http://localhost:8080")
	}
}

// set lists the variables of the credentials that are given.
func (c Credential) set() []string {
	var names []string
	if !c.Secret.IsZero() {
		names = append(names, "AZURE_CLIENT_SECRET")
	}
	if c.CertificatePath != "" {
		names = append(names, "AZURE_CLIENT_CERTIFICATE_PATH")
	}
	if c.FederatedTokenFile != "" {
		names = append(names, "AZURE_FEDERATED_TOKEN_FILE")
	}
	return names
}

var (
	guid   = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	domain = regexp.MustCompile(`(?i)^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
)

func checkMicrosoft(m Microsoft, demo bool, r *report) {
	checkAuthority(m, r)
	if demo {
		return
	}
	switch {
	case m.ClientID == "":
		r.wrong("AZURE_CLIENT_ID", "is missing: the application id of the app registration (or DEMO=1 to try Daybook without one)")
	case !guid.MatchString(m.ClientID):
		r.warn("AZURE_CLIENT_ID", "is not in the form of an application id, 00000000-0000-0000-0000-000000000000")
	}
	multi := false
	switch tenant := strings.ToLower(m.TenantID); {
	case tenant == "":
		r.wrong("AZURE_TENANT_ID", "is missing: the tenant's id or domain, or organizations, consumers or common")
	case tenant == "organizations", tenant == "common":
		multi = true
	case tenant != "consumers" && !guid.MatchString(tenant) && !domain.MatchString(tenant):
		r.wrong("AZURE_TENANT_ID", "is neither a tenant id nor a domain nor organizations, consumers or common")
	}
	for _, tenant := range m.AllowedTenants {
		if !guid.MatchString(tenant) {
			r.wrong("ALLOWED_TENANTS", "%q is not a tenant id", tenant)
		}
	}
	if len(m.AllowedTenants) > 0 && !multi {
		r.warn("ALLOWED_TENANTS", "matters only when AZURE_TENANT_ID is organizations or common")
	}
	checkCredential(m.Credential, r)
}

func checkAuthority(m Microsoft, r *report) {
	if u := m.AuthorityHost; !r.has("AZURE_AUTHORITY_HOST") {
		if u.Scheme != "https" || !bare(u) {
			r.wrong("AZURE_AUTHORITY_HOST", "is not https:// and a host alone")
		}
		u.Path = "/"
	}
	if u := m.GraphEndpoint; !r.has("GRAPH_ENDPOINT") {
		u.Path = strings.TrimRight(u.Path, "/")
		switch {
		case strings.HasSuffix(u.Path, "/v1.0") || strings.HasSuffix(u.Path, "/beta"):
			r.wrong("GRAPH_ENDPOINT", "ends in a version, which Daybook adds itself; leave it out")
		case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
			r.wrong("GRAPH_ENDPOINT", "is not https://")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			r.wrong("GRAPH_ENDPOINT", "has more than scheme, host and path")
		}
	}
}

func checkCredential(c Credential, r *report) {
	switch set := c.set(); {
	case len(set) > 1:
		r.wrong(set[0], "is set, and so is %s: keep exactly one credential", strings.Join(set[1:], " and "))
	case len(set) == 0 && !r.has("AZURE_CLIENT_SECRET_FILE"):
		r.wrong("AZURE_CLIENT_SECRET", "is missing, and so are AZURE_CLIENT_CERTIFICATE_PATH and AZURE_FEDERATED_TOKEN_FILE: set exactly one")
	}
	if secret := c.Secret.Reveal(); guid.MatchString(secret) {
		r.wrong("AZURE_CLIENT_SECRET", "is the secret's id; the portal shows the value beside it, once")
	} else if strings.HasPrefix(secret, "<") || strings.HasPrefix(strings.ToLower(secret), "your") {
		r.wrong("AZURE_CLIENT_SECRET", "is a placeholder; make a real one in the app registration")
	}
	checkCertificate("AZURE_CLIENT_CERTIFICATE_PATH", c.CertificatePath, r)
	checkCredentialFile("AZURE_FEDERATED_TOKEN_FILE", c.FederatedTokenFile, r)
}

func checkReadable(variable, path string, r *report) []byte {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.wrong(variable, "%v", unreadable(err))
	}
	return content
}

// maxStopDelay leaves requests in flight their time before what runs Daybook
// loses patience.
const maxStopDelay = 5 * time.Second

func checkWeb(w Web, r *report) {
	if u := w.BaseURL; !r.has("BASE_URL") {
		switch {
		case u.Scheme != "https" && u.Scheme != "http":
			r.wrong("BASE_URL", "is neither https:// nor http://")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			r.wrong("BASE_URL", "is plain http, which is for this machine alone (localhost, 127.0.0.1); use https")
		case !bare(u):
			r.wrong("BASE_URL", "has more than scheme, host and port")
		}
		// Browsers leave the default port out of Origin (RFC 6454 section 6.1).
		if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
			u.Host = u.Host[:strings.LastIndexByte(u.Host, ':')]
		}
		u.Path = ""
	}
	checkAddr("LISTEN_ADDR", w.ListenAddr, r)
	if w.AdminAddr != "" {
		host := checkAddr("ADMIN_ADDR", w.AdminAddr, r)
		if w.AdminAddr == w.ListenAddr && !strings.HasSuffix(w.AdminAddr, ":0") {
			r.wrong("ADMIN_ADDR", "is the same as LISTEN_ADDR")
		} else if !r.has("ADMIN_ADDR") && !loopback(host) {
			r.warn("ADMIN_ADDR", "lets other machines read metrics and memory profiles; keep it behind a firewall")
		}
	}
	if !r.has("STOP_DELAY") && (w.StopDelay < 0 || w.StopDelay > maxStopDelay) {
		r.wrong("STOP_DELAY", "is not between 0 and %v", maxStopDelay)
	}
	// Daybook itself ends no TLS.
	if u := w.BaseURL; len(w.TrustedProxies) == 0 && !r.has("TRUSTED_PROXIES") && !r.has("BASE_URL") && u.Scheme == "https" && !loopback(u.Hostname()) {
		r.warn("TRUSTED_PROXIES", "is empty while BASE_URL is https: everybody seems to come from the proxy in front, so sign-ins have no limit, or one for all, and audit lines no addresses; set it to the proxy's address, 127.0.0.1 for one on this machine")
	}
	for _, prefix := range w.TrustedProxies {
		if prefix.Bits() == 0 {
			r.warn("TRUSTED_PROXIES", "%v believes everybody's X-Forwarded-For", prefix)
		}
	}
}

// checkAddr returns the host of a host:port.
func checkAddr(variable, addr string, r *report) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		r.wrong(variable, "%q is not host:port such as 127.0.0.1:8080", addr)
		return ""
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		r.wrong(variable, "%q has no port between 0 and 65535", addr)
	}
	return host
}

func checkSession(s Session, demo bool, r *report) {
	switch s.Store {
	case InFiles, InRedis:
	case InMemory:
		r.warn("SESSION_STORE", "memory loses every session when Daybook stops: for development only")
	default:
		r.wrong("SESSION_STORE", "%q is not filesystem, redis or memory", s.Store)
	}
	switch s.Tokens {
	case InSession, InRedis:
	case InMemory:
		r.warn("TOKEN_CACHE", "memory loses every token when Daybook stops and shares none with other servers: for development only")
	default:
		r.wrong("TOKEN_CACHE", "%q is not session, redis or memory", s.Tokens)
	}
	if s.UsesRedis() && s.Secrets.IsZero() && !demo && !r.has("SESSION_SECRET_FILE") {
		r.wrong("SESSION_SECRET", "is missing, and needed with Redis; %s", makeKey)
	}
	for i, key := range s.Secrets.Reveal() {
		if !looksRandom(key) {
			r.warn("SESSION_SECRET", "secret %d does not look random; %s", i+1, makeKey)
		}
	}
	if !r.has("SESSION_LIFETIME") && s.Lifetime <= 0 {
		r.wrong("SESSION_LIFETIME", "is not above 0")
	}
	switch {
	case s.IdleTimeout < 0:
		r.wrong("SESSION_IDLE_TIMEOUT", "is below 0")
	case s.IdleTimeout > s.Lifetime && !r.has("SESSION_LIFETIME"):
		r.wrong("SESSION_IDLE_TIMEOUT", "is longer than SESSION_LIFETIME")
	}
	if !r.has("SESSION_CLEANUP_INTERVAL") && s.CleanupInterval <= 0 {
		r.wrong("SESSION_CLEANUP_INTERVAL", "is not above 0")
	}
}

func checkRedis(redis Redis, s Session, r *report) {
	if roots := checkReadable("REDIS_CA_FILE", redis.CAFile, r); roots != nil && !x509.NewCertPool().AppendCertsFromPEM(roots) {
		r.wrong("REDIS_CA_FILE", "names a file without a certificate in PEM")
	}
	if redis.URL.IsZero() {
		if s.UsesRedis() && !r.has("REDIS_URL_FILE") {
			r.wrong("REDIS_URL", "is missing, and needed with SESSION_STORE=redis or TOKEN_CACHE=redis")
		}
		return
	}
	u, err := url.Parse(redis.URL.Reveal())
	if err != nil || u.Hostname() == "" {
		r.wrong("REDIS_URL", "is not redis://user:password@host:6379 with user and password percent-encoded")
		return
	}
	switch database := strings.Trim(u.Path, "/"); {
	case u.Scheme != "redis" && u.Scheme != "rediss":
		r.wrong("REDIS_URL", "is neither redis:// nor rediss://")
	case database != "" && strings.Trim(database, "0123456789") != "":
		r.wrong("REDIS_URL", "has a path that is not the number of a database")
	case !s.UsesRedis():
	case u.Scheme == "redis" && !loopback(u.Hostname()):
		r.warn("REDIS_URL", "goes to another machine without TLS; use rediss:// unless the network is private to Daybook")
	}
	if redis.CAFile != "" && u.Scheme != "rediss" {
		r.wrong("REDIS_CA_FILE", "has no effect without rediss:// in REDIS_URL")
	}
}

// bare reports whether an address is scheme, host and port alone.
func bare(u *url.URL) bool {
	return cmp.Or(u.Path, "/") == "/" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// loopback reports whether a host is always this machine (RFC 6761 section
// 6.3 for localhost and names below it).
func loopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
