package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"
)

// stores are the places that the settings name, opened.
type stores struct {
	sessions session.Store
	tokens   session.Store // nil: tokens live inside the sessions
	dir      *session.Dir
	redis    *session.Redis
}

// openStores opens what the settings name. Redis is not asked anything yet.
func openStores(c config.Config, log *slog.Logger) (*stores, error) {
	s := new(stores)
	if c.Session.UsesRedis() {
		r, err := session.OpenRedis(c.Redis.URL.Reveal(), session.RedisOptions{CAFile: c.Redis.CAFile})
		if err != nil {
			return nil, fmt.Errorf("REDIS_URL: %w", err)
		}
		s.redis = r
	}
	switch c.Session.Store {
	case config.InFiles:
		dir, err := session.OpenDir(c.Session.Dir)
		if err != nil {
			return nil, fmt.Errorf("SESSION_DIR: %w", err)
		}
		s.dir, s.sessions = dir, dir
	case config.InRedis:
		s.sessions = s.redis
	default:
		s.sessions = session.NewMemory()
	}
	switch c.Session.Tokens {
	case config.InRedis:
		s.tokens = s.redis
	case config.InMemory:
		s.tokens = session.NewMemory()
	}
	return s, nil
}

func (s *stores) close() {
	if s.redis != nil {
		_ = s.redis.Close()
	}
	if s.dir != nil {
		_ = s.dir.Close()
	}
}

// sweep removes what has expired until ctx is done. Redis does so by itself.
func (p *parts) sweep(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		removed, err := p.Sessions.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("sweeping sessions", "error", err)
		case removed > 0:
			p.log.Info("swept sessions", "removed", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// doubtRedis says, as soon as Redis can be asked, if nobody can sign in with it
// or if it may drop sessions.
func (s *stores) doubtRedis(ctx context.Context, log *slog.Logger) {
	for wait := time.Second; s.redis != nil; wait = min(2*wait, time.Minute) {
		facts, err := s.redis.Facts(ctx)
		if err == nil {
			if why := unfit(facts); why != "" {
				log.Error("redis", "error", why)
			}
			if facts.MayEvict() {
				log.Warn("redis", "warning", evicts(facts))
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// secretsOf returns what seals the sessions: the settings' secrets, the one
// kept in the session folder, or, where sessions do not outlive the process
// anyway, a new one.
func (s *stores) secretsOf(ctx context.Context, c config.Config) ([][]byte, error) {
	switch {
	case !c.Session.Secrets.IsZero():
		return c.Session.Secrets.Reveal(), nil
	case s.dir != nil:
		secret, err := s.dir.Secret(ctx)
		if err != nil {
			return nil, fmt.Errorf("SESSION_SECRET: none given, and %w", err)
		}
		return [][]byte{secret}, nil
	}
	return [][]byte{newSecret()}, nil
}
