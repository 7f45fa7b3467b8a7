package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

const occurrence = `{"id":"AA+/=","type":"occurrence","seriesMasterId":"master/1","subject":null,
	"start":{"dateTime":"2026-11-24T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-11-24T08:00:00.0000000","timeZone":"UTC"},
	"body":{"contentType":"HTML","content":"<script>x</script>"},"hideAttendees":%t,"isOrganizer":%t,
	"attendees":[{"type":"Optional","status":{"response":"Accepted"},"emailAddress":{"name":"B","address":"b@x.test"}},
		{"type":"required","status":{"response":""},"emailAddress":{"address":"c@x.test"}}],
	"location":{"displayName":"Room 1","address":{},"coordinates":{"latitude":"1"}},
	"locations":[{"displayName":"Room 1"},{"displayName":""},{"displayName":"Room 2"}],
	"onlineMeeting":{"joinUrl":"javascript:alert(1)"},"onlineMeetingUrl":"http://x.test/",
	"webLink":"https://outlook.office365.com/owa/?itemid=1","iCalUId":"ical","originalStartTimeZone":"Pacific Standard Time",
	"sensitivity":"Private","showAs":"WORKINGELSEWHERE","importance":"extreme","responseStatus":{"response":"organizer"}}`

func TestEvent(t *testing.T) {
	t.Parallel()
	var asked []string
	masterFails := false
	hide, organizer := false, false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, strings.TrimPrefix(r.URL.EscapedPath(), "/v1.0"))
		switch {
		case strings.HasSuffix(r.URL.Path, "AA+/="):
			fmt.Fprintf(w, occurrence, hide, organizer)
		case masterFails:
			w.WriteHeader(500)
		default:
			io.WriteString(w, `{"id":"master/1","recurrence":{"pattern":{"type":"Weekly","interval":2,"month":0,"dayOfMonth":0,"daysOfWeek":["monday","Friday"],"firstDayOfWeek":"monday","index":"first"},
				"range":{"type":"endDate","startDate":"2026-01-05","endDate":"2026-12-31","numberOfOccurrences":0}}}`)
		}
	})
	m := c.Mailbox("o", new(staticTokens))
	d, err := m.Event(t.Context(), "AA+/=", false)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	b, cc := calendar.Person{Name: "B", Address: "b@x.test"}, calendar.Person{Address: "c@x.test"}
	want := Detail{
		Event: calendar.Event{ID: "AA+/=", SeriesID: "master/1", Place: "Room 1", WebLink: "https://outlook.office365.com/owa/?itemid=1",
			Attendees: []calendar.Person{b, cc}, When: calendar.When{Start: at, End: at},
			State: calendar.State{ShowAs: "workingElsewhere", Response: "organizer", Sensitivity: "private", Importance: "extreme"}},
		Body: "<script>x</script>", BodyType: "html",
		Attendees: []Attendee{{b, "optional", "accepted"}, {cc, "required", "none"}},
		Locations: []string{"Room 1", "Room 2"}, ICalUID: "ical", OriginalZone: "Pacific Standard Time",
		Recurrence: &Recurrence{Type: "weekly", Interval: 2, Days: []time.Weekday{time.Monday, time.Friday}, FirstDay: time.Monday,
			Range: "endDate", From: calendar.Date{Year: 2026, Month: 1, Day: 5}, Until: calendar.Date{Year: 2026, Month: 12, Day: 31}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("Event (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/me/events/AA+%2F=", "/me/events/master%2F1"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}

	masterFails, hide, asked = true, true, nil
	d, err = m.EventIn(t.Context(), "cal", "AA+/=", false)
	if err != nil || d.Recurrence != nil || len(d.Missing) != 1 || d.Missing[0].What != "recurrence" {
		t.Errorf("with the master failing: %+v, %v", d, err)
	}
	if !d.AttendeesHidden || len(d.Attendees) > 0 || len(d.Event.Attendees) > 0 || d.CalendarID != "cal" {
		t.Errorf("with attendees hidden: %+v", d)
	}
	if diff := cmp.Diff([]string{"/me/calendars/cal/events/AA+%2F=", "/me/calendars/cal/events/master%2F1"}, asked); diff != "" {
		t.Errorf("asked of a calendar (-want +got):\n%s", diff)
	}
	organizer = true
	if d, err = m.Event(t.Context(), "AA+/=", true); err != nil || d.AttendeesHidden || len(d.Attendees) != 2 {
		t.Errorf("the organiser sees %+v, %v", d.Attendees, err)
	}
}

func TestEventThatIsNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		want   error
	}{
		{404, "ErrorItemNotFound", ErrNotFound},
		{400, "ErrorInvalidIdMalformed", ErrNotFound},
		{400, "RequestBroker--ParseUri", ErrNotFound},
		{400, "", ErrNotFound},
		{400, "MailboxNotEnabledForRESTAPI", ErrNoMailbox},
		{500, "ErrorInternalServerError", ErrUnavailable},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprintf(w, `{"error":{"code":%q,"message":"x"}}`, tt.code)
		})
		_, err := c.Mailbox("o", new(staticTokens)).Event(t.Context(), "x", false)
		if !errors.Is(err, tt.want) || tt.want != ErrNotFound && errors.Is(err, ErrNotFound) {
			t.Errorf("status %d, code %q: %v, want %v", tt.status, tt.code, err, tt.want)
		}
	}
}

func TestRecurrence(t *testing.T) {
	t.Parallel()
	date := func(y int, m time.Month, d int) calendar.Date { return calendar.Date{Year: y, Month: m, Day: d} }
	for _, tt := range []struct {
		in   string
		want Recurrence
	}{
		{`{"pattern":{"type":"daily","interval":0},"range":{"type":"noEnd","startDate":"2026-01-01","endDate":"0001-01-01"}}`,
			Recurrence{Type: "daily", Interval: 1, Range: "noEnd", From: date(2026, 1, 1)}},
		{`{"pattern":{"type":"AbsoluteYearly","interval":1,"month":2,"dayOfMonth":29,"index":"first","firstDayOfWeek":"sunday"},"range":{"type":"Numbered","startDate":"2024-02-29","endDate":"0001-01-01","numberOfOccurrences":3}}`,
			Recurrence{Type: "absoluteYearly", Interval: 1, Month: time.February, DayOfMonth: 29, Range: "numbered", From: date(2024, 2, 29), Count: 3}},
		{`{"pattern":{"type":"relativeMonthly","interval":3,"month":0,"dayOfMonth":0,"daysOfWeek":["tuesday","someday"],"index":"Last","firstDayOfWeek":"sunday"},"range":{"type":"noEnd","startDate":"2026-01-27"}}`,
			Recurrence{Type: "relativeMonthly", Interval: 3, Days: []time.Weekday{time.Tuesday}, Index: "last", Range: "noEnd", From: date(2026, 1, 27)}},
		{`{"pattern":{"type":"relativeYearly","interval":1,"month":13,"daysOfWeek":["thursday"],"index":"fourth","firstDayOfWeek":"sunday"},"range":{"type":"noEnd","startDate":"soon"}}`,
			Recurrence{Type: "relativeYearly", Interval: 1, Days: []time.Weekday{time.Thursday}, Index: "fourth", Range: "noEnd"}},
		{`{}`, Recurrence{Interval: 1, Range: "noEnd"}},
	} {
		var w wireRecurrence
		if err := decode([]byte(tt.in), &w); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&tt.want, w.value()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, d)
		}
	}
}
