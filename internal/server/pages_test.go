package server

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"daybook/internal/locale"
	"daybook/internal/simulator"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
)

// Every page is wholly in German for who reads German. What others wrote stands
// in <bdi> or .body and may be in any language.
func TestPagesInGerman(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	stranger, person := s.browser("de-DE"), s.browser("de-DE")
	person.signIn(t, s.people[0])
	other := s.browser("en")
	other.signIn(t, s.people[0])

	week := person.get(t, "/calendar/week/2026-07-08")
	event, _ := week.page(t).Find("a.u-url").First().Attr("href")
	for _, test := range []struct {
		name   string
		got    answer
		status int
		want   string // a text that proves that the page is the one meant
	}{
		{"front", stranger.get(t, "/"), 200, "Ihr Microsoft-Kalender"},
		{"signed out", stranger.get(t, "/auth/signed-out?microsoft=open"), 200, "Microsoft konnte nicht benachrichtigt werden"},
		{"not found", stranger.get(t, "/nothing"), 404, "Hier ist nichts."},
		{"method", stranger.post(t, "/calendar", nil), 405, "Diese Seite nimmt solche Anfragen nicht an."},
		{"foreign form", stranger.post(t, "/settings", nil, "Sec-Fetch-Site", "cross-site"), 403, "Dieses Formular kam von einer anderen Website."},
		{"stray callback", stranger.get(t, "/auth/callback?state=x"), 400, "Diese Anmeldung gilt nicht mehr."},
		{"long address", stranger.get(t, "/?"+strings.Repeat("x", 9000)), 414, "Diese Adresse ist zu lang."},
		{"day", person.get(t, "/calendar/day/2026-07-08"), 200, "Mittwoch, 8. Juli 2026"},
		{"work week", person.get(t, "/calendar/workweek/2026-07-08"), 200, "KW 28"},
		{"week", week, 200, "KW 28"},
		{"whole days", person.get(t, "/calendar/week/2026-07-08?hours=all"), 200, "Nur die Arbeitszeit anzeigen"},
		{"month", person.get(t, "/calendar/month/2026-07-08"), 200, "Juli 2026"},
		{"agenda", person.get(t, "/calendar/agenda/2026-07-08"), 200, "Mittwoch, 8. Juli"},
		{"zone", person.get(t, "/calendar/week/2026-07-08?tz=Nowhere"), 400, "Diese Zeitzone ist nicht bekannt."},
		{"event", person.get(t, event), 200, "In Outlook öffnen"},
		{"empty search", person.get(t, "/calendar/search"), 200, "Betreff, Ort oder Personen"},
		{"search", person.get(t, "/calendar/search?q=review"), 200, "Termine"},
		{"long search", person.get(t, "/calendar/search?q="+strings.Repeat("x", 300)), 400, "Das sind zu viele Wörter."},
		{"profile", person.get(t, "/profile"), 200, "Abteilung"},
		{"settings", person.get(t, "/settings?saved=1"), 200, "Zweite Zeitzone"},
		{"sessions", person.get(t, "/sessions"), 200, "Firefox unter Windows"},
		{"no session", person.post(t, "/sessions/revoke", nil), 400, "Diese Sitzung gibt es nicht."},
	} {
		if test.got.StatusCode != test.status {
			t.Errorf("%s: status %d, want %d", test.name, test.got.StatusCode, test.status)
			continue
		}
		wantGerman(t, test.name, test.got, test.want)
	}
}

// wantGerman checks that a page is in German and holds a text.
func wantGerman(t *testing.T, name string, got answer, want string) {
	t.Helper()
	page := got.page(t)
	if lang, _ := page.Find("html").Attr("lang"); lang != "de-DE" {
		t.Errorf("%s: lang=%q", name, lang)
	}
	if text := strings.Join(append(readable(page), page.Find("bdi").Text()), " "); !strings.Contains(text, want) {
		t.Errorf("%s: no %q in %q", name, want, text)
	}
	for _, english := range leftEnglish(readable(page)) {
		t.Errorf("%s: %q is English", name, english)
	}
	// Some facts are others' words and some our own.
	page.Find("dd bdi").Each(func(_ int, value *goquery.Selection) {
		if text := value.Text(); slices.Contains(locale.Keys(), text) && locale.Choose("de", "").T(text) != text {
			t.Errorf("%s: the fact %q is English", name, text)
		}
	})
}

