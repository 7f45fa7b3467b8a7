package identity

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
)

const (
	// refreshTimeout bounds a refresh's token request with its one repetition.
	refreshTimeout = 35 * time.Second
	// lockTimeout bounds the wait for another process's refresh.
	lockTimeout = 35 * time.Second
	// saveTimeout bounds the attempts to store what a refresh brought, and
	// lastSaves those of them that a closing Provider waits for.
	saveTimeout = 5 * time.Minute
	lastSaves   = 5 * time.Second
	// dropTimeout bounds the removal of dead tokens.
	dropTimeout = 10 * time.Second
	// soon is how early a token request must have failed to be made again.
	soon = 5 * time.Second
)

// refresh does one refresh for all who wait for f.
func (p *Provider) refresh(ctx context.Context, a ask, f *flight) {
	began := time.Now()
	unlock, err := p.lock(ctx, a)
	p.metrics.lockWait.Observe(time.Since(began).Seconds())
	if err != nil {
		p.metrics.refreshes.WithLabelValues("not_locked").Inc()
		f.land("", err)
		return
	}
	defer unlock()

	asking, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	how, token, err := p.locked(ctx, asking, a, f)
	f.land(token, err)
	p.metrics.refreshes.WithLabelValues(outcome(err, how)).Inc()
	// For those who look closely: an error is logged where it becomes a page.
	p.log.LogAttrs(ctx, slog.LevelDebug, "refresh", slog.String("outcome", outcome(err, how)),
		slog.Duration("took", time.Since(began)), slog.Any("error", err))
}

// lock waits for the right to refresh. Only a closing Provider ends the wait
// early: nothing has been asked for yet.
func (p *Provider) lock(ctx context.Context, a ask) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	defer context.AfterFunc(p.tasks.closing, cancel)()
	unlock, err = a.cache.Lock(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, &Error{Problem: Unavailable, Code: "slow", Detail: "another process refreshes"}
	}
	return unlock, err
}

// locked refreshes with the lock held. Of two rounds the second is for a
// refresh token that another writer stored while Microsoft refused ours.
func (p *Provider) locked(ctx, asking context.Context, a ask, f *flight) (how, token string, err error) {
	for round := 1; ; round++ {
		tokens, err := a.cache.Load(asking, true)
		if err != nil {
			return "", "", err
		}
		s, err := takeApart(tokens)
		if err != nil {
			return "", "", &Error{Problem: SignIn, Code: "no_token", Detail: err.Error()}
		}
		s.without(func(e entry) bool { return stale(e, a) })
		stripped, err := s.assemble()
		if err != nil {
			return "", "", &Error{Problem: SignIn, Code: "no_token"}
		}
		if token, _ := p.held(asking, a, stripped); token != "" {
			return "found", token, nil
		}
		tried := s.refreshToken(a.home.HomeAccountID, p.app.ClientID)
		if tried == "" {
			return "", "", &Error{Problem: SignIn, Code: "no_token"}
		}
		if v, found := p.sharing.recall(a, tried); found {
			return "found", v.token, v.answer()
		}

		c, failed := p.redeem(asking, a, stripped)
		if c != nil {
			c.base = tokens
			return p.accept(ctx, a, f, *c)
		}
		if failed.Problem == Rejected {
			// Of the discovery document, which nobody's tokens are to blame for.
			failed.Error = &Error{Problem: Unavailable, Code: failed.Code, Detail: failed.Detail}
		}
		if failed.dead {
			current, err := a.cache.Load(asking, true)
			if now, bad := takeApart(current); err == nil && bad == nil && round == 1 {
				if other := now.refreshToken(a.home.HomeAccountID, p.app.ClientID); other != "" && other != tried {
					continue
				}
			}
			if err := p.drop(ctx, a, tried); err != nil {
				return "", "", err
			}
		}
		p.decide(a, tried, failed.Error)
		return "", "", failed.Error
	}
}

// stale says which access tokens a refresh is for: MSAL has no way to be told,
// so they are taken out of the copy it is given.
func stale(e entry, a ask) bool {
	now := time.Now()
	return a.refused != "" && e.Secret == a.refused ||
		time.Unix(int64(e.ExpiresOn), 0).Before(now.Add(fullLife)) ||
		e.RefreshOn > 0 && time.Unix(int64(e.RefreshOn), 0).Before(now)
}

// decide remembers a refusal for those who ask next.
func (p *Provider) decide(a ask, refreshToken string, e *Error) {
	if d := keepsFor(e); d > 0 {
		p.sharing.keep(a.key, verdict{about: about(refreshToken, a.scopes), err: e, until: time.Now().Add(d)})
	}
}

// redeem makes the token request, and once more if Microsoft or the way there
// broke at once. It returns what the answer changed, or the failure.
func (p *Provider) redeem(ctx context.Context, a ask, tokens []byte) (*change, failure) {
	began := time.Now()
	for try := 1; ; try++ {
		sent := time.Now()
		answer, ours, err := p.silent(ctx, a, tokens, p.web)
		p.metrics.duration.Observe(time.Since(sent).Seconds())
		if ours != nil {
			return &change{ours: ours, answer: answer, declined: err != nil}, failure{}
		}
		failed := sortOut(err)
		if !failed.again || try == 2 || failed.RetryAfter > 2*time.Second || time.Since(began) > soon {
			return nil, failed
		}
		wait := max(failed.RetryAfter, 500*time.Millisecond)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, failed
		}
	}
}

