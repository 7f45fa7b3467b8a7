package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting a file system is not permitted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
	return folder
}

func TestDirFullDisk(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"bytes": "size=256k", "inodes": "size=4m,nr_inodes=24"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := smallDisk(t, options)
			d := dirBackendAt(t, filepath.Join(disk, "sessions")).store.(*Dir)
			good := bytes.Repeat([]byte("g"), 12000)
			mustSwap(t, d, "good-1", nil, good, later())
			var err error
			for i := 0; err == nil; i++ {
				file := filepath.Join(disk, "fill"+randomHex(4))
				err = os.WriteFile(file, bytes.Repeat([]byte("f"), 4096), 0o600)
			}
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			err = d.Swap(t.Context(), "good-1", good, bytes.Repeat([]byte("n"), 12000), later())
			var f *fault
			if !errors.Is(err, ErrUnavailable) || !errors.As(err, &f) || f.kind != "full" {
				t.Errorf("Swap on a full disk = %v, want %v", err, ErrUnavailable)
			}
			if err := d.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Ping on a full disk = %v, want %v", err, ErrUnavailable)
			}
			if got := mustLoad(t, d, "good-1"); !bytes.Equal(got, good) {
				t.Errorf("the record is %d bytes, want as it was", len(got))
			}
			for entry := range d.entries(t.Context()) {
				if name := filepath.Base(entry); strings.HasPrefix(name, ".") && name != shardLock {
					t.Errorf("left over: %s", entry)
				}
			}
			if err := d.Touch(t.Context(), "good-1", later().Add(time.Hour)); err != nil {
				t.Errorf("Touch on a full disk: %v", err)
			}
			if err := d.Delete(t.Context(), "good-1"); err != nil {
				t.Errorf("Delete on a full disk: %v", err)
			}
		})
	}
}

func TestDirReadOnlyDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "size=1m")
	d := dirBackendAt(t, filepath.Join(disk, "sessions")).store.(*Dir)
	mustSwap(t, d, "good-1", nil, []byte("good"), later())
	remount := func(flags uintptr) {
		if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT|flags, "size=1m"); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	_, lockErr := d.Lock(t.Context(), "good-1")
	for op, err := range map[string]error{
		"Swap":   d.Swap(t.Context(), "good-1", []byte("good"), []byte("new"), later()),
		"Delete": d.Delete(t.Context(), "good-1"),
		"Lock":   lockErr,
		"Ping":   d.Ping(t.Context()),
	} {
		var f *fault
		if !errors.Is(err, ErrUnavailable) || !errors.As(err, &f) || f.kind != "readonly" {
			t.Errorf("%s on a read-only disk = %v, want %v", op, err, ErrUnavailable)
		}
	}
	if got := mustLoad(t, d, "good-1"); string(got) != "good" {
		t.Errorf("Load = %q, want %q", got, "good")
	}
	remount(0)
	mustSwap(t, d, "good-1", []byte("good"), []byte("new"), later())
}

func TestDirWithoutDescriptors(t *testing.T) {
	t.Parallel()
	out, err := process(t, "files", dirBackend(t), "fd-1", 0).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A process that was stopped while it had a folder's lock holds up writers of
// that folder for a short time each, and readers not at all.
func TestDirWriterStopped(t *testing.T) {
	t.Parallel()
	d, folder := openDir(t)
	d.patience = 300 * time.Millisecond
	mustSwap(t, d, "stop-1", nil, []byte("good"), later())
	lock, err := os.OpenFile(filepath.Join(folder, place("stop-1"), shardLock), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := d.Swap(t.Context(), "stop-1", []byte("good"), []byte("new"), later()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Swap = %v, want %v", err, ErrUnavailable)
	}
	if took := time.Since(began); took > budget {
		t.Errorf("Swap took %v, want at most %v", took, budget)
	}
	if got := mustLoad(t, d, "stop-1"); string(got) != "good" {
		t.Errorf("Load = %q", got)
	}
}

// Who waits for a lock may get that of a file that the holder has removed
// meanwhile, while somebody else has the new file's: that is no lock.
func TestDirLockOfRemovedFile(t *testing.T) {
	t.Parallel()
	d, folder := openDir(t)
	mustSwap(t, d, "lock-1", nil, []byte("x"), later())
	name := filepath.Join(folder, place("lock-1"), "lock-1"+lockSuffix)
	locked := func() *os.File {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := locked()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := make(chan error)
	var unlock func()
	go func() {
		var err error
		unlock, err = d.Lock(ctx, "lock-1")
		got <- err
	}()
	eventually(t, 5*time.Second, "the other has opened the file", func() bool { return opened(t, name) == 2 })
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	second := locked()
	first.Close()
	// It finds out, and opens the new file.
	eventually(t, 5*time.Second, "the other has opened the new file", func() bool {
		select {
		case err := <-got:
			t.Fatalf("Lock = %v while another has it", err)
		default:
		}
		return opened(t, name) == 2
	})
	second.Close()
	if err := <-got; err != nil {
		t.Fatalf("Lock = %v", err)
	}
	unlock()
}

// opened counts descriptors of this process that lead to the file of a name.
func opened(t *testing.T, name string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && to == name {
			n++
		}
	}
	return n
}