// The same for mailboxes in which something is missing or odd.
func TestOddMailboxesInGerman(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	for _, test := range []struct{ username, path, want string }{
		{"marcus.reed@contoso.example", "/calendar/week/2026-07-08", "KW 28"},
		{"marcus.reed@contoso.example", "/calendar/month/2026-07-08", "weitere"},
		{"haruka.sato@contoso.example", "/profile", "Arbeitszeit"},
		{"priya.nair@contoso.example", "/calendar/week/2026-07-08", "Nichts geplant"},
		{"nadia.haddad@contoso.example", "/profile", "In Ihrem Postfach nicht festgelegt"},
		{"nadia.haddad@contoso.example", "/calendar/day/2026-07-08", "Die Zeitzone Ihres Postfachs ist nicht bekannt"},
		{"tom.becker@contoso.example", "/calendar/day/2026-07-08", "Dieses Konto hat keinen Kalender."},
		{"tom.becker@contoso.example", "/profile", "Es fehlt ganz oder teilweise: die Einstellungen Ihres Postfachs"},
	} {
		i := slices.IndexFunc(s.people, func(p *simulator.Person) bool { return p.Username == test.username })
		person := s.browser("de-DE")
		person.signIn(t, s.people[i])
		wantGerman(t, test.username+test.path, person.get(t, test.path), test.want)
	}
}

// The test above could pass because it reads nothing.
func TestLeftEnglish(t *testing.T) {
	t.Parallel()
	page := answer{text: `<title>Profil · Daybook</title><p>Heute, <b>out of office</b> and <a aria-label="Sign out" href="/x">Weiter</a> <bdi>Search the web</bdi>
		<input placeholder="Search"><script>the end</script><span>Abteilung, not answered</span></p>`}.page(t)
	want := []string{"out of office", "and", "Sign out", "Search", "Abteilung, not answered"}
	if got := leftEnglish(readable(page)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// readable returns what a person reads or hears of a page, apart from what
// others wrote.
func readable(page *goquery.Document) []string {
	var found []string
	keep := func(s string) {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			found = append(found, s)
		}
	}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			keep(n.Data)
		case n.Type == html.ElementNode && (slices.Contains([]string{"bdi", "script", "style", "code"}, n.Data) || strings.Contains(attribute(n, "class"), "e-content")):
			return
		}
		for _, name := range []string{"aria-label", "alt", "title", "placeholder", "data-changed", "data-keys", "data-stale", "data-done"} {
			keep(attribute(n, name))
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(page.Nodes[0])
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Words that English cannot do without and German has not.
var englishWords = regexp.MustCompile(`(?i)\b(the|and|your|you|of|with|is|are|from|to|not|at|this)\b`)

// leftEnglish returns the texts that are English texts of package locale with a
// different German one, alone or in an enumeration, or that hold English words.
func leftEnglish(text []string) []string {
	german, keys := locale.Choose("de", ""), locale.Keys()
	var found []string
	for _, s := range text {
		isKey := func(part string) bool {
			part = strings.TrimSpace(part)
			return part != "" && slices.Contains(keys, part) && german.T(part) != part
		}
		if slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '·' }), isKey) || isKey(s) || englishWords.MatchString(s) {
			found = append(found, s)
		}
	}
	return found
}

// Every page and error has its title translated once, and in English as written.
func TestTitles(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0])
	if _, err := s.sim.Put(s.people[0], simulator.Event{Subject: "Search", Start: testNow, End: testNow}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sim.Put(s.people[0], simulator.Event{Subject: "Oncology", Sensitivity: "private", Start: testNow, End: testNow}); err != nil {
		t.Fatal(err)
	}
	private, _ := person.get(t, "/calendar/search?q=oncology").page(t).Find("a.u-url").First().Attr("href")
	german := s.browser("de")
	german.signIn(t, s.people[0])
	found := german.get(t, "/calendar/search?q=search")
	event, _ := found.page(t).Find("a.u-url").First().Attr("href")
	for _, test := range []struct {
		by         *browser
		path, want string
	}{
		{person, "/profile", "Profile · Daybook"},
		{person, "/sessions", "Where you are signed in · Daybook"},
		{person, "/nothing", "There is nothing here. · Daybook"},
		{german, "/settings", "Einstellungen · Daybook"},
		{german, "/nothing", "Hier ist nichts. · Daybook"},
		{german, "/calendar/month/2026-05-01", "Mai 2026 · Daybook"},
		// A subject that is also one of our own texts is left as it is.
		{german, event, "Search · Daybook"},
		{person, private, "Private event · Daybook"},
	} {
		if got := test.by.get(t, test.path).page(t).Find("title").Text(); got != test.want {
			t.Errorf("%s: title %q, want %q", test.path, got, test.want)
		}
	}
}

