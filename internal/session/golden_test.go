package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A golden is what a release of Daybook has left in a store and in a browser.
type golden struct {
	Secret  []byte            // seals everything
	Time    time.Time         // when that was
	Cookies map[string]string // of the sessions, by person
	Records map[string][]byte // the store
	Attempt struct{ Name, Value, State string }
}

// What releases have stored opens for good: people keep their sessions over an
// update, and over a step back. Each file in testdata was written by the first
// release with its format, whose sessions lived for a century, and is never
// written anew: a new format gets a file beside it.
func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/format*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden records: %q, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(text, &g); err != nil {
				t.Fatal(err)
			}
			g.open(t)
		})
	}
}

func (g golden) open(t *testing.T) {
	store := NewMemory()
	for key, record := range g.Records {
		mustSwap(t, store, key, nil, record, later())
	}
	options := func(o *Options) {
		o.Secrets, o.Now = [][]byte{g.Secret}, func() time.Time { return g.Time }
	}
	s := newSessions(t, store, options)
	shared := newSessions(t, store, options, func(o *Options) { o.Tokens = store })

	// anna's tokens are in her session, bert's in a record of his own.
	for name, s := range map[string]*Sessions{"anna": s, "bert": shared} {
		browser := newBrowser()
		browser.cookies["daybook"] = g.Cookies[name]
		session := browser.mustOpen(t, s)
		if diff := cmp.Diff(account(name), session.Account()); diff != "" {
			t.Errorf("account of %s (-want +got):\n%s", name, diff)
		}
		if got := session.Get("note"); string(got) != "note of "+name {
			t.Errorf("Get for %s = %q", name, got)
		}
		if !session.Since().Equal(g.Time) || session.Until().Before(g.Time.AddDate(99, 0, 0)) {
			t.Errorf("session of %s from %v until %v", name, session.Since(), session.Until())
		}
		if got, err := session.Tokens().Load(t.Context(), false); err != nil || string(got) != "tokens of "+name {
			t.Errorf("tokens of %s = %q, %v", name, got, err)
		}
		places, err := session.Siblings(t.Context())
		if err != nil || len(places) != 1 || !places[0].Current {
			t.Errorf("Siblings of %s = %+v, %v", name, places, err)
		}
		// And it can be written.
		if err := session.Put(t.Context(), "note", []byte("new")); err != nil {
			t.Errorf("Put for %s: %v", name, err)
		}
		if err := session.Tokens().Update(t.Context(), func(old []byte) ([]byte, error) { return append(bytes.Clone(old), '!'), nil }); err != nil {
			t.Errorf("Update for %s: %v", name, err)
		}
		if got := browser.mustOpen(t, s).Get("note"); string(got) != "new" {
			t.Errorf("Get for %s afterwards = %q", name, got)
		}
	}
	browser := newBrowser()
	browser.cookies[g.Attempt.Name] = g.Attempt.Value
	if a, err := browser.recall(s, g.Attempt.State); err != nil || a.ReturnTo != "/profile" || a.Nonce == "" || a.Verifier == "" {
		t.Errorf("Recall = %+v, %v", a, err)
	}
	if _, err := browser.recall(s, g.Attempt.State); !errors.Is(err, ErrNoAttempt) {
		t.Errorf("second Recall: %v", err)
	}
	// Everything can be found from elsewhere, and goes.
	if n, err := s.EndByMicrosoft(t.Context(), account("anna").SessionID); n != 1 || err != nil {
		t.Errorf("EndByMicrosoft = %d, %v", n, err)
	}
	if n, err := shared.EndPerson(t.Context(), account("bert").Key()); n != 1 || err != nil {
		t.Errorf("EndPerson = %d, %v", n, err)
	}
	for _, kind := range []string{"session-", "person-", "sid-", "tokens-"} {
		if got := keysOf(t, store, kind); got != "0 " {
			t.Errorf("left over: %s", got)
		}
	}
}
