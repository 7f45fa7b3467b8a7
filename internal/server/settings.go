package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
)

// settings is what a person chose about how Daybook looks. It lives in a
// cookie of its own, so that it outlives the session; nothing in it says who
// they are. Empty fields mean "as the mailbox or the language has it".
type settings struct {
	Zone         string // IANA name
	SecondZone   string // IANA name of the second column, or empty for none
	WeekStart    string // "0" Sunday to "6" Saturday
	Clock        string // "12" or "24"
	Language     string // en, de
	Theme        string // light, dark
	WorkDays     string // days of the week worked on, digits from 0, Sunday
	WorkStart    int    // minutes from midnight; used when WorkEnd is after it
	WorkEnd      int
	Hidden       []string // short hashes of calendar ids
	HideDeclined bool
	NoKeys       bool // keyboard shortcuts off
	Shared       bool // also show calendars that others share
}

const (
	settingsAge  = 365 * 24 * time.Hour
	settingsSize = 1 << 10 // of the cookie's value, in bytes
	maxHidden    = 60      // hashes that fit into settingsSize beside the rest
)

// calendarHash names a calendar in the settings cookie: Graph's ids are too
// long for it, and would say whose they are.
func calendarHash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:4])
}

// hide switches a calendar off, if hash is one and the cookie has room for it.
func (set *settings) hide(hash string) {
	if len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "" && len(set.Hidden) < maxHidden {
		set.Hidden = append(set.Hidden, hash)
	}
}

// turn switches one calendar on or off.
func (set *settings) turn(hash string, on bool) {
	set.Hidden = slices.DeleteFunc(slices.Clone(set.Hidden), func(hidden string) bool { return hidden == hash })
	if !on {
		set.hide(hash)
	}
}

// shows reports whether the calendar of that id is switched on.
func (set settings) shows(id string) bool { return !slices.Contains(set.Hidden, calendarHash(id)) }

// settingsOf reads the settings cookie. What it does not understand it leaves
// out: the cookie comes from outside.
func (s *Server) settingsOf(r *http.Request) settings {
	c, err := r.Cookie(s.site.cookiePrefix + settingsCookie)
	if err != nil || len(c.Value) > settingsSize {
		return settings{}
	}
	v, err := url.ParseQuery(c.Value)
	if err != nil {
		return settings{}
	}
	return settingsFrom(v)
}

const settingsCookie = "daybook-settings"

// settingsFrom reads settings from cookie or form values.
func settingsFrom(v url.Values) settings {
	set := settings{
		Zone:         zoneName(v.Get("tz")),
		SecondZone:   zoneName(v.Get("tz2")),
		WeekStart:    oneOf(v.Get("week"), "0", "1", "2", "3", "4", "5", "6"),
		Clock:        oneOf(v.Get("clock"), "12", "24"),
		Language:     oneOf(v.Get("lang"), languageTags()...),
		Theme:        oneOf(v.Get("theme"), "light", "dark"),
		HideDeclined: v.Get("declined") == "hide",
		NoKeys:       v.Get("keys") == "off",
		Shared:       v.Get("shared") == "on",
	}
	for d := range 7 {
		if digit := strconv.Itoa(d); strings.Contains(strings.Join(v["work"], ""), digit) {
			set.WorkDays += digit
		}
	}
	set.WorkStart, set.WorkEnd = minuteOf(v.Get("from")), minuteOf(v.Get("till"))
	if set.WorkEnd <= set.WorkStart {
		set.WorkStart, set.WorkEnd = 0, 0
	}
	for _, h := range strings.Split(v.Get("hidden"), ".") {
		if !slices.Contains(set.Hidden, h) {
			set.hide(h)
		}
	}
	return set
}

// values is the inverse of settingsFrom; empty settings are left out.
func (set settings) values() url.Values {
	v := url.Values{}
	put := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	put("tz", set.Zone)
	put("tz2", set.SecondZone)
	put("week", set.WeekStart)
	put("clock", set.Clock)
	put("lang", set.Language)
	put("theme", set.Theme)
	put("work", set.WorkDays)
	if set.WorkEnd > 0 {
		put("from", strconv.Itoa(set.WorkStart))
		put("till", strconv.Itoa(set.WorkEnd))
	}
	put("hidden", strings.Join(set.Hidden, "."))
	if set.HideDeclined {
		v.Set("declined", "hide")
	}
	if set.NoKeys {
		v.Set("keys", "off")
	}
	if set.Shared {
		v.Set("shared", "on")
	}
	return v
}

// viewCookie holds the calendar view last used. It is not among the settings,
// which a page that is merely looked at must never overwrite.
const viewCookie = "daybook-view"

// lastView returns the view last used, or nothing.
func (s *Server) lastView(r *http.Request) calendar.View {
	c, err := r.Cookie(s.site.cookiePrefix + viewCookie)
	if err != nil {
		return ""
	}
	view, err := calendar.ParseView(c.Value)
	if err != nil {
		return ""
	}
	return view
}

// keep writes the settings cookie.
func (s *Server) keep(w http.ResponseWriter, set settings) {
	s.put(w, settingsCookie, set.values().Encode())
}

// put has the browser keep something for a year.
func (s *Server) put(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: s.site.cookiePrefix + name, Value: value, Path: "/",
		MaxAge: int(settingsAge / time.Second), HttpOnly: true, Secure: s.site.https, SameSite: http.SameSiteLaxMode})
}

// zoneName returns name if it is a time zone that Daybook can use.
func zoneName(name string) string {
	if len(name) > 64 || location(name) == nil {
		return ""
	}
	return name
}

// minuteOf reads a time of day in minutes from midnight.
func minuteOf(s string) int {
	if m, err := strconv.Atoi(s); err == nil && m >= 0 && m <= 24*60 {
		return m
	}
	return 0
}

func languageTags() []string {
	var tags []string
	for _, l := range locale.Languages() {
		tags = append(tags, l.Tag)
	}
	return tags
}

func oneOf(value string, allowed ...string) string {
	if slices.Contains(allowed, value) {
		return value
	}
	return ""
}

// home asks for what every page needs and puts the person's own choices over
// what the mailbox says.
func (v *visitor) home(ctx context.Context, fresh bool) (graph.Home, error) {
	home, err := v.mailbox.Home(ctx, fresh)
	if v.settings.WorkDays != "" {
		home.Settings.WorkDays = nil // not emptied: the slice is shared
		for _, digit := range v.settings.WorkDays {
			home.Settings.WorkDays = append(home.Settings.WorkDays, time.Weekday(digit-'0'))
		}
	}
	if v.settings.WorkEnd > 0 {
		home.Settings.WorkStart, home.Settings.WorkEnd = v.settings.WorkStart, v.settings.WorkEnd
	}
	return home, err
}

// firstDay returns the day weeks start with.
func (v *visitor) firstDay() time.Weekday {
	if n, err := strconv.Atoi(v.settings.WeekStart); err == nil {
		return time.Weekday(n)
	}
	return v.locale.FirstDay()
}
