package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// files lists what lies below a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// temporary lists files that no save should leave behind.
func temporary(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	for _, name := range files(t, dir) {
		if base := filepath.Base(name); strings.HasPrefix(base, ".") && base != ".lock" {
			found = append(found, name)
		}
	}
	return found
}

// sessionFiles lists the files of sessions.
func sessionFiles(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "??", "session-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFaultDamagedFiles(t *testing.T) {
	t.Parallel()
	addr, dir := freeAddr(t), filepath.Join(t.TempDir(), "sessions")
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=filesystem", "SESSION_DIR="+dir)
	other := m.signedIn(m.people[1])
	others, err := os.ReadFile(sessionFiles(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(record []byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"half":              func(record []byte) []byte { return record[:len(record)/2] },
		"one bit":           func(record []byte) []byte { record[len(record)-1] ^= 1; return record },
		"plain JSON":        func([]byte) []byte { return []byte(`{"account":{"oid":"x"}}`) },
		"another's record":  func([]byte) []byte { return others },
		"a later version's": func(record []byte) []byte { record[0] = 200; return record },
		"fifty MB":          func([]byte) []byte { return bytes.Repeat([]byte("x"), 50<<20) },
	} {
		known := strings.Join(sessionFiles(t, dir), " ")
		victim := m.signedIn(m.people[2])
		for _, file := range sessionFiles(t, dir) {
			if strings.Contains(known, file) {
				continue
			}
			record, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stat, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, spoil(record), 0o600); err != nil {
				t.Fatal(err)
			}
			// When it expires is not what is damaged.
			if err := os.Chtimes(file, stat.ModTime(), stat.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
		status(t, "F18 "+name+": calendar", victim.get(week), http.StatusSeeOther)
		status(t, "F18 "+name+": one sign-in later", victim.signIn(m.people[2]), http.StatusOK)
		status(t, "F18 "+name+": somebody else", other.get(week), http.StatusOK)
	}
}

// F16: a process that is killed while it saves leaves old records or new ones,
// and what it had begun to write is removed at the next start.
func TestFaultKilledWhileSaving(t *testing.T) {
	t.Parallel()
	rounds := 3
	if os.Getenv("FAULTS") != "" {
		rounds = 20
	}
	addr, dir := freeAddr(t), filepath.Join(t.TempDir(), "sessions")
	m := newStage(t, "http://"+addr)
	environ := []string{"SESSION_STORE=filesystem", "SESSION_DIR=" + dir}
	site := m.start(addr, environ...)
	person := m.signedIn(m.people[0])
	person.fresh = true
	for round := range rounds {
		saved := m.Grants().Refreshes
		stop := make(chan struct{})
		loaded := make(chan struct{})
		go func() {
			defer close(loaded)
			for {
				select {
				case <-stop:
					return
				default:
					m.RevokeAccess(m.people[0])                   // so that a new token is got and saved
					_, _ = person.send(http.MethodGet, week, nil) // fails when the process dies
				}
			}
		}()
		eventually(t, 20*time.Second, "tokens are being saved", func() bool { return m.Grants().Refreshes > saved+round%5 })
		site.kill()
		close(stop)
		<-loaded
		// As a writer that dies before its rename leaves it; it holds tokens.
		orphan := filepath.Join(filepath.Dir(sessionFiles(t, dir)[0]), ".session-orphan123")
		if err := os.WriteFile(orphan, []byte("half a record"), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(orphan, old, old); err != nil {
			t.Fatal(err)
		}
		site = m.start(addr, environ...)
		r := person.get(week)
		status(t, fmt.Sprintf("F16 round %d: calendar", round+1), r, http.StatusOK)
		eventually(t, 5*time.Second, "the orphan is removed", func() bool { _, err := os.Stat(orphan); return errors.Is(err, fs.ErrNotExist) })
	}
}
