package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

func TestEventsAsksForWhatItNeeds(t *testing.T) {
	t.Parallel()
	var path string
	var query url.Values
	var prefers []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		prefers = append(prefers, r.Header.Get("Prefer"))
		if r.URL.Query().Get("$skip") != "" {
			io.WriteString(w, oneEvent("b"))
			return
		}
		path, query = r.URL.EscapedPath(), r.URL.Query()
		fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":"http://%s/v1.0/next?$skip=100"}`, eventJSON("a"), r.Host)
	})
	tokyo := time.FixedZone("Tokyo", 9*3600)
	e, err := c.Mailbox("o", new(staticTokens)).Events(t.Context(), work("A/b+c=="),
		time.Date(2026, 11, 23, 0, 0, 0, 0, tokyo), time.Date(2026, 11, 30, 0, 0, 0, 0, tokyo), false)
	if err != nil || len(e.Missing) > 0 || len(e.List) != 2 {
		t.Fatalf("Events = %+v, %v", e, err)
	}
	if want := "/v1.0/me/calendars/A%2Fb+c==/calendarView"; path != want {
		t.Errorf("path = %s, want %s", path, want)
	}
	want := url.Values{
		"startDateTime": {"2026-11-21T15:00:00Z"}, "endDateTime": {"2026-11-30T15:00:00Z"},
		"$top": {"100"}, "$orderby": {"start/dateTime"}, "$select": {eventFields},
	}
	if d := cmp.Diff(want, query); d != "" {
		t.Errorf("query (-want +got):\n%s", d)
	}
	// Graph forgets preferences between pages, and the last of several headers
	// can win.
	both := `outlook.timezone="UTC", IdType="ImmutableId"`
	if d := cmp.Diff([]string{both, both}, prefers); d != "" {
		t.Errorf("Prefer of each page (-want +got):\n%s", d)
	}
	got := e.List[0]
	wantEvent := calendar.Event{ID: "a", CalendarID: "A/b+c==", Subject: "secret subject",
		When:  calendar.When{Start: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)},
		State: calendar.State{ShowAs: "busy", Response: "none", Sensitivity: "normal", Importance: "normal"}}
	if d := cmp.Diff(wantEvent, got); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
}

// Whatever happens after the first page, what came is shown and the rest named.
func TestListsThatAreNotWhole(t *testing.T) {
	t.Parallel()
	first := func(next string) string {
		return fmt.Sprintf(`{"value":[%s],"@odata.nextLink":%q}`, eventJSON("a"), next)
	}
	for _, tt := range []struct {
		name   string
		second func(w http.ResponseWriter, base string, n int)
		next   string // of the first page; empty: its own host
		code   string
		events int
	}{
		{"fails", func(w http.ResponseWriter, _ string, _ int) { w.WriteHeader(500) }, "", "", 1},
		{"HTML", func(w http.ResponseWriter, _ string, _ int) { io.WriteString(w, "<html>") }, "", "unreadable", 1},
		{"error in a 200", func(w http.ResponseWriter, _ string, _ int) {
			io.WriteString(w, `{"error":{"code":"ErrorInternalServerError"}}`)
		}, "", "ErrorInternalServerError", 1},
		{"no value", func(w http.ResponseWriter, _ string, _ int) { io.WriteString(w, `{}`) }, "", "unreadable", 1},
		{"cut", func(w http.ResponseWriter, _ string, _ int) {
			w.Header().Set("Content-Length", "5000")
			io.WriteString(w, `{"value":[`)
		}, "", "unreachable", 1},
		{"too large", func(w http.ResponseWriter, _ string, _ int) {
			io.WriteString(w, `{"value":[`+strings.Repeat(" ", maxReply)+`]}`)
		}, "", "too-large", 1},
		{"redirect", func(w http.ResponseWriter, base string, _ int) {
			w.Header().Set("Location", base+"/v1.0/elsewhere")
			w.WriteHeader(302)
		}, "", "redirect", 1},
		{"links to itself", func(w http.ResponseWriter, base string, _ int) {
			fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":%q}`, eventJSON("b"), base+"/v1.0/2")
		}, "", "loop", 2},
		{"repeats under other links", func(w http.ResponseWriter, base string, n int) {
			fmt.Fprintf(w, `{"value":[%s],"@odata.nextLink":"%s/v1.0/2?n=%d"}`, eventJSON("a"), base, n)
		}, "", "loop", 1},
		{"never ends", func(w http.ResponseWriter, base string, n int) {
			fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/v1.0/2?n=%d"}`, base, n)
		}, "", "loop", 1},
		{"another host", nil, "https://evil.test/v1.0/me/events", "foreign-link", 1},
		{"another scheme", nil, "file:///etc/passwd", "foreign-link", 1},
		{"one unreadable event", func(w http.ResponseWriter, _ string, _ int) {
			fmt.Fprintf(w, `{"value":[{"id":"x","subject":5},%s,null,{"id":"y","start":{"dateTime":"soon","timeZone":"UTC"}}]}`, eventJSON("b"))
		}, "", "unreadable", 2},
		{"empty page with a link", func(w http.ResponseWriter, base string, n int) {
			if n == 1 {
				fmt.Fprintf(w, `{"value":[],"@odata.nextLink":"%s/v1.0/2?n=2"}`, base)
				return
			}
			io.WriteString(w, oneEvent("b"))
		}, "", "whole", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				base := "http://" + r.Host
				switch {
				case strings.HasSuffix(r.URL.Path, "/calendarView"):
					next := tt.next
					if next == "" {
						next = base + "/v1.0/2"
					}
					io.WriteString(w, first(next))
				case r.URL.Path == "/v1.0/2":
					n++
					tt.second(w, base, n)
				default:
					t.Errorf("asked for %s", r.URL)
				}
			})
			m := c.Mailbox("o", new(staticTokens))
			for _, fresh := range []bool{false, true} {
				n = 0
				e, err := m.Events(t.Context(), work("1"), monday, week, fresh)
				if err != nil || len(e.List) != tt.events {
					t.Fatalf("Events = %+v, %v; want %d events", e, err, tt.events)
				}
				if tt.code == "whole" {
					if len(e.Missing) > 0 {
						t.Errorf("Missing = %v, want nothing", e.Missing)
					}
					continue
				}
				var got *Error
				if len(e.Missing) != 1 || e.Missing[0].What != "Calendar 1" || e.Missing[0].Calendar != "1" ||
					!errors.As(e.Missing[0].Err, &got) || got.Code != tt.code {
					t.Errorf("Missing = %+v, want calendar 1 with code %q", e.Missing, tt.code)
				}
				if c.cache.size() != 0 {
					t.Error("a list that is not whole was kept")
				}
			}
		})
	}
}

