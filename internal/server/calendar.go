package server

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
	"daybook/internal/session"
)

// calendarPage shows one view of the calendar; exactly one of Grid, Month and
// Agenda is set.
type calendarPage struct {
	layout
	turning
	Mini    miniMonth
	Groups  []calendarGroup
	Missing []string
	Away    away
	Stale   string // said where a newer page cannot be had
	Grid    *gridView
	Month   *monthView
	Agenda  []dayView
}

// SearchPath is where the navigation's search is.
func (p calendarPage) SearchPath() string { return p.Search }

// turning is how one gets from a view to its neighbours.
type turning struct {
	Heading, Week         string
	Prev, Next, TodayHref string
	Here                  string     // this page, to come back to after a form
	Search                string     // the search, in the same zone
	Kept                  url.Values // what of it a form has to send again
	Date                  string
	Narrow                string // where narrow screens go at first, if not here
	Views                 []viewLink
}

type viewLink struct {
	Name, Href, Key string
	Current         bool
}

// away says in which zone times are: Href leads home from one that was asked
// for.
type away struct{ Zone, Text, Href, Home string }

// calendar handles GET /calendar: today, in the view last used.
func (s *Server) calendar(w http.ResponseWriter, r *http.Request, v *visitor) error {
	// Today depends on the zone, and so on the mailbox, which the page asks
	// for anyway: what is asked here it finds kept.
	home, err := v.home(r.Context(), false)
	if needsMicrosoft(err) {
		return err
	}
	today := calendar.DateOf(s.now().In(s.zone(v, home)))
	http.Redirect(w, r, "/calendar/"+string(cmp.Or(v.lastView, calendar.Week))+"/"+today.String(), http.StatusSeeOther)
	return nil
}

