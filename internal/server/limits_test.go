package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestClientBehindProxies(t *testing.T) {
	t.Parallel()
	s := site{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for _, test := range []struct {
		name, peer, want string
		forwarded        []string
	}{
		{name: "no proxy", peer: "203.0.113.7:1234", want: "203.0.113.7"},
		{name: "a stranger's header", peer: "203.0.113.7:1234", forwarded: []string{"1.1.1.1"}, want: "203.0.113.7"},
		{name: "one proxy", peer: "10.0.0.1:1234", forwarded: []string{"203.0.113.7"}, want: "203.0.113.7"},
		{name: "a forged first entry", peer: "10.0.0.1:1234", forwarded: []string{"1.1.1.1, 203.0.113.7"}, want: "203.0.113.7"},
		{name: "a forged proxy in front", peer: "10.0.0.1:1234", forwarded: []string{"10.9.9.9, 203.0.113.7"}, want: "203.0.113.7"},
		{name: "two proxies", peer: "10.0.0.1:1234", forwarded: []string{"203.0.113.7, 10.0.0.2"}, want: "203.0.113.7"},
		{name: "two headers", peer: "10.0.0.1:1234", forwarded: []string{"1.1.1.1", "203.0.113.7"}, want: "203.0.113.7"},
		{name: "nothing but proxies", peer: "10.0.0.1:1234", forwarded: []string{"10.0.0.3, 10.0.0.2"}, want: "10.0.0.3"},
		{name: "a proxy without the header", peer: "10.0.0.1:1234", want: "10.0.0.1"},
		{name: "nonsense", peer: "10.0.0.1:1234", forwarded: []string{"1.1.1.1, <script>"}, want: "10.0.0.1"},
		{name: "empty entries", peer: "10.0.0.1:1234", forwarded: []string{", ,"}, want: "10.0.0.1"},
		{name: "an address with its port", peer: "10.0.0.1:1234", forwarded: []string{"203.0.113.7:5678"}, want: "203.0.113.7"},
		{name: "IPv6 with its port", peer: "10.0.0.1:1234", forwarded: []string{"[2001:db8::7]:5678"}, want: "2001:db8::7"},
		{name: "IPv6", peer: "[fd00::1]:1234", forwarded: []string{"2001:db8::7"}, want: "2001:db8::7"},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.0.0.1]:1234", forwarded: []string{"::ffff:203.0.113.7"}, want: "203.0.113.7"},
		{name: "a Unix socket", peer: "@", want: "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if got := s.client(r).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := testNow
	l := newLimiter(func() time.Time { return now })
	here, neighbour, other := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("2001:db8:0:1::1")
	for i := range signInBurst {
		if !l.allow(here) {
			t.Fatalf("attempt %d is refused", i+1)
		}
	}
	if l.allow(here) {
		t.Error("one attempt too many is allowed")
	}
	if !l.allow(neighbour) {
		t.Error("another address is refused")
	}
	now = now.Add(time.Second)
	if !l.allow(here) || l.allow(here) {
		t.Error("a second does not bring one attempt")
	}
	for range signInBurst {
		l.allow(other)
	}
	if l.allow(netip.MustParseAddr("2001:db8:0:1:ffff::2")) {
		t.Error("another address of the same /64 has a budget of its own")
	}
	if !l.allow(netip.MustParseAddr("2001:db8:0:2::1")) {
		t.Error("another /64 is refused")
	}
	now = now.Add(limiterAge + time.Second)
	if !l.allow(here) || len(l.byNet) != 1 {
		t.Errorf("%d addresses are remembered after %s", len(l.byNet), limiterAge)
	}
	for range 2 * signInBurst {
		if !l.allow(netip.MustParseAddr("127.0.0.1")) || !l.allow(netip.IPv6Loopback()) || !l.allow(netip.Addr{}) {
			t.Fatal("this machine is refused")
		}
	}
}

func TestLimiterIsBounded(t *testing.T) {
	t.Parallel()
	l := newLimiter(func() time.Time { return testNow })
	addr := netip.MustParseAddr("11.0.0.0")
	for range limiterSize + 10 {
		l.allow(addr)
		addr = addr.Next()
	}
	if n := len(l.byNet); n > limiterSize {
		t.Errorf("%d addresses are remembered, the limit is %d", n, limiterSize)
	}
}

func TestTooManySignIns(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en")
	for range signInBurst {
		s.signIns.allow(netip.MustParseAddr("192.0.2.1")) // httptest's client
	}
	// Sign-outs by Microsoft have a budget of their own.
	for i := range signInBurst {
		if got := b.get(t, "/auth/frontchannel-logout?sid=x"); got.StatusCode != http.StatusOK {
			t.Fatalf("sign-out %d by Microsoft: %d", i, got.StatusCode)
		}
	}
	for _, path := range []string{"/auth/login", "/auth/frontchannel-logout?sid=x"} {
		got := b.get(t, path)
		if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "60" || !strings.Contains(got.text, "Too many sign-ins") {
			t.Errorf("%s: %d, Retry-After %q", path, got.StatusCode, got.Header.Get("Retry-After"))
		}
	}
}

func TestRequestLimits(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en")
	person.signIn(t, s.people[0])
	if got := person.get(t, "/?"+strings.Repeat("x", maxURL)); got.StatusCode != http.StatusRequestURITooLong {
		t.Errorf("a long address: %d", got.StatusCode)
	}
	big := strings.Repeat("x", maxBody+1)
	if got := person.post(t, "/settings", map[string][]string{"tz": {big}}); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long form: %d", got.StatusCode)
	}
	if got := person.get(t, "/calendar/events/"+strings.Repeat("x", maxEventID+1)); got.StatusCode != http.StatusNotFound {
		t.Errorf("a long id: %d", got.StatusCode)
	}
	for _, n := range []int{maxCookies - 100, maxCookies + 1} {
		want := http.StatusSeeOther
		if n > maxCookies {
			want = http.StatusRequestHeaderFieldsTooLarge
		}
		flooded := s.browser("en")
		flooded.signIn(t, s.people[0])
		r := httptest.NewRequest(http.MethodPost, "/auth/logout", nil)
		r.Header.Set("Cookie", strings.Repeat("x=1; ", n)+"y=1")
		if got := flooded.do(t, r, "Sec-Fetch-Site", "same-origin"); got.StatusCode != want {
			t.Errorf("a sign-out with %d cookies: %d, want %d", n, got.StatusCode, want)
		}
	}
}
