package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"daybook/internal/session"
)

// What the store has said so far, and what it is doing.
type promised struct {
	records map[string][]byte
	secret  []byte // nil: not made yet
	doing   string // the key that a call is changing, if any
	next    []byte // what it is changing it to
}

// may reports whether a record may be got after a loss of power now.
func (p promised) may(key string, got []byte) bool {
	is := func(want []byte) bool { return (got == nil) == (want == nil) && bytes.Equal(got, want) }
	return is(p.records[key]) || key == p.doing && is(p.next)
}

// A moment is what a loss of power leaves, and what may be found then.
type moment struct {
	when string
	left map[string]content
	promised
}

// F17: wherever in a save or a delete the power goes, and whatever the disk has
// then written of what was not synced, each record is the old one or the new
// one, and what the store has acknowledged is so.
func TestFaultPowerLossInTheStore(t *testing.T) {
	t.Parallel()
	disk := mountFragile(t)
	said := promised{records: map[string][]byte{}}
	var moments []moment
	known := map[[32]byte]bool{}
	steps, during := 0, ""
	note := func() {
		steps++
		for _, how := range powerLosses {
			m := moment{fmt.Sprintf("step %d, %s, left of what was not synced: %s", steps, during, how.name), disk.lose(how), said}
			m.records = maps.Clone(said.records)
			if id := m.id(); !known[id] {
				known[id] = true
				moments = append(moments, m)
			}
		}
	}
	disk.step = note
	do := func(what string, call func() error) {
		t.Helper()
		disk.mu.Lock()
		during = what
		disk.mu.Unlock()
		if err := call(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	acknowledged := func(change func()) {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		change()
		said.doing, said.next = "", nil
		during += ", acknowledged"
		note()
	}
	begin := func(key string, next []byte) {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		said.doing, said.next = key, next
	}

	dir := filepath.Join(disk.dir, "deep", "sessions")
	var store *session.Dir
	do("open", func() (err error) { store, err = session.OpenDir(dir); return err })
	defer store.Close()
	do("secret", func() error {
		secret, err := store.Secret(t.Context())
		acknowledged(func() { said.secret = secret })
		return err
	})
	ctx, end := t.Context(), time.Now().Add(time.Hour)
	swap := func(key string, next []byte) {
		t.Helper()
		old := said.records[key]
		begin(key, next)
		do(fmt.Sprintf("%s from %d to %d bytes", key, len(old), len(next)), func() error { return store.Swap(ctx, key, old, next, end) })
		acknowledged(func() {
			if said.records[key] = next; next == nil {
				delete(said.records, key)
			}
		})
	}
	remove := func(key string) {
		t.Helper()
		begin(key, nil)
		do("delete "+key, func() error { return store.Delete(ctx, key) })
		acknowledged(func() { delete(said.records, key) })
	}
	record := func(letter string, size int) []byte { return bytes.Repeat([]byte(letter), size) }
	swap("session-a", record("a", 7000))
	swap("session-a", record("b", 7000))
	swap("session-b", record("c", 9000))
	swap("session-a", record("d", 300<<10)) // several writes
	remove("session-a")
	swap("session-a", record("e", 10)) // and there it is again
	swap("session-a", nil)
	swap("session-b", record("f", 9001))
	do("touch", func() error { return store.Touch(ctx, "session-b", end.Add(time.Minute)) })
	do("ping", func() error { return store.Ping(ctx) })
	do("sweep", func() error { _, err := store.Sweep(ctx, time.Now()); return err })
	remove("session-b")
	disk.mu.Lock()
	disk.step = nil
	disk.mu.Unlock()

	for _, m := range moments {
		m.check(t)
	}
	t.Logf("F17 the power went at %d steps, which left %d different states of the disk: nothing torn, nothing acknowledged lost, nothing deleted back", steps, len(moments))
}

// id is the same for moments that are.
func (m moment) id() [32]byte {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(m.left)) {
		c := m.left[path]
		fmt.Fprintf(h, "%q %o %d %d\n", path, c.mode, len(c.data), c.mtime.UnixNano())
		h.Write(c.data)
	}
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		fmt.Fprintf(h, "%s %d %.1s\n", key, len(m.records[key]), m.records[key])
	}
	fmt.Fprintf(h, "%s %d %.1s %x", m.doing, len(m.next), m.next, m.secret)
	return [32]byte(h.Sum(nil))
}

// check starts anew with what is left.
func (m moment) check(t *testing.T) {
	t.Helper()
	dir := filepath.Join(lay(t, m.left), "deep", "sessions")
	store, err := session.OpenDir(dir)
	if err != nil {
		t.Errorf("%s: %v", m.when, err)
		return
	}
	defer store.Close()
	if _, err := store.Sweep(t.Context(), time.Now()); err != nil {
		t.Errorf("%s: Sweep: %v", m.when, err)
	}
	if litter := temporary(t, dir); len(litter) > 0 {
		t.Errorf("%s: temporary files stay: %q", m.when, litter)
	}
	for _, key := range []string{"session-a", "session-b"} {
		got, err := store.Load(context.Background(), key)
		if err != nil && err != session.ErrAbsent { // and not one that says what was found instead
			t.Errorf("%s: %s: %v", m.when, key, err)
			continue
		}
		if !m.may(key, got) {
			t.Errorf("%s: %s has %d bytes (%.1s), want %d (%.1s)", m.when, key, len(got), got, len(m.records[key]), m.records[key])
		}
	}
	secret, err := store.Secret(t.Context())
	if err != nil || m.secret != nil && !bytes.Equal(secret, m.secret) {
		t.Errorf("%s: another secret, %v", m.when, err)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("%s: %v", m.when, err)
	}
}

// F17: what a person was told has happened has happened when the power comes
// back, for a whole Daybook with its sessions and its secret on that disk.
func TestFaultPowerLoss(t *testing.T) {
	t.Parallel()
	disk := mountFragile(t)
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.SetStrict(true) // a refresh token works once
	run := func(base string) *process {
		return m.start(addr, "SESSION_STORE=filesystem", "SESSION_SECRET=", "SESSION_DIR="+filepath.Join(base, "sessions"))
	}
	site := run(disk.dir)
	stays, leaves := m.signedIn(m.people[0]), m.signedIn(m.people[1])
	stays.fresh = true
	ended := m.visitor()
	ended.plant(leaves.cookie())

	lefts := func() (all []map[string]content) {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		for _, how := range powerLosses {
			all = append(all, disk.lose(how))
		}
		return all
	}
	m.RevokeAccess(m.people[0])
	whole(t, "F17 a page for which a token is renewed", stays.get(week), http.StatusOK)
	renewed := lefts()
	whole(t, "F17 sign-out", leaves.must(http.MethodPost, "/auth/logout", nil), http.StatusSeeOther)
	signedOut := lefts()
	site.kill()
	refreshes := m.Grants().Refreshes
	for i, how := range powerLosses {
		site := run(lay(t, renewed[i]))
		whole(t, "F17 after the renewal the power went, and of what was not synced is left "+how.name+": calendar", stays.get(week), http.StatusOK)
		whole(t, "F17 and who had not signed out yet", ended.get(week), http.StatusOK)
		site.kill()
		site = run(lay(t, signedOut[i]))
		whole(t, "F17 after the sign-out the power went, likewise: the session that was ended", ended.get(week), http.StatusSeeOther)
		whole(t, "F17 and somebody else's", stays.get(week), http.StatusOK)
		site.kill()
	}
	if n := m.Grants().Refreshes - refreshes; n != 0 {
		t.Errorf("%d more refreshes: the renewed token was lost", n)
	}
}