// view handles GET /calendar/{view}/{date}. ?date= is what the page's own form
// sends: the same view of another day.
func (s *Server) view(w http.ResponseWriter, r *http.Request, v *visitor) error {
	kind, err := calendar.ParseView(r.PathValue("view"))
	if err != nil {
		return errNotFound
	}
	date, err := calendar.ParseDate(r.PathValue("date"))
	if err != nil {
		return errNotFound
	}
	ask, err := askFrom(r.URL.Query())
	if err != nil {
		return err
	}
	if other := r.FormValue("date"); other != "" {
		if date, err = calendar.ParseDate(other); err != nil {
			return badRequest("This is no date.", "Dates are written like 2026-12-24.")
		}
		http.Redirect(w, r, ask.path(kind, date), http.StatusSeeOther)
		return nil
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
	days := calendar.Days(kind, date, v.firstDay(), home.Settings.WorkDays)
	from, until := calendar.Bounds(days, loc)
	shown := v.shown(home.Calendars)
	got, err := v.mailbox.Events(r.Context(), shown, from, until, v.fresh)
	if err != nil {
		return err
	}
	s.prefetch(r, v, kind, date, home, loc)
	if v.lastView != kind && r.Header.Get(session.Unattended) == "" {
		s.put(w, viewCookie, string(kind))
	}

	d := s.drawing(v, home, loc, ask)
	events := d.visible(calendar.Merge(got.List))
	page := calendarPage{
		turning: d.turning(kind, date, days, ask),
		Mini:    d.mini(kind, date, days, ask),
		Groups:  groups(v, home.Calendars),
		Missing: d.missing(home, got),
		Away:    d.away(own, ask.home().path(kind, date)),
		Stale:   d.T("Not reachable just now. This is as of %s.", d.Clock(d.now.In(loc), d.h12)),
	}
	if v.lastView == "" && kind == calendar.Week {
		page.Narrow = ask.path(calendar.Agenda, date)
	}
	page.layout = s.layout(v, "calendar", page.Heading)
	switch kind {
	case calendar.Month:
		page.Month = d.month(date, events)
	case calendar.Agenda:
		page.Agenda = d.together(d.agenda(days, events))
	default:
		page.Grid = d.grid(kind, date, days, events, ask)
	}
	return s.pages.render(w, http.StatusOK, "calendar", page)
}

// ask is what the address of a view says besides view and date.
type ask struct {
	zone string // ?tz=: another zone for this page
	all  bool   // ?hours=all: the whole day
}

func askFrom(q url.Values) (ask, error) {
	a := ask{all: q.Get("hours") == "all"}
	if tz := q.Get("tz"); tz != "" {
		if location(tz) == nil {
			return a, badRequest("This time zone is unknown.", "Time zones are written like Europe/Berlin.")
		}
		a.zone = tz
	}
	return a, nil
}

// home is the same in the person's own zone.
func (a ask) home() ask {
	a.zone = ""
	return a
}

// searchPath leads to what a search finds, in the same zone.
func (a ask) searchPath(query string) string {
	a.all = false
	q := a.values()
	if query != "" {
		q.Set("q", query)
	}
	path := "/calendar/search"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

func (a ask) values() url.Values {
	q := url.Values{}
	if a.zone != "" {
		q.Set("tz", a.zone)
	}
	if a.all {
		q.Set("hours", "all")
	}
	return q
}

// path is the address of a view that keeps what was asked for.
func (a ask) path(kind calendar.View, date calendar.Date) string {
	q := a.values()
	path := "/calendar/" + string(kind) + "/" + date.String()
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// prefetch asks for the neighbours of a view, so that turning to them finds
// them kept.
func (s *Server) prefetch(r *http.Request, v *visitor, kind calendar.View, date calendar.Date, home graph.Home, loc *time.Location) {
	for _, turn := range []func(calendar.View, calendar.Date) (calendar.Date, bool){calendar.Next, calendar.Prev} {
		if to, ok := turn(kind, date); ok {
			from, until := calendar.Bounds(calendar.Days(kind, to, v.firstDay(), home.Settings.WorkDays), loc)
			v.mailbox.Prefetch(r.Context(), v.shown(home.Calendars), from, until)
		}
	}
}

// shown returns the calendars that are switched on.
func (v *visitor) shown(all []graph.Calendar) []graph.Calendar {
	var on []graph.Calendar
	for _, c := range all {
		if v.settings.shows(c.ID) && (v.settings.Shared || !c.Shared) {
			on = append(on, c)
		}
	}
	return on
}

// calendarGroup is a heading with the switches of its calendars.
type calendarGroup struct {
	Name      string
	Calendars []calendarSwitch
}

type calendarSwitch struct {
	Name, Color, Hash string
	On                bool
}

func groups(v *visitor, all []graph.Calendar) []calendarGroup {
	var list []calendarGroup
	for _, c := range all {
		if c.Shared && !v.settings.Shared {
			continue
		}
		if len(list) == 0 || list[len(list)-1].Name != c.Group {
			list = append(list, calendarGroup{Name: c.Group})
		}
		g := &list[len(list)-1]
		g.Calendars = append(g.Calendars, calendarSwitch{c.Name, c.Color, calendarHash(c.ID), v.settings.shows(c.ID)})
	}
	return list
}

// calendarOf returns the calendar of that id; without one, a calendar with no
// name and the first colour.
func calendarOf(all []graph.Calendar, id string) graph.Calendar {
	if i := slices.IndexFunc(all, func(c graph.Calendar) bool { return c.ID == id }); i >= 0 {
		return all[i]
	}
	return graph.Calendar{Color: "c0"}
}

// eventPath is the address of an event's page, or of its download. It names the
// calendar too: Graph does not say of an event in which one it is, and serves
// events of shared calendars from there alone. A zone asked for is kept.
func (a ask) eventPath(e calendar.Event, ending string) string {
	q := url.Values{}
	if e.CalendarID != "" {
		q.Set("in", calendarHash(e.CalendarID))
	}
	if a.zone != "" {
		q.Set("tz", a.zone)
	}
	path := "/calendar/events/" + url.PathEscape(e.ID) + ending
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// noCalendars returns why there is not one calendar to show, nil if there is
// one or the person has none. A page without calendars would look like a page
// without events.
func noCalendars(home graph.Home) error {
	if len(home.Calendars) > 0 {
		return nil
	}
	for _, m := range home.Missing {
		if m.What == "calendars" {
			return m.Err
		}
	}
	return nil
}

// missing says in words what could not be had, in one line or none.
func missing(l *locale.Locale, list ...graph.Missing) []string {
	var names []string
	for _, m := range list {
		if name := missingName(l, m.What); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{l.T("Not all of it came from Microsoft. Missing or incomplete: %s.", strings.Join(names, ", "))}
}

// missingName puts package graph's words for parts into the person's language;
// everything else is the name of a calendar.
func missingName(l *locale.Locale, what string) string {
	switch what {
	case "person":
		return l.T("your profile")
	case "settings":
		return l.T("the settings of your mailbox")
	case "calendars":
		return l.T("the list of your calendars")
	case "categories":
		return l.T("the colours of your categories")
	case "recurrence":
		return l.T("how it repeats")
	}
	return what
}

// needsMicrosoft reports whether err is one that a page cannot do without
// answering: the session has ended, or Microsoft wants to see the person.
func needsMicrosoft(err error) bool {
	return err != nil && (explain(err).Status == http.StatusUnauthorized || claimsOf(err) != "")
}
