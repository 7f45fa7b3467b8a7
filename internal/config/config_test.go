package config

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	appID    = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
	tenantID = "72f988bf-86f1-41af-91ab-2d7cd011db47"
)

// A key of 32 bytes that looks random enough; the number makes different ones.
func key(n byte) []byte {
	k := make([]byte, 32)
	for i := range k {
		k[i] = byte(i*i*7) ^ byte(i*31) ^ n
	}
	return k
}

func keyText(n byte) string { return base64.StdEncoding.EncodeToString(key(n)) }

// real is the smallest environment that serves with Microsoft.
func real(more ...string) []string {
	return append([]string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=" + tenantID, "AZURE_CLIENT_SECRET=abc~DEF.ghi"}, more...)
}

func demo(more ...string) []string { return append([]string{"DEMO=1"}, more...) }

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(real(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"client": c.Microsoft.ClientID, "tenant": c.Microsoft.TenantID, "secret": c.Microsoft.Credential.Secret.Reveal(),
		"authority": c.Microsoft.AuthorityHost.String(), "graph": c.Microsoft.GraphEndpoint.String(),
		"base": c.Web.BaseURL.String(), "listen": c.Web.ListenAddr, "admin": c.Web.AdminAddr, "proxies": len(c.Web.TrustedProxies), "stop": c.Web.StopDelay,
		"store": c.Session.Store, "dir": c.Session.Dir, "secrets": len(c.Session.Secrets.Reveal()), "tokens": c.Session.Tokens,
		"lifetime": c.Session.Lifetime, "idle": c.Session.IdleTimeout, "cleanup": c.Session.CleanupInterval,
		"level": c.Log.Level.Level(), "format": c.Log.Format, "traces": c.Log.Traces == nil, "demo": c.Demo, "warnings": len(c.Warnings),
	}
	want := map[string]any{
		"client": appID, "tenant": tenantID, "secret": "abc~DEF.ghi",
		"authority": "https://login.microsoftonline.com/", "graph": "https://graph.microsoft.com",
		"base": "http://localhost:8080", "listen": "127.0.0.1:8080", "admin": "127.0.0.1:9090", "proxies": 0, "stop": time.Duration(0),
		"store": InFiles, "dir": "data/sessions", "secrets": 0, "tokens": InSession,
		"lifetime": 24 * time.Hour, "idle": time.Duration(0), "cleanup": 10 * time.Minute,
		"level": slog.LevelInfo, "format": "", "traces": true, "demo": false, "warnings": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load(the least) (-want +got):\n%s", diff)
	}
}

func TestLoadValues(t *testing.T) {
	t.Parallel()
	c, err := Load(real(
		"AZURE_AUTHORITY_HOST=https://login.microsoftonline.us", "GRAPH_ENDPOINT=https://Graph.Microsoft.us/",
		"ALLOWED_TENANTS= "+strings.ToUpper(tenantID)+" ,"+appID, "AZURE_TENANT_ID=organizations",
		"BASE_URL=https://Cal.Example.com:443/", "LISTEN_ADDR=[::]:80", "ADMIN_ADDR=", "TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.7,::1",
		"SESSION_STORE=redis", "REDIS_URL=rediss://app:p%40ss@cache:6380/2", "SESSION_SECRET="+keyText(1)+" , "+keyText(2), "TOKEN_CACHE=redis",
		"SESSION_LIFETIME=8h", "SESSION_IDLE_TIMEOUT=30m", "SESSION_CLEANUP_INTERVAL=1m", "STOP_DELAY=3s",
		"LOG_LEVEL=DEBUG", "LOG_FORMAT=JSON", "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318",
	), "")
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.Microsoft.AuthorityHost.String(), c.Microsoft.GraphEndpoint.String(), []string(c.Microsoft.AllowedTenants),
		c.Web.BaseURL.String(), c.Web.ListenAddr, c.Web.AdminAddr, []netip.Prefix(c.Web.TrustedProxies),
		c.Session.Store, c.Redis.URL.Reveal(), c.Session.Secrets.Reveal(), c.Session.Tokens,
		c.Session.Lifetime, c.Session.IdleTimeout, c.Session.CleanupInterval, c.Web.StopDelay,
		c.Log.Level.Level(), c.Log.Format, c.Log.Traces.String(), c.Warnings,
	}
	want := []any{
		"https://login.microsoftonline.us/", "https://graph.microsoft.us", []string{tenantID, appID},
		"https://cal.example.com", "[::]:80", "", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("::1/128")},
		InRedis, "rediss://app:p%40ss@cache:6380/2", [][]byte{key(1), key(2)}, InRedis,
		8 * time.Hour, 30 * time.Minute, time.Minute, 3 * time.Second,
		slog.LevelDebug, "json", "http://collector:4318", []string(nil),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("Load(everything) (-want +got):\n%s", diff)
	}
}

