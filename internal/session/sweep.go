package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// sweepBatch is how many files are removed before other writers of the folder
// get their turn.
const sweepBatch = 64

// Sweep removes records that have expired by now, temporary files whose writer
// died (they hold what a record holds), and lock files that nobody has. It
// returns how many records it removed. It can run beside readers, writers and
// other sweeps, in this and other processes, reads no record's content, and
// goes on after an error; the first one is returned.
func (d *Dir) Sweep(ctx context.Context, now time.Time) (int, error) {
	var swept int
	var first error
	keep := func(err error) {
		if err != nil && first == nil && !errors.Is(err, fs.ErrNotExist) {
			first = wrap("sweep", err)
		}
	}
	var stale []string // of one folder
	flush := func() {
		if len(stale) == 0 {
			return
		}
		n, err := d.removeStale(ctx, stale, now)
		swept += n
		keep(err)
		stale = stale[:0]
	}
	names, err := list(d.root, ".")
	keep(err)
	for _, name := range names { // beside the secret: of who died while making it
		if isTemporary(name) {
			stale = append(stale, name)
		}
	}
	flush()
	for entry, err := range d.entries(ctx) {
		if err != nil {
			keep(err)
			break
		}
		shard, name := path.Split(entry)
		if len(stale) >= sweepBatch || len(stale) > 0 && path.Dir(stale[0]) != path.Clean(shard) {
			flush()
		}
		lockOf, isLock := strings.CutSuffix(name, lockSuffix)
		switch {
		case isTemporary(name), belongs(name, shard) && d.hasExpired(d.root, entry, now):
			stale = append(stale, entry)
		case isLock && belongs(lockOf, shard):
			keep(d.removeLock(entry))
		}
	}
	flush()
	return swept, first
}

// belongs reports whether a record of that name has its place in a subfolder:
// what somebody else has put there is not ours to remove.
func belongs(key, shard string) bool {
	return checkKey(key) == nil && place(key) == path.Clean(shard)
}

// isTemporary reports whether a file is one of a writer's: renameio puts a dot
// before the name of a record, or of the secret, and a number behind it.
func isTemporary(name string) bool {
	key, dotted := strings.CutPrefix(name, ".")
	key = strings.TrimRight(key, "0123456789")
	return dotted && len(key) < len(name)-1 && checkKey(key) == nil && (strings.Contains(key, "-") || key == secretFile)
}

func (d *Dir) hasExpired(root *os.Root, name string, now time.Time) bool {
	at, err := root.Lstat(name)
	return err == nil && at.Mode().IsRegular() && !now.Before(at.ModTime())
}

// removeStale removes files of one folder. No writer is in it meanwhile, so
// any temporary file belongs to nobody, and what was found to have expired is
// looked at again, because it may have been touched or replaced since.
func (d *Dir) removeStale(ctx context.Context, entries []string, now time.Time) (int, error) {
	var swept atomic.Int64 // inShard may return earlier than what it calls
	err := d.inShard(ctx, path.Dir(entries[0]), false, func(shard *os.Root) error {
		var first error
		for _, entry := range entries {
			name := path.Base(entry)
			temporary := isTemporary(name)
			if !temporary && !d.hasExpired(shard, name, now) {
				continue
			}
			err := shard.Remove(name)
			if err == nil && !temporary {
				swept.Add(1)
			}
			if err != nil && first == nil && !errors.Is(err, fs.ErrNotExist) {
				first = err
			}
		}
		return first
	}, nil)
	return int(swept.Load()), err
}

// removeLock removes a lock file unless somebody has it locked.
func (d *Dir) removeLock(entry string) error {
	f, err := d.root.OpenFile(entry, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !d.isAt(f, entry) {
		return nil
	}
	return d.root.Remove(entry)
}

// secretFile is where [Dir.Secret] keeps the secret.
const secretFile = "secret"

// Secret returns the secret that lies beside the records, made from 32 random
// bytes when it is first asked for, by whichever process comes first. The file
// holds it in base64 and has mode 0600.
func (d *Dir) Secret(ctx context.Context) ([]byte, error) {
	secret, err := d.readSecret()
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	lock, err := openLock(d.root, shardLock)
	if err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	defer lock.Close()
	if err := pollFlock(ctx, lock, time.Millisecond, 10*time.Millisecond); err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	if secret, err = d.readSecret(); !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	secret = make([]byte, 32)
	rand.Read(secret)
	text := base64.StdEncoding.EncodeToString(secret) + "\n"
	if err := write(d.root, secretFile, []byte(text), time.Now()); err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	return secret, nil
}

func (d *Dir) readSecret() ([]byte, error) {
	// O_NONBLOCK, lest a pipe in its place make the start wait.
	f, err := d.root.OpenFile(secretFile, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	defer f.Close()
	at, err := f.Stat()
	if err == nil && at.Mode().IsRegular() && at.Mode().Perm() != 0o600 {
		err = f.Chmod(0o600) // as a restored backup may leave it
	}
	if err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return nil, fmt.Errorf("session secret: %w", err)
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < minSecret {
		return nil, fmt.Errorf("session secret: file %s is damaged", secretFile)
	}
	return secret, nil
}
