package session

import (
	"context"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// RedisFacts is what decides whether a Redis server keeps sessions. What the
// server's access rules keep from us is empty.
type RedisFacts struct {
	Version        string
	Cluster        bool   // cluster mode: most keys are on other servers
	EvictionPolicy string // maxmemory-policy
	Persistence    string // "yes" if data outlives a restart of the server, or "no"
}

// MayEvict reports whether the server said that it drops records when its
// memory is full. All of ours have an expiry, so they are among those that the
// volatile policies choose from too.
func (f RedisFacts) MayEvict() bool {
	return f.EvictionPolicy != "" && f.EvictionPolicy != "noeviction"
}

// Facts asks the server about itself.
func (r *Redis) Facts(ctx context.Context) (RedisFacts, error) {
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return RedisFacts{}, redisFault("info", err)
	}
	defer conn.Close()
	var facts RedisFacts
	text, err := redis.String(redis.DoContext(conn, ctx, "INFO"))
	if answer := code(err); err != nil && answer != "NOPERM" && answer != "ERR" { // forbidden, or renamed
		return facts, redisFault("info", err)
	}
	appends := ""
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "redis_version":
			facts.Version = value
		case "cluster_enabled":
			facts.Cluster = value == "1"
		case "maxmemory_policy":
			facts.EvictionPolicy = value
		case "aof_enabled":
			appends = value
		}
	}
	save, err := redis.Strings(redis.DoContext(conn, ctx, "CONFIG", "GET", "save"))
	told := err == nil && len(save) == 2
	switch {
	case appends == "1" || told && save[1] != "":
		facts.Persistence = "yes"
	case appends == "0" && told:
		facts.Persistence = "no"
	}
	return facts, nil
}
