package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A diskFault is a way in which the session folder's disk fails.
type diskFault struct {
	name         string
	inject, heal func(t *testing.T)
	renews       bool // a token can be renewed, and is stored later
	deletes      bool // signing out works
}

// mustRun runs a program that changes a disk.
func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("needs " + name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func diskFaults(disk string) []diskFault {
	remount := func(options string) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); mustRun(t, "mount", "-o", "remount,"+options, disk) }
	}
	immutable := func(flag string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			shards, err := filepath.Glob(filepath.Join(disk, "sessions", "??"))
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, "chattr", append([]string{flag, filepath.Join(disk, "sessions")}, shards...)...)
		}
	}
	empty := func(t *testing.T) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(disk, "junk")); err != nil {
			t.Fatal(err)
		}
	}
	return []diskFault{
		{name: "F14 no room", inject: func(t *testing.T) {
			f, err := os.Create(filepath.Join(disk, "junk"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for err == nil {
				_, err = f.Write(make([]byte, 512))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}, heal: empty, renews: true, deletes: true},
		{name: "F14 no inodes", inject: func(t *testing.T) {
			err := os.Mkdir(filepath.Join(disk, "junk"), 0o700)
			for i := 0; err == nil; i++ {
				err = os.WriteFile(filepath.Join(disk, "junk", fmt.Sprint(i)), nil, 0o600)
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}, heal: empty, deletes: true},
		{name: "F15 read-only", inject: remount("ro"), heal: remount("rw")},
		{name: "F15 immutable folders", inject: immutable("+i"), heal: immutable("-i")},
	}
}

func TestFaultDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=512k,nr_inodes=600", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("needs root, to mount a file system: %v: %s", err, bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	onFailingDisk(t, disk, diskFaults(disk)...)
}

// A disk that takes everything, and then says that it could not be written.
func TestFaultDiskErrors(t *testing.T) {
	t.Parallel()
	disk := mountFragile(t)
	onFailingDisk(t, disk.dir, diskFault{name: "F15 input/output error at fsync", renews: true,
		inject: func(*testing.T) { disk.breakSync(syscall.EIO) }, heal: func(*testing.T) { disk.breakSync(0) }})
}

func onFailingDisk(t *testing.T, disk string, faults ...diskFault) {
	addr, dir := freeAddr(t), filepath.Join(disk, "sessions")
	m := newStage(t, "http://"+addr)
	m.SetStrict(true) // a refresh token that is lost is the last one
	m.start(addr, "SESSION_STORE=filesystem", "SESSION_DIR="+dir)
	lena, marcus, third := m.people[0], m.people[1], m.people[2]
	stays, renews := m.signedIn(lena), m.signedIn(third)
	renews.fresh = true
	before := stays.cookie()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			leaves, halfway := m.signedIn(marcus), m.visitor()
			ended := m.visitor()
			ended.plant(leaves.cookie())
			picker := halfway.begin()
			file := sessionFile(t, dir, renews.cookie())
			record := mustRead(t, file)
			m.RevokeAccess(third)
			refreshes := m.Grants().Refreshes
			f.inject(t)

			status(t, "calendar", stays.get(week), http.StatusOK)
			if page := renews.get(week); f.renews {
				status(t, "calendar of whose token has to be renewed", page, http.StatusOK)
			} else {
				unavailable(t, "calendar of whose token has to be renewed", page)
			}
			callback := halfway.choose(picker, marcus)
			unavailable(t, "end of a sign-in", halfway.follow(callback))
			if halfway.cookie() != "" {
				t.Error("a session began that is stored nowhere")
			}
			unavailable(t, "readyz", stays.get("/readyz"))
			if !bytes.Equal(mustRead(t, file), record) {
				t.Error("a record that could not be saved is not what it was")
			}
			out := leaves.must(http.MethodPost, "/auth/logout", nil)
			if f.deletes {
				status(t, "sign-out", out, http.StatusSeeOther)
			} else {
				status(t, "sign-out", out, http.StatusServiceUnavailable)
			}
			if !clears(out) {
				t.Errorf("sign-out left the cookie: %q", out.header["Set-Cookie"])
			}

			f.heal(t)
			eventually(t, 5*time.Second, "ready again without a restart", func() bool { return stays.get("/readyz").status == http.StatusOK })
			whole(t, "calendar afterwards", stays.get(week), http.StatusOK)
			if stays.cookie() != before {
				t.Error("the cookie changed")
			}
			whole(t, "the same sign-in, tried again", halfway.follow(callback), http.StatusOK)
			whole(t, "calendar of whose token had to be renewed", renews.get(week), http.StatusOK)
			eventually(t, 15*time.Second, "the renewed token is stored", func() bool { return !bytes.Equal(mustRead(t, file), record) })
			if n := m.Grants().Refreshes - refreshes; n != 1 {
				t.Errorf("%d refreshes for one token", n)
			}
			eventually(t, 15*time.Second, "the sign-out is carried out", func() bool { return ended.get(week).status == http.StatusSeeOther })
			if litter := temporary(t, dir); len(litter) > 0 {
				t.Errorf("temporary files are left: %q", litter)
			}
		})
	}
}

