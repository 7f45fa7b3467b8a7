package session

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Dir is a [Store] in a folder of a local disk, shared by any number of
// processes of one machine. (Network file systems are not supported: flock and
// rename promise too little there.)
//
// A record is the file <folder>/<xx>/<key>, where xx are two hexadecimal
// digits of a hash of the key, so that no folder grows large. Files have mode
// 0600 and folders 0700 under any umask. A file's modification time is when
// the record expires. Content is never changed in place: a temporary file in
// the same folder is written, synced and renamed, then the folder is synced;
// whoever reads sees the old record or the new one, without a lock. Writers of
// a folder take turns by flock on its file .lock.
type Dir struct {
	root     *os.Root
	calls    chan struct{} // one token for each goroutine that waits for the disk
	patience time.Duration // of a call; diskPatience
	writers  turns         // one goroutine a subfolder asks for the flock
	lockers  turns         // the same for Lock
}

// OpenDir makes the folder unless it exists, restricts it to its owner, and
// returns the store in it. It refuses a folder that others may use and in
// which things lie that are not the store's, such as a shared temporary folder.
func OpenDir(name string) (*Dir, error) {
	if err := makeFolder(name); err != nil {
		return nil, fmt.Errorf("session folder: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("session folder: %w", err)
	}
	if err := restrict(root); err != nil {
		root.Close()
		return nil, fmt.Errorf("session folder %s: %w", name, err)
	}
	return &Dir{root: root, calls: make(chan struct{}, diskCalls), patience: diskPatience}, nil
}

// makeFolder makes a folder, and those above it that are missing. Each is synced
// into the one above: what is stored in a folder is lost with the folder's name.
func makeFolder(name string) error {
	err := os.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(filepath.Dir(name)); err != nil {
			return err
		}
		err = os.Mkdir(name, 0o700)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	above, e := os.Open(filepath.Dir(name))
	if e == nil {
		e = above.Sync()
		above.Close()
	}
	if err != nil { // it was there: who made it may have died before this
		return nil
	}
	return e
}

// Close releases the folder. The store is not usable afterwards.
func (d *Dir) Close() error { return d.root.Close() }

func restrict(root *os.Root) error {
	at, err := root.Stat(".")
	if err != nil || at.Mode().Perm() == 0o700 {
		return err
	}
	if at.Mode().Perm()&0o077 != 0 {
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil {
			return err
		}
		for _, e := range entries {
			if n := e.Name(); !isShard(n) && n != secretFile && n != shardLock {
				return fmt.Errorf("others may use it (mode %04o) and it holds %q; use a folder of its own",
					at.Mode().Perm(), n)
			}
		}
	}
	return root.Chmod(".", 0o700)
}

// shardLock is the file in each subfolder whose flock its writers take.
const shardLock = ".lock"

// place says in which subfolder the record of key is.
func place(key string) (shard string) {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:1])
}

func isShard(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == 1 && strings.ToLower(name) == name
}

// Load is described at [Store].
func (d *Dir) Load(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, faultOf("load", err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	value, err := within(ctx, d, func() {}, func() ([]byte, error) {
		value, _, err := read(d.root, path.Join(place(key), key))
		return value, err
	})
	return value, wrap("load", err)
}

// Swap is described at [Store].
func (d *Dir) Swap(ctx context.Context, key string, old, new []byte, expiry time.Time) error {
	if err := checkSwap(key, old, new, expiry); err != nil {
		return err
	}
	var missing error
	if old != nil {
		missing = ErrConflict
	}
	return wrap("swap", d.inShard(ctx, place(key), new != nil && old == nil, func(shard *os.Root) error {
		current, until, err := read(shard, key)
		if err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
		if (err == nil) != (old != nil) || !bytes.Equal(current, old) {
			return ErrConflict
		}
		if new == nil || past(expiry) {
			return remove(shard, key)
		}
		if expiry.IsZero() {
			expiry = until
		}
		return write(shard, key, new, expiry)
	}, missing))
}

// Delete is described at [Store].
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return wrap("delete", d.inShard(ctx, place(key), false, func(shard *os.Root) error {
		return remove(shard, key)
	}, nil))
}

