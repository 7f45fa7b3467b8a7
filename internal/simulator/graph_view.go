package simulator

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// longestView is the widest calendar view that Exchange answers, in days.
const longestView = 1825

// folder is the calendar that a request names, the default one if none, as
// long as the token reaches it.
func (q *ask) folder() (*calendar, error) {
	box := q.person.mailbox
	id := q.PathValue("calendar")
	if id == "" {
		return box.defaultCalendar(), nil
	}
	k, _, ok := parseID(id)
	if !ok {
		return nil, errMalformed
	}
	c := box.calendar(k)
	if c == nil {
		return nil, errNotFound
	}
	return c, q.reaches(c)
}

// reaches refuses a calendar that others share without the scope for it.
func (q *ask) reaches(c *calendar) error {
	if c.shared && !q.may("Calendars.Read.Shared") && !q.may("Calendars.ReadWrite.Shared") {
		return errDenied
	}
	return nil
}

var (
	errMalformed = &graphError{http.StatusBadRequest, "ErrorInvalidIdMalformed", "Id is malformed."}
	errNotFound  = &graphError{http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store."}
)

// window reads startDateTime and endDateTime. They carry their own offset,
// UTC if they have none; the Prefer header does not touch them.
func (q *ask) window() (from, until time.Time, err error) {
	values := q.URL.Query()
	if from, err = instant(values.Get("startDateTime")); err != nil {
		return from, until, err
	}
	if until, err = instant(values.Get("endDateTime")); err != nil {
		return from, until, err
	}
	if until.Before(from) {
		return from, until, &graphError{http.StatusBadRequest, "ErrorInvalidParameter", "The EndDateTime must be greater than or equal to StartDateTime."}
	}
	if until.Sub(from) > longestView*24*time.Hour {
		return from, until, &graphError{http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. The range between the start and end dates is greater than the allowed range. Maximum number of days: 1825"}
	}
	return from, until, nil
}

func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, &graphError{http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime."}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", isoDate} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &graphError{http.StatusBadRequest, "ErrorInvalidParameter", "The value '" + text + "' of parameter 'StartDateTime' or 'EndDateTime' is invalid."}
}

func (q *ask) calendarView() (any, error) {
	v, o, err := q.asked(wireEvent{})
	if err != nil {
		return nil, err
	}
	for _, name := range o.names {
		if name == "createdDateTime" || name == "lastModifiedDateTime" {
			return nil, badQuery("The property '%s' cannot be selected in a calendar view.", name)
		}
	}
	c, err := q.folder()
	if err != nil {
		return nil, err
	}
	from, until, err := q.window()
	if err != nil {
		return nil, err
	}
	list, err := filtered(q.person.mailbox.view(c, from, until), o.filter)
	if err != nil {
		return nil, err
	}
	if err := arrange(list, o.order); err != nil {
		return nil, err
	}
	return q.events(v, o, c, "/calendarView", list), nil
}

// events writes one page of occurrences.
func (q *ask) events(v reader, o query, c *calendar, what string, list []occurrence) object {
	part, next := pageOf(q, o, list)
	values := make([]object, len(part))
	for i, one := range part {
		values[i] = o.pick(q.basic(v.event(one, c)), "@odata.etag", "id")
	}
	return q.collection(q.user()+what, o, values, next)
}

// basic takes away what the scope Calendars.ReadBasic leaves out.
func (q *ask) basic(e object) object {
	for _, scope := range []string{"Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"} {
		if q.may(scope) {
			return e
		}
	}
	delete(e, "body")
	delete(e, "bodyPreview")
	return e
}

func (q *ask) oneEvent() (any, error) {
	v, o, err := q.asked(wireEvent{})
	if err != nil {
		return nil, err
	}
	found, c, err := q.find()
	if err != nil {
		return nil, err
	}
	one := o.pick(v.event(found, c), "@odata.etag", "id")
	one["@odata.context"] = q.context(q.user() + "/events/$entity")
	return one, nil
}

// find is the event that the path names, in the calendar that it may name.
func (q *ask) find() (occurrence, *calendar, error) {
	if _, _, ok := parseID(q.PathValue("event")); !ok {
		return occurrence{}, nil, errMalformed
	}
	found, c, ok := q.person.mailbox.find(q.PathValue("event"))
	if !ok {
		return occurrence{}, nil, errNotFound
	}
	if q.PathValue("calendar") != "" {
		if named, err := q.folder(); err != nil || named != c {
			return occurrence{}, nil, errNotFound
		}
	}
	return found, c, q.reaches(c)
}

func (q *ask) instances() (any, error) {
	v, o, err := q.asked(wireEvent{})
	if err != nil {
		return nil, err
	}
	from, until, err := q.window()
	if err != nil {
		return nil, err
	}
	master, c, err := q.find()
	if err != nil {
		return nil, err
	}
	if master.kind != "seriesMaster" {
		return nil, &graphError{http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. The event is not a series master."}
	}
	list := master.item.between(from, until)
	if err := arrange(list, orElse(o.order, "start/dateTime")); err != nil {
		return nil, err
	}
	return q.events(v, o, c, "/events('"+q.PathValue("event")+"')/instances", list), nil
}

var order = regexp.MustCompile(`^(start/dateTime|end/dateTime|subject)(?: (asc|desc))?$`)

// arrange sorts by what $orderby says; without it the order is nobody's.
func arrange(list []occurrence, by string) error {
	if by == "" {
		return nil
	}
	var keys [][]string
	for one := range strings.SplitSeq(by, ",") {
		match := order.FindStringSubmatch(strings.TrimSpace(one))
		if match == nil {
			return badQuery("The query option $orderby '%s' is not supported.", by)
		}
		keys = append(keys, match)
	}
	slices.SortStableFunc(list, func(a, b occurrence) int {
		for _, k := range keys {
			c := 0
			switch k[1] {
			case "start/dateTime":
				c = a.start.Compare(b.start)
			case "end/dateTime":
				c = a.end.Compare(b.end)
			case "subject":
				c = cmp.Compare(a.event.Subject, b.event.Subject)
			}
			if k[2] == "desc" {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.item.key.id(a.date, true), b.item.key.id(b.date, true))
	})
	return nil
}

var subjectFilter = regexp.MustCompile(`^(contains|startswith)\(\s*subject\s*,\s*'((?:[^']|'')*)'\s*\)$`)

// filtered applies the two filters on subjects that clients try. As at
// Microsoft, one event without a subject makes the whole request fail
// (msgraph-sdk-dotnet issue 2559).
func filtered(list []occurrence, filter string) ([]occurrence, error) {
	if filter == "" {
		return list, nil
	}
	match := subjectFilter.FindStringSubmatch(filter)
	if match == nil {
		return nil, badQuery("Invalid filter clause: '%s'.", filter)
	}
	words := strings.ToLower(strings.ReplaceAll(match[2], "''", "'"))
	var kept []occurrence
	for _, o := range list {
		subject := strings.ToLower(o.event.Subject)
		if subject == "" {
			return nil, &graphError{http.StatusInternalServerError, "ErrorInternalServerError", "An internal server error occurred. The operation failed., Object reference not set to an instance of an object."}
		}
		if match[1] == "contains" && strings.Contains(subject, words) || strings.HasPrefix(subject, words) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}
