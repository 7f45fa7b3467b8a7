package server

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/graph"
	"daybook/internal/locale"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// settingsPage lets a person choose how Daybook looks.
type settingsPage struct {
	layout
	Saved     bool
	Missing   []string // and what is wrong with what was chosen
	Selects   []selectField
	WorkDays  []checkField
	Checks    []checkField
	Calendars []calendarSwitch
}

type selectField struct {
	Name, Label string
	Options     []option
}

type option struct {
	Value, Text string
	Selected    bool
}

type checkField struct {
	Name, Value, Label, Hint string
	On                       bool
}

// settingsPage handles GET /settings. It works without Microsoft: only the
// list of calendars is missing then.
func (s *Server) settingsPage(w http.ResponseWriter, r *http.Request, v *visitor) error {
	return s.showSettings(w, r, v, http.StatusOK)
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, v *visitor, status int, wrong ...string) error {
	l, set := v.locale, v.settings
	page := settingsPage{layout: s.layout(v, "settings", l.T("Settings")), Saved: r.FormValue("saved") == "1"}
	home, err := v.home(r.Context(), v.fresh)
	if needsMicrosoft(err) {
		return err
	}
	page.Missing = wrong
	if err != nil {
		page.Missing = append(page.Missing, l.T("Your calendars cannot be listed at the moment."))
	}
	page.Missing = append(page.Missing, missing(l, home.Missing...)...)
	page.Selects = selects(v, home, s.now())
	for i := range 7 {
		day := (v.firstDay() + time.Weekday(i)) % 7
		page.WorkDays = append(page.WorkDays, checkField{Name: "work", Value: strconv.Itoa(int(day)), Label: l.Weekday(day, locale.Wide),
			On: slices.Contains(home.Settings.WorkDays, day)})
	}
	page.Checks = []checkField{{Name: "declined", Value: "hide", Label: l.T("Hide events I have declined"), On: set.HideDeclined}}
	if !v.account.Personal() {
		page.Checks = append(page.Checks, checkField{Name: "shared", Value: "on", Label: l.T("Show calendars that others share with me"), Hint: l.T("Microsoft will ask you once to allow it."), On: set.Shared})
	}
	page.Checks = append(page.Checks, checkField{Name: "keys", Value: "on", Label: l.T("Keyboard shortcuts"), Hint: l.T("Press ? on a calendar page to see them."), On: !set.NoKeys})
	for _, g := range groups(v, home.Calendars) {
		page.Calendars = append(page.Calendars, g.Calendars...)
	}
	return s.pages.render(w, status, "settings", page)
}

func selects(v *visitor, home graph.Home, now time.Time) []selectField {
	l, set := v.locale, v.settings
	mailbox := l.T("As in my mailbox")
	if home.Settings.Location != nil && home.Settings.ZoneKnown {
		mailbox += " (" + l.City(home.Settings.Location.String()) + ")"
	}
	zones := func(chosen, none string) []option {
		list := []option{{Value: "", Text: none}}
		names := locale.Zones()
		if chosen != "" && !slices.Contains(names, chosen) {
			names = append(names, chosen)
		}
		for _, name := range names {
			if loc := location(name); loc != nil {
				list = append(list, option{name, zoneText(l, loc, now), name == chosen})
			}
		}
		order := collate.New(language.Make(l.Tag()))
		slices.SortStableFunc(list[1:], func(a, b option) int { return order.CompareString(a.Text, b.Text) })
		return list
	}
	days := []option{{Value: "", Text: l.T("As usual in my region")}}
	for _, d := range []time.Weekday{time.Monday, time.Saturday, time.Sunday} {
		value := strconv.Itoa(int(d))
		days = append(days, option{value, l.Weekday(d, locale.Wide), set.WeekStart == value})
	}
	languages := []option{{Value: "", Text: l.T("As my browser asks")}}
	for _, lang := range locale.Languages() {
		languages = append(languages, option{lang.Tag, lang.Name, set.Language == lang.Tag})
	}
	return []selectField{
		{"tz", l.T("Time zone"), zones(set.Zone, mailbox)},
		{"tz2", l.T("Second time zone"), zones(set.SecondZone, l.T("None"))},
		{"week", l.T("Week starts on"), days},
		{"from", l.T("Working hours from"), v.halfHours(home, home.Settings.WorkStart, 0)},
		{"till", l.T("Working hours until"), v.halfHours(home, home.Settings.WorkEnd, 30)},
		{"clock", l.T("Times"), []option{{"", l.T("As in my mailbox"), set.Clock == ""}, {"24", "15:30", set.Clock == "24"}, {"12", "3:30 PM", set.Clock == "12"}}},
		{"lang", l.T("Language"), languages},
		{"theme", l.T("Colours"), []option{{"", l.T("As my device has them"), set.Theme == ""}, {"light", l.T("Light"), set.Theme == "light"}, {"dark", l.T("Dark"), set.Theme == "dark"}}},
	}
}