// A change is what a token answer made of the record.
type change struct {
	base, ours []byte
	answer     confidential.AuthResult
	declined   bool // fewer scopes were granted than asked for
}

// accept checks that an answer is about the same person, stores it and makes it
// known. Nothing of another person's answer is stored (OpenID Connect Core 1.0,
// section 12.2).
func (p *Provider) accept(ctx context.Context, a ask, f *flight, c change) (how, token string, err error) {
	s, err := takeApart(c.ours)
	if err != nil {
		return "", "", &Error{Problem: Unavailable, Code: "bad_answer"}
	}
	old, err := takeApart(c.base)
	if err != nil {
		return "", "", &Error{Problem: Unavailable, Code: "bad_answer"}
	}
	if e := p.otherPerson(ctx, a, c.answer, s, old); e != nil {
		p.decide(a, old.refreshToken(a.home.HomeAccountID, p.app.ClientID), e)
		return "", "", e
	}
	now := s.refreshToken(a.home.HomeAccountID, p.app.ClientID)
	token = c.answer.AccessToken
	if c.declined {
		token = ""
		err = &Error{Problem: Consent, Code: "scope_declined"}
		p.decide(a, now, err.(*Error))
	} else if s.good(a.home.HomeAccountID, a.scopes, "", fullLife) == "" {
		// It lives too short for MSAL to keep it.
		p.sharing.keep(a.key, verdict{about: about(now, a.scopes), token: token, until: time.Now().Add(shortKept)})
	}
	p.metrics.size.Observe(float64(len(c.ours)))
	if ended := p.save(ctx, a, c, func() { f.land(token, err) }); ended != nil {
		return "", "", ended
	}
	return "refreshed", token, err
}

// otherPerson compares an answer with the person asked for, nil if it is theirs.
// The ID token in it is compared, not verified again: it came over TLS from the
// token endpoint (OpenID Connect Core 1.0, section 3.1.3.7), and nothing is
// taken from it.
func (p *Provider) otherPerson(ctx context.Context, a ask, answer confidential.AuthResult, s, old sections) *Error {
	id := answer.IDToken
	if id.RawToken != "" {
		subject := old.subject(a.home.HomeAccountID)
		switch {
		case !strings.EqualFold(id.Oid, a.account.ObjectID), !strings.EqualFold(id.TenantID, a.account.TenantID),
			subject != "" && id.Subject != subject:
			return &Error{Problem: WrongPerson, Code: "wrong_person", Detail: "the refreshed ID token is another person's"}
		}
		doc, err := p.discovery.document(ctx)
		if err != nil {
			return &Error{Problem: Unavailable, Code: "discovery", Detail: "the refreshed ID token cannot be compared with its issuer"}
		}
		if id.Issuer != issuerFor(doc, a.account.TenantID) || id.Audience != p.app.ClientID {
			return &Error{Problem: Rejected, Code: "id_token", Detail: "the refreshed ID token is for another app or from another issuer"}
		}
	}
	if s.only(a.home.HomeAccountID) {
		return nil
	}
	if id.RawToken != "" {
		return &Error{Problem: Unavailable, Code: "bad_answer", Detail: "client_info does not name the account"}
	}
	return &Error{Problem: WrongPerson, Code: "wrong_person", Detail: "the answer is for another account"}
}

// save stores a change, merged with what others have stored meanwhile. When the
// store cannot be reached, known is called, so that a good token is used all the
// same, and storing is tried on for minutes, with the lock held: the new refresh
// token may be the only one that works. Once Close has begun there are seconds
// left. The error is the cache's, for a session that has ended.
func (p *Provider) save(ctx context.Context, a ask, c change, known func()) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	closing, level := p.tasks.closing.Done(), slog.LevelWarn
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := a.cache.Update(ctx, func(current []byte) ([]byte, error) {
			merged, err := Merge(c.base, c.ours, current)
			if err != nil {
				return c.ours, nil // what is there cannot be read by anybody
			}
			if !bytes.Equal(current, c.base) {
				p.metrics.merges.Inc()
			}
			return merged, nil
		})
		if err == nil || errors.Is(err, ErrEnded) {
			return err
		}
		known()
		p.log.Log(ctx, level, "refreshed tokens not stored yet", "error", err)
		level = slog.LevelDebug // said once
		select {
		case <-time.After(wait):
		case <-closing:
			closing, wait = nil, 50*time.Millisecond
			ctx, cancel = context.WithTimeout(ctx, lastSaves)
			defer cancel()
		case <-ctx.Done():
			p.log.ErrorContext(ctx, "refreshed tokens are lost", "error", err)
			return nil
		}
	}
}

// drop removes tokens that Microsoft called dead, unless others came meanwhile.
func (p *Provider) drop(ctx context.Context, a ask, dead string) error {
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	err := a.cache.Update(ctx, func(current []byte) ([]byte, error) {
		s, err := takeApart(current)
		if err == nil {
			if other := s.refreshToken(a.home.HomeAccountID, p.app.ClientID); other != "" && other != dead {
				return current, nil
			}
		}
		return nil, nil
	})
	if errors.Is(err, ErrEnded) {
		return err
	}
	if err != nil {
		// The verdict keeps this process from presenting them again.
		p.log.WarnContext(ctx, "dead tokens not removed yet", "error", err)
	}
	return nil
}