// F15: one record that nobody may change costs its own person, and nobody else.
func TestFaultImmutableRecord(t *testing.T) {
	t.Parallel()
	addr, dir := freeAddr(t), filepath.Join(t.TempDir(), "sessions")
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=filesystem", "SESSION_DIR="+dir)
	b, other := m.signedIn(m.people[0]), m.signedIn(m.people[1])
	b.fresh = true
	ended := m.visitor()
	ended.plant(b.cookie())
	file := sessionFile(t, dir, b.cookie())
	record := mustRead(t, file)
	if out, err := exec.Command("chattr", "+i", file).CombinedOutput(); err != nil {
		t.Skipf("needs root, and a file system that knows immutable files: %v: %s", err, out)
	}
	mutable := func() { mustRun(t, "chattr", "-i", file) }
	t.Cleanup(func() { _ = exec.Command("chattr", "-i", file).Run() })

	m.RevokeAccess(m.people[0])
	status(t, "F15 immutable record: calendar, its token renewed", b.get(week), http.StatusOK)
	if !bytes.Equal(mustRead(t, file), record) {
		t.Fatal("the record is not immutable: nothing was tested")
	}
	status(t, "F15 immutable record: somebody else", other.get(week), http.StatusOK)
	status(t, "F15 immutable record: somebody new", m.visitor().signIn(m.people[2]), http.StatusOK)
	status(t, "F15 immutable record: readyz", b.get("/readyz"), http.StatusOK)
	mutable()
	eventually(t, 15*time.Second, "the renewed token is stored", func() bool { return !bytes.Equal(mustRead(t, file), record) })

	mustRun(t, "chattr", "+i", file)
	out := b.must(http.MethodPost, "/auth/logout", nil)
	status(t, "F15 immutable record: sign-out", out, http.StatusServiceUnavailable)
	if !clears(out) {
		t.Errorf("sign-out left the cookie: %q", out.header["Set-Cookie"])
	}
	mutable()
	eventually(t, 15*time.Second, "the sign-out is carried out", func() bool { return ended.get(week).status == http.StatusSeeOther })
	if litter := temporary(t, dir); len(litter) > 0 {
		t.Errorf("temporary files are left: %q", litter)
	}
}

// sessionFile is where the session of a cookie is stored.
func sessionFile(t *testing.T, dir, cookie string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(cookie))
	found, err := filepath.Glob(filepath.Join(dir, "??", "session-"+hex.EncodeToString(sum[:])))
	if err != nil || len(found) != 1 {
		t.Fatalf("files of the session: %q, %v", found, err)
	}
	return found[0]
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
