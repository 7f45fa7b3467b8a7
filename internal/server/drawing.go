package server

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
)

// A drawing turns what package calendar decided into what templates print: in
// one person's language, zone and choices.
type drawing struct {
	*locale.Locale
	set   settings
	home  graph.Home
	loc   *time.Location
	h12   bool
	now   time.Time
	first time.Weekday
	ask   ask // what the page was asked for, which its links keep
}

func (s *Server) drawing(v *visitor, home graph.Home, loc *time.Location, a ask) *drawing {
	return &drawing{Locale: v.locale, set: v.settings, home: home, loc: loc, h12: v.hour12(home), now: s.now(), first: v.firstDay(), ask: a}
}

func (d *drawing) today() calendar.Date { return calendar.DateOf(d.now.In(d.loc)) }

// visible leaves out what the person does not want to see.
func (d *drawing) visible(events []calendar.Event) []calendar.Event {
	if !d.set.HideDeclined {
		return events
	}
	return slices.DeleteFunc(events, func(e calendar.Event) bool { return e.State.Response == "declined" && !e.State.Cancelled })
}

// missing says what did not come, and where the zone is a guess.
func (d *drawing) missing(home graph.Home, got graph.Events) []string {
	text := missing(d.Locale, slices.Concat(home.Missing, got.Missing)...)
	if d.set.Zone == "" && !home.Settings.ZoneKnown {
		text = append(text, d.T("The time zone of your mailbox is not known, so times are in UTC. You can choose one in the settings."))
	}
	return text
}

// A dayView is one day with its events, as a column, a cell or a paragraph.
type dayView struct {
	Date, Href            string
	Weekday, Number, Rest string // "Mon", "23", "November 2026"
	Full, Dated           string // "Monday 23 November · today", "Monday, 23 November 2026 · today"
	Nothing               string // said where there are no events
	Today, Weekend        bool
	Out                   bool // belongs to another month
	Empty                 bool
	AllDay, Timed         []item
	Lanes                 int
	Hold                  string   // classes of the height of the hours
	Shades                []string // classes of what is shaded
	Now                   string   // classes of the line at the present time, or empty
}

// An item is an occurrence of an event, a further piece of one, or, when
// Folded is set, what did not fit.
type item struct {
	Class, Href string
	When        span
	Name, Place string
	Words       string   // what looks alone do not say
	Labels      []string // calendar and categories, in the words of whoever made them
	Marks       []string // icons: private, online
	Categories  []string // palette classes of its categories
	First       bool     // this piece carries the microformat
	Join        string   // the address of a meeting that is on, or begins soon
	JoinText    string
	Folded      []item
}

func (d *drawing) day(date calendar.Date) dayView {
	at := date.UTC()
	full, dated := d.Locale.Date(at, locale.WeekdayDayMonth), d.Locale.Date(at, locale.Full)
	if word := d.RelativeDay(at, d.today().UTC()); word != "" {
		full, dated = full+" · "+word, dated+" · "+word
	}
	return dayView{
		Date: date.String(), Href: d.ask.path(calendar.Day, date),
		Weekday: d.Locale.Weekday(date.Weekday(), locale.Abbreviated), Number: strconv.Itoa(date.Day),
		Rest: d.Locale.Date(at, locale.MonthYear), Full: full, Dated: dated,
		Nothing: d.T("Nothing planned"),
		Today:   date == d.today(), Weekend: slices.Contains(d.Weekend(), date.Weekday()),
	}
}

// item describes a piece of an event.
func (d *drawing) item(p calendar.Piece, classes ...string) item {
	e := *p.Event
	words := states(d.Locale, e)
	if first, last := e.When.Days(d.loc); first != last {
		words = slices.Insert(words, 0, d.Locale.Range(first.UTC(), last.UTC()))
	}
	i := item{
		Class: strings.Join(append(append([]string{calendarOf(d.home.Calendars, e.CalendarID).Color}, d.looks(e)...), classes...), " "),
		Href:  d.ask.eventPath(e, ""), When: timeOf(d.Locale, e.When, d.loc, d.h12),
		Name: nameOf(d.Locale, e), Place: placeOf(e), Words: strings.Join(words, ", "), First: p.First,
	}
	if name := calendarOf(d.home.Calendars, e.CalendarID).Name; name != "" {
		i.Labels = append(i.Labels, name)
	}
	for _, name := range e.Categories {
		if class := categoryClass(d.home.Categories[name]); class != "" && !slices.Contains(i.Categories, class) {
			i.Categories = append(i.Categories, class)
		}
	}
	i.Labels = append(i.Labels, e.Categories...)
	if slices.Contains([]string{"private", "personal", "confidential"}, e.State.Sensitivity) {
		i.Marks = append(i.Marks, "private")
	}
	if e.JoinURL != "" || e.State.IsOnline {
		i.Marks = append(i.Marks, "online")
	}
	if p.First && d.joins(e) {
		i.Join, i.JoinText = e.JoinURL, d.T("Join")
	}
	if p.ContinuesBefore {
		i.Class += " cont-before"
	}
	if p.ContinuesAfter {
		i.Class += " cont-after"
	}
	switch end := e.When.End.In(d.loc); {
	case e.When.AllDay:
	case p.ContinuesBefore && (p.ContinuesAfter || end.Hour() == 0 && end.Minute() == 0):
		i.When.From, i.When.Till = d.T("All day"), ""
	case p.ContinuesBefore:
		i.When.From, i.When.Till = d.T("until %s", d.Clock(end, d.h12)), ""
	case p.ContinuesAfter && !overnight(e.When, d.loc):
		i.When.From, i.When.Till = d.T("from %s", i.When.From), ""
	}
	return i
}

