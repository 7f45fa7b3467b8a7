package graph

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// Home is what every page of a person needs before any event.
type Home struct {
	Person     Person
	Settings   Settings
	Calendars  []Calendar        // those of the default group first, as Graph orders them
	Categories map[string]string // colour by name: none, preset0 to preset24
	Missing    []Missing         // parts that did not come; their fields are zero
}

// A Person is somebody's profile. Any field may be empty.
type Person struct {
	ID         string
	Name       string
	Title      string
	Department string
	Company    string
	Office     string
	Mail       string // empty without a mailbox
	Username   string // user principal name
	Mobile     string
	Phones     []string
}

const (
	pathPerson = "/me?$select=id,displayName,jobTitle,department,companyName,mail," +
		"userPrincipalName,mobilePhone,businessPhones,officeLocation"
	pathSettings   = "/me/mailboxSettings"
	calendarFields = "?$top=50&$select=id,name,color,hexColor,isDefaultCalendar,owner"
	pathCalendars  = "/me/calendars" + calendarFields
	pathGroups     = "/me/calendarGroups?$top=50&$select=id,name,classId"
	pathCategories = "/me/outlook/masterCategories?$top=100"
)

// Home asks for the person, their settings, calendars and categories in one
// batch, and for the calendars of further groups in a second if there are any.
// With fresh nothing kept is used. The error is nil as long as one of person,
// settings and calendars came: see Missing. A claims challenge or an error of
// Tokens is always an error.
func (m *Mailbox) Home(ctx context.Context, fresh bool) (Home, error) {
	key := cacheKey{kind: kindHome}
	if m.Shared {
		key.id = "shared"
	}
	h, _, err := fetch(ctx, m, key, fresh, m.askHome)
	return h, err
}

func (m *Mailbox) askHome(ctx context.Context, j *job) (answer[Home], error) {
	var h Home
	person := &part{operation: opPerson, path: pathPerson}
	settings := &part{operation: opSettings, path: pathSettings}
	calendars := &part{operation: opCalendars, path: pathCalendars}
	categories := &part{operation: opCategories, path: pathCategories}
	groups := &part{operation: opGroups, path: pathGroups}
	if err := j.batch(ctx, []*part{person, settings, calendars, categories, groups}); err != nil {
		return answer[Home]{}, err
	}
	miss := func(what string, err error) {
		if err != nil {
			h.Missing = append(h.Missing, Missing{What: what, Err: err})
		}
	}

	err := person.err
	if err == nil {
		h.Person, err = decodePerson(person.body)
	}
	miss("person", err)
	nothing := err

	if err = settings.err; err == nil {
		h.Settings, err = decodeSettings(settings.body)
	}
	miss("settings", err)

	var own []wireCalendar
	ownErr := calendars.err
	if ownErr == nil {
		own, ownErr = everyPage(ctx, j, opCalendars, "", calendars.body, wireCalendarID)
	}
	miss("calendars", ownErr)
	if nothing != nil && err != nil && ownErr != nil && len(own) == 0 {
		return answer[Home]{}, nothing
	}

	var found []namedCalendar
	for _, w := range own {
		found = append(found, namedCalendar{w, ""})
	}
	// Who has no calendars has no groups of them either, and is told once.
	if ownErr == nil || len(own) > 0 {
		others, missing, err := j.grouped(ctx, groups)
		if err != nil {
			return answer[Home]{}, err
		}
		found = append(found, others...)
		h.Missing = append(h.Missing, missing...)
	}
	h.Calendars = m.choose(found, h.Person)

	if err = categories.err; err == nil {
		h.Categories, err = j.categories(ctx, categories.body)
	}
	miss("categories", err)

	keep := true
	size := int64(1024)
	for _, mi := range h.Missing {
		if fatal(mi.Err) {
			return answer[Home]{}, mi.Err
		}
		keep = keep && lasting(mi.Err)
	}
	for _, c := range h.Calendars {
		size += int64(256 + len(c.ID) + len(c.Name) + len(c.Owner))
	}
	return answer[Home]{h, size + int64(len(h.Categories))*128, keep}, nil
}

// categories returns colours by name; categories join events by name alone.
func (j *job) categories(ctx context.Context, first []byte) (map[string]string, error) {
	type wire struct {
		Name  string `json:"displayName"`
		Color string `json:"color"`
	}
	items, err := everyPage(ctx, j, opCategories, "", first, func(w *wire) string { return w.Name })
	colors := make(map[string]string, len(items))
	for _, w := range items {
		colors[w.Name] = strings.ToLower(enum(w.Color, "none"))
	}
	return colors, err
}

type wireGroup struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	ClassID string `json:"classId"`
}

// The class of the group whose calendars /me/calendars lists.
const defaultGroup = "0006f0b7-0000-0000-c000-000000000046"

// grouped returns the calendars of all groups but the default one. The error
// is of the kind that ends everything.
func (j *job) grouped(ctx context.Context, groups *part) ([]namedCalendar, []Missing, error) {
	var missing []Missing
	var all []wireGroup
	err := groups.err
	if err == nil {
		all, err = everyPage(ctx, j, opGroups, "", groups.body, func(w *wireGroup) string { return w.ID })
	}
	if err != nil {
		if fatal(err) {
			return nil, nil, err
		}
		if !errors.Is(err, ErrNotFound) { // where there is no such list there are no groups
			missing = append(missing, Missing{What: "calendars", Err: err})
		}
	}
	var parts []*part
	var names []string
	for _, g := range all {
		if !strings.EqualFold(g.ClassID, defaultGroup) && validID(g.ID) {
			names = append(names, g.Name)
			parts = append(parts, &part{operation: opCalendars,
				path: "/me/calendarGroups/" + url.PathEscape(g.ID) + "/calendars" + calendarFields})
		}
	}
	if len(parts) == 0 {
		return nil, missing, nil
	}
	if err := j.batch(ctx, parts); err != nil {
		if fatal(err) {
			return nil, nil, err
		}
		for _, p := range parts {
			if p.body == nil {
				p.err = err
			}
		}
	}
	var found []namedCalendar
	for i, p := range parts {
		var items []wireCalendar
		if err = p.err; err == nil {
			items, err = everyPage(ctx, j, opCalendars, "", p.body, wireCalendarID)
		}
		if err != nil {
			missing = append(missing, Missing{What: names[i], Err: err})
		}
		for _, w := range items {
			found = append(found, namedCalendar{w, names[i]})
		}
	}
	return found, missing, nil
}

type wirePerson struct {
	ID         string   `json:"id"`
	Name       string   `json:"displayName"`
	Title      string   `json:"jobTitle"`
	Department string   `json:"department"`
	Company    string   `json:"companyName"`
	Office     string   `json:"officeLocation"`
	Mail       string   `json:"mail"`
	Username   string   `json:"userPrincipalName"`
	Mobile     string   `json:"mobilePhone"`
	Phones     []string `json:"businessPhones"`
}

func decodePerson(body []byte) (Person, error) {
	var w wirePerson
	if err := decode(body, &w); err != nil {
		return Person{}, err
	}
	return Person(w), nil
}
