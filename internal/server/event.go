package server

import (
	"cmp"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
)

// eventPage shows one event with everything that Graph says about it.
type eventPage struct {
	layout
	Name, Color, Back string
	Cancelled         bool
	States            []string
	Join, Outlook     string // https, or empty
	ICS               string
	When              span
	Zone, Other       string // how long it takes and whose times they are; the same in the second zone
	Facts             []fact
	Hidden            bool // the organiser hides the attendees
	Attendees         []attendee
	Missing           []string
	Answers           string // how many said what
	Body              template.HTML
}

type attendee struct{ Name, Address, Note, Class string }

// event handles GET /calendar/events/{id} and, with .ics behind the id, the
// download.
func (s *Server) event(w http.ResponseWriter, r *http.Request, v *visitor) error {
	id := r.PathValue("id")
	id, download := strings.CutSuffix(id, ".ics")
	if id == "" || len(id) > maxEventID || strings.ContainsAny(id, "\x00\r\n") {
		return errNotFound
	}
	a, err := askFrom(r.URL.Query())
	if err != nil {
		return err
	}
	if a.zone != "" {
		v.settings.Zone = a.zone
	}
	home, err := v.home(r.Context(), false)
	if err != nil {
		return err
	}
	detail, err := eventOf(r, v, home, id)
	if err != nil {
		return err
	}
	if download {
		return s.download(w, detail)
	}
	return s.pages.render(w, http.StatusOK, "event", s.eventPage(v, home, detail, a))
}

// eventOf asks for an event, in the calendar that the address names.
func eventOf(r *http.Request, v *visitor, home graph.Home, id string) (graph.Detail, error) {
	in := slices.IndexFunc(home.Calendars, func(c graph.Calendar) bool { return calendarHash(c.ID) == r.FormValue("in") })
	if in >= 0 && home.Calendars[in].Shared {
		return v.mailbox.EventIn(r.Context(), home.Calendars[in].ID, id, v.fresh)
	}
	d, err := v.mailbox.Event(r.Context(), id, v.fresh)
	if in >= 0 {
		d.CalendarID = home.Calendars[in].ID
	}
	return d, err
}

// maxEventID bounds ids; Graph's are below 300 bytes.
const maxEventID = 1024

func (s *Server) eventPage(v *visitor, home graph.Home, d graph.Detail, a ask) eventPage {
	l, loc, h12 := v.locale, s.zone(v, home), v.hour12(home)
	e := d.Event
	first, _ := e.When.Days(loc)
	title := nameOf(l, e)
	if e.State.Sensitivity != "" && e.State.Sensitivity != "normal" {
		title = l.T("Private event") // titles are seen over shoulders, in tabs and histories
	}
	page := eventPage{
		layout:    s.layout(v, "calendar", title),
		Name:      nameOf(l, e),
		Color:     calendarOf(home.Calendars, e.CalendarID).Color,
		Cancelled: e.State.Cancelled,
		Back:      a.path(cmp.Or(v.lastView, calendar.Week), first),
		States:    states(l, e),
		Join:      e.JoinURL,
		Outlook:   e.WebLink,
		ICS:       a.eventPath(e, ".ics"),
		When:      dateTimeOf(l, e.When, loc, h12),
		Hidden:    d.AttendeesHidden,
		Missing:   missing(l, d.Missing...),
	}
	var cut bool
	if page.Body, cut = body(d); cut {
		page.Missing = append(page.Missing, l.T("This text is too long to be shown whole. All of it is in Outlook."))
	}
	if second := location(v.settings.SecondZone); second != nil && !e.When.AllDay {
		other := dateTimeOf(l, e.When, second, h12)
		page.Other = other.From
		if other.Till != "" {
			page.Other += " – " + other.Till
		}
		page.Other += " (" + l.City(v.settings.SecondZone) + ")"
	}
	add := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			page.Facts = append(page.Facts, fact{l.T(name), values})
		}
	}
	if !e.When.AllDay {
		page.Zone = l.Duration(e.When.Duration()) + " · " + zoneText(l, loc, e.When.Start)
	}
	if d.Recurrence != nil {
		add("Repeats", l.Repeats(recurrence(*d.Recurrence)))
	}
	if len(d.Locations) > 0 {
		add("Where", d.Locations...)
	} else {
		add("Where", e.Place)
	}
	add("Organiser", personText(e.Organizer))
	add("Calendar", calendarOf(home.Calendars, e.CalendarID).Name)
	add("Categories", e.Categories...)
	page.Attendees, page.Answers = attendees(l, d.Attendees)
	return page
}

