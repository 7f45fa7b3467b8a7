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

// inShard calls do with the subfolder while no other writer, in any process,
// is in it. Without create, a subfolder that is not there yields missing.
func (d *Dir) inShard(ctx context.Context, name string, create bool, do func(*os.Root) error, missing error) error {
	// A writer that was stopped inside must not hold up requests for good.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave, err := d.writers.take(ctx, name)
	if err != nil {
		return err
	}
	defer func() { leave() }()

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
	got := flock(lock)
	select {
	case err = <-got:
		defer lock.Close() // which gives up the flock
		if err != nil {
			return err
		}
		return do(shard)
	case <-ctx.Done():
		// The kernel cannot be called off. Until it answers the turn is kept, so
		// that never more than one goroutine waits for a folder.
		turn := leave
		leave = func() {}
		go func() {
			<-got
			lock.Close()
			turn()
		}()
		return ctx.Err()
	}
}

// flock takes the exclusive lock of f, waiting in the kernel, which serves
// those who wait in turn, however busy others are.
func flock(f *os.File) <-chan error {
	got := make(chan error, 1)
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if !errors.Is(err, unix.EWOULDBLOCK) {
		got <- err
		return got
	}
	go func() {
		for {
			if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
				got <- err
				return
			}
		}
	}()
	return got
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
		f, err := d.openLockIn(name)
		if err == nil {
			err = pollFlock(ctx, f, 2*time.Millisecond, 40*time.Millisecond)
			if err == nil && !d.isAt(f, name) {
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
			// Removed while still locked, so nobody's new lock is removed.
			d.root.Remove(name)
			f.Close()
			leave()
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
