package session

import (
	"context"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// RedisFacts is what decides whether a Redis server keeps sessions.
type RedisFacts struct {
	Version        string // empty if the server does not say
	EvictionPolicy string // maxmemory-policy, likewise
	Persistent     bool   // data outlives a restart of the server
}

// MayEvict reports whether the server said that it drops records when its
// memory is full. All of ours have an expiry, so they are among those that the
// volatile policies choose from too.
func (f RedisFacts) MayEvict() bool {
	return f.EvictionPolicy != "" && f.EvictionPolicy != "noeviction"
}

// Facts asks the server about itself. What the server's access rules keep from
// us is left empty.
func (r *Redis) Facts(ctx context.Context) (RedisFacts, error) {
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return RedisFacts{}, redisFault("info", err)
	}
	defer conn.Close()
	var facts RedisFacts
	text, err := redis.String(redis.DoContext(conn, ctx, "INFO"))
	if answer := code(err); answer == "NOPERM" || answer == "ERR" { // forbidden, or renamed
		return facts, nil
	}
	if err != nil {
		return facts, redisFault("info", err)
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "redis_version":
			facts.Version = value
		case "maxmemory_policy":
			facts.EvictionPolicy = value
		case "aof_enabled":
			facts.Persistent = facts.Persistent || value == "1"
		}
	}
	if save, err := redis.Strings(redis.DoContext(conn, ctx, "CONFIG", "GET", "save")); err == nil && len(save) == 2 && save[1] != "" {
		facts.Persistent = true
	}
	return facts, nil
}
