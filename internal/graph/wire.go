package graph

import (
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"daybook/internal/calendar"
)

// Shapes of Graph v1.0 as its CSDL declares them (microsoft.graph.event and
// what belongs to it), as far as they are used. Null and absent are the same.

type wireAddress struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

type wireRecipient struct {
	Email wireAddress `json:"emailAddress"`
}

func (r *wireRecipient) person() calendar.Person {
	if r == nil {
		return calendar.Person{}
	}
	return calendar.Person{Name: r.Email.Name, Address: r.Email.Address}
}

type wireAttendee struct {
	wireRecipient
	Type   string `json:"type"`
	Status struct {
		Response string `json:"response"`
	} `json:"status"`
}

type wireLocation struct {
	Name string `json:"displayName"`
	URI  string `json:"locationUri"`
}

// wireTime is a dateTimeTimeZone: a time of the clock with up to seven digits
// of a second and no offset, beside the name of its zone.
type wireTime struct {
	DateTime string `json:"dateTime"`
	Zone     string `json:"timeZone"`
}

var errTime = errors.New("unreadable time")

// instant returns the moment in UTC. UTC is what is asked for; another zone is
// honoured if it is known.
func (w *wireTime) instant() (time.Time, error) {
	if w == nil {
		return time.Time{}, errTime
	}
	loc := time.UTC
	if w.Zone != "UTC" {
		var known bool
		if loc, known = ZoneFor(w.Zone); !known {
			return time.Time{}, errTime
		}
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", w.DateTime, loc)
	if err != nil {
		// The schema allows an offset, which then says all.
		if t, err = time.Parse(time.RFC3339, w.DateTime); err != nil {
			return time.Time{}, errTime
		}
	}
	return t.UTC(), nil
}

// date returns the day alone: all-day events come from midnight to midnight
// whatever zone is named, by design (microsoft-graph-docs issue 1802).
func (w *wireTime) date() (calendar.Date, error) {
	if w == nil || len(w.DateTime) < len(time.DateOnly) {
		return calendar.Date{}, errTime
	}
	t, err := time.Parse(time.DateOnly, w.DateTime[:len(time.DateOnly)])
	if err != nil {
		return calendar.Date{}, errTime
	}
	return calendar.DateOf(t), nil
}

type wireEvent struct {
	ID            string         `json:"id"`
	Type          string         `json:"type"`
	SeriesID      string         `json:"seriesMasterId"`
	Subject       string         `json:"subject"`
	Preview       string         `json:"bodyPreview"`
	Start         *wireTime      `json:"start"`
	End           *wireTime      `json:"end"`
	IsAllDay      bool           `json:"isAllDay"`
	ShowAs        string         `json:"showAs"`
	Sensitivity   string         `json:"sensitivity"`
	Importance    string         `json:"importance"`
	IsCancelled   bool           `json:"isCancelled"`
	IsOrganizer   bool           `json:"isOrganizer"`
	HideAttendees bool           `json:"hideAttendees"`
	Organizer     *wireRecipient `json:"organizer"`
	Attendees     []wireAttendee `json:"attendees"`
	Response      struct {
		Response string `json:"response"`
	} `json:"responseStatus"`
	Location       wireLocation `json:"location"`
	Categories     []string     `json:"categories"`
	IsOnline       bool         `json:"isOnlineMeeting"`
	MeetingURL     string       `json:"onlineMeetingUrl"`
	HasAttachments bool         `json:"hasAttachments"`
	WebLink        string       `json:"webLink"`
	Meeting        *struct {
		JoinURL string `json:"joinUrl"`
	} `json:"onlineMeeting"`
}

func wireEventID(w *wireEvent) string { return w.ID }

// event makes a calendar event. An event whose times cannot be read is an
// error: shown at a wrong time it would do more harm than named as missing.
func (w *wireEvent) event(calendarID string) (calendar.Event, error) {
	when, err := w.when()
	if err != nil {
		return calendar.Event{}, err
	}
	if w.ID == "" {
		return calendar.Event{}, errors.New("event without id")
	}
	e := calendar.Event{
		ID:         w.ID,
		CalendarID: calendarID,
		SeriesID:   w.SeriesID,
		Subject:    w.Subject,
		Place:      w.Location.Name,
		Organizer:  w.Organizer.person(),
		Categories: w.Categories,
		JoinURL:    w.joinURL(),
		WebLink:    httpsURL(w.WebLink),
		When:       when,
		State: calendar.State{
			ShowAs:         enum(w.ShowAs, "unknown", "free", "tentative", "busy", "oof", "workingElsewhere"),
			Response:       enum(w.Response.Response, "none", responses...),
			Sensitivity:    enum(w.Sensitivity, "normal", "personal", "private", "confidential"),
			Importance:     enum(w.Importance, "normal", "low", "high"),
			Cancelled:      w.IsCancelled,
			IsOrganizer:    w.IsOrganizer,
			HasAttachments: w.HasAttachments,
		},
	}
	e.State.IsOnline = w.IsOnline || e.JoinURL != ""
	if !w.attendeesHidden() {
		for i := range w.Attendees {
			e.Attendees = append(e.Attendees, w.Attendees[i].person())
		}
	}
	return e, nil
}

// attendeesHidden: whoever organises a meeting sees its list regardless.
func (w *wireEvent) attendeesHidden() bool { return w.HideAttendees && !w.IsOrganizer }

func (w *wireEvent) when() (calendar.When, error) {
	if w.IsAllDay {
		first, err := w.Start.date()
		if err != nil {
			return calendar.When{}, err
		}
		until, err := w.End.date()
		if err != nil {
			return calendar.When{}, err
		}
		if until.Compare(first) <= 0 {
			until = first.AddDays(1)
		}
		return calendar.When{AllDay: true, First: first, Until: until}, nil
	}
	start, err := w.Start.instant()
	if err != nil {
		return calendar.When{}, err
	}
	end, err := w.End.instant()
	if err != nil {
		return calendar.When{}, err
	}
	if end.Before(start) {
		end = start
	}
	return calendar.When{Start: start, End: end}, nil
}

var responses = []string{"organizer", "tentativelyAccepted", "accepted", "declined", "notResponded"}

// enum returns the member that s is, whatever its case (Graph's own examples
// differ from its schema in case), empty if s is empty, and s itself if it is
// a member that Microsoft has added since.
func enum(s, empty string, members ...string) string {
	if s == "" || strings.EqualFold(s, empty) {
		return empty
	}
	for _, m := range members {
		if strings.EqualFold(s, m) {
			return m
		}
	}
	return s
}

// previewLength is where Graph cuts bodyPreview off (event resource,
// "bodyPreview": the first 255 characters).
const previewLength = 255

// joinURL returns where the meeting is joined: what Graph says, or else the
// first link to a meeting service in the place or the beginning of the body.
func (w *wireEvent) joinURL() string {
	if w.Meeting != nil {
		if u := httpsURL(w.Meeting.JoinURL); u != "" {
			return u
		}
	}
	if u := httpsURL(w.MeetingURL); u != "" {
		return u
	}
	preview := w.Preview
	if utf8.RuneCountInString(preview) >= previewLength {
		// Its last word is cut off, and half an address leads somewhere else.
		preview = preview[:strings.LastIndexFunc(preview, unicode.IsSpace)+1]
	}
	for _, text := range []string{w.Location.URI, w.Location.Name, preview} {
		if u := meetingLink(text); u != "" {
			return u
		}
	}
	return ""
}

// httpsURL returns s if it is an https URL of a host, else "".
func httpsURL(s string) string {
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return s
}

// meetingLink finds a link to a meeting in text that anybody may have written.
func meetingLink(text string) string {
	for {
		i := strings.Index(text, "https://")
		if i < 0 {
			return ""
		}
		text = text[i:]
		end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`<>"'|\^{}`+"`\u00a0", r) })
		if end < 0 {
			end = len(text)
		}
		link := strings.TrimRight(text[:end], ".,;:!?)]")
		text = text[end:]
		if u, err := url.Parse(link); err == nil && httpsURL(link) != "" && len(u.Path) > 1 && meetingHost(u.Hostname()) {
			return link
		}
	}
}

func meetingHost(host string) bool {
	host = strings.ToLower(host)
	for _, h := range []string{"zoom.us", "webex.com", "meet.google.com", "teams.microsoft.com", "teams.live.com"} {
		if host == h || strings.HasSuffix(host, "."+h) {
			return true
		}
	}
	return false
}
