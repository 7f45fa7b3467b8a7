package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lockSuffix is what the file of a [Dir.Lock] has after the key.
const lockSuffix = ".lock"

const (
	// diskPatience is how long a call of a [Dir] takes at most. A writer waits
	// for its turn no longer than two thirds of it, to have time for the rest.
	diskPatience = 3 * patience / 2
	// diskCalls is how many goroutines wait for the disk at most, far below the
	// number of threads that an operator allows a service.
	diskCalls = 64
)

// inShard calls do with the subfolder while no other writer, in any process,
// is in it. Without create, a subfolder that is not there yields missing. It
// may return while do still runs: see [within].
func (d *Dir) inShard(ctx context.Context, name string, create bool, do func(*os.Root) error, missing error) error {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	// A writer that was stopped inside, or that the disk holds up, must not hold
	// up requests for good. It keeps its turn, so that never more than one
	// goroutine waits for a folder.
	waiting, done := context.WithTimeout(ctx, d.patience*2/3)
	defer done()
	leave, err := d.writers.take(waiting, name)
	if err != nil {
		return err
	}
	_, err = within(ctx, d, leave, func() (none struct{}, err error) {
		return none, d.flocked(ctx, name, create, do, missing)
	})
	return err
}

// flocked is inShard for who has the turn of this process.
func (d *Dir) flocked(ctx context.Context, name string, create bool, do func(*os.Root) error, missing error) error {
	shard, err := d.root.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return missing
		}
		shard, err = d.makeShard(name)
	}
	if err != nil {
		return err
	}
	defer shard.Close()
	lock, err := openLock(shard, shardLock)
	if err != nil {
		return err
	}
	defer lock.Close() // which gives up the flock
	if err := flock(lock); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // nobody waits for what would come now
		return err
	}
	return do(shard)
}

// within returns what do returns, or when ctx ends: the kernel cannot be called
// off a file call, and on a disk that hangs each keeps a thread of the process.
// So no more than [diskCalls] wait at a time, and the others for them. At the
// end of do, or if it is not called, done is.
func within[T any](ctx context.Context, d *Dir, done func(), do func() (T, error)) (value T, err error) {
	select {
	case d.calls <- struct{}{}:
	case <-ctx.Done():
		done()
		return value, ctx.Err()
	}
	type result struct {
		value T
		err   error
	}
	came := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil { // here no HTTP server would
				r.err = fmt.Errorf("panic: %v", p)
			}
			<-d.calls
			done()
			came <- r
		}()
		r.value, r.err = do()
	}()
	select {
	case r := <-came:
		return r.value, r.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}

// flock takes the exclusive lock of f, waiting in the kernel, which serves
// those who wait in turn, however busy others are.
func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (d *Dir) makeShard(name string) (*os.Root, error) {
	err := d.root.Mkdir(name, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err == nil {
		// Mkdir obeys the umask, which may even forbid the owner.
		if err := d.root.Chmod(name, 0o700); err != nil {
			return nil, err
		}
	}
	if err := syncDir(d.root); err != nil {
		_ = d.root.Remove(name) // the next writer would take it for synced
		return nil, err
	}
	return d.root.OpenRoot(name)
}

func openLock(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	at, err := f.Stat()
	if err == nil && at.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600)
	}
	if err == nil && !at.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// pollFlock waits for the exclusive lock of f until ctx ends. It asks again and
// again, for locks that may be held for long: see inShard.
func pollFlock(ctx context.Context, f *os.File, pause, longest time.Duration) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("flock: %w", err)
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longest)
	}
}

// rest waits about d, with some chance in it so that those who wait together
// do not ask together.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Lock is described at [Store]. It is a flock on <key>.lock beside the record;
// the kernel frees it when the process dies, however that happens.
func (d *Dir) Lock(ctx context.Context, key string) (func(), error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	leave, err := d.lockers.take(ctx, key)
	if err != nil {
		return nil, faultOf("lock", err)
	}
	name := path.Join(place(key), key+lockSuffix)
	for {
		f, err := within(ctx, d, func() {}, func() (*os.File, error) { return d.openLockIn(name) })
		if err == nil {
			err = pollFlock(ctx, f, 2*time.Millisecond, 40*time.Millisecond)
			var there bool
			if err == nil {
				there, err = within(ctx, d, func() {}, func() (bool, error) { return d.isAt(f, name), nil })
			}
			if err == nil && !there {
				// The holder before us has removed the file: what we have
				// locked nobody else can find.
				f.Close()
				continue
			}
		}
		if err != nil {
			if f != nil {
				f.Close()
			}
			leave()
			return nil, wrap("lock", err)
		}
		return sync.OnceFunc(func() {
			ctx, cancel := context.WithTimeout(context.Background(), d.patience)
			defer cancel()
			// Removed while still locked, so nobody's new lock is removed. What
			// stays is for Sweep.
			_, _ = within(ctx, d, func() { f.Close(); leave() }, func() (struct{}, error) {
				return struct{}{}, d.root.Remove(name)
			})
		}), nil
	}
}

func (d *Dir) openLockIn(name string) (*os.File, error) {
	f, err := openLock(d.root, name)
	if errors.Is(err, fs.ErrNotExist) {
		shard, e := d.makeShard(path.Dir(name))
		if e != nil {
			return nil, e
		}
		shard.Close()
		f, err = openLock(d.root, name)
	}
	return f, err
}

// isAt reports whether f is still the file that name leads to.
func (d *Dir) isAt(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := d.root.Lstat(name)
	return err == nil && os.SameFile(mine, now)
}
