package session

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openDir(t *testing.T) (*Dir, string) {
	t.Helper()
	b := dirBackend(t)
	_, folder, _ := strings.Cut(b.spec, "|")
	return b.store.(*Dir), folder
}

func TestDirModes(t *testing.T) {
	// Not parallel: the umask is the process's.
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		old := unix.Umask(mask)
		folder := filepath.Join(t.TempDir(), "sessions")
		err := func() error {
			defer unix.Umask(old)
			d, err := OpenDir(folder)
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.Swap(t.Context(), "mode-1", nil, []byte("x"), later()); err != nil {
				return err
			}
			if _, err := d.Lock(t.Context(), "mode-1"); err != nil {
				return err
			}
			_, err = d.Secret(t.Context())
			return err
		}()
		if err != nil {
			t.Fatalf("umask %04o: %v", mask, err)
		}
		files := 0
		filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				t.Error(err)
				return nil
			}
			at, err := e.Info()
			if err != nil {
				t.Error(err)
				return nil
			}
			want := os.FileMode(0o600)
			if e.IsDir() {
				want = 0o700
			} else {
				files++
			}
			if got := at.Mode().Perm(); got != want {
				t.Errorf("umask %04o: mode of %s = %04o, want %04o", mask, name, got, want)
			}
			return nil
		})
		if files != 5 { // record, its lock, the folder's lock; secret and its lock
			t.Errorf("umask %04o: %d files, want 5", mask, files)
		}
	}
}

func TestOpenDirRestricts(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.Mkdir(filepath.Join(folder, "0f"), 0o755)); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	at, err := os.Stat(folder)
	if err != nil || at.Mode().Perm() != 0o700 {
		t.Errorf("mode of %s = %v, %v; want 0700", folder, at.Mode(), err)
	}

	shared := filepath.Join(t.TempDir(), "shared")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777),
		os.WriteFile(filepath.Join(shared, "letter.txt"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(shared); err == nil || !strings.Contains(err.Error(), "letter.txt") {
		t.Errorf("OpenDir of a shared folder = %v, want a refusal", err)
	}
	if at, err := os.Stat(shared); err != nil || at.Mode().Perm() != 0o777 {
		t.Errorf("mode of the shared folder = %v, %v; want it as it was", at.Mode(), err)
	}
	if _, err := OpenDir(filepath.Join(shared, "letter.txt", "x")); err == nil {
		t.Error("OpenDir below a file succeeded")
	}
}

func TestDirSpreads(t *testing.T) {
	t.Parallel()
	shards := make(map[string]int)
	for range 4096 {
		shards[place(recordKey(randomHex(16)))]++
	}
	for shard, n := range shards {
		if !isShard(shard) || n > 60 {
			t.Errorf("%d of 4096 records in %q", n, shard)
		}
	}
	if len(shards) < 250 {
		t.Errorf("%d folders are used, want about 256", len(shards))
	}
}

// What is at a record's place but is no record is absent, and a new record
// takes its place.
func TestDirStrangeFiles(t *testing.T) {
	t.Parallel()
	d, folder := openDir(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(outside, later(), later()); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(file string) error{
		"pipe":     func(f string) error { return unix.Mkfifo(f, 0o600) },
		"link-out": func(f string) error { return os.Symlink(outside, f) },
		"link-up":  func(f string) error { return os.Symlink("../../../../../../etc/passwd", f) },
		"loop":     func(f string) error { return os.Symlink(filepath.Base(f), f) },
		"huge": func(f string) error {
			return errors.Join(os.WriteFile(f, nil, 0o600), os.Truncate(f, 50<<20), os.Chtimes(f, later(), later()))
		},
	} {
		file := filepath.Join(folder, place(name), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), plant(file)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Load(t.Context(), name); !errors.Is(err, ErrAbsent) {
			t.Errorf("Load of a %s = %.20q, %v; want %v", name, got, err, ErrAbsent)
		}
		if err := d.Swap(t.Context(), name, nil, []byte("new"), later()); err != nil {
			t.Errorf("Swap of a %s: %v", name, err)
			continue
		}
		if got := mustLoad(t, d, name); string(got) != "new" {
			t.Errorf("Load after a %s = %q", name, got)
		}
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "outside" {
		t.Errorf("the file that a link led to = %q, %v", got, err)
	}

	folderAt := filepath.Join(folder, place("folder"), "folder")
	if err := os.MkdirAll(folderAt, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(t.Context(), "folder"); !errors.Is(err, ErrAbsent) {
		t.Errorf("Load of a folder = %v, want %v", err, ErrAbsent)
	}
	if err := d.Swap(t.Context(), "folder", nil, []byte("new"), later()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Swap of a folder = %v, want %v", err, ErrUnavailable)
	}
}

func TestDirSweep(t *testing.T) {
	t.Parallel()
	d, folder := openDir(t)
	now := time.Now()
	for i, end := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour} {
		for _, kind := range []string{"a", "b"} {
			mustSwap(t, d, kind+"-"+string(rune('1'+i)), nil, []byte("x"), now.Add(end))
		}
	}
	unlock, err := d.Lock(t.Context(), "held-1")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	put := func(shard, name string, until time.Time) {
		file := filepath.Join(folder, shard, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("half"), 0o600), os.Chtimes(file, until, until)); err != nil {
			t.Fatal(err)
		}
	}
	// As a writer that died after it had set the expiry leaves it.
	put("", ".secret123", later())
	put(place("a-1"), ".a-1123456", later())
	put(place("a-1"), ".b-99", later())
	put(place("dead-1"), "dead-1.lock", later())
	// What is none of the store's, though it has the form.
	strange := []string{"notes", "a-9", "yarn.lock", ".gitkeep", ".nfs0001"}
	elsewhere := "00"
	for slices.Contains([]string{place("a-9"), place("notes"), place("yarn")}, elsewhere) {
		elsewhere = "01"
	}
	for _, name := range strange {
		put(elsewhere, name, now.Add(-time.Hour))
	}
	n, err := d.Sweep(t.Context(), now.Add(2*time.Hour+time.Millisecond))
	if err != nil || n != 4 {
		t.Errorf("Sweep = %d, %v; want 4", n, err)
	}
	if _, err := os.Stat(filepath.Join(folder, ".secret123")); err == nil {
		t.Error("Sweep left half a secret")
	}
	var left []string
	for entry := range d.entries(t.Context()) {
		if name := filepath.Base(entry); name != shardLock {
			left = append(left, name)
		}
	}
	if got, want := strings.Join(sorted(left), " "), ".gitkeep .nfs0001 a-3 a-9 b-3 held-1.lock notes yarn.lock"; got != want {
		t.Errorf("Sweep left %q, want %q", got, want)
	}
	if n, err := d.Sweep(t.Context(), now.Add(2*time.Hour)); n != 0 || err != nil {
		t.Errorf("second Sweep = %d, %v; want 0", n, err)
	}
}

// Sweeps beside writers, touches and each other take nothing that lives.
func TestDirSweepBesideOthers(t *testing.T) {
	t.Parallel()
	d, folder := openDir(t)
	other, err := OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var sweeps sync.WaitGroup
	for _, store := range []*Dir{d, other} {
		sweeps.Go(func() {
			for ctx.Err() == nil {
				if _, err := store.Sweep(context.Background(), time.Now()); err != nil && !busy(err) {
					t.Errorf("Sweep: %v", err)
				}
			}
		})
	}
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			key := "live-" + string(rune('1'+i))
			for range 40 {
				err := increment(t.Context(), d, key)
				for busy(err) { // then nothing was written
					err = increment(t.Context(), d, key)
				}
				if err != nil {
					t.Error(err)
				}
				unlock, err := other.Lock(t.Context(), "live-1")
				if err != nil {
					t.Error(err)
					return
				}
				unlock()
				mustSwapQuietly(t, d, "brief-"+randomHex(8))
			}
		})
	}
	writers.Wait()
	cancel()
	sweeps.Wait()
	for i := range 4 {
		if got := mustLoad(t, d, "live-"+string(rune('1'+i))); string(got) != "40" {
			t.Errorf("live-%d = %s, want 40", i+1, got)
		}
	}
}