// Each case names every mistake: a variable and words of its line.
func TestLoadMistakes(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	redis := []string{"SESSION_STORE=redis", "REDIS_URL=redis://localhost", "SESSION_SECRET=" + keyText(1)}
	secret := func(value string) []string { return demo("SESSION_SECRET=" + value) }
	tests := []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing set", nil, []string{"AZURE_CLIENT_ID: is missing", "AZURE_TENANT_ID: is missing", "AZURE_CLIENT_SECRET: is missing"}},
		{"all at once", []string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=a b", "AZURE_CLIENT_SECRET=x", "SESSION_LIFETIME=day", "LOG_LEVEL=loud", "BASE_URL=ftp://x", "SESSION_STORE=disk"},
			[]string{"SESSION_LIFETIME: \"day\" is not a duration", "LOG_LEVEL: \"loud\" is not", "BASE_URL: is neither", "AZURE_TENANT_ID: is neither", "SESSION_STORE: \"disk\" is not"}},
		{"two credentials", real("AZURE_CLIENT_CERTIFICATE_PATH=config.go"), []string{"AZURE_CLIENT_SECRET: is set, and so is AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH: names a file without a certificate"}},
		{"no such certificate", []string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=common", "AZURE_CLIENT_CERTIFICATE_PATH=" + none}, []string{"AZURE_CLIENT_CERTIFICATE_PATH: names a file that cannot be read: no such file"}},
		{"the secret's id", []string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=contoso.com", "AZURE_CLIENT_SECRET=" + appID}, []string{"AZURE_CLIENT_SECRET: is the secret's id"}},
		{"placeholder", []string{"AZURE_CLIENT_ID=" + appID, "AZURE_TENANT_ID=consumers", "AZURE_CLIENT_SECRET=<secret>"}, []string{"AZURE_CLIENT_SECRET: is a placeholder"}},
		{"allowed tenants", real("ALLOWED_TENANTS=contoso.com"), []string{`ALLOWED_TENANTS: "contoso.com" is not a tenant id`}},
		{"http authority", real("AZURE_AUTHORITY_HOST=http://localhost"), []string{"AZURE_AUTHORITY_HOST: is not https"}},
		{"authority with path", real("AZURE_AUTHORITY_HOST=https://login.example/x"), []string{"AZURE_AUTHORITY_HOST: is not https"}},
		{"graph version", real("GRAPH_ENDPOINT=https://graph.microsoft.com/v1.0/"), []string{"GRAPH_ENDPOINT: ends in a version"}},
		{"graph http", real("GRAPH_ENDPOINT=http://graph.microsoft.com"), []string{"GRAPH_ENDPOINT: is not https"}},
		{"base url http", real("BASE_URL=http://cal.example.com"), []string{"BASE_URL: is plain http"}},
		{"base url looks local", real("BASE_URL=http://localhost.example.com"), []string{"BASE_URL: is plain http"}},
		{"base url path", real("BASE_URL=https://example.com/daybook"), []string{"BASE_URL: has more"}},
		{"base url query", real("BASE_URL=https://example.com/?"), []string{"BASE_URL: has more"}},
		{"base url user", real("BASE_URL=https://u:p@example.com"), []string{"BASE_URL: has more"}},
		{"base url bare host", real("BASE_URL=example.com"), []string{"BASE_URL: is not an address"}},
		{"listen", real("LISTEN_ADDR=8080"), []string{`LISTEN_ADDR: "8080" is not host:port`}},
		{"port", real("LISTEN_ADDR=:70000"), []string{`LISTEN_ADDR: ":70000" has no port`}},
		{"same address", real("ADMIN_ADDR=127.0.0.1:8080"), []string{"ADMIN_ADDR: is the same"}},
		{"proxies", real("TRUSTED_PROXIES=10.0.0.0/8,proxy"), []string{`TRUSTED_PROXIES: "proxy" is neither`}},
		{"redis without anything", real("SESSION_STORE=redis"), []string{"SESSION_SECRET: is missing", "REDIS_URL: is missing"}},
		{"token cache needs redis", real("TOKEN_CACHE=redis"), []string{"SESSION_SECRET: is missing", "REDIS_URL: is missing"}},
		{"redis url", real(append(redis, "REDIS_URL=http://cache")...), []string{"REDIS_URL: is neither redis://"}},
		{"redis password not encoded", real(append(redis, "REDIS_URL=redis://u:p%zz@cache")...), []string{"REDIS_URL: is not redis://"}},
		{"redis database", real(append(redis, "REDIS_URL=redis://localhost/x")...), []string{"REDIS_URL: has a path"}},
		{"redis roots", real(append(redis, "REDIS_URL=rediss://cache", "REDIS_CA_FILE=config.go")...), []string{"REDIS_CA_FILE: names a file without"}},
		{"redis roots without tls", real(append(redis, "REDIS_CA_FILE=testdata/ca.pem")...), []string{"REDIS_CA_FILE: has no effect"}},
		{"lifetime", real("SESSION_LIFETIME=0"), []string{"SESSION_LIFETIME: is not above 0"}},
		{"idle", real("SESSION_IDLE_TIMEOUT=25h"), []string{"SESSION_IDLE_TIMEOUT: is longer"}},
		{"negative idle", real("SESSION_IDLE_TIMEOUT=-1s"), []string{"SESSION_IDLE_TIMEOUT: is below 0"}},
		{"cleanup", real("SESSION_CLEANUP_INTERVAL=0"), []string{"SESSION_CLEANUP_INTERVAL: is not above 0"}},
		{"stop delay", real("STOP_DELAY=1m"), []string{"STOP_DELAY: is not between 0 and 5s"}},
		{"negative stop delay", real("STOP_DELAY=-1s"), []string{"STOP_DELAY: is not between"}},
		{"token cache", real("TOKEN_CACHE=filesystem"), []string{"TOKEN_CACHE: \"filesystem\" is not"}},
		{"log format", real("LOG_FORMAT=xml"), []string{"LOG_FORMAT: \"xml\" is neither"}},
		{"traces", real("OTEL_EXPORTER_OTLP_ENDPOINT=grpc://c:1"), []string{"OTEL_EXPORTER_OTLP_ENDPOINT: is neither"}},
		{"demo for others", demo("BASE_URL=https://cal.example.com"), []string{"DEMO: is refused unless BASE_URL"}},
		{"demo with a secret", demo("AZURE_CLIENT_SECRET=x"), []string{"DEMO: is refused while AZURE_CLIENT_SECRET"}},
		{"demo with a token file", demo("AZURE_FEDERATED_TOKEN_FILE=/x"), []string{"DEMO: is refused while AZURE_FEDERATED_TOKEN_FILE"}},
		{"demo and redis", demo("SESSION_STORE=redis"), []string{"REDIS_URL: is missing"}},
		{"demo perhaps", []string{"DEMO=yes"}, []string{"DEMO: is neither 1 nor 0", "AZURE_CLIENT_ID:", "AZURE_TENANT_ID:", "AZURE_CLIENT_SECRET:"}},
		{"secret not base64", secret("p&ssw*rd"), []string{"SESSION_SECRET: secret 1 is not base64"}},
		{"secret short", secret(base64.StdEncoding.EncodeToString(key(1)[:31])), []string{"SESSION_SECRET: secret 1 has 31 bytes"}},
		{"secret zero", secret(strings.Repeat("A", 43)), []string{"SESSION_SECRET: secret 1 is the same few bytes"}},
		{"secret of three bytes", secret(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("abc", 11)))), []string{"SESSION_SECRET: secret 1 is the same few bytes"}},
		{"secret sample", secret("changeme" + keyText(1)), []string{"SESSION_SECRET: secret 1 is a sample"}},
		{"secret sample inside", secret(base64.StdEncoding.EncodeToString([]byte("ChangeMe: a secret of at least 32 bytes"))), []string{"SESSION_SECRET: secret 1 is a sample"}},
		{"second secret", secret(keyText(1) + ","), []string{"SESSION_SECRET: secret 2 is empty"}},
		{"secret twice", secret(keyText(1) + "," + strings.TrimRight(keyText(1), "=")), []string{"SESSION_SECRET: secret 2 is there twice"}},
		{"secret and file", demo("SESSION_SECRET="+keyText(1), "SESSION_SECRET_FILE="+none), []string{"SESSION_SECRET: is set, and so is SESSION_SECRET_FILE"}},
		{"no such secret file", demo("SESSION_SECRET_FILE=" + none), []string{"SESSION_SECRET_FILE: names a file that cannot be read"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(test.env, "")
			var got Mistakes
			if !errors.As(err, &got) {
				t.Fatalf("Load(%q) = %v, want mistakes", test.env, err)
			}
			if len(got) != len(test.want) {
				t.Fatalf("Load(%q): %d mistakes, want %d:\n%v", test.env, len(got), len(test.want), err)
			}
			for i, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, test.want[i]) {
					t.Errorf("Load(%q): line %q, want it to begin %q", test.env, line, test.want[i])
				}
			}
		})
	}
}

