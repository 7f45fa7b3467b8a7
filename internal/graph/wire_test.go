package graph

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"daybook/internal/calendar"
)

func example(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "examples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Examples of Microsoft's documentation, of events with all that makes an
// event, and those that show a few properties alone.
var (
	wholeEvents = []string{"event-get.1.response", "event-get.2.response", "outlook-calendar-online-meetings.3.response",
		"outlook-calendar-online-meetings.6.response", "user-post-events.2.response", "user-post-events.4.response", "user-post-events.8.response"}
	eventLists = map[string]int{"delta-query-events.1.response": 2, "delta-query-events.2.response": 2, "delta-query-events.3.response": 1,
		"delta-query-events.4.response": 1, "event-list-instances.1.response": 4, "user-list-events.1.response": 1,
		"user-list-calendarview.1.response": 0, "calendar-list-events.1.response": 0, "event-delta.1.response": 0}
	someOfAnEvent = []string{"event-update.2.response", "outlook-calendar-online-meetings.4.response"}
)

func TestExamplesOfEvents(t *testing.T) {
	t.Parallel()
	for _, name := range wholeEvents {
		d, err := decodeDetail(example(t, name), "")
		if err != nil || d.ID == "" || d.Subject == "" || d.Body == "" || d.BodyType != "html" || d.When.Start.IsZero() || d.Organizer.Address == "" {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	for name, want := range eventLists {
		p, damaged, err := readPage[wireEvent](example(t, name))
		if err != nil || damaged {
			t.Errorf("%s: damaged %v, %v", name, damaged, err)
		}
		n := 0
		for i := range p.Value {
			if _, err := p.Value[i].event(""); err == nil {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d whole events of %d, want %d", name, n, len(p.Value), want)
		}
	}
	for _, name := range someOfAnEvent {
		var w wireDetail
		if err := decode(example(t, name), &w); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := decodeDetail(example(t, "event-get.1.response"), "")
	if want := time.Date(2017, 4, 21, 17, 0, 0, 0, time.UTC); err != nil || !d.When.Start.Equal(want) {
		t.Errorf("ten in the morning in Los Angeles = %v, %v, want %v", d.When.Start, err, want)
	}
	d, err = decodeDetail(example(t, "outlook-calendar-online-meetings.6.response"), "")
	if err != nil || !strings.HasPrefix(d.JoinURL, "https://teams.microsoft.com/") || !d.State.IsOnline {
		t.Errorf("online meeting: %q, %v", d.JoinURL, err)
	}
}

func TestExamplesOfPeopleAndCalendars(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user-get.1.response", "user-get.2.response", "user-get.3.response", "user-list-manager.1.response", "user-list-manager.2.response"} {
		if p, err := decodePerson(example(t, name)); err != nil || p.Name == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, name := range []string{"calendar-get.1.response", "outlook-calendar-online-meetings.1.response"} {
		var w wireCalendar
		if err := decode(example(t, name), &w); err != nil || w.ID == "" || w.Name == "" {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
	}
	p, _, err := readPage[wireCalendar](example(t, "outlook-get-shared-events-calendars.1.response"))
	if err != nil || len(p.Value) != 2 {
		t.Fatalf("shared calendars: %+v, %v", p, err)
	}
	found := []namedCalendar{{p.Value[0], ""}, {p.Value[1], ""}}
	m := &Mailbox{Shared: true}
	got := m.choose(found, Person{Username: "adelev@contoso.onmicrosoft.com"})
	if len(got) != 2 || got[0].Shared || !got[1].Shared || got[1].Color != "c4" || got[1].Owner != "Alex Wilber" {
		t.Errorf("shared calendars: %+v", got)
	}
	if p, _, err := readPage[wireCalendar](example(t, "user-list-calendars.1.response")); err != nil || len(p.Value) != 1 {
		t.Errorf("calendars: %+v, %v", p, err)
	}
	j := &job{mailbox: &Mailbox{client: &Client{}}}
	if c, err := j.categories(t.Context(), example(t, "outlookuser-list-mastercategories.1.response")); err != nil || len(c) != 6 || c["Purple category"] != "preset8" {
		t.Errorf("categories: %v, %v", c, err)
	}
}

func TestExamplesOfSettings(t *testing.T) {
	t.Parallel()
	s, err := decodeSettings(example(t, "user-get-mailboxsettings.1.response"))
	if err != nil || s.WorkStart != 480 || s.WorkEnd != 1020 || len(s.WorkDays) != 5 || s.AutoReply.Status != "scheduled" || s.Language != "en-US" {
		t.Errorf("settings: %+v, %v", s, err)
	}
	var a wireAutoReply
	if err := decode(example(t, "user-get-mailboxsettings.2.response"), &a); err != nil || a.value().Status != "alwaysEnabled" {
		t.Errorf("automatic replies: %+v, %v", a, err)
	}
	var h wireHours
	if err := decode(example(t, "user-get-mailboxsettings.3.response"), &h); err != nil || h.Zone.Name != "Customized Time Zone" || len(h.Days) != 6 {
		t.Errorf("working hours: %+v, %v", h, err)
	}
}

func TestExamplesOfErrorsAndBatches(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"errors.1.json": "invalidRange", "errors.2.json": "", "errors.3.json": "", "throttling.1.response": "TooManyRequests"} {
		if e := replyError(429, nil, example(t, name), 0); e.Code != want {
			t.Errorf("%s: code %q, want %q", name, e.Code, want)
		}
	}
	var r batchReply
	if err := decode(example(t, "json-batching.2.json"), &r); err != nil || len(r.Responses) != 4 {
		t.Fatalf("batch: %+v, %v", r, err)
	}
	if got := partHeader(r.Responses[0].Headers).Get("Location"); got == "" {
		t.Error("batch: no header of a part")
	}
	for _, name := range []string{"json-batching.1.json", "json-batching.3.json"} {
		var q batchRequest
		if err := decode(example(t, name), &q); err != nil || len(q.Requests) == 0 || q.Requests[0].Method != "GET" {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
	}
}

// Every example in testdata is named by a test above.
func TestExamplesAreAllRead(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("wire_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		n = strings.TrimSuffix(filepath.Base(n), ".json")
		if n != "MANIFEST" && !strings.Contains(string(src), `"`+n+`"`) {
			t.Errorf("%s is read by no test", n)
		}
	}
}

func TestAllDayEventsFloat(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Tokyo Standard Time", "Pacific Standard Time", "", "Nonsense"} {
		w := wireEvent{ID: "1", IsAllDay: true, Start: &wireTime{"2026-12-24T00:00:00.0000000", zone}, End: &wireTime{"2026-12-26T00:00:00.0000000", zone}}
		e, err := w.event("")
		want := calendar.When{AllDay: true, First: calendar.Date{Year: 2026, Month: 12, Day: 24}, Until: calendar.Date{Year: 2026, Month: 12, Day: 26}}
		if err != nil || e.When != want {
			t.Errorf("zone %q: %v, %v, want %v", zone, e.When, err, want)
		}
		w.End = w.Start
		if e, _ := w.event(""); e.When.Until != want.First.AddDays(1) {
			t.Errorf("zone %q: an all-day event of no days = %v", zone, e.When)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for _, w := range []*wireTime{
		{"2026-11-24T09:00:00.0000000", "UTC"},
		{"2026-11-24T09:00:00", "tzone://Microsoft/Utc"},
		{"2026-11-24T18:00:00.0000000", "Tokyo Standard Time"},
		{"2026-11-24T18:00:00.0000000", "Asia/Tokyo"},
		{"2026-11-24T09:00:00Z", "UTC"},
		{"2026-11-24T18:00:00+09:00", "UTC"},
	} {
		if got, err := w.instant(); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%v = %v, %v, want %v", *w, got, err, want)
		}
	}
	for _, w := range []*wireTime{nil, {}, {"2026-11-24T09:00:00.0000000", ""}, {"2026-11-24T09:00:00.0000000", "Customized Time Zone"}, {"2026-11-24", "UTC"}, {"2026-02-30T09:00:00", "UTC"}} {
		if got, err := w.instant(); err == nil {
			t.Errorf("%v = %v, want an error: a wrong time is worse than none", w, got)
		}
	}
}

// Half an address at the end of a preview, which Graph cuts off, leads nowhere.
func TestMeetingLinkThatIsCutOff(t *testing.T) {
	t.Parallel()
	const link = "https://us02web.zoom.us/j/81234567890?pwd=abcdefghijkl"
	for before, want := range map[int]string{0: link, 255 - len(link) - 1: link, 255 - len(link): "", 255 - len(link) + 9: "", 250: ""} {
		text := []rune(strings.Repeat("é", before) + link + strings.Repeat(" x", min(before, 100)))
		preview := string(text[:min(len(text), 255)])
		if got := (&wireEvent{Preview: preview}).joinURL(); got != want {
			t.Errorf("after %d letters: %q, want %q", before, got, want)
		}
	}
}

func TestMeetingLinks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Join: https://us02web.zoom.us/j/1?pwd=a.":                        "https://us02web.zoom.us/j/1?pwd=a",
		"<https://meet.google.com/abc-defg-hij>":                          "https://meet.google.com/abc-defg-hij",
		"https://evil.test/?u=https://zoom.us/j/1 or https://zoom.us/j/2": "https://zoom.us/j/2",
		"(https://company.webex.com/meet/x)":                              "https://company.webex.com/meet/x",
		"https://teams.live.com/meet/1\u00a0now":                          "https://teams.live.com/meet/1",
		"http://zoom.us/j/1":                                              "",
		"https://notzoom.us/j/1":                                          "",
		"https://zoom.us.evil.test/j/1":                                   "",
		"https://zoom.us@evil.test/j/1":                                   "",
		"https://user@zoom.us/j/1":                                        "",
		"https://zoom.us":                                                 "",
		"https://":                                                        "",
		"":                                                                "",
	} {
		if got := meetingLink(in); got != want {
			t.Errorf("meetingLink(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		" https://teams.microsoft.com/l/1 ": "https://teams.microsoft.com/l/1",
		"HTTPS://x.test/":                   "HTTPS://x.test/",
		"http://x.test/":                    "", "javascript:alert(1)": "", "data:text/html,x": "", "//x.test/": "", "https:///x": "", "https://a\nb/": "",
	} {
		if got := httpsURL(in); got != want {
			t.Errorf("httpsURL(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEvent(f *testing.F) {
	for _, name := range wholeEvents {
		f.Add(example(f, name))
	}
	for name := range eventLists {
		f.Add(example(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(e calendar.Event) {
			w := e.When
			if w.AllDay && (w.Until.Compare(w.First) <= 0 || !w.Start.IsZero()) || !w.AllDay && w.End.Before(w.Start) || e.ID == "" {
				t.Errorf("event %+v", e)
			}
			for _, link := range []string{e.JoinURL, e.WebLink} {
				if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
					t.Errorf("link %q", link)
				}
			}
			if s := e.State; s.ShowAs == "" || s.Response == "" || s.Sensitivity == "" || s.Importance == "" {
				t.Errorf("state %+v", s)
			}
		}
		if d, err := decodeDetail(body, ""); err == nil {
			check(d.Event)
			if d.Recurrence != nil && d.Recurrence.Interval < 1 {
				t.Errorf("recurrence %+v", d.Recurrence)
			}
		}
		if p, _, err := readPage[wireEvent](body); err == nil {
			for i := range p.Value {
				if e, err := p.Value[i].event("c"); err == nil {
					check(e)
				}
			}
		}
	})
}

// Labels are words of this package, whatever comes.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Endpoint: "https://graph.test"})
	if err != nil {
		t.Fatal(err)
	}
	for status := range 700 {
		c.metrics.call(opView, &Error{Status: status, Code: "anything"}, time.Second)
	}
	c.metrics.call(opView, contextError(t.Context().Err()), 0)
	c.metrics.lookup(kindHome, true)
	reg := prometheus.NewPedanticRegistry()
	for _, col := range c.Collectors() {
		if err := reg.Register(col); err != nil {
			t.Fatal(err)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, f := range families {
		seen[f.GetName()] = len(f.GetMetric())
	}
	if n := seen["daybook_graph_calls_total"]; n == 0 || n > 12 {
		t.Errorf("outcomes = %d, want at most 12", n)
	}
	for _, name := range []string{"daybook_graph_call_duration_seconds", "daybook_graph_cache_lookups_total", "daybook_graph_cache_bytes"} {
		if seen[name] == 0 {
			t.Errorf("no %s", name)
		}
	}
}

func TestExamplesNameTheirLicence(t *testing.T) {
	t.Parallel()
	var m struct {
		Licence string `json:"licence"`
		Files   []struct {
			File string `json:"file"`
		} `json:"files"`
	}
	if err := json.Unmarshal(example(t, "MANIFEST"), &m); err != nil || m.Licence == "" {
		t.Fatalf("MANIFEST: %+v, %v", m, err)
	}
	for _, f := range m.Files {
		if _, err := os.Stat(filepath.Join("testdata", "examples", f.File)); err != nil {
			t.Error(err)
		}
	}
}