// mustSwapQuietly leaves a record that is about to expire.
func mustSwapQuietly(t *testing.T, d *Dir, key string) {
	if err := d.Swap(t.Context(), key, nil, []byte("x"), time.Now().Add(time.Millisecond)); err != nil && !busy(err) {
		t.Error(err)
	}
}

// A record that was touched between a sweep's look and its removal stays.
func TestDirSweepLooksAgain(t *testing.T) {
	t.Parallel()
	d, _ := openDir(t)
	now := time.Now()
	mustSwap(t, d, "late-1", nil, []byte("x"), now.Add(time.Hour))
	if err := d.Touch(t.Context(), "late-1", now.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	n, err := d.removeStale(t.Context(), []string{place("late-1") + "/late-1"}, now.Add(2*time.Hour))
	if n != 0 || err != nil {
		t.Errorf("removeStale = %d, %v; want 0", n, err)
	}
	mustLoad(t, d, "late-1")
}

func TestDirSecret(t *testing.T) {
	t.Parallel()
	b := dirBackend(t)
	d := b.store.(*Dir)
	var commands []*exec.Cmd
	outs := make([]bytes.Buffer, 4)
	for i := range outs {
		c := process(t, "secret", b, "", 0)
		c.Stdout = &outs[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, c)
	}
	for _, c := range commands {
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	secret, err := d.Secret(t.Context())
	if err != nil || len(secret) != 32 {
		t.Fatalf("Secret = %d bytes, %v; want 32", len(secret), err)
	}
	for i := range outs {
		if outs[i].String() != outs[0].String() || outs[i].Len() != 65 {
			t.Errorf("process %d has another secret", i)
		}
	}
	_, folder, _ := strings.Cut(b.spec, "|")
	if err := os.WriteFile(filepath.Join(folder, secretFile), []byte("c2hvcnQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Secret(t.Context()); err == nil || strings.Contains(err.Error(), "c2hvcnQ") {
		t.Errorf("Secret of a damaged file = %d bytes, %v; want an error that does not repeat it", len(got), err)
	}
	// A new one is made where there is none, and only there.
	file := filepath.Join(folder, secretFile)
	for what, put := range map[string]func() error{
		"an empty file": func() error { return os.WriteFile(file, nil, 0o600) },
		"a pipe":        func() error { return unix.Mkfifo(file, 0o600) },
		"a folder":      func() error { return os.Mkdir(file, 0o700) },
		"a link":        func() error { return os.Symlink("/etc/hostname", file) },
	} {
		if err := errors.Join(os.Remove(file), put()); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Secret(t.Context()); err == nil {
			t.Errorf("Secret where there is %s = %d bytes, want an error", what, len(got))
		}
	}
	text := base64.StdEncoding.EncodeToString(secret)
	if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	got, err := d.Secret(t.Context())
	at, e := os.Stat(file)
	if err != nil || e != nil || !bytes.Equal(got, secret) || at.Mode().Perm() != 0o600 {
		t.Errorf("Secret of a file open to others = %d bytes, %v, now %v; want it closed", len(got), err, at.Mode())
	}
}
