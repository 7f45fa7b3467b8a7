package server

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
	"daybook/web"

	"github.com/PuerkitoBio/goquery"
	gocmp "github.com/google/go-cmp/cmp"
)

// An occurrence is what a reader of the h-event microformat learns of an event.
type occurrence struct{ Name, Start, End, URL string }

// Each occurrence of the shown days is in the page exactly once as an h-event,
// whatever it looks like and also where "+n" folds it away.
func TestEachOccurrenceIsOneHEvent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, zone string
		view       calendar.View
		date       string
		want       []string // ids, in any order
	}{
		{"week", "Europe/Berlin", calendar.Week, "2026-07-08",
			[]string{"plain", "a/b+c=", "o1", "o2", "o3", "o4", "o5", "o6", "oneday", "threedays", "before", "night", "long", "point", "untitled", "sunday"}},
		{"work week", "Europe/Berlin", calendar.WorkWeek, "2026-07-08",
			[]string{"plain", "a/b+c=", "o1", "o2", "o3", "o4", "o5", "o6", "oneday", "threedays", "before", "night", "long", "point", "untitled"}},
		{"day with the overlaps", "Europe/Berlin", calendar.Day, "2026-07-07",
			[]string{"o1", "o2", "o3", "o4", "o5", "o6", "threedays", "before", "night"}},
		{"day after the night", "Europe/Berlin", calendar.Day, "2026-07-08", []string{"night", "threedays", "long"}},
		{"month", "Europe/Berlin", calendar.Month, "2026-07-08",
			[]string{"plain", "a/b+c=", "o1", "o2", "o3", "o4", "o5", "o6", "oneday", "threedays", "before", "night", "long", "point", "untitled", "sunday"}},
		{"agenda", "Europe/Berlin", calendar.Agenda, "2026-07-06",
			[]string{"plain", "a/b+c=", "o1", "o2", "o3", "o4", "o5", "o6", "oneday", "threedays", "before", "night", "long", "point", "untitled", "sunday"}},
		{"another zone", "Asia/Tokyo", calendar.Day, "2026-07-09", []string{"threedays", "long", "point", "untitled"}},
		{"clocks go back", "Europe/Berlin", calendar.Week, "2026-10-21", []string{"twice"}},
		{"clocks go forward", "America/New_York", calendar.Day, "2026-03-08", []string{"skipped"}},
		{"nothing", "Europe/Berlin", calendar.Week, "2027-01-06", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			loc := mustZone(t, test.zone)
			page := drawn(t, loc, test.view, test.date, handMade)
			var want []occurrence
			for _, e := range handMade {
				if slices.Contains(test.want, e.ID) {
					want = append(want, occurrenceOf(e, loc))
				}
			}
			got := hEvents(t, page)
			byURL := func(a, b occurrence) int { return cmp.Compare(a.URL, b.URL) }
			slices.SortFunc(want, byURL)
			slices.SortFunc(got, byURL)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("h-events (-want +got):\n%s", diff)
			}
		})
	}
}

// What does not fit is folded and not lost: the busy Tuesday has a "+n" in
// those views where six columns do not fit, and it holds h-events.
func TestFoldedOccurrences(t *testing.T) {
	t.Parallel()
	loc := mustZone(t, "Europe/Berlin")
	for _, test := range []struct {
		view   calendar.View
		folded bool
	}{{calendar.Week, true}, {calendar.WorkWeek, true}, {calendar.Month, true}, {calendar.Day, false}, {calendar.Agenda, false}} {
		page := drawn(t, loc, test.view, "2026-07-07", handMade)
		if got := page.Find("details .h-event").Length() > 0; got != test.folded {
			t.Errorf("%s: folded %t, want %t", test.view, got, test.folded)
		}
		page.Find("li.more").Each(func(_ int, more *goquery.Selection) {
			n, err := strconv.Atoi(strings.Fields(strings.TrimPrefix(more.Find("summary").Text(), "+"))[0])
			if inside := more.Find("li.ev").Length(); err != nil || n != inside || n < 2 {
				t.Errorf("%s: %q has %d events in it", test.view, more.Find("summary").Text(), inside)
			}
		})
	}
}

// Pieces that go on from another day are no h-events of their own, but still
// lead to the event.
func TestFurtherPiecesAreLinks(t *testing.T) {
	t.Parallel()
	page := drawn(t, mustZone(t, "Europe/Berlin"), calendar.Week, "2026-07-07", handMade)
	links := page.Find(`a[href^="/calendar/events/night"]`)
	if links.Length() != 2 || links.Filter(".u-url").Length() != 1 || links.Closest(".h-event").Length() != 1 {
		t.Errorf("the night has %d pieces, %d of them u-url, %d in an h-event; want 2, 1, 1",
			links.Length(), links.Filter(".u-url").Length(), links.Closest(".h-event").Length())
	}
}