// Of the working hours one end may be chosen alone.
func TestOneEndOfTheWorkingHours(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0]) // whose mailbox says 8:30 to 17:30
	for _, test := range []struct{ from, till, wantFrom, wantTill string }{
		{"420", "", "420", "1050"}, {"", "960", "510", "960"}, {"", "", "", ""}, {"600", "900", "600", "900"},
	} {
		if got := person.post(t, "/settings", url.Values{"from": {test.from}, "till": {test.till}}); got.StatusCode != http.StatusSeeOther {
			t.Errorf("%q to %q: %d", test.from, test.till, got.StatusCode)
		}
		page := person.get(t, "/settings").page(t)
		for name, want := range map[string]string{"from": test.wantFrom, "till": test.wantTill} {
			if got := page.Find("select[name="+name+"] option[selected]").AttrOr("value", ""); got != want {
				t.Errorf("%q to %q: %s is %q, want %q", test.from, test.till, name, got, want)
			}
		}
	}
	// What cannot be is not saved, and nothing else has to be chosen again.
	for _, test := range [][2]string{{"1320", "360"}, {"1080", ""}} {
		before := person.cookies[settingsCookie]
		got := person.post(t, "/settings", url.Values{"from": {test[0]}, "till": {test[1]}, "theme": {"dark"}})
		page := got.page(t)
		if got.StatusCode != http.StatusBadRequest || person.cookies[settingsCookie] != before {
			t.Errorf("%q: %d, want 400; the cookie is %q", test, got.StatusCode, person.cookies[settingsCookie])
		}
		if note, theme := page.Find(".note").Text(), page.Find("#theme option[selected]").AttrOr("value", ""); !strings.Contains(note, "end before they begin") || theme != "dark" {
			t.Errorf("%q: the page says %q, and the theme is %q", test, note, theme)
		}
	}
}

// Forms keep what was chosen, and every page then goes by it.
func TestSettingsAreKept(t *testing.T) {
	t.Parallel()
	s := newTestSite(t)
	person := s.browser("en-GB")
	person.signIn(t, s.people[0])
	got := person.post(t, "/settings", url.Values{"lang": {"de"}, "theme": {"dark"}, "tz": {"Asia/Tokyo"}, "tz2": {"Europe/Paris"}, "clock": {"12"}, "week": {"0"}, "declined": {"hide"}})
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/settings?saved=1" {
		t.Fatalf("saving answers %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	page := person.get(t, "/settings?saved=1").page(t)
	if theme, _ := page.Find("html").Attr("data-theme"); theme != "dark" {
		t.Errorf("theme %q", theme)
	}
	chosen := map[string]string{}
	page.Find("select").Each(func(_ int, sel *goquery.Selection) {
		name, _ := sel.Attr("name")
		chosen[name], _ = sel.Find("option[selected]").Attr("value")
	})
	for name, want := range map[string]string{"lang": "de", "theme": "dark", "tz": "Asia/Tokyo", "tz2": "Europe/Paris", "clock": "12", "week": "0"} {
		if chosen[name] != want {
			t.Errorf("%s: %q is chosen, want %q", name, chosen[name], want)
		}
	}
	week := person.get(t, "/calendar/week/2026-07-08").page(t)
	if zones := strings.Join(week.Find(".zones b").Map(func(_ int, s *goquery.Selection) string { return s.Text() }), " "); zones != "Paris Tokio" {
		t.Errorf("zones %q", zones)
	}
	if first, _ := week.Find("section.day").First().Attr("aria-labelledby"); first != "d2026-07-05" {
		t.Errorf("the week begins with %s", first)
	}
}
