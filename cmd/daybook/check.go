package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"
)

// A finding is one line of `daybook check`.
type finding struct {
	Level string `json:"level"` // ok, warn or fail
	What  string `json:"what"`  // what was looked at
	Says  string `json:"says"`  // what was found and what to do
}

// check says what is right and wrong: with the settings, and with what they
// lead to. It fails when anything is wrong; warnings alone do not count.
func check(ctx context.Context, e environment) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(e.stderr)
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(e.args); err != nil {
		return errReported
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	findings := examine(ctx, e)
	failed := false
	for _, f := range findings {
		failed = failed || f.Level == "fail"
	}
	if *asJSON {
		encoder := json.NewEncoder(e.stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintf(e.stdout, "%-4s  %-14s %s\n", f.Level, f.What, f.Says)
		}
	}
	if failed {
		return errReported
	}
	return nil
}

// examine makes every examination that the settings allow.
func examine(ctx context.Context, e environment) []finding {
	var list []finding
	add := func(level, what, format string, args ...any) {
		list = append(list, finding{level, what, fmt.Sprintf(format, args...)})
	}
	c, err := config.Load(e.environ, ".env")
	for _, w := range c.Warnings {
		add("warn", "settings", "%s", w)
	}
	if err != nil {
		for _, line := range mistakes(err) {
			add("fail", "settings", "%s", line)
		}
		return list
	}
	add("ok", "settings", "complete")
	examineSecret(c, add)
	examineStore(ctx, c, add)
	if c.Demo {
		add("ok", "microsoft", "the demo's own; nothing to ask")
		return list
	}
	examineMicrosoft(ctx, c, add)
	add("ok", "register", "redirect URIs %s and %s, front-channel logout URL %s",
		c.Web.BaseURL.JoinPath("auth/callback"), c.Web.BaseURL.JoinPath("/"), c.Web.BaseURL.JoinPath("auth/frontchannel-logout"))
	examineSite(ctx, c, add)
	return list
}

type adder func(level, what, format string, args ...any)

func examineSecret(c config.Config, add adder) {
	switch n := len(c.Session.Secrets.Reveal()); {
	case n > 0:
		add("ok", "secret", "%d given; the first seals", n)
	case c.Session.Store == config.InFiles:
		add("ok", "secret", "made at first start and kept in %s", c.Session.Dir)
	default:
		add("warn", "secret", "none given: made anew at each start, which signs everybody out")
	}
}

func examineStore(ctx context.Context, c config.Config, add adder) {
	if c.Session.Store == config.InFiles {
		if err := os.MkdirAll(c.Session.Dir, 0o700); err != nil {
			add("fail", "store", "%v: make the folder writable for this user", err)
			return
		}
		examineFolder(c.Session.Dir, add)
	}
	stores, err := openStores(c, quiet())
	if err != nil {
		add("fail", "store", "%v", err)
		return
	}
	defer stores.close()
	ping := func(what string, place config.Place, s session.Store) {
		start := time.Now()
		if err := s.Ping(ctx); err != nil {
			add("fail", what, "%s: write, read and delete: %v", place, err)
		} else {
			add("ok", what, "%s: written, read and deleted in %v", place, time.Since(start).Round(time.Microsecond))
		}
	}
	ping("store", c.Session.Store, stores.sessions)
	if stores.tokens != nil && stores.tokens != stores.sessions {
		ping("tokens", c.Session.Tokens, stores.tokens)
	}
	if stores.redis != nil {
		for _, f := range examineRedis(ctx, stores.redis) {
			add(f.Level, f.What, "%s", f.Says)
		}
	}
}

// examineFolder looks at who may use the session folder.
func examineFolder(dir string, add adder) {
	stat, err := os.Stat(dir)
	if err != nil {
		return // opening it says so
	}
	if stat.Mode().Perm()&0o077 != 0 {
		add("warn", "folder", "%s was open to others (%v); Daybook makes it 0700 when it opens it", dir, stat.Mode().Perm())
	}
	if owner, ok := stat.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		add("warn", "folder", "%s belongs to user %d, this check runs as %d: run it as the user that Daybook runs as", dir, owner.Uid, os.Geteuid())
	}
}

// redisHasPXAT reports whether a version is 6.2 or newer, the first to set a
// value and its end in one command.
func redisHasPXAT(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return true // does not say; the write above went well
	}
	return major > 6 || major == 6 && minor >= 2
}

// unfit says why nobody could sign in with such a Redis; nothing if they could.
func unfit(facts session.RedisFacts) string {
	switch {
	case !redisHasPXAT(facts.Version):
		return "version " + facts.Version + " is too old; use 6.2 or newer"
	case facts.Cluster:
		return "is a cluster, which is not supported; use one without cluster mode"
	}
	return ""
}