func TestLoadWarnings(t *testing.T) {
	t.Parallel()
	const weak = "SESSION_SECRET: secret 1 does not look random"
	secret := "SESSION_SECRET=" + keyText(1)
	tests := []struct {
		env  []string
		want []string
	}{
		{demo("SESSION_STORE=memory", "TOKEN_CACHE=memory"), []string{"SESSION_STORE: memory", "TOKEN_CACHE: memory"}},
		{demo("SESSION_STORE=redis", "REDIS_URL=redis://cache"), []string{"REDIS_URL: goes to another machine"}},
		{demo("SESSION_STORE=redis", "REDIS_URL=redis://[::1]:6379", secret), nil},
		{demo("REDIS_URL=redis://cache"), nil},
		{real("ADMIN_ADDR=:9090"), []string{"ADMIN_ADDR: lets other"}},
		{real("ALLOWED_TENANTS=" + tenantID), []string{"ALLOWED_TENANTS: matters only"}},
		{real("AZURE_CLIENT_ID=daybook"), []string{"AZURE_CLIENT_ID: is not in the form"}},
		{real("TRUSTED_PROXIES=0.0.0.0/0"), []string{"TRUSTED_PROXIES: 0.0.0.0/0 believes everybody"}},
		{demo("SESSION_SECRET=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), []string{weak}},
		{demo("SESSION_SECRET=" + base64.StdEncoding.EncodeToString(append(key(1)[:16:16], key(1)[:16]...))), []string{weak}},
		{demo("SESSION_SECRET=" + base64.StdEncoding.EncodeToString([]byte("this is my very own secret for daybook, 2026"))), []string{weak}},
		{demo("SESSION_SECRET=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00\x01\x02\xff", 8)))), []string{weak}},
		{demo(secret), nil},
		{real("BASE_URL=https://x.example", "TRUSTED_PROXIES=127.0.0.1", "AZURE_TENANT_ID=common", "ALLOWED_TENANTS="+tenantID), nil},
		{real("BASE_URL=https://x.example"), []string{"TRUSTED_PROXIES: is empty"}},
		{real("BASE_URL=https://localhost:8443"), nil},
	}
	for _, test := range tests {
		c, err := Load(test.env, "")
		if err != nil {
			t.Errorf("Load(%q): %v", test.env, err)
		}
		if !slices.EqualFunc(c.Warnings, test.want, strings.HasPrefix) {
			t.Errorf("Load(%q).Warnings = %q, want %q", test.env, c.Warnings, test.want)
		}
	}
}