// halfHours offers the times of a day from a minute of it. In force is one that
// the person chose, or the mailbox's.
func (v *visitor) halfHours(home graph.Home, inForce, first int) []option {
	l, h12, set := v.locale, v.hour12(home), v.settings.WorkEnd > 0
	list := []option{{Value: "", Text: l.T("As in my mailbox"), Selected: !set}}
	if !set && home.Settings.WorkEnd > 0 {
		list[0].Text += " (" + minutes(l, inForce, h12) + ")"
	}
	for m := first; m < first+24*60; m += 30 {
		list = append(list, option{strconv.Itoa(m), minutes(l, m, h12), set && m == inForce})
	}
	return list
}

// saveSettings handles POST /settings: the whole form, or one calendar's
// switch beside the calendar.
func (s *Server) saveSettings(w http.ResponseWriter, r *http.Request, v *visitor) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	if hash := r.PostForm.Get("toggle"); hash != "" {
		set := v.settings
		on := slices.Contains(set.Hidden, hash)
		// What the page showed was wanted otherwise. (Former versions only toggle.)
		if show := r.URL.Query().Get("show"); show != "" {
			on = show == "true"
		}
		set.turn(hash, on)
		s.keep(w, set)
		http.Redirect(w, r, localPath(r.PostForm.Get("return_to"), "/calendar"), http.StatusSeeOther)
		return nil
	}
	form := r.PostForm
	if form.Get("keys") != "on" {
		form.Set("keys", "off")
	}
	form.Del("hidden")
	home, err := v.mailbox.Home(r.Context(), false)
	if from, till := form.Get("from"), form.Get("till"); (from == "") != (till == "") {
		// One end is chosen, the other stays as it was shown.
		own := home.Settings
		if own.WorkEnd == 0 {
			own.WorkEnd = 24 * 60
		}
		form.Set("from", cmp.Or(from, strconv.Itoa(own.WorkStart)))
		form.Set("till", cmp.Or(till, strconv.Itoa(own.WorkEnd)))
	}
	set := settingsFrom(form)
	if set.Zone != form.Get("tz") || set.SecondZone != form.Get("tz2") {
		return badRequest("This time zone is unknown.", "Time zones are written like Europe/Berlin.")
	}
	set.Hidden = v.settings.Hidden
	if err == nil && sameDays(set.WorkDays, home.Settings.WorkDays) {
		set.WorkDays = "" // stays as the mailbox has it, also when that changes
	}
	// A calendar that the form did not list stays as it was: it may have been
	// missing from what Microsoft answered.
	for _, hash := range form["listed"] {
		set.turn(hash, slices.Contains(form["show"], hash))
	}
	if form.Get("till") != "" && set.WorkEnd == 0 {
		v.settings = set // nothing else has to be chosen again
		return s.showSettings(w, r, v, http.StatusBadRequest, v.locale.T("These working hours end before they begin.")+" "+v.locale.T("Nothing has been saved yet."))
	}
	if set.Shared && !v.settings.Shared && !v.account.Personal() {
		// On only once Microsoft has let us: see callback.
		set.Shared = false
		s.keep(w, set)
		return s.askShared(w, r, v)
	}
	s.keep(w, set)
	http.Redirect(w, r, "/settings?saved=1", http.StatusSeeOther)
	return nil
}

// sameDays reports whether digits name just those days.
func sameDays(digits string, days []time.Weekday) bool {
	for _, d := range days {
		if !strings.Contains(digits, strconv.Itoa(int(d))) {
			return false
		}
	}
	return len(digits) == len(days)
}