// attendees lists who is invited with their answers, and counts the answers.
func attendees(l *locale.Locale, list []graph.Attendee) ([]attendee, string) {
	var (
		rows  []attendee
		count = map[string]int{}
	)
	for _, a := range list {
		note := []string{l.T(responseText(a.Response))}
		if a.Type != "required" {
			note = append(note, l.T(attendeeType(a.Type)))
		}
		count[responseText(a.Response)]++
		row := attendee{Name: a.Name, Address: a.Address, Note: strings.Join(note, ", "), Class: responseText(a.Response)}
		if row.Name == "" || strings.EqualFold(row.Name, row.Address) {
			row.Name, row.Address = row.Address, ""
		}
		rows = append(rows, row)
	}
	var parts []string
	for _, response := range []string{"organiser", "accepted", "tentative", "declined", "no answer"} {
		if n := count[response]; n > 0 && response != "organiser" {
			parts = append(parts, l.Number(n)+" "+l.T(response))
		}
	}
	return rows, strings.Join(parts, " · ")
}

func responseText(response string) string {
	switch response {
	case "organizer":
		return "organiser"
	case "accepted":
		return "accepted"
	case "tentativelyAccepted":
		return "tentative"
	case "declined":
		return "declined"
	}
	return "no answer"
}

func attendeeType(kind string) string {
	switch kind {
	case "optional":
		return "optional"
	case "resource":
		return "room or resource"
	}
	return "required"
}

// states puts into words what an event's looks mean: colour and shape alone
// tell nothing to who cannot see them.
func states(l *locale.Locale, e calendar.Event) []string {
	var words []string
	add := func(when bool, text string) {
		if when {
			words = append(words, l.T(text))
		}
	}
	st := e.State
	add(st.Cancelled, "Cancelled")
	switch st.ShowAs {
	case "free":
		add(true, "free")
	case "tentative":
		add(true, "tentative")
	case "oof":
		add(true, "out of office")
	case "workingElsewhere":
		add(true, "working elsewhere")
	}
	switch st.Response {
	case "declined":
		add(true, "declined")
	case "notResponded":
		add(true, "not answered")
	case "tentativelyAccepted":
		add(st.ShowAs != "tentative", "tentative")
	}
	add(st.Sensitivity == "private" || st.Sensitivity == "confidential" || st.Sensitivity == "personal", "private")
	add(st.IsOnline || e.JoinURL != "", "online")
	add(st.Importance == "high", "important")
	add(e.State.HasAttachments, "with attachments")
	return words
}

// nameOf returns the subject, or words for an event that has none.
func nameOf(l *locale.Locale, e calendar.Event) string {
	if name := strings.TrimSpace(e.Subject); name != "" {
		return name
	}
	return l.T("(no title)")
}

func personText(p calendar.Person) string {
	switch {
	case p.Name == "" || strings.EqualFold(p.Name, p.Address):
		return p.Address
	case p.Address == "":
		return p.Name
	}
	return p.Name + " <" + p.Address + ">"
}

// recurrence hands Graph's pattern to package locale.
func recurrence(r graph.Recurrence) locale.Recurrence {
	out := locale.Recurrence{Type: r.Type, Interval: r.Interval, Days: r.Days, DayOfMonth: r.DayOfMonth, Index: r.Index, Month: r.Month, Count: r.Count}
	if !r.Until.IsZero() {
		out.Until = r.Until.UTC()
	}
	return out
}

// download writes the event as an iCalendar file.
func (s *Server) download(w http.ResponseWriter, d graph.Detail) error {
	ics, err := icalendar(d, s.now())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="event.ics"`)
	_, _ = w.Write(ics)
	return nil
}

// location returns the zone of that IANA name, nil when there is none.
func location(name string) *time.Location {
	if name == "" {
		return nil
	}
	loc, known := graph.ZoneFor(name)
	if !known {
		return nil
	}
	return loc
}
