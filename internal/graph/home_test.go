package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A pretended Graph that answers parts by path, in a batch or alone.
type parts map[string]func(r *http.Request) (status int, header map[string]any, body string)

func (p parts) answer(r *http.Request) (int, map[string]any, string) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0")
	if f := p[path]; f != nil {
		return f(r)
	}
	return 404, nil, `{"error":{"code":"NotThere"}}`
}

func (p parts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/$batch") && p["/$batch"] == nil {
		io.WriteString(w, p.batch(r))
		return
	}
	status, header, body := p.answer(r)
	for k, v := range header {
		w.Header().Set(k, fmt.Sprint(v))
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (p parts) batch(r *http.Request) string {
	var q batchRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return err.Error()
	}
	var out []string
	for _, item := range q.Requests {
		sub, err := http.NewRequest(item.Method, "/v1.0"+item.URL, nil)
		if err != nil {
			return err.Error()
		}
		sub.Header = r.Header.Clone()
		sub.Header.Set("Prefer", item.Headers["Prefer"])
		status, header, body := p.answer(sub)
		h, err := json.Marshal(header)
		if err != nil {
			return err.Error()
		}
		if body == "" {
			body = "null"
		}
		// In any order: the last first.
		out = append([]string{fmt.Sprintf(`{"id":%q,"status":%d,"headers":%s,"body":%s}`, item.ID, status, h, body)}, out...)
	}
	return `{"responses":[` + strings.Join(out, ",") + `]}`
}

func ok(body string) func(*http.Request) (int, map[string]any, string) {
	return func(*http.Request) (int, map[string]any, string) { return 200, nil, body }
}

func fails(status int, code string) func(*http.Request) (int, map[string]any, string) {
	return func(*http.Request) (int, map[string]any, string) {
		return status, nil, fmt.Sprintf(`{"error":{"code":%q,"message":"m"}}`, code)
	}
}