func TestSecretEncodings(t *testing.T) {
	t.Parallel()
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		c, err := Load(demo("SESSION_SECRET="+encoding.EncodeToString(key(9))), "")
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([][]byte{key(9)}, c.Session.Secrets.Reveal()); diff != "" {
			t.Error(diff)
		}
	}
}

// No way of printing a Config, a mistake or a warning may show a secret.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	canaries := []string{"CanaryClient", "CanaryRedis", keyText(7)}
	good, err := Load(real("AZURE_CLIENT_SECRET=CanaryClient", "SESSION_STORE=redis", "REDIS_URL=redis://u:CanaryRedis@cache", "SESSION_SECRET="+keyText(7)), "")
	if err != nil {
		t.Fatal(err)
	}
	broken := write(t, "AZURE_CLIENT_SECRET=CanaryClient\nREDIS_URL=redis://u:CanaryRedis@cache\nSESSION_SECRET \""+keyText(7)+"\n", 0o600)
	_, inFile := Load(nil, broken)
	_, inValue := Load(real("AZURE_CLIENT_SECRET=<CanaryClient>", "SESSION_STORE=redis", "REDIS_URL=redis://u:CanaryRedis%@cache", "SESSION_SECRET="+keyText(7)+"*"), "")
	_, inPath := Load(demo("SESSION_SECRET_FILE="+keyText(7), "REDIS_CA_FILE=CanaryRedis", "BASE_URL=CanaryClient"), "")

	var printed strings.Builder
	logger := slog.New(slog.NewJSONHandler(&printed, nil))
	logger.Info("x", "config", good, "secret", good.Microsoft.Credential.Secret, "keys", good.Session.Secrets)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "config", good, "session", good.Session, "redis", &good.Redis)
	encoded, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb+"\n", good)
		fmt.Fprintf(&printed, verb+"\n", &good.Session)
		fmt.Fprintf(&printed, verb+"\n", good.Session.Secrets)
	}
	for _, err := range []error{inFile, inValue, inPath} {
		if err == nil {
			t.Fatal("Load found no mistake")
		}
		fmt.Fprintf(&printed, "%v %+v %#v\n", err, err, err)
	}
	if !strings.Contains(printed.String(), redacted) {
		t.Errorf("nothing printed says %s", redacted)
	}
	canaries = append(canaries, fmt.Sprintf("%x", "CanaryClient"), fmt.Sprintf("%x", key(7)), fmt.Sprint(key(7)), fmt.Sprintf("%#v", key(7)))
	for _, canary := range canaries {
		if strings.Contains(printed.String(), canary) {
			t.Errorf("%q was printed:\n%s", canary, printed.String())
		}
	}
}

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}
