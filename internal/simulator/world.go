package simulator

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// DemoTenant is the tenant id of the demo's people.
const DemoTenant = "6f1b5c1e-8f0e-4d0b-9a53-2c7e4b1d9a10"

// People returns the demo's people, whose calendars are full in the week of
// now and believable from a year before to a year after it. Each call makes
// new mailboxes; the ids in them depend on the week of now alone.
//
//   - Lena Hoffmann, product manager in Berlin: a dense week in several
//     calendars, one of them shared by a colleague.
//   - Marcus Reed, in New York: everything that is awkward to draw, and a
//     week of three hundred events.
//   - Haruka Sato, in Tokyo.
//   - Priya Nair, whose calendar is empty and who has no photo.
//   - Nadia Haddad, who must consent first and whose mailbox names no zone.
//   - Tom Becker, who has no mailbox.
func People(now time.Time) []*Person {
	return []*Person{lena(now), marcus(now), haruka(now), priya(), nadia(now), tom()}
}

// newPerson makes a person of the demo with a bare mailbox.
func newPerson(name, username, note string, s settings) *Person {
	p := &Person{ObjectID: keyOf("person", username).guid(), TenantID: DemoTenant, Name: name, Username: username, Note: note}
	p.mailbox = newMailbox(p, s)
	c := &p.mailbox.card
	c.company, c.language = "Contoso", s.locale
	return p
}

// author writes events into one calendar of a mailbox.
type author struct {
	box      *mailbox
	calendar string
	monday   time.Time // of the week of now, in the mailbox's zone
}

func newAuthor(p *Person, now time.Time) author {
	return author{box: p.mailbox, monday: monday(now.In(locate(p.mailbox.settings.zone)))}
}

// in makes the author write into another calendar, which it adds to a group
// of the mailbox when it is new.
func (a author) in(groupName string, c calendar) author {
	a.calendar = c.name
	if a.box.named(c.name) != nil {
		return a
	}
	owner := a.box.defaultCalendar().owner
	c.key = keyOf(owner.Address, "calendar", c.name)
	if (c.owner == Contact{}) {
		c.owner = owner
	}
	at := slices.IndexFunc(a.box.groups, func(g group) bool { return g.name == groupName })
	if at < 0 {
		at = len(a.box.groups)
		a.box.groups = append(a.box.groups, group{name: groupName, key: keyOf(owner.Address, "group", groupName)})
	}
	a.box.groups[at].calendars = append(a.box.groups[at].calendars, &c)
	return a
}

// row is a line of a table of events: when, what, and what is special.
type row struct {
	when    when
	subject string
	details []detail
	changes []change
}

// detail sets what is special about an event.
type detail func(*Event)

// change is what happened to one occurrence of a series.
type change struct {
	week    int
	day     string
	deleted bool
	to      when
	details []detail
}

func ev(w when, subject string, details ...detail) row {
	return row{when: w, subject: subject, details: details}
}

// skip deletes the occurrence on a day of a week, counted from this one.
func (r row) skip(week int, day string) row {
	r.changes = append(slices.Clip(r.changes), change{week: week, day: day, deleted: true})
	return r
}

// move makes an exception of an occurrence.
func (r row) move(week int, day string, to when, details ...detail) row {
	r.changes = append(slices.Clip(r.changes), change{week: week, day: day, to: to, details: details})
	return r
}

// write stores the rows. A row that does not fit is a mistake in the tables,
// which the tests of this package would show.
func (a author) write(rows ...row) {
	for _, r := range rows {
		for _, e := range r.when(a.monday) {
			e.Calendar, e.Subject = a.calendar, r.subject
			id := a.put(e, r.details)
			for _, c := range r.changes {
				a.change(id, e, r.details, c)
			}
		}
	}
}

func (a author) put(e Event, details []detail) string {
	for _, set := range details {
		set(&e)
	}
	if e.Online != "" {
		invitation(&e)
	}
	id, err := a.box.put(e)
	if err != nil {
		panic(err)
	}
	return id
}

func (a author) change(id string, e Event, details []detail, c change) {
	k, _, _ := parseID(id)
	occurrence := k.id(a.day(c.week, c.day).Format(isoDate), true)
	if c.deleted {
		if err := a.box.remove(occurrence); err != nil {
			panic(err)
		}
		return
	}
	to := c.to(a.monday)[0]
	e.ID, e.Start, e.End, e.Recurrence = occurrence, to.Start, to.End, nil
	a.put(e, slices.Concat(details, c.details))
}

func (a author) day(week int, name string) time.Time {
	return a.monday.AddDate(0, 0, 7*week+dayNumber(name))
}

// when gives the events that a row stands for, from the Monday of this week.
type when func(monday time.Time) []Event

// past and future are how many weeks the world has.
const past, future = 56, 56

var dayNames = []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

func dayNumber(name string) int { return slices.Index(dayNames, name) }

func weekdays(names string) []time.Weekday {
	var days []time.Weekday
	for name := range strings.FieldsSeq(names) {
		days = append(days, time.Weekday((dayNumber(name)+1)%7))
	}
	return days
}

