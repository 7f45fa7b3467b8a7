package graph

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// However many reloads come while Graph is slow, they ask as often as the
// mailbox has room, and once more: with what is asked after all of them.
func TestReloadsDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			n := calls.Add(1)
			<-release
			return reply(200, nil, oneEvent(fmt.Sprint(n))), nil
		})
		defer c.Close()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				e, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("1"), monday, week, true)
				if err != nil || len(e.List) != 1 || i > perMailbox && e.List[0].ID != fmt.Sprint(perMailbox+1) {
					t.Errorf("reload %d = %v, %v", i, e.List, err)
				}
			})
			synctest.Wait()
		}
		close(release)
		wg.Wait()
		if n := calls.Load(); n != perMailbox+1 {
			t.Errorf("%d calls, want %d", n, perMailbox+1)
		}
	})
}

// What is fetched ahead does not bring back what Forget has dropped.
func TestForgetEndsPrefetch(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]int32{"before the first call": 0, "within the first": 1, "within the second": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var c *Client
				var calls atomic.Int32
				c = pretend(t, func(r *http.Request) (*http.Response, error) {
					if calls.Add(1) == forget {
						c.Forget("o")
					}
					return reply(200, nil, oneEvent("a")), nil
				})
				defer c.Close()
				token := tokenFunc(func() (string, error) {
					if forget == 0 {
						c.Forget("o")
					}
					return "token", nil
				})
				c.Mailbox("o", token).Prefetch(t.Context(), append(append(work("1"), work("2")...), work("3")...), monday, week)
				synctest.Wait()
				if n := c.cache.size(); n != 0 {
					t.Errorf("%v bytes are kept", n)
				}
				if n := calls.Load(); n != max(forget, 1) {
					t.Errorf("%d calls, want none after Forget", n)
				}
			})
		})
	}
}
