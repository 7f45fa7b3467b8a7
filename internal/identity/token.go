package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

const (
	// patience is how long a Token call waits for a refresh, its own or
	// another's. The refresh goes on without it.
	patience = 10 * time.Second
	// fullLife is what an access token has left, at least, to be handed out.
	fullLife = 5 * time.Minute
	// lastMoments is what an access token must have left to be handed out when
	// there is no new one.
	lastMoments = 30 * time.Second
	// lastPatience is how long a Token call waits that has such a token.
	lastPatience = time.Second
)

// TokenOptions say more about the access token that is wanted.
type TokenOptions struct {
	// Force asks for another token than the one kept now: it was refused.
	Force bool
	// Refused is the token that was refused, if the caller has it: any other
	// that is kept by now is as good as a new one. Implies Force.
	Refused string
	// Shared asks for a token that also reads others' calendars.
	Shared bool
}

// An ask is one Token call, made ready.
type ask struct {
	account Account
	home    confidential.Account
	cache   Cache
	key     string // of what is shared in this process: cache and person
	scopes  []string
	refused string
}

// Token returns an access token for Microsoft Graph with at least five minutes
// to live, or less when a new one cannot be had soon.
//
// A token in the cache costs one cache.Load and nothing else. Otherwise one
// refresh is made for all who ask in this process ([Cache.Key]), under
// cache.Lock for all processes, and stored before it is handed out; it ends and
// is stored also when every caller has gone away. A caller waits until ctx ends
// or ten seconds, whichever is first; one second while the kept token still works.
//
// Errors: an [*Error], after which the tokens are gone from the cache if
// Microsoft said that they are dead; the cache's own errors as they are; the
// context's if it was cancelled. A refusal is remembered until the cache holds
// another refresh token or some minutes have passed, so that asking again does
// not ask Microsoft again.
func (p *Provider) Token(ctx context.Context, account Account, cache Cache, opt TokenOptions) (string, error) {
	token, how, err := p.token(ctx, account, cache, opt)
	p.metrics.tokens.WithLabelValues(outcome(err, how)).Inc()
	return token, err
}

func (p *Provider) token(ctx context.Context, account Account, cache Cache, opt TokenOptions) (token, how string, err error) {
	a := ask{account: account, cache: cache, key: cache.Key() + "\n" + account.Key(), scopes: scopesFor(opt.Shared), refused: opt.Refused}
	if json.Unmarshal(account.Home, &a.home) != nil || a.home.HomeAccountID == "" {
		return "", "", &Error{Problem: SignIn, Code: "no_account"}
	}
	if len(p.app.allowed) > 0 && !p.app.allowed[account.TenantID] {
		// It was when this session began, under other settings.
		return "", "", &Error{Problem: Rejected, Code: "tenant", Detail: "not allowed: " + account.TenantID}
	}
	tokens, err := cache.Load(ctx, false)
	if err != nil {
		return "", "", err
	}
	token, due := p.held(ctx, a, tokens)
	if opt.Force && a.refused == "" {
		a.refused = token
	}
	if token != "" && token != a.refused {
		if due {
			p.refreshAhead(ctx, a)
		}
		return token, "hit", nil
	}
	last := ""
	if s, damaged := takeApart(tokens); damaged == nil {
		last = s.good(a.home.HomeAccountID, a.scopes, a.refused, lastMoments)
	}
	if last == "" {
		return p.sharedRefresh(ctx, a, tokens, patience)
	}
	token, how, err = p.sharedRefresh(ctx, a, tokens, lastPatience)
	if err != nil && !final(err) {
		return last, "hit", nil
	}
	return token, how, err
}

// final tells an error after which a token that still works must not be used
// from one that is only in the way of a new one: Microsoft, the store or the
// app's own credential.
func final(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem != Unavailable && e.Problem != Misconfigured
	}
	return errors.Is(err, ErrEnded) || errors.Is(err, context.Canceled)
}

// held asks MSAL for what the record answers without the network. due says that
// Microsoft would like this token, still good, refreshed by now.
func (p *Provider) held(ctx context.Context, a ask, tokens []byte) (token string, due bool) {
	if len(tokens) == 0 {
		return "", false
	}
	answer, _, err := p.silent(ctx, a, tokens, offline)
	if err != nil {
		// MSAL leaves out what a clock that is ahead of ours has dated: another
		// machine's refresh would be made again here.
		s, damaged := takeApart(tokens)
		if damaged != nil {
			return "", false
		}
		return s.good(a.home.HomeAccountID, a.scopes, "", fullLife), false
	}
	refreshOn := answer.Metadata.RefreshOn
	return answer.AccessToken, !refreshOn.IsZero() && time.Now().After(refreshOn)
}

// silent lets MSAL find or refresh a token in a copy of the record, and returns
// what becomes of the record, nil if nothing.
func (p *Provider) silent(ctx context.Context, a ask, tokens []byte, via *http.Client) (confidential.AuthResult, []byte, error) {
	r := &record{given: tokens}
	client, err := p.client(r, via)
	if err != nil {
		return confidential.AuthResult{}, nil, &Error{Problem: Misconfigured, Code: "client"}
	}
	answer, err := client.AcquireTokenSilent(ctx, a.scopes, confidential.WithSilentAccount(a.home))
	if via == offline {
		return answer, nil, err
	}
	return answer, r.result(), err
}
