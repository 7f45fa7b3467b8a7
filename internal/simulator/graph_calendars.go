package simulator

import "strings"

type (
	wireCalendar struct {
		ID              string      `json:"id"`
		Name            string      `json:"name"`
		Color           string      `json:"color"`
		HexColor        string      `json:"hexColor"`
		IsDefault       bool        `json:"isDefaultCalendar"`
		ChangeKey       string      `json:"changeKey"`
		CanShare        bool        `json:"canShare"`
		CanViewPrivate  bool        `json:"canViewPrivateItems"`
		CanEdit         bool        `json:"canEdit"`
		Providers       []string    `json:"allowedOnlineMeetingProviders"`
		DefaultProvider string      `json:"defaultOnlineMeetingProvider"`
		IsTallying      bool        `json:"isTallyingResponses"`
		IsRemovable     bool        `json:"isRemovable"`
		Owner           wireAddress `json:"owner"`
	}
	wireGroup struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		ClassID   string `json:"classId"`
		ChangeKey string `json:"changeKey"`
	}
	wireCategory struct {
		ID    string `json:"id"`
		Name  string `json:"displayName"`
		Color string `json:"color"`
	}
	wireZone struct {
		Alias string `json:"alias"`
		Title string `json:"displayName"`
	}
)

func (q *ask) calendars() (any, error) {
	v, o, err := q.asked(wireCalendar{})
	if err != nil {
		return nil, err
	}
	g, err := q.group()
	if err != nil {
		return nil, err
	}
	var visible []*calendar
	for _, c := range g.calendars {
		if q.reaches(c) == nil {
			visible = append(visible, c)
		}
	}
	part, next := pageOf(q, o, visible)
	var values []object
	for _, c := range part {
		values = append(values, o.pick(c.wire(v, q.person.mailbox), "id"))
	}
	return q.collection(q.user()+"/calendars", o, values, next), nil
}

// group is the calendar group that the path names: /me/calendars lists the
// default one alone.
func (q *ask) group() (*group, error) {
	groups := q.person.mailbox.groups
	id := q.PathValue("group")
	if id == "" {
		return &groups[0], nil
	}
	k, _, ok := parseID(id)
	if !ok {
		return nil, errMalformed
	}
	for i := range groups {
		if groups[i].key == k {
			return &groups[i], nil
		}
	}
	return nil, errNotFound
}

func (q *ask) oneCalendar() (any, error) {
	v, o, err := q.asked(wireCalendar{})
	if err != nil {
		return nil, err
	}
	c, err := q.folder()
	if err != nil {
		return nil, err
	}
	one := o.pick(c.wire(v, q.person.mailbox), "id")
	one["@odata.context"] = q.context(q.user() + "/calendars/$entity")
	return one, nil
}

func (c *calendar) wire(v reader, m *mailbox) object {
	first := c == m.defaultCalendar()
	return fields(wireCalendar{
		ID: c.key.id("", v.immutable), Name: c.name, Color: c.color, HexColor: c.hex, IsDefault: first || c.isDefault,
		ChangeKey: keyOf("change", string(c.key[:])).id("", false)[6:30],
		CanShare:  !c.shared, CanViewPrivate: c.seesPrivate, CanEdit: c.canEdit,
		Providers: []string{"teamsForBusiness"}, DefaultProvider: "teamsForBusiness",
		IsTallying: first, IsRemovable: !first, Owner: wireAddress(c.owner),
	})
}

func (q *ask) calendarGroups() (any, error) {
	v, o, err := q.asked(wireGroup{})
	if err != nil {
		return nil, err
	}
	part, next := pageOf(q, o, q.person.mailbox.groups)
	var values []object
	for _, g := range part {
		values = append(values, o.pick(fields(wireGroup{
			ID: g.key.id("", v.immutable), Name: g.name, ClassID: groupClass(g.name),
			ChangeKey: keyOf("change", string(g.key[:])).id("", false)[6:30],
		}), "id"))
	}
	return q.collection(q.user()+"/calendarGroups", o, values, next), nil
}

func (q *ask) masterCategories() (any, error) {
	o, err := q.query(wireCategory{})
	if err != nil {
		return nil, err
	}
	var values []object
	for _, c := range q.person.mailbox.categories {
		values = append(values, o.pick(fields(wireCategory{ID: keyOf("category", q.person.ObjectID, c.name).guid(), Name: c.name, Color: c.color}), "id"))
	}
	return q.collection(q.user()+"/outlook/masterCategories", o, values, ""), nil
}

func (q *ask) supportedTimeZones() (any, error) {
	list := make([]wireZone, len(zones))
	for i, z := range zones {
		list[i] = wireZone{z.windows, z.title}
	}
	return map[string]any{
		"@odata.context": q.context("Collection(microsoft.graph.timeZoneInformation)"),
		"value":          list,
	}, nil
}

// newMailbox is a mailbox with its one calendar, as on a first day at work.
func newMailbox(p *Person, s settings) *mailbox {
	owner := Contact{p.Name, p.Username}
	given, surname, _ := strings.Cut(p.Name, " ")
	return &mailbox{
		card:     card{given: given, surname: surname, mail: p.Username},
		settings: s,
		groups: []group{{name: "My Calendars", key: keyOf(p.Username, "group", "My Calendars"), calendars: []*calendar{{
			name: "Calendar", key: keyOf(p.Username, "calendar", "Calendar"), color: "auto", owner: owner, seesPrivate: true, canEdit: true,
		}}}},
	}
}

// groupClass is the class of the groups that Outlook makes by itself; groups
// that a person made have none.
func groupClass(name string) string {
	switch name {
	case "My Calendars":
		return "0006f0b7-0000-0000-c000-000000000046"
	case "Other Calendars":
		return "0006f0b8-0000-0000-c000-000000000046"
	case "People's Calendars":
		return "0006f0b9-0000-0000-c000-000000000046"
	}
	return "00000000-0000-0000-0000-000000000000"
}
