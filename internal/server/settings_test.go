package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"daybook/internal/session"
	"daybook/internal/simulator"

	"github.com/google/go-cmp/cmp"
)

// fullest is as long as settings get: each field set, the longest zones.
func fullest() settings {
	set := settings{Zone: "America/Argentina/ComodRivadavia", SecondZone: "America/North_Dakota/New_Salem", WeekStart: "6", Clock: "12",
		Language: "de", Theme: "light", HideDeclined: true, NoKeys: true, Shared: true,
		WorkDays: "0123456", WorkStart: 1395, WorkEnd: 1440}
	for i := range maxHidden {
		set.Hidden = append(set.Hidden, calendarHash(fmt.Sprint(i)))
	}
	return set
}

func TestSettingsCookieRoundTrip(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		for _, want := range []settings{
			{},
			{Zone: "Europe/Berlin"},
			{Hidden: []string{"0123abcd"}},
			{HideDeclined: true},
			{NoKeys: true, Shared: true, Theme: "dark"},
			{WorkDays: "15", WorkEnd: 720},
			fullest(),
		} {
			s := &Server{site: newSite(&url.URL{Scheme: map[bool]string{false: "http", true: "https"}[https], Host: "x"}, nil, "")}
			w := httptest.NewRecorder()
			s.keep(w, want)
			c := w.Result().Cookies()[0]
			if len(c.Value) > 1024 {
				t.Errorf("the cookie has %d bytes: %s", len(c.Value), c.Value)
			}
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != https ||
				strings.HasPrefix(c.Name, "__Host-") != https || c.MaxAge != int((365*24*time.Hour).Seconds()) {
				t.Errorf("https %t: cookie %s", https, c)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(c)
			if diff := cmp.Diff(want, s.settingsOf(r)); diff != "" {
				t.Errorf("settings (-kept +read):\n%s", diff)
			}
		}
	}
}

// The cookie comes from outside: what it must not say, it does not.
func TestHostileSettingsCookies(t *testing.T) {
	t.Parallel()
	s := &Server{site: newSite(&url.URL{Scheme: "http", Host: "x"}, nil, "")}
	for _, test := range []struct {
		cookie string
		want   settings
	}{
		{"", settings{}},
		{"%", settings{}},
		{"tz=%zz", settings{}},
		{"a;b=c", settings{}},
		{strings.Repeat("tz=UTC&", 200), settings{}},
		{"tz=../../etc/passwd", settings{}},
		{"tz=%2Fetc%2Flocaltime", settings{}},
		{"tz=Local", settings{}},
		{"tz=" + strings.Repeat("A", 100), settings{}},
		{"tz=Nowhere&tz2=Europe%2FBerlin", settings{SecondZone: "Europe/Berlin"}},
		{"week=7&clock=13&lang=fr&theme=%22%3E%3Cscript%3E", settings{}},
		{"week=-1&clock=24&lang=de&theme=dark", settings{Clock: "24", Language: "de", Theme: "dark"}},
		{"hidden=0123abcd.0123ABCD.xyz.01234567.<b>.0123abcd0", settings{Hidden: []string{"0123abcd", "01234567"}}},
		{"hidden=0123abcd.0123abcd", settings{Hidden: []string{"0123abcd"}}},
		{"declined=1&keys=0&shared=yes", settings{}},
		{"work=1978x1&from=-5&till=9999", settings{WorkDays: "1"}},
		{"from=600&till=540", settings{}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", settingsCookie+"="+test.cookie)
		if diff := cmp.Diff(test.want, s.settingsOf(r)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.cookie, diff)
		}
	}
}

func TestTurnCalendars(t *testing.T) {
	t.Parallel()
	a, b := calendarHash("a"), calendarHash("b")
	set := settings{Hidden: []string{a}}
	before := set
	for range 2 { // who says a thing twice means it
		set.turn(b, false)
		set.turn(a, true)
	}
	set.turn("<script>"[:7], false)
	set.turn("zzzzzzzz", false)
	if diff := cmp.Diff([]string{b}, set.Hidden); diff != "" {
		t.Error(diff)
	}
	if before.Hidden[0] != a {
		t.Error("it changes settings of others")
	}
	if set.shows("b") || !set.shows("a") {
		t.Error("what is hidden shows")
	}
	full := fullest()
	full.turn(a, false)
	if len(full.Hidden) != maxHidden {
		t.Errorf("%d calendars are hidden, more than the cookie holds", len(full.Hidden))
	}
}

// A posted form does not switch calendars that it did not list.
func TestSavingKeepsOtherSettings(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0])
	person.get(t, "/calendar/month/2026-07-08")
	hash := calendarHash("elsewhere")
	if got := person.post(t, "/settings", url.Values{"toggle": {hash}, "return_to": {"https://evil.example/"}}); got.Header.Get("Location") != "/calendar" {
		t.Errorf("a switch leads to %q", got.Header.Get("Location"))
	}
	on, off := calendarHash("on"), calendarHash("off")
	person.post(t, "/settings", url.Values{"theme": {"dark"}, "keys": {"on"}, "hidden": {"deadbeef"}, "listed": {on, off, "<script>"}, "show": {on, "unlisted"}})
	kept, err := url.ParseQuery(person.cookies[settingsCookie])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"theme": {"dark"}, "hidden": {hash + "." + off}}, kept); diff != "" {
		t.Errorf("cookie (-want +got):\n%s", diff)
	}
	for range 2 { // a second click before the page has come wants the same
		person.post(t, "/settings?show=true", url.Values{"toggle": {hash}})
	}
	if kept, _ := url.ParseQuery(person.cookies[settingsCookie]); kept.Get("hidden") != off {
		t.Errorf("with %s switched on %q are hidden", hash, kept.Get("hidden"))
	}
}

