package graph

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"daybook/internal/calendar"
)

// A Detail is one event with what only its own page shows.
type Detail struct {
	calendar.Event
	Body     string // as Graph gives it: hostile until cleaned
	BodyType string // html or text
	// Attendees with their answers; empty when AttendeesHidden.
	Attendees       []Attendee
	AttendeesHidden bool        // by the organiser
	Recurrence      *Recurrence // nil if it does not repeat, or if Missing says that it did not come
	Locations       []string    // by name; more than one for some meetings
	ICalUID         string      // not a key: occurrences may share it
	OriginalZone    string      // name of the zone in which it was made, Windows or IANA
	Missing         []Missing
}

// An Attendee is somebody, or a room, that an event invites.
type Attendee struct {
	calendar.Person
	Type     string // required, optional, resource
	Response string // none, organizer, tentativelyAccepted, accepted, declined, notResponded
}

// A Recurrence is the rule by which an event repeats. Fields that its Type and
// Range do not use are zero.
type Recurrence struct {
	Type       string // daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly, relativeYearly
	Interval   int    // at least 1
	Days       []time.Weekday
	FirstDay   time.Weekday
	DayOfMonth int
	Index      string // first, second, third, fourth, last
	Month      time.Month
	Range      string // endDate, noEnd, numbered
	From       calendar.Date
	Until      calendar.Date // last day, with endDate
	Count      int           // with numbered
}

type wireDetail struct {
	wireEvent
	Body struct {
		Type    string `json:"contentType"`
		Content string `json:"content"`
	} `json:"body"`
	Locations    []wireLocation  `json:"locations"`
	Recurrence   *wireRecurrence `json:"recurrence"`
	ICalUID      string          `json:"iCalUId"`
	OriginalZone string          `json:"originalStartTimeZone"`
}

type wireRecurrence struct {
	Pattern struct {
		Type       string   `json:"type"`
		Interval   int      `json:"interval"`
		Month      int      `json:"month"`
		DayOfMonth int      `json:"dayOfMonth"`
		Days       []string `json:"daysOfWeek"`
		FirstDay   string   `json:"firstDayOfWeek"`
		Index      string   `json:"index"`
	} `json:"pattern"`
	Range struct {
		Type  string `json:"type"`
		Start string `json:"startDate"`
		End   string `json:"endDate"`
		Count int    `json:"numberOfOccurrences"`
	} `json:"range"`
}

const detailFields = "?$select=" + eventFields + ",body,locations,recurrence,iCalUId,originalStartTimeZone"

// Event returns one event of the person's own mailbox. Its CalendarID is
// empty. An event that does not exist is [ErrNotFound].
func (m *Mailbox) Event(ctx context.Context, id string, fresh bool) (Detail, error) {
	return m.EventIn(ctx, "", id, fresh)
}

// EventIn is Event for an event of a certain calendar, as is needed for
// calendars of others; an empty calendarID is [Mailbox.Event].
func (m *Mailbox) EventIn(ctx context.Context, calendarID, id string, fresh bool) (Detail, error) {
	if !validID(id) || calendarID != "" && !validID(calendarID) {
		return Detail{}, notFound()
	}
	// A space is in no valid id, so that no two pairs share a key.
	key := cacheKey{kind: kindEvent, id: calendarID + " " + id}
	d, _, err := fetch(ctx, m, key, fresh, func(ctx context.Context, j *job) (answer[Detail], error) {
		return j.detail(ctx, calendarID, id)
	})
	return d, err
}

func (j *job) detail(ctx context.Context, calendarID, id string) (answer[Detail], error) {
	events := "/me/events/"
	if calendarID != "" {
		events = "/me/calendars/" + url.PathEscape(calendarID) + "/events/"
	}
	body, err := j.get(ctx, opEvent, events+url.PathEscape(id)+detailFields)
	if err != nil {
		// All but the id is the same for every event, and that may have come
		// from anywhere: Graph's codes for one that is none are many.
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusBadRequest && !errors.Is(err, ErrNoMailbox) {
			err = notFound()
		}
		return answer[Detail]{}, err
	}
	d, err := decodeDetail(body, calendarID)
	if err != nil {
		return answer[Detail]{}, err
	}
	// An occurrence does not carry its rule; the master does.
	if d.Recurrence == nil && d.SeriesID != "" && validID(d.SeriesID) {
		master, err := j.get(ctx, opEvent, events+url.PathEscape(d.SeriesID)+"?$select=id,recurrence")
		var w wireDetail
		if err == nil {
			err = decode(master, &w)
		}
		if fatal(err) {
			return answer[Detail]{}, err
		}
		if err != nil {
			d.Missing = append(d.Missing, Missing{What: "recurrence", Err: err})
		}
		d.Recurrence = w.Recurrence.value()
	}
	size := eventSize(&d.Event) + int64(len(d.Body)+len(d.Attendees)*128)
	return answer[Detail]{d, size, len(d.Missing) == 0}, nil
}

func decodeDetail(body []byte, calendarID string) (Detail, error) {
	var w wireDetail
	if err := decode(body, &w); err != nil {
		return Detail{}, err
	}
	e, err := w.event(calendarID)
	if err != nil {
		return Detail{}, unreadable(nil)
	}
	d := Detail{
		Event:           e,
		Body:            w.Body.Content,
		BodyType:        strings.ToLower(w.Body.Type),
		AttendeesHidden: w.attendeesHidden(),
		Recurrence:      w.Recurrence.value(),
		ICalUID:         w.ICalUID,
		OriginalZone:    w.OriginalZone,
	}
	if !d.AttendeesHidden {
		for _, a := range w.Attendees {
			d.Attendees = append(d.Attendees, Attendee{
				Person:   a.person(),
				Type:     enum(a.Type, "required", "optional", "resource"),
				Response: enum(a.Status.Response, "none", responses...),
			})
		}
	}
	for _, l := range w.Locations {
		if l.Name != "" {
			d.Locations = append(d.Locations, l.Name)
		}
	}
	return d, nil
}

// value returns the rule, without what its types leave unused: Graph sends
// zeros, the first index and the year 1 there.
func (w *wireRecurrence) value() *Recurrence {
	if w == nil {
		return nil
	}
	p := w.Pattern
	r := &Recurrence{
		Type: enum(p.Type, "", "daily", "weekly", "absoluteMonthly", "relativeMonthly",
			"absoluteYearly", "relativeYearly"),
		Interval: max(1, p.Interval),
		Range:    enum(w.Range.Type, "noEnd", "endDate", "numbered"),
		From:     ruleDate(w.Range.Start),
	}
	relative := r.Type == "relativeMonthly" || r.Type == "relativeYearly"
	if relative || r.Type == "weekly" {
		r.Days = weekdays(p.Days)
		r.FirstDay, _ = weekday(p.FirstDay)
	}
	if relative {
		r.Index = enum(p.Index, "first", "second", "third", "fourth", "last")
	}
	if r.Type == "absoluteMonthly" || r.Type == "absoluteYearly" {
		r.DayOfMonth = p.DayOfMonth
	}
	if strings.HasSuffix(r.Type, "Yearly") && p.Month >= 1 && p.Month <= 12 {
		r.Month = time.Month(p.Month)
	}
	switch r.Range {
	case "endDate":
		r.Until = ruleDate(w.Range.End)
	case "numbered":
		r.Count = w.Range.Count
	}
	return r
}

func ruleDate(s string) calendar.Date {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() <= 1 {
		return calendar.Date{}
	}
	return calendar.DateOf(t)
}
