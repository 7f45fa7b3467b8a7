package simulator

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// mailbox is what Exchange and the directory hold of one person.
type mailbox struct {
	card       card
	settings   settings
	groups     []group // the default group first, its first calendar the default
	categories []category
	disabled   bool // no licence, or still on premises: Graph answers 404

	gate  gate
	diary diary
}

// diary holds the events of a mailbox. version counts changes, and each item
// names the count at its last one, which is what a delta round needs.
type diary struct {
	mu      sync.RWMutex
	version int
	items   []*item
	gone    []tombstone
}

// tombstone remembers a deleted event, or a deleted occurrence of a series.
type tombstone struct {
	item    *item
	date    string
	version int
}

// group is a calendar group.
type group struct {
	name      string
	key       key
	calendars []*calendar
}

// calendar is one calendar of a mailbox, or another person's that is shared
// with its owner.
type calendar struct {
	name        string
	key         key
	color, hex  string
	isDefault   bool
	owner       Contact
	shared      bool // needs Calendars.Read.Shared
	seesPrivate bool
	canEdit     bool
}

type category struct{ name, color string }

// settings are mailboxSettings as far as people differ in them.
type settings struct {
	zone, locale, language string
	timeFormat, dateFormat string
	hours                  hours
	away                   away
}

// hours are working hours; bias, when set, sends the zone as a custom one
// with that many minutes to UTC.
type hours struct {
	days       []string
	start, end string
	bias       int
	custom     bool
}

// away is the automatic reply; status is disabled when empty.
type away struct {
	status, message string
	from, until     time.Time
}

// card is what the directory knows of a person.
type card struct {
	given, surname                string
	title, department, company    string
	office, city, country         string
	mobile, language, mail        string
	phones                        []string
	photo, blankPhoto             bool
	managerName, managerTitle     string
	managerAddress, managerObject string
}

func (m *mailbox) defaultCalendar() *calendar { return m.groups[0].calendars[0] }

// calendar finds a calendar in any group by its key.
func (m *mailbox) calendar(k key) *calendar {
	for _, g := range m.groups {
		for _, c := range g.calendars {
			if c.key == k {
				return c
			}
		}
	}
	return nil
}

// named finds a calendar by its name; the empty name is the default.
func (m *mailbox) named(name string) *calendar {
	if name == "" {
		return m.defaultCalendar()
	}
	for _, g := range m.groups {
		for _, c := range g.calendars {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// view lists what a calendar shows between two instants, in no promised
// order, as Graph does when $orderby is missing.
func (m *mailbox) view(c *calendar, from, until time.Time) []occurrence {
	m.diary.mu.RLock()
	defer m.diary.mu.RUnlock()
	var list []occurrence
	for _, i := range m.diary.items {
		if i.Calendar == c.name {
			list = append(list, i.between(from, until)...)
		}
	}
	return list
}

// find gives the event with an id: a single one, a series' master or an
// occurrence, and the calendar that holds it.
func (m *mailbox) find(id string) (occurrence, *calendar, bool) {
	k, date, ok := parseID(id)
	if !ok {
		return occurrence{}, nil, false
	}
	m.diary.mu.RLock()
	defer m.diary.mu.RUnlock()
	i := m.diary.item(k)
	if i == nil {
		return occurrence{}, nil, false
	}
	c := m.named(i.Calendar)
	if date != "" {
		o, found := i.on(date)
		return o, c, found
	}
	kind := "singleInstance"
	if i.Recurrence != nil {
		kind = "seriesMaster"
	}
	return i.place(&i.Event, i.Start, kind, ""), c, true
}

func (s *diary) item(k key) *item {
	at := slices.IndexFunc(s.items, func(i *item) bool { return i.key == k })
	if at < 0 {
		return nil
	}
	return s.items[at]
}

// put stores a new event, or replaces the one that e.ID names: a whole
// event, or one occurrence of a series, which becomes an exception.
func (m *mailbox) put(e Event) (string, error) {
	c := m.named(e.Calendar)
	if c == nil {
		return "", fmt.Errorf("no calendar %q", e.Calendar)
	}
	if wall(e.End).Before(wall(e.Start)) {
		return "", fmt.Errorf("event %q ends before it starts", e.Subject)
	}
	e.Calendar = c.name
	if e.Zone == "" {
		e.Zone = m.settings.zone
	}
	if _, known := zoneFor(e.Zone); e.Zone != "" && !known {
		return "", fmt.Errorf("no zone %q", e.Zone)
	}
	e.text = sync.OnceValue(func() string { return plain(e.Body) })
	m.diary.mu.Lock()
	defer m.diary.mu.Unlock()
	m.diary.version++
	if e.ID == "" {
		i := &item{Event: e, key: keyOf(m.card.mail, c.name, e.Subject, e.Start.Format(time.DateTime), e.where())}
		for n := 0; m.diary.item(i.key) != nil; n++ {
			i.key = keyOf(string(i.key[:]), fmt.Sprint(n))
		}
		i.version = m.diary.version
		m.diary.items = append(m.diary.items, i)
		return i.key.id("", true), nil
	}
	k, date, ok := parseID(e.ID)
	i := m.diary.item(k)
	if !ok || i == nil {
		return "", fmt.Errorf("no event %s", e.ID)
	}
	// Readers hold occurrences after the lock is gone, so what they point at
	// is replaced, never changed.
	next := &item{Event: i.Event, key: i.key, changes: i.changes, version: m.diary.version}
	if date == "" {
		next.Event = e
	} else {
		if _, found := i.on(date); !found {
			return "", fmt.Errorf("no occurrence %s of %q", date, i.Subject)
		}
		e.Zone, e.Recurrence = i.Zone, nil
		next.changes = i.changed(date, &e)
	}
	m.diary.replace(i, next)
	return k.id(date, true), nil
}

// remove deletes an event, a whole series or one occurrence.
func (m *mailbox) remove(id string) error {
	k, date, ok := parseID(id)
	m.diary.mu.Lock()
	defer m.diary.mu.Unlock()
	i := m.diary.item(k)
	if !ok || i == nil {
		return fmt.Errorf("no event %s", id)
	}
	if date != "" {
		if _, found := i.on(date); !found {
			return fmt.Errorf("no occurrence %s of %q", date, i.Subject)
		}
	}
	m.diary.version++
	m.diary.gone = append(m.diary.gone, tombstone{item: i, date: date, version: m.diary.version})
	if date == "" {
		m.diary.items = slices.DeleteFunc(m.diary.items, func(x *item) bool { return x == i })
		return nil
	}
	next := &item{Event: i.Event, key: i.key, version: m.diary.version, changes: i.changed(date, nil)}
	m.diary.replace(i, next)
	return nil
}

func (s *diary) replace(old, next *item) {
	s.items[slices.Index(s.items, old)] = next
}

// changed is the item's changes with one more.
func (i *item) changed(date string, e *Event) map[string]*Event {
	next := map[string]*Event{date: e}
	for d, was := range i.changes {
		if d != date {
			next[d] = was
		}
	}
	return next
}

// where is the name of the first place, or empty.
func (e *Event) where() string {
	if len(e.Places) == 0 {
		return ""
	}
	return e.Places[0].Name
}
