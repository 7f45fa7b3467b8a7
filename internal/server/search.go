package server

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
)

// searchPage shows the events whose words match.
type searchPage struct {
	layout
	Query   string
	Count   string
	Missing []string
	Days    []dayView
}

// A search covers half a year before and after today.
const (
	searchDays   = 183
	searchWindow = 61 // days asked for at a time; divides the year searched
	maxQuery     = 200
	maxFound     = 300
)

// search handles GET /calendar/search. The matching is done here: Graph's
// $filter answers 500 as soon as one event has no subject.
func (s *Server) search(w http.ResponseWriter, r *http.Request, v *visitor) error {
	l := v.locale
	query := strings.TrimSpace(r.FormValue("q"))
	if len(query) > maxQuery {
		return badRequest("These are too many words.", "Please search for fewer.")
	}
	page := searchPage{layout: s.layout(v, "search", l.T("Search")), Query: query}
	if query == "" {
		return s.pages.render(w, http.StatusOK, "search", page)
	}
	home, err := v.home(r.Context(), v.fresh)
	if err != nil {
		return err
	}
	if err := noCalendars(home); err != nil {
		return err
	}
	loc := s.zone(v, home)
	today := calendar.DateOf(s.now().In(loc))
	found, err := s.yearAround(r, v, home, today, loc)
	if err != nil {
		return err
	}
	page.Missing = missing(l, slices.Concat(home.Missing, found.Missing)...)
	words := calendar.NewQuery(query)
	match := slices.DeleteFunc(calendar.Merge(found.List), func(e calendar.Event) bool { return !words.Match(&e) })
	page.Count = l.T("%d events", len(match))
	if len(match) > maxFound {
		match = match[:maxFound]
		page.Missing = append(page.Missing, l.T("Only the first %d are shown. More words find fewer.", maxFound))
	}
	d := s.drawing(v, home, loc, ask{})
	for _, day := range d.agenda(daysOf(match, loc), match) {
		if !day.Empty {
			day.Full = day.Dated // the days of a search are of two years
			page.Days = append(page.Days, day)
		}
	}
	return s.pages.render(w, http.StatusOK, "search", page)
}

// yearAround asks for the events of the months around today, several at a time:
// one window of a year would be page after page.
func (s *Server) yearAround(r *http.Request, v *visitor, home graph.Home, today calendar.Date, loc *time.Location) (graph.Events, error) {
	parts := make([]graph.Events, 2*searchDays/searchWindow)
	errs := make([]error, len(parts))
	var group sync.WaitGroup
	for i := range parts {
		from := today.AddDays(i*searchWindow - searchDays)
		group.Go(func() {
			parts[i], errs[i] = v.mailbox.Events(r.Context(), v.shown(home.Calendars), from.Start(loc), from.AddDays(searchWindow).Start(loc), v.fresh)
		})
	}
	group.Wait()
	var all graph.Events
	failed := 0
	for i, p := range parts {
		if errs[i] != nil {
			if needsMicrosoft(errs[i]) {
				return all, errs[i]
			}
			failed++
			until := today.AddDays((i+1)*searchWindow - searchDays - 1)
			p.Missing = []graph.Missing{{What: v.locale.Range(until.AddDays(1-searchWindow).UTC(), until.UTC()), Err: errs[i]}}
		}
		all.List = append(all.List, p.List...)
		for _, m := range p.Missing {
			if !slices.ContainsFunc(all.Missing, func(o graph.Missing) bool { return o.What == m.What }) {
				all.Missing = append(all.Missing, m)
			}
		}
	}
	if failed == len(parts) {
		return all, errs[0]
	}
	return all, nil
}

// daysOf returns the days on which events begin, in order and each once.
func daysOf(events []calendar.Event, loc *time.Location) []calendar.Date {
	var days []calendar.Date
	for _, e := range events {
		first, _ := e.When.Days(loc)
		days = append(days, first)
	}
	slices.SortFunc(days, calendar.Date.Compare)
	return slices.Compact(days)
}