var handMade = []calendar.Event{
	timed("plain", "Review", "2026-07-06T09:00:00Z", "2026-07-06T10:30:00Z"),
	timed("a/b+c=", `Hostile "id" & <b>name</b>`, "2026-07-06T11:00:00Z", "2026-07-06T11:30:00Z"),
	timed("o1", "One", "2026-07-07T08:00:00Z", "2026-07-07T10:00:00Z"),
	timed("o2", "Two", "2026-07-07T08:00:00Z", "2026-07-07T10:00:00Z"),
	timed("o3", "Three", "2026-07-07T08:00:00Z", "2026-07-07T10:00:00Z"),
	timed("o4", "Four", "2026-07-07T08:15:00Z", "2026-07-07T10:00:00Z"),
	timed("o5", "Five", "2026-07-07T08:15:00Z", "2026-07-07T10:00:00Z"),
	timed("o6", "Six", "2026-07-07T08:30:00Z", "2026-07-07T10:00:00Z"),
	allDay("oneday", "Birthday", "2026-07-10", "2026-07-11"),
	allDay("threedays", "Fair", "2026-07-07", "2026-07-10"),
	allDay("before", "Holiday", "2026-07-01", "2026-07-08"),
	timed("night", "Deployment", "2026-07-07T20:00:00Z", "2026-07-08T00:30:00Z"),
	timed("long", "On call", "2026-07-08T06:00:00Z", "2026-07-10T06:00:00Z"),
	timed("point", "Deadline", "2026-07-09T10:00:00Z", "2026-07-09T10:00:00Z"),
	timed("untitled", "  ", "2026-07-09T12:00:00Z", "2026-07-09T12:05:00Z"),
	timed("sunday", "Brunch", "2026-07-12T09:00:00Z", "2026-07-12T11:00:00Z"),
	timed("twice", "Both hours", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
	timed("skipped", "Over the gap", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"),
}

func timed(id, subject, start, end string) calendar.Event {
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err) // a mistake in this file
		}
		return t
	}
	return calendar.Event{ID: id, CalendarID: "cal", Subject: subject, When: calendar.When{Start: at(start), End: at(end)}}
}

func allDay(id, subject, first, until string) calendar.Event {
	day := func(s string) calendar.Date {
		d, err := calendar.ParseDate(s)
		if err != nil {
			panic(err)
		}
		return d
	}
	return calendar.Event{ID: id, CalendarID: "cal", Subject: subject, When: calendar.When{AllDay: true, First: day(first), Until: day(until)}}
}

// occurrenceOf says what the microformat must hold: instants in RFC 3339 with
// the offset of the zone they are shown in, whole days as dates.
func occurrenceOf(e calendar.Event, loc *time.Location) occurrence {
	o := occurrence{Name: strings.TrimSpace(e.Subject), URL: "/calendar/events/" + strings.NewReplacer("/", "%2F").Replace(e.ID)}
	if o.Name == "" {
		o.Name = "(no title)"
	}
	if e.When.AllDay {
		o.Start, o.End = e.When.First.String(), e.When.Until.String()
		return o
	}
	const rfc3339 = "2006-01-02T15:04:05-07:00"
	o.Start, o.End = e.When.Start.In(loc).Format(rfc3339), e.When.End.In(loc).Format(rfc3339)
	return o
}

// hEvents reads a page as a parser of microformats does.
func hEvents(t *testing.T, page *goquery.Document) []occurrence {
	t.Helper()
	var found []occurrence
	page.Find(".h-event").Each(func(_ int, h *goquery.Selection) {
		one := func(class string) *goquery.Selection {
			s := h.Find("." + class)
			if s.Length() != 1 {
				text, _ := goquery.OuterHtml(h)
				t.Errorf("an h-event has %d %s:\n%s", s.Length(), class, text)
			}
			return s
		}
		if h.ParentsFiltered(".h-event").Length() > 0 {
			t.Error("an h-event inside another")
		}
		o := occurrence{Name: strings.TrimSpace(one("p-name").Text())}
		o.Start, _ = one("dt-start").Attr("datetime")
		o.End, _ = one("dt-end").Attr("datetime")
		o.URL, _ = one("u-url").Attr("href")
		o.URL, _, _ = strings.Cut(o.URL, "?") // the calendar it is in, which not every reader needs
		found = append(found, o)
	})
	return found
}

// allPages parses the templates once for all tests that draw.
var allPages = sync.OnceValues(func() (*pages, error) { return newPages(web.Files) })

// drawn renders a view of events for somebody who works from nine to five.
func drawn(t *testing.T, loc *time.Location, view calendar.View, date string, events []calendar.Event) *goquery.Document {
	t.Helper()
	p, err := allPages()
	if err != nil {
		t.Fatal(err)
	}
	day, err := calendar.ParseDate(date)
	if err != nil {
		t.Fatal(err)
	}
	home := graph.Home{
		Settings:  graph.Settings{Location: loc, ZoneKnown: true, WorkStart: 9 * 60, WorkEnd: 17 * 60},
		Calendars: []graph.Calendar{{ID: "cal", Name: "Work", Color: "c3"}},
	}
	d := &drawing{Locale: locale.Choose("en-GB", ""), home: home, loc: loc, now: testNow, first: time.Monday}
	days := calendar.Days(view, day, d.first, home.Settings.WorkDays)
	data := calendarPage{layout: layout{Locale: d.Locale}, turning: d.turning(view, day, days, ask{}), Mini: d.mini(view, day, days, ask{})}
	switch view {
	case calendar.Month:
		data.Month = d.month(day, events)
	case calendar.Agenda:
		data.Agenda = d.together(d.agenda(days, events))
	default:
		data.Grid = d.grid(view, day, days, events, ask{})
	}
	w := httptest.NewRecorder()
	if err := p.render(w, http.StatusOK, "calendar", data); err != nil {
		t.Fatal(err)
	}
	page, err := goquery.NewDocumentFromReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
