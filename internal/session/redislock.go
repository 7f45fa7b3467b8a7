package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// lease is how long a lock outlives its holder's process; the holder renews it
// three times as often.
const lease = 10 * time.Second

var (
	acquire = redis.NewScript(1, `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`)
	renew = redis.NewScript(1, `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`)
	release = redis.NewScript(1, `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
)

// Lock is described at [Store]. It is a key of its own with a random value and
// a lease that is renewed while the lock is held.
func (r *Redis) Lock(ctx context.Context, key string) (func(), error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	// One goroutine of this process asks the server; the others wait for it.
	leave, err := r.locks.take(ctx, key)
	if err != nil {
		return nil, faultOf("lock", err)
	}
	name, mine := r.prefix+"lock:"+key, randomHex(16)
	pause := 10 * time.Millisecond
	for {
		got, err := r.run(ctx, "lock", acquire, name, mine, lease.Milliseconds())
		if err == nil && got == 1 {
			break
		}
		if err == nil {
			err = rest(ctx, pause)
			pause = min(2*pause, 80*time.Millisecond)
		}
		if err != nil {
			leave()
			return nil, faultOf("lock", err)
		}
	}
	done := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { r.hold(name, mine, done) })
	return sync.OnceFunc(func() {
		close(done)
		keeper.Wait()
		// The lock must go also when the request that had it has ended.
		r.run(context.WithoutCancel(ctx), "unlock", release, name, mine)
		leave()
	}), nil
}

// hold renews the lease until done, or until the lock is somebody else's.
func (r *Redis) hold(name, mine string, done <-chan struct{}) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		kept, err := r.run(context.Background(), "lock", renew, name, mine, lease.Milliseconds())
		if err == nil && kept == 0 {
			return
		}
	}
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