// Touch is described at [Store].
func (d *Dir) Touch(ctx context.Context, key string, expiry time.Time) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return wrap("touch", d.inShard(ctx, place(key), false, func(shard *os.Root) error {
		f, until, err := open(shard, key)
		if err != nil {
			return err
		}
		defer f.Close()
		if !expiry.After(until) {
			return nil
		}
		return setExpiry(shard, key, expiry)
	}, ErrAbsent))
}

// Keys is described at [Store].
func (d *Dir) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		now := time.Now()
		for entry, err := range d.entries(ctx) {
			if err != nil {
				yield("", faultOf("keys", err))
				return
			}
			name := path.Base(entry)
			if checkKey(name) != nil || !strings.HasPrefix(name, prefix) {
				continue
			}
			at, err := d.root.Lstat(entry)
			if err != nil || !at.Mode().IsRegular() || !now.Before(at.ModTime()) {
				continue
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

// entries yields the paths of all files in the subfolders, one folder after
// the other.
func (d *Dir) entries(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range 256 {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			shard := hex.EncodeToString([]byte{byte(i)})
			names, err := list(d.root, shard)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				yield("", err)
				return
			}
			for _, name := range names {
				if !yield(path.Join(shard, name), nil) {
					return
				}
			}
		}
	}
}

func list(root *os.Root, shard string) ([]string, error) {
	f, err := root.Open(shard)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Ping is described at [Store].
func (d *Dir) Ping(ctx context.Context) error { return probe(ctx, d) }

// wrap lets the answers of the contract through and makes a fault of the rest.
func wrap(op string, err error) error {
	if err == nil || errors.Is(err, ErrAbsent) || errors.Is(err, ErrConflict) {
		return err
	}
	f := newFault(op, err)
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		f.kind = "full"
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		f.kind = "readonly"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		f.kind = "files"
	}
	return f
}

// open opens a record that is there and has not expired.
func open(root *os.Root, name string) (f *os.File, until time.Time, err error) {
	// O_NONBLOCK, lest a pipe that somebody put here make the open wait.
	f, err = root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, time.Time{}, ErrAbsent
		}
		if at, e := root.Lstat(name); e == nil && !at.Mode().IsRegular() {
			return nil, time.Time{}, damaged("something that is no file")
		}
		return nil, time.Time{}, err
	}
	at, err := f.Stat()
	switch {
	case err != nil:
	case !at.Mode().IsRegular():
		err = damaged("something that is no file")
	case !time.Now().Before(at.ModTime()):
		err = ErrAbsent
	case at.Size() > MaxRecord:
		err = damaged(fmt.Sprintf("a file of %d bytes", at.Size()))
	default:
		return f, at.ModTime(), nil
	}
	f.Close()
	return nil, time.Time{}, err
}

func read(root *os.Root, name string) (value []byte, until time.Time, err error) {
	f, until, err := open(root, name)
	if err != nil {
		return nil, until, err
	}
	defer f.Close()
	value, err = io.ReadAll(io.LimitReader(f, MaxRecord+1))
	if err != nil {
		return nil, until, err
	}
	if value == nil {
		value = []byte{}
	}
	return value, until, nil
}

func write(shard *os.Root, name string, value []byte, expiry time.Time) error {
	f, err := renameio.NewPendingFile(name, renameio.WithRoot(shard), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if _, err := f.Write(value); err != nil {
		return err
	}
	// Before the rename: there is no moment at which the record has a wrong
	// expiry, and the sync covers it.
	if err := setExpiry(shard, path.Base(f.Name()), expiry); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(shard)
}

func remove(shard *os.Root, name string) error {
	if err := shard.Remove(name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return syncDir(shard)
}

// setExpiry goes by the name: by the descriptor Go would need /proc, which an
// isolated process may lack.
func setExpiry(shard *os.Root, name string, expiry time.Time) error {
	if err := shard.Chtimes(name, expiry, expiry); err != nil {
		return fmt.Errorf("set expiry: %w", err)
	}
	return nil
}

// syncDir makes what was renamed or removed in a folder survive a power loss.
func syncDir(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
