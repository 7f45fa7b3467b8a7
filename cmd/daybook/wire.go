package main

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"daybook/internal/config"
	"daybook/internal/graph"
	"daybook/internal/identity"
	"daybook/internal/server"
	"daybook/internal/session"
	"daybook/internal/simulator"
	"daybook/web"

	"github.com/prometheus/client_golang/prometheus"
)

// parts are the pieces of a running site, and what must be ended with it.
type parts struct {
	server.Parts
	stores *stores
	world  world
	traces *traces // nil: none
	log    *slog.Logger
}

// world is what lies outside of the program.
type world struct {
	network http.RoundTripper // to Microsoft; nil: each part makes its own
	now     func() time.Time
}

// wire makes the parts from the settings. Nothing is asked of Microsoft yet:
// Daybook starts, and shows who is signed in, while Microsoft is away.
func wire(ctx context.Context, c config.Config, log *slog.Logger) (*parts, error) {
	s, err := openStores(c, log)
	if err != nil {
		return nil, err
	}
	p := &parts{stores: s, world: world{now: time.Now}, log: log}
	if err := p.fill(ctx, c); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *parts) fill(ctx context.Context, c config.Config) error {
	secrets, err := p.stores.secretsOf(ctx, c)
	if err != nil {
		return err
	}
	if p.traces, err = startTraces(ctx, c.Log.Traces, p.log); err != nil {
		return err
	}
	network, now := p.world.network, p.world.now
	if c.Demo {
		sim := newSimulator(&c)
		p.Simulator, network = sim, sim.Transport(nil)
	}
	if p.Identity, err = newIdentity(c, p.traces.transport(network, identity.Transport), p.log); err != nil {
		return err
	}
	if p.Graph, err = graph.New(graph.Config{Endpoint: c.Microsoft.GraphEndpoint.String(), HTTP: &http.Client{Transport: p.traces.transport(network, graph.Transport)}, Now: now, Log: p.log}); err != nil {
		return err
	}
	p.Sessions, err = session.New(session.Options{
		Store: p.stores.sessions, Tokens: p.stores.tokens, Secrets: secrets,
		Lifetime: c.Session.Lifetime, Idle: c.Session.IdleTimeout,
		Secure: c.Web.BaseURL.Scheme == "https", Now: now, Log: p.log,
		Ended: p.Graph.Forget,
	})
	return err
}

// site makes the web site of the parts.
func (p *parts) site(c config.Config) (*server.Server, http.Handler, error) {
	site, err := server.New(server.Config{Parts: p.Parts, BaseURL: c.Web.BaseURL, Proxies: c.Web.TrustedProxies, Web: web.Files, Log: p.log, Now: p.world.now})
	if err != nil {
		return nil, nil, err
	}
	handler, err := site.Handler()
	return site, handler, err
}

// simulatorHost is where MSAL and the Graph client find the demo's Microsoft.
// The name cannot exist (RFC 6761 section 6.4); only the transport knows it.
const simulatorHost = "https://simulator.invalid"

// newSimulator makes the demo's pretend Microsoft and points c at it.
func newSimulator(c *config.Config) *simulator.Simulator {
	app := simulator.App{
		ClientID:     "00000000-da7b-4000-8000-00000000b00c",
		Secret:       base64.RawURLEncoding.EncodeToString(newSecret()),
		RedirectURIs: []string{c.Web.BaseURL.JoinPath("auth/callback").String(), c.Web.BaseURL.JoinPath("/").String()},
		LogoutURL:    c.Web.BaseURL.JoinPath("auth/frontchannel-logout").String(),
	}
	sim := simulator.New(simulator.Options{
		PublicURL: c.Web.BaseURL.JoinPath("simulator").String(),
		BackURL:   simulatorHost,
		Now:       time.Now,
		App:       app,
		People:    simulator.People(time.Now()),
	})
	c.Microsoft.ClientID, c.Microsoft.TenantID = app.ClientID, "common"
	_ = c.Microsoft.Credential.Secret.UnmarshalText([]byte(app.Secret))
	c.Microsoft.AuthorityHost = mustURL(simulatorHost + "/")
	c.Microsoft.GraphEndpoint = mustURL(simulatorHost)
	return sim
}

// newIdentity makes the provider that the settings describe. A nil transport
// is the network.
func newIdentity(c config.Config, transport http.RoundTripper, log *slog.Logger) (*identity.Provider, error) {
	return identity.New(identity.Config{
		App: identity.App{
			ClientID: c.Microsoft.ClientID, Tenant: c.Microsoft.TenantID,
			AuthorityHost: c.Microsoft.AuthorityHost.String(), RedirectURL: c.Web.BaseURL.JoinPath("auth/callback").String(),
		},
		Credential: identity.Credential{
			Secret:             c.Microsoft.Credential.Secret.Reveal(),
			CertificatePath:    c.Microsoft.Credential.CertificatePath,
			FederatedTokenFile: c.Microsoft.Credential.FederatedTokenFile,
		},
		AllowedTenants: c.Microsoft.AllowedTenants, HTTP: &http.Client{Transport: transport}, Log: log,
	})
}

func mustURL(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err) // the program's own constant
	}
	return u
}

// close ends the parts in the order in which they need each other: refreshes
// in flight still store their tokens.
func (p *parts) close() {
	if p.Graph != nil {
		p.Graph.Close()
	}
	if p.Identity != nil {
		p.Identity.Close()
	}
	if p.Sessions != nil {
		p.Sessions.Close()
	}
	p.stores.close()
	p.traces.stop()
}

func (p *parts) collectors() []prometheus.Collector {
	var all []prometheus.Collector
	all = append(all, p.Sessions.Collectors()...)
	all = append(all, p.Identity.Collectors()...)
	return append(all, p.Graph.Collectors()...)
}