func adele() parts {
	return parts{
		"/me": ok(`{"id":"1","displayName":"Adele Vance","mail":"adele@contoso.test","userPrincipalName":"a@contoso.test","jobTitle":null}`),
		"/me/mailboxSettings": ok(`{"timeZone":"W. Europe Standard Time","timeFormat":"HH:mm","language":{"locale":"de-DE"},
			"workingHours":{"daysOfWeek":["Monday","tuesday"],"startTime":"08:30:00.0000000","endTime":"17:00:00.0000000","timeZone":{"name":"W. Europe Standard Time"}}}`),
		"/me/calendars": ok(`{"value":[{"id":"c1","name":"Calendar","color":"auto","hexColor":"","isDefaultCalendar":true,"owner":{"name":"Adele","address":"Adele@contoso.test"}},
			{"id":"c2","name":"Alex","color":"lightRed","isDefaultCalendar":true,"owner":{"name":"Alex","address":"alex@contoso.test"}}]}`),
		"/me/calendarGroups": ok(`{"value":[{"id":"g1","name":"My Calendars","classId":"0006f0b7-0000-0000-c000-000000000046"},
			{"id":"g/2","name":"Clubs","classId":"77777777-0000-0000-c000-000000000046"}]}`),
		"/me/calendarGroups/g%2F2/calendars": ok(`{"value":[{"id":"c1","name":"twice"},{"id":"c3","name":"Chess","hexColor":"#d13438","owner":{"name":"Adele","address":"adele@contoso.test"}}]}`),
		"/me/outlook/masterCategories":       ok(`{"value":[{"displayName":"Red","color":"Preset0"},{"displayName":"None","color":"none"}]}`),
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	p := adele()
	person := p["/me"]
	p["/me"] = func(r *http.Request) (int, map[string]any, string) {
		if got := r.Header.Get("Prefer"); got != prefer {
			t.Errorf("Prefer of a part = %q", got)
		}
		if !strings.Contains(r.URL.Query().Get("$select"), "officeLocation") {
			t.Errorf("$select = %q", r.URL.Query().Get("$select"))
		}
		return person(r)
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		p.ServeHTTP(w, r)
	})
	m := c.Mailbox("o", new(staticTokens))
	h, err := m.Home(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	want := Home{
		Person: Person{ID: "1", Name: "Adele Vance", Mail: "adele@contoso.test", Username: "a@contoso.test"},
		Settings: Settings{Zone: "W. Europe Standard Time", Location: berlin, ZoneKnown: true, TimeFormat: "HH:mm", Language: "de-DE",
			WorkDays: []time.Weekday{time.Monday, time.Tuesday}, WorkStart: 510, WorkEnd: 1020, WorkZone: berlin},
		Calendars: []Calendar{
			{ID: "c1", Name: "Calendar", Color: "c0", Owner: "Adele", Default: true},
			{ID: "c3", Name: "Chess", Color: "c8", Owner: "Adele", Group: "Clubs"},
		},
		Categories: map[string]string{"Red": "preset0", "None": "none"},
	}
	zones := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if d := cmp.Diff(want, h, zones); d != "" {
		t.Errorf("Home (-want +got):\n%s", d)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("calls = %d, want a batch, and one more for the groups", n)
	}
	if _, err := m.Home(t.Context(), false); err != nil || calls.Load() != 2 {
		t.Errorf("an equal request: %d calls, %v", calls.Load(), err)
	}
	shared := c.Mailbox("o", new(staticTokens))
	shared.Shared = true
	h, err = shared.Home(t.Context(), false)
	if err != nil || len(h.Calendars) != 3 || h.Calendars[1] != (Calendar{ID: "c2", Name: "Alex", Color: "c8", Owner: "Alex", Shared: true}) {
		t.Errorf("with shared calendars: %+v, %v", h.Calendars, err)
	}
}

func TestHomeWithoutBatches(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405, 501} {
		p := adele()
		p["/$batch"] = fails(status, "NoBatches")
		c := serve(t, p.ServeHTTP)
		h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
		if err != nil || h.Person.Name != "Adele Vance" || len(h.Calendars) != 2 || len(h.Missing) > 0 {
			t.Errorf("$batch answers %d: %+v, %v", status, h, err)
		}
	}
}

// Neither does a panic in one of several calls at a time cost more than its part.
func TestPanicInOneOfSeveralCalls(t *testing.T) {
	t.Parallel()
	p := adele()
	p["/$batch"] = fails(404, "NoBatches")
	c := pretend(t, func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/mailboxSettings") {
			panic("canary")
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Result(), nil
	})
	h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
	if err != nil || h.Person.Name != "Adele Vance" || len(h.Missing) != 1 {
		t.Errorf("Home = %+v, %v; want it without the settings", h, err)
	}
}

func TestHomeInPart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		change  func(parts)
		missing []string
		fails   bool
		kept    bool
	}{
		{"categories fail", func(p parts) { p["/me/outlook/masterCategories"] = fails(500, "x") }, []string{"categories"}, false, false},
		{"groups fail", func(p parts) { p["/me/calendarGroups"] = fails(500, "x") }, []string{"calendars"}, false, false},
		{"a group fails", func(p parts) { p["/me/calendarGroups/g%2F2/calendars"] = fails(500, "x") }, []string{"Clubs"}, false, false},
		{"person fails", func(p parts) { p["/me"] = fails(503, "x") }, []string{"person"}, false, false},
		{"categories forbidden", func(p parts) { p["/me/outlook/masterCategories"] = fails(403, "x") }, []string{"categories"}, false, true},
		{"garbage", func(p parts) { p["/me/mailboxSettings"] = ok(`"what"`) }, []string{"settings"}, false, false},
		{"no mailbox", func(p parts) {
			for k := range p {
				if k != "/me" {
					p[k] = fails(404, "MailboxNotEnabledForRESTAPI")
				}
			}
		}, []string{"settings", "calendars", "categories"}, false, true},
		{"nothing", func(p parts) {
			for k := range p {
				p[k] = fails(500, "x")
			}
		}, nil, true, false},
		{"one part refused", func(p parts) { p["/me/mailboxSettings"] = fails(401, "x") }, []string{"settings"}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := adele()
			tt.change(p)
			c := serve(t, p.ServeHTTP)
			h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
			if (err != nil) != tt.fails {
				t.Fatalf("err = %v, want failing %v", err, tt.fails)
			}
			var got []string
			for _, m := range h.Missing {
				got = append(got, m.What)
				if tt.name == "no mailbox" && !errors.Is(m.Err, ErrNoMailbox) {
					t.Errorf("%s: %v, want ErrNoMailbox", m.What, m.Err)
				}
			}
			if d := cmp.Diff(tt.missing, got); d != "" {
				t.Errorf("Missing (-want +got):\n%s", d)
			}
			if kept := c.cache.size() > 0; kept != tt.kept {
				t.Errorf("kept = %v, want %v", kept, tt.kept)
			}
		})
	}
}

