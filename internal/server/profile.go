package server

import (
	"net/http"
	"strings"
	"time"

	"daybook/internal/graph"
	"daybook/internal/locale"
)

// profilePage shows who a person is to their organisation.
type profilePage struct {
	layout
	Missing  []string
	Person   graph.Person
	HasPhoto bool
	Facts    []fact
}

// A fact is a labelled line of a page; it is left out when it has no value.
type fact struct {
	Name   string
	Values []string
}

// profile handles GET /profile.
func (s *Server) profile(w http.ResponseWriter, r *http.Request, v *visitor) error {
	home, err := v.home(r.Context(), v.fresh)
	if err != nil {
		return err
	}
	photo, err := v.mailbox.Photo(r.Context(), photoSize, v.fresh)
	if err != nil {
		photo = graph.Photo{} // initials will do
	}
	manager, err := v.mailbox.Manager(r.Context(), v.fresh)
	if err != nil {
		manager = graph.Person{} // most organisations keep it to themselves
	}
	p, l := home.Person, v.locale
	page := profilePage{layout: s.layout(v, "profile", l.T("Profile")), Person: p, HasPhoto: len(photo.Bytes) > 0, Missing: missing(l, home.Missing...)}
	add := func(name string, values ...string) {
		var some []string
		for _, value := range values {
			if value = strings.TrimSpace(value); value != "" {
				some = append(some, value)
			}
		}
		if len(some) > 0 {
			page.Facts = append(page.Facts, fact{l.T(name), some})
		}
	}
	add("Department", p.Department)
	add("Company", p.Company)
	add("Office", p.Office)
	add("E-mail", p.Mail)
	add("User name", p.Username)
	add("Mobile", p.Mobile)
	add("Phone", p.Phones...)
	add("Manager", manager.Name)
	set := home.Settings
	if len(set.WorkDays) > 0 {
		h12 := v.hour12(home)
		add("Working hours", weekdays(l, set.WorkDays), minutes(l, set.WorkStart, h12)+" – "+minutes(l, set.WorkEnd, h12))
	}
	if set.ZoneKnown {
		add("Time zone", zoneText(l, set.Location, s.now()))
	} else if set.Location != nil { // the mailbox's settings came
		add("Time zone", l.T("Not set in your mailbox"))
	}
	add("Automatic replies", autoReply(l, set.AutoReply))
	return s.pages.render(w, http.StatusOK, "profile", page)
}

// weekdays lists days of the week; of three or more in a row the first and the
// last.
func weekdays(l *locale.Locale, days []time.Weekday) string {
	var names []string
	row := len(days) > 2
	for i, d := range days {
		names = append(names, l.Weekday(d, locale.Wide))
		row = row && d == (days[0]+time.Weekday(i))%7
	}
	if row {
		return names[0] + " – " + names[len(names)-1]
	}
	return l.List(names...)
}

// photoSize is the edge of the photo asked for, in pixels: twice its size on
// the page, for dense screens.
const photoSize = 240

// photo handles GET /profile/photo.
func (s *Server) photo(w http.ResponseWriter, r *http.Request, v *visitor) error {
	photo, err := v.mailbox.Photo(r.Context(), photoSize, v.fresh)
	if err != nil {
		return err
	}
	// Only what browsers draw and never run is passed on.
	switch photo.Type {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		return errNotFound
	}
	w.Header().Set("Content-Type", photo.Type)
	w.Header().Set("Cache-Control", "private, max-age=300")
	_, _ = w.Write(photo.Bytes)
	return nil
}

// autoReply says in words whether mail is answered automatically.
func autoReply(l *locale.Locale, a graph.AutoReply) string {
	switch a.Status {
	case "alwaysEnabled":
		return l.T("On")
	case "scheduled":
		return l.T("Scheduled")
	case "disabled":
		return l.T("Off")
	}
	return ""
}
