package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/locale"
	"daybook/internal/simulator"

	"github.com/PuerkitoBio/goquery"
)

func textsOf(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") })
}

// What comes is found before what was, and either nearest to today first.
func TestSearchIsNearestFirst(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	priya := s.people[3] // whose calendar is empty
	for _, days := range []int{-40, -3, 0, 2, 60} {
		at := testNow.AddDate(0, 0, days)
		if _, err := s.sim.Put(priya, simulator.Event{Subject: "Xylophone", Start: at, End: at.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	b := s.browser("en-GB")
	b.signIn(t, priya)
	page := b.get(t, "/calendar/search?q=xylophone").page(t)
	want := []string{"Upcoming", "Wednesday, 8 July 2026 · today", "Friday, 10 July 2026", "Sunday, 6 September 2026", "Earlier", "Sunday, 5 July 2026", "Friday, 29 May 2026"}
	if got := textsOf(page.Find(".part, .day h2 .grid-hide")); !slices.Equal(got, want) {
		t.Errorf("found under %q, want %q", got, want)
	}
	if got, want := page.Find("p.quiet[role=status]").Text(), "5 events · 6 Jan 2026 – 6 Jan 2027"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	// Of too many those far away are left out.
	for days := range maxFound + 1 {
		at := testNow.AddDate(0, 0, days-maxFound/2)
		if _, err := s.sim.Put(priya, simulator.Event{Subject: "Walk", Start: at, End: at.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	many := b.get(t, "/calendar/search?q=walk", "Cache-Control", "no-cache").page(t)
	days := textsOf(many.Find(".day h2 .grid-hide"))
	if len(days) != maxFound || days[0] != "Wednesday, 8 July 2026 · today" || days[maxFound-1] != "Monday, 9 February 2026" {
		t.Errorf("%d days with an event: %q", len(days), days)
	}
	if got := b.get(t, "/calendar/search?q=qqqq").page(t).Find("p.quiet[role=status]").Text(); !strings.HasPrefix(got, "No events found.") {
		t.Errorf("nothing found: %q", got)
	}
}

// Days in a row without anything are one entry of the agenda; today is not
// lost among them.
func TestEmptyDaysOfTheAgenda(t *testing.T) {
	t.Parallel()
	page := drawn(t, mustZone(t, "Europe/Berlin"), calendar.Agenda, "2026-07-05",
		[]calendar.Event{timed("one", "One", "2026-07-10T09:00:00Z", "2026-07-10T10:00:00Z")})
	want := []string{"5 – 7 July 2026", "Wednesday 8 July · today", "Thursday 9 July · tomorrow", "Friday 10 July", "11 – 18 July 2026"}
	if got := textsOf(page.Find(".agenda .day h2 .grid-hide")); !slices.Equal(got, want) {
		t.Errorf("the agenda has %q, want %q", got, want)
	}
}

func TestGoToDate(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	page := b.get(t, "/calendar/month/2026-07-01").page(t)
	b.get(t, "/calendar/week/2026-07-01") // in another tab
	form, _ := page.Find("form.goto").Attr("action")
	if to := b.get(t, form+"?date=2027-12-24").Header.Get("Location"); to != "/calendar/month/2027-12-24" {
		t.Errorf("a date leads to %q", to)
	}
	elsewhere := b.get(t, "/calendar/week/2026-07-01?hours=all&tz=Asia%2FTokyo").page(t)
	kept := elsewhere.Find("form.goto input[type=hidden]").Map(func(_ int, s *goquery.Selection) string { return s.AttrOr("name", "") + "=" + s.AttrOr("value", "") })
	if want := []string{"hours=all", "tz=Asia/Tokyo"}; !slices.Equal(kept, want) {
		t.Errorf("with the date goes %q, want %q", kept, want)
	}
	for _, wrong := range []string{"tomorrow", "2026-02-30", "0001-01-01"} {
		if got := b.get(t, form+"?date="+wrong); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", wrong, got.StatusCode)
		}
	}
}

// What goes on for days says so on each of them, in a list as in a grid on a
// narrow screen, and a search finds it once.
func TestEventsOfSeveralDays(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	priya := s.people[3] // whose calendar is empty
	at := func(day, hour int) time.Time { return time.Date(2026, 7, day, hour, 0, 0, 0, time.UTC) }
	for _, e := range []simulator.Event{
		{Subject: "Data centre move", Zone: "UTC", Start: at(7, 20), End: at(10, 0)},
		{Subject: "On call move", Zone: "UTC", Start: at(8, 22), End: at(9, 6)},
		{Subject: "Move fair", AllDay: true, Start: at(8, 0), End: at(10, 0)},
	} {
		if _, err := s.sim.Put(priya, e); err != nil {
			t.Fatal(err)
		}
	}
	b := s.browser("en-GB")
	b.signIn(t, priya)
	b.post(t, "/settings", url.Values{"tz": {"UTC"}})
	whens := func(page *goquery.Document, of string) []string {
		return textsOf(page.Find(`.ev:contains("` + of + `") .when`))
	}
	agenda := b.get(t, "/calendar/agenda/2026-07-06").page(t)
	for of, want := range map[string][]string{
		"Data centre": {"from 20:00", "All day", "All day"},
		"On call":     {"22:00 – 06:00", "until 06:00"},
		"fair":        {"All day", "All day"},
	} {
		if got := whens(agenda, of); !slices.Equal(got, want) {
			t.Errorf("the agenda says of %q %q, want %q", of, got, want)
		}
	}
	week := b.get(t, "/calendar/week/2026-07-06").page(t)
	for of, want := range map[string][]string{
		"Data centre": slices.Repeat([]string{"7 Jul 2026, 20:00 – 10 Jul 2026, 00:00"}, 3),
		"fair":        slices.Repeat([]string{"8 – 9 July 2026"}, 2),
	} {
		if got := whens(week, of); !slices.Equal(got, want) {
			t.Errorf("the week says of %q %q, want %q", of, got, want)
		}
	}
	if events, again := week.Find(".h-event").Length(), week.Find(".again:not(.h-event) a:not(.u-url)").Length(); events != 3 || again != 3 {
		t.Errorf("%d events, of which %d times one goes on; want 3 and 3", events, again)
	}
	found := b.get(t, "/calendar/search?q=move").page(t)
	if got := found.Find(".ev").Length(); got != 3 {
		t.Errorf("three events are found in %d places", got)
	}
}

// A page says whose times it shows: quietly at home, clearly elsewhere.
func TestWhoseTimes(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	home := b.get(t, "/calendar/week/2026-07-08").page(t)
	if got := textsOf(home.Find(".zones b")); !slices.Equal(got, []string{"Berlin"}) {
		t.Errorf("over the hours stands %q", got)
	}
	note := home.Find(".travel[hidden]")
	if zone, _ := note.Attr("data-zone"); zone != "Europe/Berlin" || !strings.Contains(note.Text(), "Times are those of Berlin.") {
		t.Errorf("the note for travellers is of %q: %q", zone, note.Text())
	}
	away := b.get(t, "/calendar/week/2026-07-08?tz=Asia/Tokyo").page(t)
	back := away.Find(".pane .note a")
	if href, _ := back.Attr("href"); href != "/calendar/week/2026-07-08" || back.Text() != "Back to Berlin" || away.Find(".travel").Length() != 0 {
		t.Errorf("from Tokyo %q leads to %q", back.Text(), href)
	}
	if got, _ := away.Find(".cal").Attr("data-stale"); got != "Not reachable just now. This is as of 16:15." {
		t.Errorf("of an old page is said %q", got)
	}
	// What is looked for is found there too.
	href, _ := away.Find(".bar nav a").Eq(1).Attr("href")
	found := b.get(t, href+"&q=review").page(t)
	times := found.Find(".dt-start").First().Text()
	back = found.Find(".note a")
	if there, _ := back.Attr("href"); there != "/calendar/search?q=review" || back.Text() != "Back to Berlin" || found.Find("input[name=tz][value='Asia/Tokyo']").Length() != 1 {
		t.Errorf("what is found in Tokyo by %s leads back to %q by %q", href, there, back.Text())
	}
	own := b.get(t, "/calendar/search?q=review").page(t)
	if at := own.Find(".dt-start").First().Text(); at == times || at == "" || own.Find(".travel[hidden]").Length() != 1 {
		t.Errorf("what is found at %s in Tokyo is at %s in Berlin", times, at)
	}
}

// Weeks have numbers where they begin on Monday, as ISO 8601 counts them.
func TestWeekNumbers(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	for _, test := range []struct {
		language, week, month string
	}{{"en-GB", "Week 28", "27"}, {"en-US", "", ""}} {
		b := s.browser(test.language)
		b.signIn(t, s.people[0])
		if got := b.get(t, "/calendar/week/2026-07-08").page(t).Find("h1 small").Text(); got != test.week {
			t.Errorf("%s: the week is %q, want %q", test.language, got, test.week)
		}
		if got := b.get(t, "/calendar/month/2026-07-08").page(t).Find(".no").First().Text(); got != test.month {
			t.Errorf("%s: the first week of the month is %q, want %q", test.language, got, test.month)
		}
	}
}

// A meeting that is on or begins soon is joined from the calendar itself.
func TestJoinFromTheCalendar(t *testing.T) {
	t.Parallel()
	const address = "https://teams.example/meet"
	meeting := func(id string, from time.Duration, change func(*calendar.Event)) calendar.Event {
		e := calendar.Event{ID: id, CalendarID: "cal", Subject: id, JoinURL: address}
		e.When.Start = testNow.Add(from)
		e.When.End = e.When.Start.Add(30 * time.Minute)
		if change != nil {
			change(&e)
		}
		return e
	}
	events := []calendar.Event{
		meeting("on", -20*time.Minute, nil), meeting("soon", 9*time.Minute, nil),
		meeting("over", -30*time.Minute, nil), meeting("later", 11*time.Minute, nil),
		meeting("off", 0, func(e *calendar.Event) { e.State.Cancelled = true }),
		meeting("no", 0, func(e *calendar.Event) { e.State.Response = "declined" }),
		meeting("nowhere", 0, func(e *calendar.Event) { e.JoinURL = "" }),
	}
	page := drawn(t, mustZone(t, "Europe/Berlin"), calendar.Agenda, "2026-07-08", events)
	joins := page.Find("a.join")
	if got := textsOf(joins); !slices.Equal(got, []string{"Join: on", "Join: soon"}) {
		t.Errorf("to join are %q", got)
	}
	if href, _ := joins.Attr("href"); href != address {
		t.Errorf("joining leads to %q", href)
	}
}

func TestPlacesInFewWords(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]string{
		"Spree": "Spree", "https://zoom.us/j/93415552671?pwd=secret": "zoom.us", " http://meet.example/a ": "meet.example",
		"Room 4: https://zoom.us/j/1": "Room 4: https://zoom.us/j/1", "https:": "https:", "": "",
	} {
		if got := placeOf(calendar.Event{Place: place}); got != want {
			t.Errorf("%q is at %q, want %q", place, got, want)
		}
	}
}

func TestWeekdays(t *testing.T) {
	t.Parallel()
	l := locale.Choose("en-GB", "")
	for _, test := range []struct {
		days []time.Weekday
		want string
	}{
		{[]time.Weekday{1, 2, 3, 4, 5}, "Monday – Friday"},
		{[]time.Weekday{5, 6, 0}, "Friday – Sunday"},
		{[]time.Weekday{1, 2}, "Monday and Tuesday"},
		{[]time.Weekday{1, 2, 4}, "Monday, Tuesday and Thursday"},
	} {
		if got := weekdays(l, test.days); got != test.want {
			t.Errorf("%v: %q, want %q", test.days, got, test.want)
		}
	}
}

// The settings say what the mailbox has, in the clock in force.
func TestMailboxHours(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	b.cookies[settingsCookie] = "clock=12"
	from := b.get(t, "/settings").page(t).Find("#from option")
	if got := from.First().Text(); got != "As in my mailbox (8:30 am)" {
		t.Errorf("the mailbox's is %q", got)
	}
	if got := from.Last().Text(); got != "11:30 pm" {
		t.Errorf("the last is %q", got)
	}
}

func TestLastSeen(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	l := locale.Choose("en-GB", "")
	when := func(time.Time) string { return "a date" }
	for before, want := range map[time.Duration]string{
		20 * time.Second: "now", 5 * time.Minute: "5 minutes ago", 23 * time.Hour: "23 hours ago", 24 * time.Hour: "a date", -time.Minute: "a date",
	} {
		if got := s.ago(l, testNow.Add(-before), when); got != want {
			t.Errorf("%v ago: %q, want %q", before, got, want)
		}
	}
}

// The page of an event says when right under its name, gives the meeting's
// address to copy, and says of each attendee what they answered.
func TestEventPage(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	const address = "https://teams.microsoft.com/l/meetup-join/xylophone"
	if _, err := s.sim.Put(s.people[0], simulator.Event{Subject: "Xylophone", Start: testNow, End: testNow.Add(90 * time.Minute), Online: address,
		Attendees: []simulator.Attendee{
			{Contact: simulator.Contact{Name: "Ana Abbott", Address: "ana@contoso.example"}, Response: "accepted"},
			{Contact: simulator.Contact{Address: "room@contoso.example"}, Type: "resource", Response: "declined"},
		}}); err != nil {
		t.Fatal(err)
	}
	b := s.browser("en-GB")
	b.signIn(t, s.people[0])
	href, _ := b.get(t, "/calendar/day/2026-07-08").page(t).Find(`a.u-url:contains("Xylophone")`).Attr("href")
	page := b.get(t, href).page(t)
	if got := textsOf(page.Find(".event header .at")); !slices.Equal(got, []string{"Wednesday, 8 July 2026, 07:15 – 08:45 1 h 30 min · Berlin (UTC+02:00)"}) {
		t.Errorf("when: %q", got)
	}
	if got, _ := page.Find("button.copy").Attr("data-copy"); got != address {
		t.Errorf("to copy is %q", got)
	}
	if got, want := textsOf(page.Find(".people bdi, .people .tag")), []string{"Ana Abbott", "accepted", "ana@contoso.example", "room@contoso.example", "declined, room or resource"}; !slices.Equal(got, want) {
		t.Errorf("attendees %q, want %q", got, want)
	}
}
