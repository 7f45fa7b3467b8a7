package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/web"

	"github.com/PuerkitoBio/goquery"
)

// Classes that place something: without a rule in grid.css an event would be
// drawn in the corner of its day.
var placing = regexp.MustCompile(`^(d?[hs]\d+|[kw]\d+-\d+|lanes?\d+|span\d+|n\d+)$`)

// Every position that a view can give an event has its rule.
func TestPositionsHaveRules(t *testing.T) {
	t.Parallel()
	var rules []string
	for _, file := range []string{"grid.css", "calendar.css"} {
		css, err := web.Files.ReadFile("static/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.([a-z]+\d+(?:-\d+)?)\b`).FindAllSubmatch(css, -1) {
			rules = append(rules, string(m[1]))
		}
	}
	for _, test := range []struct {
		zone, date string
	}{
		{"Europe/Berlin", "2026-07-08"},
		{"Europe/Berlin", "2026-10-25"},
		{"America/New_York", "2026-03-08"},
		{"Australia/Lord_Howe", "2026-04-05"},
		{"Pacific/Apia", "2011-12-30"},
		{"Pacific/Kwajalein", "1969-09-30"},
	} {
		day, err := calendar.ParseDate(test.date)
		if err != nil {
			t.Fatal(err)
		}
		for _, view := range []calendar.View{calendar.Day, calendar.WorkWeek, calendar.Week, calendar.Month, calendar.Agenda} {
			page := drawn(t, mustZone(t, test.zone), view, test.date, slices.Concat(handMade, crowd(day)))
			var used, missing []string
			page.Find(".pane [class]").Each(func(_ int, s *goquery.Selection) {
				class, _ := s.Attr("class")
				used = append(used, strings.Fields(class)...)
			})
			slices.Sort(used)
			for _, class := range slices.Compact(used) {
				if placing.MatchString(class) && !slices.Contains(rules, class) {
					missing = append(missing, class)
				}
			}
			if len(missing) > 0 {
				t.Errorf("%s of %s in %s: no rule for %q", view, test.date, test.zone, missing)
			}
		}
	}
}

// However much there is, all of it is in the page, each occurrence once.
func TestCrowdedDay(t *testing.T) {
	t.Parallel()
	day := calendar.Date{Year: 2026, Month: 7, Day: 8}
	events := crowd(day)
	for _, view := range []calendar.View{calendar.Day, calendar.WorkWeek, calendar.Week, calendar.Month, calendar.Agenda} {
		urls := map[string]bool{}
		found := hEvents(t, drawn(t, time.UTC, view, day.String(), events))
		for _, o := range found {
			urls[o.URL] = true
		}
		if len(found) != len(events) || len(urls) != len(events) {
			t.Errorf("%s: %d h-events of %d events, %d expected", view, len(found), len(urls), len(events))
		}
	}
}

// crowd is a day on which too much happens: forty events of whole days, and
// one every ten minutes.
func crowd(day calendar.Date) []calendar.Event {
	var events []calendar.Event
	for i := range 40 {
		events = append(events, allDay(fmt.Sprint("day", i), "Day", day.String(), day.AddDays(1+i%9).String()))
	}
	for m := 0; m < 24*60; m += 10 {
		start := fmt.Sprintf("%sT%02d:%02d:00Z", day, m/60, m%60)
		events = append(events, timed(fmt.Sprint("at", m), "Call", start, start))
	}
	return events
}