// whole writes when all of an event of several days is.
func (d *drawing) whole(e *calendar.Event) span {
	s := timeOf(d.Locale, e.When, d.loc, d.h12)
	first, last := e.When.Days(d.loc)
	switch {
	case first == last || overnight(e.When, d.loc):
	case e.When.AllDay:
		s.From = d.Locale.Range(first.UTC(), last.UTC())
	default:
		s.From = d.Locale.Date(first.UTC(), locale.Medium) + ", " + s.From
		s.Till = d.Locale.Date(e.When.End.In(d.loc), locale.Medium) + ", " + s.Till
	}
	return s
}

// overnight tells an event of one night, of which everybody says when it ends.
func overnight(when calendar.When, loc *time.Location) bool {
	first, last := when.Days(loc)
	return !when.AllDay && last == first.AddDays(1) && when.End.Sub(when.Start) < 24*time.Hour
}

// soon is how long before it begins a meeting can be joined from the calendar.
const soon = 10 * time.Minute

// joins reports whether a person is likely to want to join e now.
func (d *drawing) joins(e calendar.Event) bool {
	return e.JoinURL != "" && !e.When.AllDay && !e.State.Cancelled && e.State.Response != "declined" &&
		d.now.After(e.When.Start.Add(-soon)) && d.now.Before(e.When.End)
}

// placeOf is where an event is, in few words: of an address on the web, whose.
func placeOf(e calendar.Event) string {
	if u, err := url.Parse(strings.TrimSpace(e.Place)); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		return u.Host
	}
	return e.Place
}

// away says whose times are shown.
func (d *drawing) away(own *time.Location, back string) away {
	a := away{Zone: d.loc.String(), Text: d.T("Times are those of %s.", d.City(d.loc.String()))}
	if d.ask.zone != "" && own.String() != d.loc.String() {
		a.Href, a.Home = back, d.City(own.String())
	}
	return a
}

// presetClasses are the palette classes nearest to Outlook's 25 colours of
// categories, preset0 to preset24 (outlookCategory resource, "color").
var presetClasses = [25]int{8, 2, 7, 4, 1, 5, 11, 0, 9, 6, 3, 3, 3, 3, 3, 8, 2, 7, 4, 1, 5, 11, 0, 9, 6}

// categoryClass returns the palette class of a category's colour, empty for
// none.
func categoryClass(preset string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(preset, "preset"))
	if err != nil || n < 0 || n >= len(presetClasses) {
		return ""
	}
	return "c" + strconv.Itoa(presetClasses[n])
}

// looks are the classes by which an event's state shows.
func (d *drawing) looks(e calendar.Event) []string {
	var classes []string
	switch e.State.ShowAs {
	case "free", "tentative", "oof", "workingElsewhere":
		classes = append(classes, e.State.ShowAs)
	}
	switch e.State.Response {
	case "declined":
		classes = append(classes, "declined")
	case "notResponded":
		classes = append(classes, "needs")
	}
	if e.State.Cancelled {
		classes = append(classes, "cancelled")
	}
	if e.When.Past(d.now, d.loc) {
		classes = append(classes, "past")
	}
	return classes
}

// agenda lists the events day by day.
func (d *drawing) agenda(days []calendar.Date, events []calendar.Event) []dayView {
	var list []dayView
	for _, day := range calendar.ListDays(days, d.loc, events) {
		v := d.day(day.Date)
		for _, p := range day.Items {
			v.Timed = append(v.Timed, d.item(p.Piece))
		}
		v.Empty = len(v.Timed) == 0
		list = append(list, v)
	}
	return list
}

