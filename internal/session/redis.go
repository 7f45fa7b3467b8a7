package session

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/gomodule/redigo/redis"
)

// Redis is a [Store] in a Redis server (6.2 or newer), shared by any number of
// processes and machines. Every key it writes begins with the prefix and has
// an expiry. The server should run with maxmemory-policy noeviction; an
// evicted record is a person signed out.
//
// Plain reads, writes and deletes go through scs' redisstore; conditional
// writes are scripts on the same keys. The client repeats reads and deletes
// when a connection breaks, writes never: one could land after a delete.
type Redis struct {
	pool   *redis.Pool
	prefix string
	locks  turns
}

// RedisOptions may all be left zero.
type RedisOptions struct {
	CAFile string // PEM file of the authorities trusted with rediss://; empty: the system's
	Prefix string // before every key; empty: "daybook:"
}

// OpenRedis returns the store behind a URL of the form
// redis://user:password@host:port/db (rediss:// for TLS), in which user and
// password are percent-encoded. It does not connect; [Redis.Ping] does. Its
// errors do not repeat the URL, which holds the password.
func OpenRedis(url string, o RedisOptions) (*Redis, error) {
	server, err := parseRedisURL(url, o.CAFile)
	if err != nil {
		return nil, err
	}
	if o.Prefix == "" {
		o.Prefix = "daybook:"
	}
	if strings.ContainsAny(o.Prefix, `*?[]\`) {
		return nil, fmt.Errorf("redis key prefix %q holds a character of patterns", o.Prefix)
	}
	return &Redis{
		prefix: o.Prefix,
		pool: &redis.Pool{
			DialContext:         server.dial,
			TestOnBorrowContext: func(_ context.Context, c redis.Conn, _ time.Time) error { return alive(c) },
			MaxIdle:             32,
			MaxActive:           128,
			Wait:                true,
			IdleTimeout:         4 * time.Minute,
		},
	}, nil
}

// Close closes the idle connections and those in use when they are given back.
func (r *Redis) Close() error { return r.pool.Close() }

// plain is scs' store bound to ctx: redisstore knows no context, so it gets a
// pool of one connection, borrowed from ours, whose commands end with ctx.
func (r *Redis) plain(ctx context.Context) *redisstore.RedisStore {
	return redisstore.NewWithPrefix(&redis.Pool{Dial: func() (redis.Conn, error) {
		c, err := r.pool.GetContext(ctx)
		if err != nil {
			return nil, err
		}
		return boundConn{c.(redis.ConnWithContext), ctx}, nil
	}}, r.prefix)
}

type boundConn struct {
	redis.ConnWithContext
	ctx context.Context
}

func (c boundConn) Do(command string, args ...any) (any, error) {
	return c.DoContext(c.ctx, command, args...)
}

// run executes a script with the patience of one call.
func (r *Redis) run(ctx context.Context, op string, s *redis.Script, args ...any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := r.pool.GetContext(ctx)
	if err != nil {
		return 0, redisFault(op, err)
	}
	defer c.Close()
	n, err := redis.Int(s.DoContext(ctx, c, args...))
	if err != nil {
		return 0, redisFault(op, err)
	}
	return n, nil
}

// Load is described at [Store].
func (r *Redis) Load(caller context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(caller, patience)
	defer cancel()
	value, found, err := r.plain(ctx).Find(key)
	if broken(err) {
		value, found, err = r.plain(ctx).Find(key)
	}
	switch {
	case code(err) == "WRONGTYPE":
		return nil, damaged("a value of another type")
	case err != nil && newFault("load", err).kind == "timeout" && caller.Err() == nil:
		// Perhaps it is the value's size and not the server.
		if size := r.size(caller, key); size > MaxRecord {
			return nil, damaged(fmt.Sprintf("a value of %d bytes", size))
		}
		return nil, redisFault("load", err)
	case err != nil:
		return nil, redisFault("load", err)
	case !found:
		return nil, ErrAbsent
	case len(value) > MaxRecord:
		return nil, damaged(fmt.Sprintf("a value of %d bytes", len(value)))
	}
	return value, nil
}

// size returns the length of a value, 0 if it cannot be had soon.
func (r *Redis) size(ctx context.Context, key string) int {
	ctx, cancel := context.WithTimeout(ctx, patience/2)
	defer cancel()
	c, err := r.pool.GetContext(ctx)
	if err != nil {
		return 0
	}
	defer c.Close()
	n, _ := redis.Int(redis.DoContext(c, ctx, "STRLEN", r.prefix+key))
	return n
}

// swap compares and sets in one step. What Load would not return as a record
// is absent here too. ARGV: "1" if there is an old value, that value, "1" if
// there is a new value, that value, its expiry in milliseconds or 0 for the
// present one, largest size.
var swap = redis.NewScript(1, `
local current = false
if redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('STRLEN', KEYS[1]) <= tonumber(ARGV[6]) then
	current = redis.call('GET', KEYS[1])
end
if ARGV[1] == '1' then
	if current ~= ARGV[2] then return 0 end
elseif current then
	return 0
end
if ARGV[3] == '1' then
	if ARGV[5] == '0' then
		redis.call('SET', KEYS[1], ARGV[4], 'KEEPTTL')
	else
		redis.call('SET', KEYS[1], ARGV[4], 'PXAT', ARGV[5])
	end
else
	redis.call('DEL', KEYS[1])
end
return 1`)

// Swap is described at [Store].
func (r *Redis) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	if err := checkSwap(key, old, new, expiry); err != nil {
		return err
	}
	if past(expiry) {
		new = nil
	}
	done, err := r.run(ctx, "swap", swap, r.prefix+key,
		flag(old), old, flag(new), new, milliseconds(expiry), MaxRecord)
	if err == nil && done == 0 {
		err = ErrConflict
	}
	return err
}

func flag(b []byte) int {
	if b == nil {
		return 0
	}
	return 1
}

// milliseconds is 0 for the zero time and else at least 1: Redis refuses an
// expiry that is not positive.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return min(max(t.UnixMilli(), 1), math.MaxInt64/2)
}

// Delete is described at [Store].
func (r *Redis) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.plain(ctx).Delete(key)
	if broken(err) {
		// The one change that may be repeated: ids are never used again, and
		// records that come back under the same key are deleted by Swap.
		err = r.plain(ctx).Delete(key)
	}
	if err != nil {
		return redisFault("delete", err)
	}
	return nil
}

// touch moves an expiry later, never earlier (PEXPIREAT's GT needs Redis 7).
var touch = redis.NewScript(1, `
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return 0 end
local now = redis.call('TIME')
local ends = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) + left
if left == -1 or tonumber(ARGV[1]) > ends then
	redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end
return 1`)

// Touch is described at [Store].
func (r *Redis) Touch(ctx context.Context, key string, expiry time.Time) error {
	if err := checkKey(key); err != nil {
		return err
	}
	found, err := r.run(ctx, "touch", touch, r.prefix+key, milliseconds(expiry))
	if err == nil && found == 0 {
		err = ErrAbsent
	}
	return err
}

// Keys is described at [Store].
func (r *Redis) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		cursor := "0"
		for {
			next, keys, err := r.scan(ctx, cursor, prefix)
			if err != nil {
				yield("", redisFault("keys", err))
				return
			}
			for _, key := range keys {
				key = strings.TrimPrefix(key, r.prefix)
				// Locks are not records; their keys are none that checkKey takes.
				if checkKey(key) == nil && !yield(key, nil) {
					return
				}
			}
			if cursor = next; cursor == "0" {
				return
			}
		}
	}
}

func (r *Redis) scan(ctx context.Context, cursor, prefix string) (next string, keys []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := r.pool.GetContext(ctx)
	if err != nil {
		return "", nil, err
	}
	defer c.Close()
	reply, err := redis.Values(redis.DoContext(c, ctx, "SCAN", cursor, "MATCH", r.prefix+prefix+"*", "COUNT", 500))
	if err != nil {
		return "", nil, err
	}
	_, err = redis.Scan(reply, &next, &keys)
	return next, keys, err
}

// Ping is described at [Store]. It writes both ways that the store does, plainly
// and by a script, so that neither a server that serves reads alone (READONLY,
// OOM, MISCONF) passes nor a user who may run no scripts.
func (r *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	key, value := "ping-"+randomHex(16), randomHex(16)
	plain := r.plain(ctx)
	if err := plain.Commit(key, []byte(value), time.Now().Add(time.Minute)); err != nil {
		return redisFault("ping", err)
	}
	back, _, err := plain.Find(key)
	if err == nil && string(back) != value {
		err = errors.New("what was written did not come back")
	}
	if err := errors.Join(err, plain.Delete(key)); err != nil {
		return redisFault("ping", err)
	}
	return probe(ctx, r)
}
