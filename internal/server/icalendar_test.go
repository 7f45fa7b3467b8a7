package server

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"

	"github.com/emersion/go-ical"
)

// Downloads are read with a library that did not write them.
func TestICalendar(t *testing.T) {
	t.Parallel()
	allday := allDay("a", "Fair", "2026-07-07", "2026-07-10")
	full := timed("b", "Review, part 2; \\ \"quoted\"", "2026-07-06T09:00:00Z", "2026-07-06T10:30:00Z")
	full.Place, full.Categories, full.WebLink, full.JoinURL = "Room 1; 2nd floor", []string{"Red", "Blue, dark"}, "https://outlook.office.com/x", "https://teams.microsoft.com/y?a=1,2"
	full.Organizer = calendar.Person{Name: `O'Lovelace, "Ada"`, Address: "ada@example.com"}
	full.State = calendar.State{ShowAs: "tentative", Sensitivity: "private"}
	hostile := timed("c", "Line\r\nBEGIN:VALARM\nTRIGGER:x", "2026-07-06T09:00:00Z", "2026-07-06T09:00:00Z")
	hostile.Organizer = calendar.Person{Name: "A\r\nATTENDEE:mailto:x", Address: "a@example.com\r\nX-EVIL:1"}
	hostile.Place, hostile.State.Cancelled, hostile.State.ShowAs = strings.Repeat("ö", 300), true, "free"
	series := timed("d", "Weekly", "2026-07-06T09:00:00Z", "2026-07-06T10:00:00Z")
	series.SeriesID = "master"
	for _, test := range []struct {
		name   string
		detail graph.Detail
		want   map[string]string
	}{
		{"whole days", graph.Detail{Event: allday, ICalUID: "uid-a"}, map[string]string{
			"UID": "uid-a", "SUMMARY": "Fair", "DTSTART": "20260707", "DTEND": "20260710", "STATUS": "CONFIRMED", "TRANSP": "OPAQUE", "CLASS": ""}},
		{"everything", graph.Detail{Event: full, ICalUID: "uid-b"}, map[string]string{
			"DTSTART": "20260706T090000Z", "DTEND": "20260706T103000Z", "STATUS": "TENTATIVE", "CLASS": "PRIVATE", "DTSTAMP": "20260708T071500Z",
			"SUMMARY": `Review, part 2; \ "quoted"`, "LOCATION": "Room 1; 2nd floor", "URL": "https://outlook.office.com/x",
			"DESCRIPTION": "https://teams.microsoft.com/y?a=1,2", "ORGANIZER": "mailto:ada@example.com", "CATEGORIES": "Red|Blue, dark", "CN": "O’Lovelace Ada"}},
		{"hostile", graph.Detail{Event: hostile}, map[string]string{
			"UID": "c", "SUMMARY": "Line  BEGIN:VALARM TRIGGER:x", "LOCATION": strings.Repeat("ö", 300), "STATUS": "CANCELLED", "TRANSP": "TRANSPARENT", "X-EVIL": "", "ATTENDEE": "", "DTEND": ""}},
		{"of a series", graph.Detail{Event: series, ICalUID: "uid-d"}, map[string]string{"UID": "uid-d-20260706T090000Z", "RRULE": ""}},
		{"without a title", graph.Detail{Event: timed("e", " ", "2026-07-06T09:00:00Z", "2026-07-06T10:00:00Z")}, map[string]string{"SUMMARY": "", "UID": "e"}},
	} {
		written, err := icalendar(test.detail, testNow)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(written, []byte("\r\n")) {
			if len(line) > 75 {
				t.Errorf("%s: a line of %d bytes", test.name, len(line))
			}
		}
		read, err := ical.NewDecoder(bytes.NewReader(written)).Decode()
		if err != nil {
			t.Errorf("%s: %v in\n%s", test.name, err, written)
			continue
		}
		if len(read.Events()) != 1 || len(read.Children) != 1 || len(read.Events()[0].Children) != 0 {
			t.Errorf("%s: not one event:\n%s", test.name, written)
			continue
		}
		e := read.Events()[0]
		for name, want := range test.want {
			var got string
			if p := e.Props.Get(name); p != nil {
				got = p.Value
				switch name {
				case "SUMMARY", "LOCATION", "DESCRIPTION":
					got, err = p.Text()
				case "CATEGORIES":
					var names []string
					for _, p := range e.Props.Values(name) {
						text, _ := p.Text()
						names = append(names, text)
					}
					got = strings.Join(names, "|")
				}
			}
			if p := e.Props.Get("ORGANIZER"); name == "CN" && p != nil {
				got = p.Params.Get(name)
			}
			if err != nil || got != want {
				t.Errorf("%s: %s is %q (%v), want %q", test.name, name, got, err, want)
			}
		}
		start, err := e.DateTimeStart(time.UTC)
		end, errEnd := e.DateTimeEnd(time.UTC)
		if err != nil || errEnd != nil || end.Before(start) {
			t.Errorf("%s: from %s (%v) to %s (%v)", test.name, start, err, end, errEnd)
		}
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	s := &Server{now: func() time.Time { return testNow }}
	w := httptest.NewRecorder()
	if err := s.download(w, graph.Detail{Event: handMade[0]}); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Content-Type"); got != "text/calendar; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="event.ics"` {
		t.Errorf("Content-Disposition %q", got)
	}
}