func TestHomePagesCalendars(t *testing.T) {
	t.Parallel()
	p := adele()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		p["/me/calendars"] = ok(fmt.Sprintf(`{"value":[{"id":"c1"}],"@odata.nextLink":"http://%s/v1.0/more"}`, r.Host))
		p["/more"] = ok(`{"value":[{"id":"c9"}]}`)
		p.ServeHTTP(w, r)
	})
	h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
	if err != nil || len(h.Calendars) != 3 || h.Calendars[1].ID != "c9" {
		t.Errorf("Calendars = %+v, %v", h.Calendars, err)
	}
}

func TestBatchPartsAreAskedAgain(t *testing.T) {
	t.Parallel()
	t.Run("throttled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := adele()
			asked := map[string]int{}
			for path, f := range p {
				p[path] = func(r *http.Request) (int, map[string]any, string) {
					asked[path]++
					if asked[path] == 1 && (path == "/me/calendars" || path == "/me/mailboxSettings") {
						return 429, map[string]any{"Retry-After": 0.5}, `{"error":{"code":"ApplicationThrottled"}}`
					}
					return f(r)
				}
			}
			c := pretend(t, func(r *http.Request) (*http.Response, error) { return reply(200, nil, p.batch(r)), nil })
			defer c.Close()
			h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
			if err != nil || len(h.Missing) > 0 || len(h.Calendars) != 2 {
				t.Errorf("Home = %+v, %v", h, err)
			}
			if asked["/me"] != 1 || asked["/me/calendars"] != 2 {
				t.Errorf("asked %v, want again for what was throttled alone", asked)
			}
		})
	})
	t.Run("in vain", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := adele()
			p["/me/outlook/masterCategories"] = func(*http.Request) (int, map[string]any, string) {
				return 429, map[string]any{"Retry-After": 0.5}, `{"error":{"code":"ApplicationThrottled"}}`
			}
			calls := 0
			c := pretend(t, func(r *http.Request) (*http.Response, error) {
				if calls++; calls == 2 {
					return reply(500, nil, `{"error":{"code":"x"}}`), nil
				}
				return reply(200, nil, p.batch(r)), nil
			})
			defer c.Close()
			h, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
			if err != nil || len(h.Missing) != 1 || h.Missing[0].What != "categories" || len(h.Calendars) != 2 || calls < 2 {
				t.Errorf("Home = %+v, %v after %d calls; want all but the categories", h, err, calls)
			}
		})
	})
	t.Run("the directory throttled", func(t *testing.T) {
		t.Parallel()
		p := adele()
		p["/me"] = func(*http.Request) (int, map[string]any, string) {
			return 429, map[string]any{"Retry-After": 30}, `{"error":{"code":"TooManyRequests"}}`
		}
		p["/me/calendars/c1/calendarView"] = ok(`{"value":[]}`)
		c := serve(t, p.ServeHTTP)
		mailbox := c.Mailbox("o", new(staticTokens))
		if h, err := mailbox.Home(t.Context(), false); err != nil || len(h.Missing) != 1 || h.Missing[0].What != "person" {
			t.Errorf("Home = %+v, %v, want all but the person", h, err)
		}
		if got, err := mailbox.Events(t.Context(), []Calendar{{ID: "c1"}}, monday, monday.AddDate(0, 0, 7), false); err != nil || len(got.Missing) > 0 {
			t.Errorf("Events = %+v, %v, want them: the mailbox is not throttled", got, err)
		}
	})
	t.Run("token refused", func(t *testing.T) {
		t.Parallel()
		p := adele()
		for path, f := range p {
			p[path] = func(r *http.Request) (int, map[string]any, string) {
				if r.Header.Get("Authorization") == "Bearer token-1" {
					return 401, nil, `{"error":{"code":"InvalidAuthenticationToken"}}`
				}
				return f(r)
			}
		}
		c := serve(t, p.ServeHTTP)
		tokens := new(staticTokens)
		h, err := c.Mailbox("o", tokens).Home(t.Context(), false)
		if err != nil || len(h.Missing) > 0 || tokens.renewed.Load() != 1 {
			t.Errorf("Home = %+v, %v after %d renewals", h, err, tokens.renewed.Load())
		}
	})
	t.Run("challenged", func(t *testing.T) {
		t.Parallel()
		p := adele()
		p["/me/mailboxSettings"] = func(*http.Request) (int, map[string]any, string) {
			return 401, map[string]any{"www-authenticate": `Bearer error="insufficient_claims", claims="eyJhIjoxfQ=="`}, `{"error":{"code":"x"}}`
		}
		c := serve(t, p.ServeHTTP)
		_, err := c.Mailbox("o", new(staticTokens)).Home(t.Context(), false)
		var e *Error
		if !errors.As(err, &e) || e.Claims != `{"a":1}` {
			t.Errorf("err = %v, want the challenge", err)
		}
	})
}

