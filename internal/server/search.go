package server

import (
	"net/http"
	"net/url"
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
	Kept    url.Values // what the form has to send again
	Count   string
	Missing []string
	Away    away
	Parts   []searchPart
}

// A searchPart is what was found on one side of today's beginning.
type searchPart struct {
	Name string
	Days []dayView
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
	ask, err := askFrom(r.URL.Query())
	if err != nil {
		return err
	}
	ask.all = false
	page := searchPage{layout: s.layout(v, "search", l.T("Search")), Query: query, Kept: ask.values()}
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
	own := s.zone(v, home)
	if ask.zone != "" {
		v.settings.Zone = ask.zone
	}
	loc := s.zone(v, home)
	today := calendar.DateOf(s.now().In(loc))
	found, err := s.yearAround(r, v, home, today, loc)
	if err != nil {
		return err
	}
	d := s.drawing(v, home, loc, ask)
	page.Missing = d.missing(home, found)
	page.Away = d.away(own, ask.home().searchPath(query))
	words := calendar.NewQuery(query)
	match := slices.DeleteFunc(calendar.Merge(found.List), func(e calendar.Event) bool { return !words.Match(&e) })
	page.Count = l.T("%d events", len(match))
	if len(match) == 0 {
		page.Count = l.T("No events found.")
	}
	page.Count += " · " + l.Range(today.AddDays(-searchDays).UTC(), today.AddDays(searchDays-1).UTC())
	nearestFirst(match, today, loc)
	if len(match) > maxFound {
		match = match[:maxFound]
		page.Missing = append(page.Missing, l.T("Only the first %d are shown. More words find fewer.", maxFound))
	}
	coming, past := searchPart{Name: l.T("Upcoming")}, searchPart{Name: l.T("Earlier")}
	for _, day := range d.agenda(daysOf(match, loc), match) {
		// What goes on for days is found on its first.
		day.Timed = slices.DeleteFunc(day.Timed, func(i item) bool { return !i.First })
		if len(day.Timed) == 0 {
			continue
		}
		day.Full = day.Dated // the days of a search are of two years
		if day.Date >= today.String() {
			coming.Days = append(coming.Days, day)
		} else {
			past.Days = append(past.Days, day)
		}
	}
	slices.Reverse(past.Days)
	for _, part := range []searchPart{coming, past} {
		if len(part.Days) > 0 {
			page.Parts = append(page.Parts, part)
		}
	}
	return s.pages.render(w, http.StatusOK, "search", page)
}

// nearestFirst puts what begins from today on first, in order, and then what
// has begun before, the last first.
func nearestFirst(events []calendar.Event, today calendar.Date, loc *time.Location) {
	slices.SortStableFunc(events, func(a, b calendar.Event) int {
		x, _ := a.When.Days(loc)
		y, _ := b.When.Days(loc)
		switch past := x.Compare(today) < 0; {
		case past != (y.Compare(today) < 0):
			return -x.Compare(y)
		case past:
			return y.Compare(x)
		}
		return x.Compare(y)
	})
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
