package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"daybook/internal/simulator"
)

// F19: Microsoft's clock and this machine's differ. Up to five minutes nobody
// notices; beyond that a sign-in is refused, and the log says why.
func TestFaultClockSkew(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	site := m.start(addr, "SESSION_STORE=memory")
	for _, f := range []struct {
		ahead time.Duration // Microsoft's clock
		well  bool
	}{
		{4 * time.Minute, true}, {-4 * time.Minute, true},
		{6 * time.Minute, false}, {24 * time.Hour, false}, {-24 * time.Hour, false},
	} {
		m.Tamper(func(d *simulator.Draft) {
			for _, name := range []string{"iat", "nbf", "exp"} {
				d.Claims[name] = d.Claims[name].(int64) + int64(f.ahead/time.Second)
			}
		})
		b := m.visitor()
		end := b.throughCallback(m.people[0])
		t.Logf("F19 Microsoft's clock is %v ahead: end of a sign-in: %v", f.ahead, end)
		if f.well {
			whole(t, fmt.Sprintf("F19 %v: calendar", f.ahead), b.follow(end), http.StatusOK)
			continue
		}
		if end.status < 400 || end.status == http.StatusInternalServerError || b.cookie() != "" || !strings.Contains(end.body, "/auth/login") {
			t.Errorf("%v: %v, cookie %q; want a page that says so, and no session", f.ahead, end, b.cookie())
		}
	}
	if n := strings.Count(site.log.String(), `"event":"sign-in refused"`); n != 3 {
		t.Errorf("the log tells of %d refused sign-ins, want 3", n)
	}
}

// F19: whatever Microsoft says about how long a token is good for, people see
// their pages and Microsoft is not stormed.
func TestFaultTokenLifetimes(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	m := newStage(t, "http://"+addr)
	m.start(addr, "SESSION_STORE=memory")
	for name, spoil := range map[string]func(answer map[string]any){
		"0":         func(a map[string]any) { a["expires_in"] = 0 },
		"negative":  func(a map[string]any) { a["expires_in"] = -3600 },
		"absent":    func(a map[string]any) { delete(a, "expires_in") },
		"a century": func(a map[string]any) { a["expires_in"] = 100 * 365 * 24 * 3600 },
		"too large": func(a map[string]any) { a["expires_in"] = 1e18 },
		"text":      func(a map[string]any) { a["expires_in"] = "3599" },
	} {
		t.Run("F19 expires_in "+name, func(t *testing.T) {
			m.Tamper(func(d *simulator.Draft) { spoil(d.Answer) })
			defer m.Tamper(nil)
			b := m.visitor()
			end := b.throughCallback(m.people[0])
			t.Logf("end of a sign-in: %v", end)
			if b.cookie() == "" {
				if end.status < 400 || end.status == http.StatusInternalServerError {
					t.Errorf("end of a sign-in: %v, without a session", end)
				}
				return
			}
			b.fresh = true
			const pages = 6
			asked := m.Count(simulator.Token)
			for range pages {
				if page := b.get(week); page.status != http.StatusOK {
					t.Errorf("calendar: %v", page)
				}
			}
			n := m.Count(simulator.Token) - asked
			t.Logf("%d token requests for %d pages", n, pages)
			if n > pages {
				t.Errorf("%d token requests for %d pages", n, pages)
			}
		})
	}
}
