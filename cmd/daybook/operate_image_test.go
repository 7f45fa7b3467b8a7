package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the Dockerfile makes runs: a static program in an otherwise empty root
// folder that it cannot write to, as a user that no file knows.
func TestImage(t *testing.T) {
	t.Parallel()
	rootfs := t.TempDir()
	data := filepath.Join(rootfs, "data")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(rootfs, "daybook"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	stat, err := os.Stat(filepath.Join(rootfs, "daybook"))
	if err != nil {
		t.Fatal(err)
	}
	size := stat.Size()
	if roots, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		size += roots.Size()
	}
	t.Logf("the image has %.1f MB, of which the program %.1f", float64(size)/1e6, float64(stat.Size())/1e6)
	if size > 30e6 {
		t.Errorf("the image has %d bytes, want 30 MB at most", size)
	}
	const uid = 65532
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	isolated := &syscall.SysProcAttr{Chroot: rootfs, Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: true}}
	if os.Geteuid() == 0 {
		isolated.Credential.NoSetGroups = false
		if err := os.Chown(data, uid, uid); err != nil {
			t.Fatal(err)
		}
		// Not the test's own temporary folders, but all above may be closed.
		for dir := rootfs; dir != filepath.Dir(dir) && strings.HasPrefix(dir, os.TempDir()); dir = filepath.Dir(dir) {
			if dir != os.TempDir() {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
	} else {
		isolated.Cloneflags = syscall.CLONE_NEWUSER
		isolated.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getuid(), Size: 1}}
		isolated.GidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getgid(), Size: 1}}
	}
	if err := os.Chmod(rootfs, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(rootfs, 0o700) }) // so that it can be removed

	addr := freeAddr(t)
	base := "http://" + addr
	environ := []string{"DEMO=1", "LISTEN_ADDR=" + addr, "BASE_URL=" + base, "ADMIN_ADDR=", "SESSION_DIR=/data/sessions", "LOG_FORMAT=json"}
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/daybook", args...)
		cmd.Env, cmd.Dir, cmd.SysProcAttr = environ, "/", isolated
		return cmd
	}
	switch out, err := inside("version").CombinedOutput(); {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS):
		t.Skipf("only where processes may be isolated: %v", err)
	case err != nil:
		t.Fatalf("daybook version: %v\n%s", err, out)
	}
	m := newStage(t, base)
	m.startCommand(addr, inside("serve"))
	b := m.visitor()
	status(t, "readyz", b.get("/readyz"), http.StatusOK)
	if out, err := inside("healthcheck").CombinedOutput(); err != nil {
		t.Errorf("daybook healthcheck: %v\n%s", err, out)
	}
	if end := b.signIn(m.people[2]); end.status != http.StatusOK || !strings.HasPrefix(end.url.Path, "/calendar/") {
		t.Errorf("sign-in in the demo: %v", end)
	}
	// Tokyo's zone comes from the program itself.
	status(t, "settings", b.get("/settings"), http.StatusOK)
	if r := b.get("/calendar/week/" + time.Now().Format(time.DateOnly)); !strings.Contains(r.body, "&#43;09:00") {
		t.Errorf("a week in Tokyo has no time there:\n%s", tail(r.body, 500))
	}
	if len(sessionFiles(t, filepath.Join(data, "sessions"))) == 0 && os.Geteuid() == 0 {
		t.Error("no session lies in /data/sessions")
	}
}