func TestPalette(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ hex, name, want string }{
		{"", "auto", "c0"}, {"", "", "c0"}, {"", "maxColor", "c0"}, {"", "LightGreen", "c1"},
		{"", "lightOrange", "c2"}, {"", "lightGray", "c3"}, {"", "lightYellow", "c4"}, {"", "lightTeal", "c5"},
		{"", "lightPink", "c6"}, {"", "lightBrown", "c7"}, {"", "lightRed", "c8"}, {"", "mauve", "c0"},
		{"#0078d4", "lightRed", "c0"}, {"#ff0000", "auto", "c8"}, {"#00ff00", "auto", "c1"}, {"#808080", "auto", "c3"},
		{"#ffffff", "auto", "c3"}, {"#8000ff", "auto", "c9"}, {"ffd700", "auto", "c4"},
		{"#12", "lightGreen", "c1"}, {"red;}", "lightGreen", "c1"},
	} {
		if got := paletteClass(tt.hex, tt.name); got != tt.want {
			t.Errorf("paletteClass(%q, %q) = %s, want %s", tt.hex, tt.name, got, tt.want)
		}
	}
}

func TestOwnCalendarsOfSomebodyWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	at := func(id, owner string, def bool) namedCalendar {
		return namedCalendar{wireCalendar{ID: id, IsDefault: def, Owner: &wireAddress{Address: owner}}, ""}
	}
	m := &Mailbox{}
	for _, tt := range []struct {
		name  string
		found []namedCalendar
		who   Person
		want  int
	}{
		{"by alias", []namedCalendar{at("1", "alias@x", true), at("2", "alias@x", false), at("3", "other@x", false)}, Person{Mail: "main@x"}, 2},
		{"nothing to tell by", []namedCalendar{at("1", "alias@x", false), at("2", "other@x", false)}, Person{}, 2},
		{"no owners", []namedCalendar{{wireCalendar{ID: "1"}, ""}}, Person{Mail: "main@x"}, 1},
	} {
		if got := m.choose(tt.found, tt.who); len(got) != tt.want {
			t.Errorf("%s: %+v, want %d calendars", tt.name, got, tt.want)
		}
	}
}