func TestOneCalendarFails(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	status := 404
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if strings.Contains(r.URL.Path, "/bad/") {
			w.WriteHeader(status)
			return
		}
		io.WriteString(w, oneEvent("a"))
	})
	m := c.Mailbox("o", new(staticTokens))
	both := append(work("bad"), work("good")...)
	for range 2 {
		e, err := m.Events(t.Context(), both, monday, week, false)
		if err != nil || len(e.List) != 1 || len(e.Missing) != 1 || !errors.Is(e.Missing[0].Err, ErrNotFound) {
			t.Errorf("Events = %+v, %v", e, err)
		}
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("calls = %d, want 2: that a calendar is gone need not be asked twice", n)
	}
	if _, err := m.Events(t.Context(), work("bad"), monday, week, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("Events of nothing that came = %v, want an error", err)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		people, limit int
		want          int
	}{
		{"one mailbox", 1, 0, perMailbox},
		{"two mailboxes", 2, 0, 2 * perMailbox},
		{"whole process", 4, 5, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var now, most atomic.Int32
				c := pretend(t, func(r *http.Request) (*http.Response, error) {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second) // pretended: all calls that may start have started
					now.Add(-1)
					return reply(200, nil, oneEvent("a")), nil
				}, func(cfg *Config) { cfg.Concurrency = tt.limit })
				defer c.Close()
				var eight []Calendar
				for i := range 8 {
					eight = append(eight, work(fmt.Sprint(i))...)
				}
				var wg sync.WaitGroup
				for p := range tt.people {
					for r := range 2 { // two requests of the same person share the limit
						wg.Go(func() {
							from := monday.AddDate(0, 0, 7*r)
							m := c.Mailbox(fmt.Sprint(p), new(staticTokens))
							if _, err := m.Events(t.Context(), eight, from, from.AddDate(0, 0, 7), false); err != nil {
								t.Error(err)
							}
						})
					}
				}
				wg.Wait()
				if n := int(most.Load()); n != tt.want {
					t.Errorf("calls at a time = %d, want %d", n, tt.want)
				}
			})
		})
	}
}

func TestWindowsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	now := monday
	calls := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		io.WriteString(w, oneEvent(fmt.Sprint(calls)))
	}, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
	m := c.Mailbox("o", new(staticTokens))
	ask := func(fresh bool, from time.Time) Events {
		t.Helper()
		e, err := m.Events(t.Context(), work("1"), from, from.AddDate(0, 0, 7), fresh)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	ask(false, monday)
	ask(false, monday)
	if calls != 1 {
		t.Errorf("an equal request within the minute: %d calls, want 1", calls)
	}
	now = now.Add(30 * time.Second)
	if e := ask(true, monday); calls != 2 || !e.Asked.Equal(now) {
		t.Errorf("a reload: %d calls, want 2; asked %v", calls, e.Asked)
	}
	now = now.Add(59 * time.Second)
	if e := ask(false, monday); calls != 2 || e.List[0].ID != "2" {
		t.Errorf("a reload did not replace what was kept: %d calls, %v", calls, e.List)
	}
	now = now.Add(time.Second)
	if ask(false, monday); calls != 3 {
		t.Errorf("after a minute: %d calls, want 3", calls)
	}
	if ask(false, week); calls != 4 {
		t.Errorf("another week: %d calls, want 4", calls)
	}
}

func TestPrefetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls, now, most atomic.Int32
		c := pretend(t, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return reply(200, nil, oneEvent("a")), nil
		})
		m := c.Mailbox("o", new(staticTokens))
		ctx, cancel := context.WithCancel(t.Context())
		both := append(work("1"), work("2")...)
		before, after := monday.AddDate(0, 0, -7), week.AddDate(0, 0, 7)
		m.Prefetch(ctx, both, before, monday)
		m.Prefetch(ctx, both, week, after)
		cancel() // the page has been sent
		time.Sleep(10 * time.Second)
		if calls.Load() != 4 || most.Load() != 1 {
			t.Fatalf("%d calls, %d at a time; want 4, one by one", calls.Load(), most.Load())
		}
		if _, err := m.Events(t.Context(), both, week, after, false); err != nil || calls.Load() != 4 {
			t.Errorf("turning the page: %d calls, %v; want none more", calls.Load(), err)
		}
		for i := range 3 * maxPrefetches {
			c.Mailbox(fmt.Sprint(i), new(staticTokens)).Prefetch(t.Context(), work("1"), monday, week)
		}
		time.Sleep(10 * time.Second)
		if n := calls.Load(); n != 4+maxPrefetches {
			t.Errorf("%d calls, want %d: what is too much is dropped", n, 4+maxPrefetches)
		}
		m.Prefetch(t.Context(), work("9"), monday, week)
		c.Close() // waits, or synctest would report the goroutine
	})
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, newYork)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	timed := func(a, b string) calendar.When { return calendar.When{Start: at(a).UTC(), End: at(b).UTC()} }
	day := func(a, b int) calendar.When {
		return calendar.When{AllDay: true, First: calendar.Date{Year: 2026, Month: 11, Day: a}, Until: calendar.Date{Year: 2026, Month: 11, Day: b}}
	}
	from, until := at("2026-11-01 00:00"), at("2026-11-02 00:00") // 25 hours
	for _, tt := range []struct {
		name string
		when calendar.When
		want bool
	}{
		{"within", timed("2026-11-01 09:00", "2026-11-01 10:00"), true},
		{"last minute of a long day", timed("2026-11-01 23:59", "2026-11-02 00:30"), true},
		{"ends when it begins", timed("2026-10-31 23:00", "2026-11-01 00:00"), false},
		{"begins when it ends", timed("2026-11-02 00:00", "2026-11-02 01:00"), false},
		{"over midnight", timed("2026-10-31 23:00", "2026-11-01 01:00"), true},
		{"no length, at the start", timed("2026-11-01 00:00", "2026-11-01 00:00"), true},
		{"no length, at the end", timed("2026-11-02 00:00", "2026-11-02 00:00"), false},
		{"whole day", day(1, 2), true},
		{"day before", day(1, 1), false},
		{"day after", day(2, 3), false},
		{"several days", day(1, 20), true},
	} {
		if got := overlaps(tt.when, from, until); got != tt.want {
			t.Errorf("%s: overlaps = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEventsOfNoUseAreNotAskedFor(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked for %s", r.URL) })
	m := c.Mailbox("o", new(staticTokens))
	if e, err := m.Events(t.Context(), nil, monday, week, false); err != nil || len(e.List)+len(e.Missing) > 0 {
		t.Errorf("no calendars: %+v, %v", e, err)
	}
	for _, id := range []string{"", ".", "..", "a b", "a\nb", strings.Repeat("x", 2000)} {
		if _, err := m.Events(t.Context(), work(id), monday, week, false); !errors.Is(err, ErrNotFound) {
			t.Errorf("calendar %q: %v, want ErrNotFound", id, err)
		}
		if _, err := m.Event(t.Context(), id, false); !errors.Is(err, ErrNotFound) {
			t.Errorf("event %q: %v, want ErrNotFound", id, err)
		}
	}
}
