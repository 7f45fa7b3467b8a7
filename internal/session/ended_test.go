package session

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Whose session has ended is told, by whichever way it ended, and of nobody
// else's.
func TestEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, s *Sessions, store *tap, anna *testBrowser) error
		want string
	}{
		{"sign-out", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			_, err := anna.signOut(s)
			return err
		}, "anna"},
		{"late sign-out", func(t *testing.T, s *Sessions, store *tap, anna *testBrowser) error {
			store.set(func(string, string) error { return errors.New("away") }, nil)
			if _, err := anna.signOut(s); !errors.Is(err, ErrUnavailable) {
				t.Errorf("SignOut = %v", err)
			}
			store.set(nil, nil)
			time.Sleep(farewellWait)
			return nil
		}, "anna"},
		{"revoke", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			session := anna.mustOpen(t, s)
			_, err := session.Revoke(t.Context(), handle(recordKey(session.token)))
			return err
		}, "anna"},
		{"revoke others", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			_, err := mustSignIn(t, s, "anna").mustOpen(t, s).RevokeOthers(t.Context())
			return err
		}, "anna"},
		{"by Microsoft", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			_, err := s.EndByMicrosoft(t.Context(), "sid-anna")
			return err
		}, "anna"},
		{"by the operator", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			_, err := s.EndPerson(t.Context(), account("anna").Key())
			return err
		}, "anna"},
		{"somebody else signs in", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			return anna.signIn(s, "carl")
		}, "anna"},
		{"crowded out", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			for range maxSessions {
				mustSignIn(t, s, "anna")
			}
			return nil
		}, "anna"},
		{"not ended", func(t *testing.T, s *Sessions, _ *tap, anna *testBrowser) error {
			_, err := anna.mustOpen(t, s).Revoke(t.Context(), "nobody's")
			return err
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var told []string
				store := &tap{Store: NewMemory()}
				s := newSessions(t, store, func(o *Options) {
					o.Ended = func(person string) {
						mu.Lock()
						defer mu.Unlock()
						told = append(told, strings.TrimPrefix(person, "tid.oid-"))
					}
				})
				mustSignIn(t, s, "bert")
				if err := tt.end(t, s, store, mustSignIn(t, s, "anna")); err != nil {
					t.Fatal(err)
				}
				s.Close()
				mu.Lock()
				defer mu.Unlock()
				if got := strings.Join(told, ", "); got != tt.want {
					t.Errorf("told of %q, want %q", got, tt.want)
				}
			})
		})
	}
}