// together makes one entry of days in a row on which nothing is planned; today
// stays an entry of its own.
func (d *drawing) together(days []dayView) []dayView {
	var list []dayView
	for i := 0; i < len(days); {
		first, n := days[i], 1
		for first.Empty && !first.Today && i+n < len(days) && days[i+n].Empty && !days[i+n].Today {
			n++
		}
		if n > 1 {
			from, errFrom := calendar.ParseDate(first.Date)
			until, errUntil := calendar.ParseDate(days[i+n-1].Date)
			if errFrom == nil && errUntil == nil {
				first.Full = d.Locale.Range(from.UTC(), until.UTC())
			}
		}
		list = append(list, first)
		i += n
	}
	return list
}

// turning says where one is and how one gets on.
func (d *drawing) turning(kind calendar.View, date calendar.Date, days []calendar.Date, a ask) turning {
	t := turning{Here: a.path(kind, date), Search: a.searchPath(""), Kept: a.values(), Date: date.String(), TodayHref: a.path(kind, d.today()), Prev: a.path(kind, date), Next: a.path(kind, date)}
	if to, ok := calendar.Prev(kind, date); ok {
		t.Prev = a.path(kind, to)
	}
	if to, ok := calendar.Next(kind, date); ok {
		t.Next = a.path(kind, to)
	}
	switch kind {
	case calendar.Day:
		t.Heading = d.Locale.Date(date.UTC(), locale.Full)
	case calendar.Month:
		t.Heading = d.Locale.Date(date.UTC(), locale.MonthYear)
	default:
		t.Heading = d.Locale.Range(days[0].UTC(), days[len(days)-1].UTC())
	}
	if kind != calendar.Month && kind != calendar.Agenda && d.first == time.Monday { // ISO 8601 counts no others
		t.Week = d.T("Week %d", calendar.WeekNumber(calendar.WeekStart(date, d.first)))
	}
	for _, v := range []viewLink{
		{Name: d.T("Day"), Href: string(calendar.Day), Key: "d"},
		{Name: d.T("Work week"), Href: string(calendar.WorkWeek), Key: "x"},
		{Name: d.T("Week"), Href: string(calendar.Week), Key: "w"},
		{Name: d.T("Month"), Href: string(calendar.Month), Key: "m"},
		{Name: d.T("Agenda"), Href: string(calendar.Agenda), Key: "a"},
	} {
		view := calendar.View(v.Href)
		v.Current = view == kind
		v.Href = a.path(view, date)
		t.Views = append(t.Views, v)
	}
	return t
}

// miniMonth is the small month to jump with.
type miniMonth struct {
	Label, Name          string
	Prev, Next           string
	PrevLabel, NextLabel string
	Names                []miniName
	Weeks                [][]miniDay
}

type miniName struct{ Short, Long string }

type miniDay struct {
	Number, Href, Class string
	Today               bool
}

func (d *drawing) mini(kind calendar.View, date calendar.Date, shown []calendar.Date, a ask) miniMonth {
	m := miniMonth{Label: d.T("Jump to a day"), Name: d.Locale.Date(date.UTC(), locale.MonthYear), PrevLabel: d.T("Previous month"), NextLabel: d.T("Next month")}
	if to, ok := calendar.Prev(calendar.Month, date); ok {
		m.Prev = a.path(kind, to)
	}
	if to, ok := calendar.Next(calendar.Month, date); ok {
		m.Next = a.path(kind, to)
	}
	weeks := calendar.SmallMonth(date, d.first)
	for _, day := range weeks[0] {
		m.Names = append(m.Names, miniName{d.Locale.Weekday(day.Weekday(), locale.Narrow), d.Locale.Weekday(day.Weekday(), locale.Wide)})
	}
	for _, week := range weeks {
		var row []miniDay
		for _, day := range week {
			var class []string
			if day.Month != date.Month {
				class = append(class, "out")
			}
			if kind != calendar.Month && slices.Contains(shown, day) {
				class = append(class, "in")
			}
			row = append(row, miniDay{strconv.Itoa(day.Day), a.path(kind, day), strings.Join(class, " "), day == d.today()})
		}
		m.Weeks = append(m.Weeks, row)
	}
	return m
}

// place writes the classes for a position on the axis.
func place(top, height int) string {
	return fmt.Sprintf("at for h%d s%d dh%d ds%d", top/stepsPerHour, top%stepsPerHour, height/stepsPerHour, height%stepsPerHour)
}

const stepsPerHour = 60 / calendar.StepMinutes

// hoursHref is the address of the same days with all hours, or with the
// working hours alone.
func hoursHref(kind calendar.View, date calendar.Date, a ask) string {
	a.all = !a.all
	return a.path(kind, date)
}