// Looking at a view says which was used last, when somebody looks, and nothing
// else: what another window has just chosen stays.
func TestLookingKeepsSettings(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	b.cookies[settingsCookie] = "theme=dark"
	for _, c := range b.get(t, "/calendar/month/2026-07-08").Cookies() {
		if c.Name == settingsCookie {
			t.Errorf("looking at a month sets %s", c)
		}
	}
	b.get(t, "/calendar/week/2026-07-08", session.Unattended, "1")
	if got := b.get(t, "/calendar").Header.Get("Location"); !strings.HasPrefix(got, "/calendar/month/") {
		t.Errorf("after a month was looked at, and a week only by itself, the calendar is at %s", got)
	}
	b.cookies[viewCookie] = "../x"
	if got := b.get(t, "/calendar").Header.Get("Location"); !strings.HasPrefix(got, "/calendar/week/") {
		t.Errorf("with a view that does not exist the calendar is at %s", got)
	}
}

// Personal accounts are granted no shared calendars: a wish for them that is the
// browser's from another account asks Microsoft for nothing.
func TestSharedCalendarsOfPersonalAccounts(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	priya := s.people[3]
	priya.TenantID = "9188040d-6c67-4c5b-b112-36a304b66dad"
	b := s.browser("en-GB")
	b.signIn(t, priya)
	b.cookies[settingsCookie] = "shared=on"
	if got := b.get(t, "/calendar/week/2026-07-08"); got.StatusCode != http.StatusOK {
		t.Errorf("the calendar answers %d to %s", got.StatusCode, got.Header.Get("Location"))
	}
	if got := b.post(t, "/settings", url.Values{"shared": {"on"}}); got.Header.Get("Location") != "/settings?saved=1" {
		t.Errorf("saving leads to %s", got.Header.Get("Location"))
	}
	if got := b.get(t, "/settings").page(t).Find("input[name=shared]").Length(); got != 0 {
		t.Error("shared calendars are offered")
	}
}

// Calendars of others are on once Microsoft was told to allow them, and not
// when that was declined: asking for them would fail on every page.
func TestAskingForSharedCalendars(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action string
		status int
		kept   string
	}{
		{"cancel", http.StatusForbidden, ""},
		{"accept", http.StatusSeeOther, "on"},
	} {
		s := newTestSite(t)
		person := s.browser("en-GB")
		person.signIn(t, s.people[0])
		there, err := url.Parse(person.post(t, "/settings", url.Values{"shared": {"on"}}).Header.Get("Location"))
		if err != nil || !strings.Contains(there.Query().Get("scope"), "Calendars.Read.Shared") {
			t.Fatalf("switching them on leads to %s (%v)", there, err)
		}
		who := s.people[0].TenantID + "." + s.people[0].ObjectID
		back, err := url.Parse(person.post(t, there.RequestURI(), url.Values{"account": {who}, "action": {test.action}}).Header.Get("Location"))
		if err != nil || back.Path != "/auth/callback" {
			t.Fatalf("%s leads to %s (%v)", test.action, back, err)
		}
		if got := person.get(t, back.RequestURI()); got.StatusCode != test.status {
			t.Errorf("%s ends with %d, want %d", test.action, got.StatusCode, test.status)
		}
		kept, _ := url.ParseQuery(person.cookies[settingsCookie])
		if kept.Get("shared") != test.kept {
			t.Errorf("%s: the settings say %q", test.action, kept)
		}
		for _, path := range []string{"/calendar/week/2026-07-08", "/settings"} {
			if got := person.get(t, path); got.StatusCode != http.StatusOK {
				t.Errorf("%s, then %s: %d to %s", test.action, path, got.StatusCode, got.Header.Get("Location"))
			}
		}
		if test.kept == "" {
			continue
		}
		// A fault on a later way to Microsoft does not take them away again.
		s.sim.Challenge(s.people[0])
		there, err = url.Parse(person.get(t, "/calendar/week/2026-07-08", "Cache-Control", "no-cache").Header.Get("Location"))
		if err != nil || !strings.Contains(there.Query().Get("scope"), "Calendars.Read.Shared") {
			t.Fatalf("a challenge leads to %s (%v)", there, err)
		}
		back, err = url.Parse(person.post(t, there.RequestURI(), url.Values{"account": {who}}).Header.Get("Location"))
		if err != nil || back.Path != "/auth/callback" {
			t.Fatalf("a challenge leads back to %s (%v)", back, err)
		}
		s.sim.Inject(simulator.Fault{On: simulator.Token, Status: 503})
		got := person.get(t, back.RequestURI())
		if kept, _ := url.ParseQuery(person.cookies[settingsCookie]); got.StatusCode != http.StatusServiceUnavailable || kept.Get("shared") != "on" {
			t.Errorf("a fault ends with %d, and the settings say %q", got.StatusCode, kept)
		}
	}
}