// examineRedis says whether Redis is set up so that sessions last.
func examineRedis(ctx context.Context, r *session.Redis) []finding {
	facts, err := r.Facts(ctx)
	if err != nil {
		return []finding{{"fail", "redis", err.Error()}}
	}
	list := []finding{{"ok", "redis", "version " + facts.Version}}
	if why := unfit(facts); why != "" {
		list[0] = finding{"fail", "redis", why}
	} else if facts.Version == "" {
		list[0] = finding{"warn", "redis", "does not say which version it has; Daybook needs 6.2 or newer"}
	}
	switch {
	case facts.MayEvict():
		list = append(list, finding{"warn", "redis", evicts(facts)})
	case facts.EvictionPolicy == "":
		list = append(list, finding{"warn", "redis", "does not say what it evicts; sessions want maxmemory-policy noeviction"})
	default:
		list = append(list, finding{"ok", "redis", "evicts nothing"})
	}
	switch facts.Persistence {
	case "yes":
		list = append(list, finding{"ok", "redis", "keeps its data over a restart"})
	case "":
		list = append(list, finding{"warn", "redis", "does not say whether it keeps its data over a restart; sessions want appendonly yes"})
	default:
		list = append(list, finding{"warn", "redis", "keeps nothing over a restart, which would sign everybody out; set appendonly yes"})
	}
	return list
}

func evicts(facts session.RedisFacts) string {
	return "maxmemory-policy " + facts.EvictionPolicy + " may drop sessions; set noeviction"
}

func examineMicrosoft(ctx context.Context, c config.Config, add adder) {
	provider, err := newIdentity(c, nil, quiet())
	if err != nil {
		add("fail", "microsoft", "%v", err)
		return
	}
	defer provider.Close()
	if err := provider.Ping(ctx); err != nil {
		add("fail", "microsoft", "discovery document: %v; check AZURE_TENANT_ID, AZURE_AUTHORITY_HOST and the network", err)
		return
	}
	add("ok", "microsoft", "discovery document fits the tenant %s", c.Microsoft.TenantID)
	examineClock(ctx, c.Microsoft.AuthorityHost.String(), nil, add)
}

// maxSkew is how far the clock may be off: ID tokens are believed five minutes
// before and after their time.
const maxSkew = 5 * time.Minute

// examineClock compares this machine's clock with the one at url. A nil client
// is the default one.
func examineClock(ctx context.Context, url string, client *http.Client, add adder) {
	answer, err := fetch(ctx, url, client)
	if err != nil {
		add("warn", "clock", "not compared: %v", err)
		return
	}
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		add("warn", "clock", "not compared: Microsoft sent no date")
		return
	}
	if off := time.Since(theirs).Abs(); off > maxSkew {
		add("fail", "clock", "%v away from Microsoft's: sign-ins will be refused; set up time synchronisation", off.Round(time.Second))
	} else {
		add("ok", "clock", "within %v of Microsoft's", off.Round(time.Second)+time.Second)
	}
}

// certificateNotice is how long before its end a certificate should have been
// renewed: Let's Encrypt's are at thirty days.
const certificateNotice = 14 * 24 * time.Hour

// examineSite asks whether browsers will trust BASE_URL's certificate.
func examineSite(ctx context.Context, c config.Config, add adder) {
	if c.Web.BaseURL.Scheme != "https" {
		add("ok", "site", "plain http on this machine only")
		return
	}
	answer, err := fetch(ctx, c.Web.BaseURL.JoinPath("healthz").String(), nil)
	switch {
	case refusedByBrowsers(err):
		add("fail", "site", "%v: browsers refuse that; look at the certificate of the proxy in front (one of a private authority must be trusted here too, for example through SSL_CERT_FILE)", err)
	case err != nil:
		add("warn", "site", "%v: is the proxy in front running, with a certificate that browsers trust?", err)
	case answer.StatusCode != http.StatusOK:
		add("warn", "site", "%s answers %d to /healthz", c.Web.BaseURL, answer.StatusCode)
	default:
		until := answer.TLS.PeerCertificates[0].NotAfter
		if left := time.Until(until); left < certificateNotice {
			add("warn", "site", "the certificate of %s ends in %d days, on %s: is it being renewed?", c.Web.BaseURL, int(left.Hours()/24), until.UTC().Format(time.DateOnly))
			return
		}
		add("ok", "site", "%s answers over TLS with a certificate until %s", c.Web.BaseURL, until.UTC().Format(time.DateOnly))
	}
}

// refusedByBrowsers reports whether somebody answered, but not with TLS that
// can be believed.
func refusedByBrowsers(err error) bool {
	var network *net.OpError
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &network) && (network.Op == "remote error" || network.Op == "local error") // how crypto/tls marks its alerts
}

// fetch gets the head of an answer without following it elsewhere.
func fetch(ctx context.Context, url string, by *http.Client) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if by != nil {
		client.Transport = by.Transport
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	return answer, answer.Body.Close()
}

// mistakes returns the lines of what config.Load found wrong.
func mistakes(err error) []string {
	var all config.Mistakes
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	var lines []string
	for _, m := range all {
		lines = append(lines, m.Error())
	}
	return lines
}

// quiet is for commands whose output is their answer.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
