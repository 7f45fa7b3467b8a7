package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// put stores an event for Priya, whose calendar is empty.
func (p pretend) put(e Event) (id string) {
	p.t.Helper()
	id, err := p.Put(p.named("Priya"), e)
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// at23 is a wall-clock time on 2026-11-23.
func at23(hour, minute int) time.Time {
	return time.Date(2026, time.November, 23, hour, minute, 0, 0, time.UTC)
}

func TestPaging(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	const tokyo = `outlook.timezone="Tokyo Standard Time"`
	var page struct {
		Value []map[string]any `json:"value"`
		Next  string           `json:"@odata.nextLink"`
	}
	w := p.get("Lena", "/me/calendarView?$select=subject,start&$orderby=start/dateTime&"+thisWeek, "Prefer", tokyo)
	decode(t, w, &page)
	zone := func() any { return page.Value[0]["start"].(map[string]any)["timeZone"] }
	if len(page.Value) != 10 || zone() != "Tokyo Standard Time" || !strings.Contains(page.Next, "skip=10") {
		t.Fatalf("first page has %d events in %v and leads to %q, want 10 in Tokyo's zone and a link that skips 10", len(page.Value), zone(), page.Next)
	}
	if got := w.Header().Get("Preference-Applied"); got != tokyo {
		t.Errorf("Preference-Applied = %q, want %q", got, tokyo)
	}
	decode(t, p.get("Lena", strings.TrimPrefix(page.Next, "https://graph.example/sim/v1.0")), &page)
	if zone() != "UTC" {
		t.Errorf("zone of the second page without Prefer = %v, want UTC", zone())
	}
	all := p.list("Lena", "/me/calendarView?$orderby=start/dateTime&"+thisWeek)
	big := p.list("Lena", "/me/calendarView?$top=1000&$orderby=start/dateTime&"+thisWeek)
	if len(all) < 30 || !cmp.Equal(all, big) {
		t.Errorf("pages of ten give %d events, one page gives %d, want the same and at least 30", len(all), len(big))
	}
	if calendars := p.list("Marcus", "/me/calendars"); len(calendars) != 12 {
		t.Errorf("Marcus has %d calendars over all pages, want 12", len(calendars))
	}
}

func TestEventTimes(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	p.put(Event{Subject: "Timed", Start: at23(9, 0), End: at23(10, 30), Zone: "Tokyo Standard Time"})
	p.put(Event{Subject: "Whole day", Start: at23(0, 0), End: at23(24, 0), AllDay: true})
	p.put(Event{Subject: "Instant", Start: at23(12, 0), End: at23(12, 0)})
	for _, test := range []struct {
		zone string
		want map[string][2]string
	}{
		{"", map[string][2]string{
			"Timed": {"2026-11-23T00:00:00.0000000", "UTC"}, "Whole day": {"2026-11-23T00:00:00.0000000", "UTC"}, "Instant": {"2026-11-23T12:00:00.0000000", "UTC"}}},
		{"Pacific Standard Time", map[string][2]string{
			"Timed": {"2026-11-22T16:00:00.0000000", "Pacific Standard Time"}, "Whole day": {"2026-11-23T00:00:00.0000000", "Pacific Standard Time"}, "Instant": {"2026-11-23T04:00:00.0000000", "Pacific Standard Time"}}},
		{"Asia/Tokyo", map[string][2]string{
			"Timed": {"2026-11-23T09:00:00.0000000", "Asia/Tokyo"}, "Whole day": {"2026-11-23T00:00:00.0000000", "Asia/Tokyo"}, "Instant": {"2026-11-23T21:00:00.0000000", "Asia/Tokyo"}}},
	} {
		headers := []string{"Prefer", `IdType="ImmutableId"`}
		if test.zone != "" {
			headers = append(headers, "Prefer", `outlook.timezone="`+test.zone+`"`)
		}
		got := map[string][2]string{}
		for _, e := range p.list("Priya", "/me/calendarView?"+thisWeek, headers...) {
			start := e["start"].(map[string]any)
			got[e["subject"].(string)] = [2]string{start["dateTime"].(string), start["timeZone"].(string)}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("starts in zone %q (-want +got):\n%s", test.zone, diff)
		}
	}
}

func TestWindowBounds(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	p.put(Event{Subject: "ten to eleven", Start: at23(10, 0), End: at23(11, 0)})
	p.put(Event{Subject: "at eleven", Start: at23(11, 0), End: at23(11, 0)})
	for _, test := range []struct {
		from, until string
		want        []string
	}{
		{"2026-11-23T10:59:00Z", "2026-11-23T11:00:00Z", []string{"ten to eleven"}},
		{"2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z", []string{"at eleven"}},
		{"2026-11-23T12:00:00+02:00", "2026-11-23T12:30:00+02:00", []string{"ten to eleven"}},
		{"2026-11-23T09:00:00", "2026-11-23T10:00:00", nil},
		{"2026-11-23", "2026-11-24", []string{"at eleven", "ten to eleven"}},
	} {
		query := url.Values{"startDateTime": {test.from}, "endDateTime": {test.until}, "$orderby": {"subject"}}
		var got []string
		for _, e := range p.list("Priya", "/me/calendarView?"+query.Encode()) {
			got = append(got, e["subject"].(string))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("view %s to %s = %q, want %q", test.from, test.until, got, test.want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	ordinary := p.list("Marcus", "/me/calendarView?$top=1000&$orderby=start/dateTime&"+thisWeek)
	immutable := p.list("Marcus", "/me/calendarView?$top=1000&$orderby=start/dateTime&"+thisWeek, "Prefer", `IdType="ImmutableId"`)
	odd := ""
	for i, e := range ordinary {
		id, other := e["id"].(string), immutable[i]["id"].(string)
		if id == other {
			t.Errorf("id %s is the same with IdType", id)
		}
		if strings.ContainsAny(other, "/+=") {
			t.Errorf("immutable id %s is not safe in a path", other)
		}
		odd += id
		for _, one := range []string{id, other} {
			w := p.get("Marcus", "/me/events/"+url.PathEscape(one))
			if w.Code != http.StatusOK || !cmp.Equal(body(t, w)["start"], e["start"]) {
				t.Fatalf("GET event %s = %d %s, want the event of the list", one, w.Code, w.Body)
			}
		}
	}
	for _, c := range "/+=" {
		if !strings.ContainsRune(odd, c) {
			t.Errorf("no ordinary id of %d has a %q", len(ordinary), c)
		}
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	id := p.put(Event{Subject: "Stand-up", Start: at23(9, 0), End: at23(9, 15), Recurrence: &Recurrence{
		Pattern: "weekly", Days: []time.Weekday{time.Monday, time.Wednesday, time.Friday}, Count: 5,
	}})
	view := func() (got []string) {
		for _, e := range p.list("Priya", "/me/calendarView?$orderby=start/dateTime&startDateTime=2026-11-01T00:00:00Z&endDateTime=2027-01-01T00:00:00Z", "Prefer", `IdType="ImmutableId"`) {
			if e["seriesMasterId"] != id || e["recurrence"] != nil {
				t.Errorf("occurrence has master %v and recurrence %v, want %s and null", e["seriesMasterId"], e["recurrence"], id)
			}
			got = append(got, e["start"].(map[string]any)["dateTime"].(string)[5:16]+" "+e["type"].(string)+" "+e["subject"].(string))
		}
		return got
	}
	want := []string{"11-23T09:00 occurrence Stand-up", "11-25T09:00 occurrence Stand-up", "11-27T09:00 occurrence Stand-up", "11-30T09:00 occurrence Stand-up", "12-02T09:00 occurrence Stand-up"}
	if diff := cmp.Diff(want, view()); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	priya := p.named("Priya")
	k, _, _ := parseID(id)
	if err := p.Remove(priya, k.id("2026-11-25", true)); err != nil {
		t.Fatal(err)
	}
	p.put(Event{ID: k.id("2026-11-27", false), Subject: "Stand-up, late", Start: at23(9+96, 0), End: at23(10+96, 0)})
	want = []string{want[0], "11-27T09:00 exception Stand-up, late", want[3], want[4]}
	if diff := cmp.Diff(want, view()); diff != "" {
		t.Errorf("series with changes (-want +got):\n%s", diff)
	}
	if err := p.Remove(priya, k.id("2026-11-25", true)); err == nil {
		t.Error("removing an occurrence twice is no error")
	}
	if w := p.get("Priya", "/me/events/"+k.id("2026-11-25", true)); w.Code != 404 {
		t.Errorf("a deleted occurrence = %d, want 404", w.Code)
	}
	if w := p.get("Priya", "/me/events/"+k.id("2026-11-24", true)); w.Code != 404 {
		t.Errorf("a day that the series does not have = %d, want 404", w.Code)
	}
	master := body(t, p.get("Priya", "/me/events/"+id))
	if master["type"] != "seriesMaster" {
		t.Errorf("type = %v, want seriesMaster", master["type"])
	}
	wantRange := map[string]any{"type": "numbered", "startDate": "2026-11-23", "endDate": "0001-01-01", "recurrenceTimeZone": "GMT Standard Time", "numberOfOccurrences": 5.0}
	if diff := cmp.Diff(wantRange, master["recurrence"].(map[string]any)["range"]); diff != "" {
		t.Errorf("range (-want +got):\n%s", diff)
	}
	instances := p.list("Priya", "/me/events/"+id+"/instances?"+thisWeek)
	if len(instances) != 2 {
		t.Errorf("instances this week = %d, want 2", len(instances))
	}
	if err := p.Remove(priya, id); err != nil {
		t.Fatal(err)
	}
	if got := view(); got != nil {
		t.Errorf("after the series is gone = %v, want nothing", got)
	}
}

func TestBodyType(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	id := p.put(Event{Subject: "Notes", Start: at23(9, 0), End: at23(10, 0), Body: word("Hello & welcome\n- one\n- two")})
	content := func(headers ...string) map[string]any {
		return body(t, p.get("Priya", "/me/events/"+id+"?$select=body", headers...))["body"].(map[string]any)
	}
	if got := content(); got["contentType"] != "html" || !strings.Contains(got["content"].(string), "<li") {
		t.Errorf("body = %v, want HTML", got)
	}
	want := map[string]any{"contentType": "text", "content": "Hello & welcome\r\none\r\ntwo"}
	if diff := cmp.Diff(want, content("Prefer", `IdType="ImmutableId", outlook.body-content-type="text"`)); diff != "" {
		t.Errorf("text body (-want +got):\n%s", diff)
	}
	basic := body(t, p.do("GET", p.token("Priya", "Calendars.ReadBasic"), "/me/calendarView?"+thisWeek, ""))
	if one := basic["value"].([]any)[0].(map[string]any); one["body"] != nil || one["subject"] != "Notes" {
		t.Errorf("with the basic scope = %v, want a subject and no body", one)
	}
}

func TestSharedCalendar(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	path := "/me/calendarGroups/" + url.PathEscape(groupID(t, p, "People's Calendars")) + "/calendars"
	if got := body(t, p.do("GET", p.token("Lena", "Calendars.Read"), path, ""))["value"]; len(got.([]any)) != 0 {
		t.Errorf("without the scope = %v, want no calendar", got)
	}
	shared := p.list("Lena", path)[0]
	if shared["owner"].(map[string]any)["name"] != "Jonas Weber" || shared["canViewPrivateItems"] != false {
		t.Errorf("shared calendar = %v, want Jonas Weber's without private items", shared)
	}
	hidden := 0
	for _, e := range p.list("Lena", "/me/calendars/"+url.PathEscape(shared["id"].(string))+"/calendarView?"+thisWeek) {
		if e["sensitivity"] != "private" && e["sensitivity"] != "confidential" {
			continue
		}
		hidden++
		text := string(raw(e))
		for _, secret := range []string{"Physio", "Praxis", "Third session", "new role", "Henrik"} {
			if strings.Contains(text, secret) {
				t.Errorf("private event %s tells %q", text, secret)
			}
		}
	}
	if hidden == 0 {
		t.Error("no private event this week")
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	found := p.list("Lena", "/me/calendarView?$filter="+url.QueryEscape("startswith(subject,'1:1')")+"&"+thisWeek)
	if len(found) != 3 {
		t.Errorf("filter found %d events, want 3", len(found))
	}
}

func TestDelta(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	priya := p.named("Priya")
	inside := p.put(Event{Subject: "Inside", Start: at23(9, 0), End: at23(10, 0)})
	outside := p.put(Event{Subject: "Outside", Start: at23(9+240, 0), End: at23(10+240, 0)})
	series := p.put(Event{Subject: "Daily", Start: at23(8, 0), End: at23(8, 30), Recurrence: &Recurrence{Pattern: "daily"}})
	round := func(path string) (values []map[string]any, link string) {
		for {
			var reply struct {
				Value []map[string]any `json:"value"`
				Next  string           `json:"@odata.nextLink"`
				Delta string           `json:"@odata.deltaLink"`
			}
			w := p.get("Priya", strings.TrimPrefix(path, "https://graph.example/sim/v1.0"), "Prefer", `odata.maxpagesize=3, IdType="ImmutableId"`)
			decode(t, w, &reply)
			if len(reply.Value) > 3 || w.Code != 200 {
				t.Fatalf("delta = %d with %d values, want 200 with at most 3", w.Code, len(reply.Value))
			}
			values = append(values, reply.Value...)
			if path = reply.Next; path == "" {
				return values, reply.Delta
			}
		}
	}
	values, link := round("/me/calendarView/delta?" + thisWeek)
	if len(values) != 9 {
		t.Errorf("first round has %d values, want the single one, a master and seven occurrences", len(values))
	}
	for _, one := range values {
		if one["type"] == "occurrence" && (one["subject"] != nil || one["start"] == nil || len(one) != 7) {
			t.Errorf("occurrence = %v, want no more than its times and master", one)
		}
	}
	if again, next := round(link); len(again) != 0 || next == "" {
		t.Errorf("round without changes = %v, %q, want none and a link", again, next)
	}
	p.put(Event{ID: outside, Subject: "Outside, later", Start: at23(9+250, 0), End: at23(10+250, 0)})
	if err := p.Remove(priya, inside); err != nil {
		t.Fatal(err)
	}
	k, _, _ := parseID(series)
	if err := p.Remove(priya, k.id("2026-11-24", true)); err != nil {
		t.Fatal(err)
	}
	values, _ = round(link)
	gone := map[string]bool{}
	for _, one := range values {
		if one["@removed"] != nil {
			gone[one["id"].(string)] = true
		}
	}
	want := map[string]bool{outside: true, inside: true, k.id("2026-11-24", true): true}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	for name, e := range map[string]Event{
		"unknown calendar": {Calendar: "Nowhere", Start: at23(9, 0), End: at23(10, 0)},
		"unknown zone":     {Zone: "Mars Standard Time", Start: at23(9, 0), End: at23(10, 0)},
		"end before start": {Start: at23(10, 0), End: at23(9, 0)},
		"unknown id":       {ID: keyOf("nothing").id("", true), Start: at23(9, 0), End: at23(10, 0)},
		"malformed id":     {ID: "nonsense", Start: at23(9, 0), End: at23(10, 0)},
	} {
		if _, err := p.Put(p.named("Lena"), e); err == nil {
			t.Errorf("Put with %s gives no error", name)
		}
	}
	if err := p.Remove(p.named("Lena"), "nonsense"); err == nil {
		t.Error("Remove of a malformed id gives no error")
	}
}

func TestRecurrenceDays(t *testing.T) {
	t.Parallel()
	mon, fri := []time.Weekday{time.Monday}, []time.Weekday{time.Friday}
	date := func(text string) time.Time { d, _ := time.Parse(isoDate, text); return d }
	for _, test := range []struct {
		name  string
		r     Recurrence
		first string
		want  string
	}{
		{"every third day", Recurrence{Pattern: "daily", Interval: 3}, "2026-02-26", "2026-02-26 2026-03-01 2026-03-04 2026-03-07 2026-03-10"},
		{"every other week", Recurrence{Pattern: "weekly", Interval: 2, Days: append(mon, time.Sunday)}, "2026-03-01", "2026-03-01 2026-03-09 2026-03-15 2026-03-23 2026-03-29"},
		{"until", Recurrence{Pattern: "weekly", Days: fri, Until: date("2026-03-13")}, "2026-03-06", "2026-03-06 2026-03-13"},
		{"counted", Recurrence{Pattern: "weekly", Days: fri, Count: 3}, "2026-03-06", "2026-03-06 2026-03-13 2026-03-20"},
		{"the 31st", Recurrence{Pattern: "absoluteMonthly"}, "2026-01-31", "2026-01-31 2026-03-31 2026-05-31 2026-07-31 2026-08-31"},
		{"second Monday", Recurrence{Pattern: "relativeMonthly", Index: "second", Days: mon}, "2026-01-12", "2026-01-12 2026-02-09 2026-03-09 2026-04-13 2026-05-11"},
		{"last Friday of the quarter", Recurrence{Pattern: "relativeMonthly", Index: "last", Days: fri, Interval: 3}, "2026-01-30", "2026-01-30 2026-04-24 2026-07-31 2026-10-30 2027-01-29"},
		{"birthday", Recurrence{Pattern: "absoluteYearly"}, "2024-05-01", "2024-05-01 2025-05-01 2026-05-01 2027-05-01 2028-05-01"},
		{"Thanksgiving", Recurrence{Pattern: "relativeYearly", Index: "fourth", Days: []time.Weekday{time.Thursday}}, "2024-11-28", "2024-11-28 2025-11-27 2026-11-26 2027-11-25 2028-11-23"},
	} {
		var got []string
		for day := range test.r.days(date(test.first), date(test.first), date("2030-01-01")) {
			if got = append(got, day.Format(isoDate)); len(got) == 5 {
				break
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s = %s, want %s", test.name, strings.Join(got, " "), test.want)
		}
	}
}