// span is an event on a date, from a clock time and for so many minutes.
func span(date time.Time, clock string, minutes int) Event {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		panic(err)
	}
	start := date.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
	return Event{Start: start, End: start.Add(time.Duration(minutes) * time.Minute)}
}

func wholeDays(date time.Time, days int) Event {
	return Event{Start: date, End: date.AddDate(0, 0, days), AllDay: true}
}

// weekly is a series on some days of every n-th week, this week included.
func weekly(n int, days, clock string, minutes int) when {
	return weeklyFrom(n, 0, days, clock, minutes)
}

// weeklyFrom is weekly with this week being phase weeks before an occurrence.
func weeklyFrom(n, phase int, days, clock string, minutes int) when {
	return func(monday time.Time) []Event {
		first, _, _ := strings.Cut(days, " ")
		e := span(monday.AddDate(0, 0, 7*(phase-past/n*n)+dayNumber(first)), clock, minutes)
		e.Recurrence = &Recurrence{Pattern: "weekly", Interval: n, Days: weekdays(days)}
		return []Event{e}
	}
}

func daily(clock string, minutes int) when {
	return func(monday time.Time) []Event {
		e := span(monday.AddDate(0, 0, -7*past), clock, minutes)
		e.Recurrence = &Recurrence{Pattern: "daily"}
		return []Event{e}
	}
}

// monthly is a series on a day of every month.
func monthly(day int, clock string, minutes int) when {
	return func(monday time.Time) []Event {
		e := span(time.Date(monday.Year()-1, monday.Month()-1, day, 0, 0, 0, 0, time.UTC), clock, minutes)
		e.Recurrence = &Recurrence{Pattern: "absoluteMonthly"}
		return []Event{e}
	}
}

// nth is a series on, say, the last Fri of every month.
func nth(index, day, clock string, minutes int) when {
	return func(monday time.Time) []Event {
		r := &Recurrence{Pattern: "relativeMonthly", Index: index, Days: weekdays(day)}
		date := time.Date(monday.Year()-1, monday.Month()-1, 1, 0, 0, 0, 0, time.UTC)
		for !r.nth(date) {
			date = date.AddDate(0, 0, 1)
		}
		e := span(date, clock, minutes)
		e.Recurrence = r
		return []Event{e}
	}
}

// yearly is an all-day series, for birthdays and holidays.
func yearly(month time.Month, day int) when {
	return func(monday time.Time) []Event {
		e := wholeDays(time.Date(monday.Year()-3, month, day, 0, 0, 0, 0, time.UTC), 1)
		e.Recurrence = &Recurrence{Pattern: "absoluteYearly"}
		return []Event{e}
	}
}

// yearlyNth is, say, the fourth Thu of November, all day.
func yearlyNth(month time.Month, index, day string) when {
	return func(monday time.Time) []Event {
		r := &Recurrence{Pattern: "relativeYearly", Index: index, Days: weekdays(day)}
		date := time.Date(monday.Year()-3, month, 1, 0, 0, 0, 0, time.UTC)
		for !r.nth(date) {
			date = date.AddDate(0, 0, 1)
		}
		e := wholeDays(date, 1)
		e.Recurrence = r
		return []Event{e}
	}
}

// once is a single event in a week counted from this one.
func once(week int, day, clock string, minutes int) when {
	return func(monday time.Time) []Event {
		return []Event{span(monday.AddDate(0, 0, 7*week+dayNumber(day)), clock, minutes)}
	}
}

// some is a single event in every n-th week, the one phase weeks from now
// included: meetings that nobody made a series of.
func some(n, phase int, day, clock string, minutes int) when {
	return func(monday time.Time) []Event {
		var list []Event
		for week := phase - past/n*n; week <= future; week += n {
			list = append(list, once(week, day, clock, minutes)(monday)...)
		}
		return list
	}
}

// days is a single event of whole days.
func days(week int, day string, count int) when {
	return func(monday time.Time) []Event {
		return []Event{wholeDays(monday.AddDate(0, 0, 7*week+dayNumber(day)), count)}
	}
}

// someDays is days in every n-th week.
func someDays(n, phase int, day string, count int) when {
	return func(monday time.Time) []Event {
		var list []Event
		for week := phase - past/n*n; week <= future; week += n {
			list = append(list, days(week, day, count)(monday)...)
		}
		return list
	}
}

// ends gives a series a last week, counted from this one.
func (w when) ends(week int) when {
	return func(monday time.Time) []Event {
		list := w(monday)
		for i := range list {
			list[i].Recurrence.Until = monday.AddDate(0, 0, 7*week+6)
		}
		return list
	}
}

// times makes a series begin in a week and have so many occurrences.
func (w when) times(week, count int) when {
	return func(monday time.Time) []Event {
		list := w(monday)
		for i := range list {
			length := list[i].End.Sub(list[i].Start)
			list[i].Start = list[i].Start.AddDate(0, 0, 7*(week+past/max(list[i].Recurrence.Interval, 1)*max(list[i].Recurrence.Interval, 1)))
			list[i].End = list[i].Start.Add(length)
			list[i].Recurrence.Count = count
		}
		return list
	}
}

// extra sets properties that Graph's metadata does not declare.
func extra(properties map[string]any) detail {
	return func(e *Event) { e.Extra = maps.Clone(properties) }
}
