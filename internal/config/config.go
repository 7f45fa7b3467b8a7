// Package config reads Daybook's settings from the environment and from a
// .env file, checks each of them and how they fit together, and reports every
// mistake at once. It opens nothing but the files that settings name; whether
// Redis, the disk or Microsoft answer is left to `daybook check`.
package config

import (
	"net/url"
	"time"

	"github.com/caarlos0/env/v11"
)

// A Config is everything that can be set. A setting that is absent or empty
// has its default. Only [Load] makes one; it is not changed afterwards.
type Config struct {
	Microsoft Microsoft
	Web       Web
	Session   Session
	Redis     Redis
	Log       Log
	Demo      bool     `env:"DEMO"` // the simulator instead of Microsoft
	Warnings  []string // one line each, naming the variable: allowed, but worth a line in the log
}

// Microsoft says how Daybook is registered with Entra and where Entra and
// Graph are. With [Config.Demo] ClientID and TenantID may be empty and
// Credential is.
type Microsoft struct {
	ClientID      string `env:"AZURE_CLIENT_ID"`
	TenantID      string `env:"AZURE_TENANT_ID"` // tenant id, domain, or organizations, consumers, common
	Credential    Credential
	AuthorityHost *url.URL `env:"AZURE_AUTHORITY_HOST" envDefault:"https://login.microsoftonline.com/"` // https, path "/"
	GraphEndpoint *url.URL `env:"GRAPH_ENDPOINT" envDefault:"https://graph.microsoft.com"`              // without version, no slash at the end
	// AllowedTenants are the tenant ids, in lower case, that may sign in
	// through a multi-tenant authority; empty: all.
	AllowedTenants Names `env:"ALLOWED_TENANTS"`
}

// A Credential is how the app proves to Entra that it is the app: exactly one
// field is set, none in the demo. The variables are those of the Azure SDKs
// (EnvironmentCredential and WorkloadIdentityCredential). The files could be
// read when the settings were.
type Credential struct {
	Secret             Secret `env:"AZURE_CLIENT_SECRET"`
	CertificatePath    string `env:"AZURE_CLIENT_CERTIFICATE_PATH"`
	FederatedTokenFile string `env:"AZURE_FEDERATED_TOKEN_FILE"`
}

// Web says where Daybook listens and how browsers reach it.
type Web struct {
	// BaseURL is scheme and host as browsers send them in Origin: lower case,
	// no default port, no path. It is https unless the host is loopback.
	BaseURL        *url.URL `env:"BASE_URL" envDefault:"http://localhost:8080"`
	ListenAddr     string   `env:"LISTEN_ADDR" envDefault:"127.0.0.1:8080"`
	AdminAddr      string   `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9090"` // empty: off
	TrustedProxies Prefixes `env:"TRUSTED_PROXIES"`
	// StopDelay is how long the site goes on answering once it is to stop,
	// while /healthz and /readyz already say no, so that proxies look elsewhere.
	StopDelay time.Duration `env:"STOP_DELAY" envDefault:"0"` // at most 5 s
}

// Session says where sessions and tokens are kept and for how long.
type Session struct {
	Store Place  `env:"SESSION_STORE" envDefault:"filesystem"` // [InFiles], [InRedis] or [InMemory]
	Dir   string `env:"SESSION_DIR" envDefault:"data/sessions"`
	// Secrets seal the records: the first seals, all open. Empty only with
	// the stores that need none, and in the demo.
	Secrets         Keys          `env:"SESSION_SECRET"`
	Lifetime        time.Duration `env:"SESSION_LIFETIME" envDefault:"24h"`   // above 0
	IdleTimeout     time.Duration `env:"SESSION_IDLE_TIMEOUT" envDefault:"0"` // 0: off; never above Lifetime
	CleanupInterval time.Duration `env:"SESSION_CLEANUP_INTERVAL" envDefault:"10m"`
	Tokens          Place         `env:"TOKEN_CACHE" envDefault:"session"` // [InSession], [InRedis] or [InMemory]
}

// UsesRedis reports whether sessions or tokens are kept in Redis.
func (s Session) UsesRedis() bool { return s.Store == InRedis || s.Tokens == InRedis }

// A Place is where records are kept.
type Place string

// The places; which of them a setting allows is said there.
const (
	InFiles   Place = "filesystem"
	InRedis   Place = "redis"
	InMemory  Place = "memory"
	InSession Place = "session"
)

// Redis says how Redis is reached. URL is set whenever [Session.UsesRedis].
type Redis struct {
	URL    Secret `env:"REDIS_URL"`     // redis:// or rediss://, with the password
	CAFile string `env:"REDIS_CA_FILE"` // PEM roots to believe instead of the system's; empty: the system's
}

// Log says what operators get to see.
type Log struct {
	Level  Level  `env:"LOG_LEVEL" envDefault:"info"`
	Format string `env:"LOG_FORMAT"` // "text", "json", or empty: text on a terminal, else json
	// Traces is the OTLP/HTTP base endpoint, below which traces go to
	// v1/traces (OpenTelemetry, "OTLP Exporter Configuration"); nil: off.
	Traces *url.URL `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
}

// Load reads the settings from environ, in the form of [os.Environ], and from
// the file named dotenv, if there is one; the environment wins. A secret may
// be given as the name of a file, in NAME_FILE instead of NAME.
//
// The error, if any, is of type [Mistakes] and holds all of them. The Config
// then has what could be read, for a report and not to be run with. Neither
// the error nor the warnings hold a secret.
func Load(environ []string, dotenv string) (Config, error) {
	var (
		c      Config
		report report
	)
	values := gather(env.ToMap(environ), dotenv, &report)
	parse(&c, values, &report)
	check(&c, &report)
	c.Warnings = report.warnings
	if len(report.mistakes) > 0 {
		return c, report.mistakes
	}
	return c, nil
}
