package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"

	"github.com/emersion/go-ical"
)

// Whatever Microsoft says of an event, the download is one event that a
// library that did not write it can read.
func FuzzICalendar(f *testing.F) {
	f.Add("uid", "Subject", "Room 1; 2nd floor", "https://teams.microsoft.com/y?a=1,2", `O'Lovelace, "Ada"`, "ada@example.com", int64(1783328400), int64(3600), true)
	f.Add("", "Line\r\nBEGIN:VALARM\nTRIGGER:x", "\\;,:\"", "\r\nX-EVIL:1", "A\r\nATTENDEE:mailto:x", "a@x\r\nX-EVIL:1", int64(-1), int64(0), false)
	f.Fuzz(func(t *testing.T, uid, subject, place, link, name, address string, start, length int64, allDay bool) {
		begins := time.Unix(start%(1<<35), 0).UTC()
		e := calendar.Event{ID: "id", Subject: subject, Place: place, WebLink: link, JoinURL: link, Categories: []string{subject, place},
			Organizer: calendar.Person{Name: name, Address: address}}
		e.When.Start, e.When.End = begins, begins.Add(time.Duration(length%(1<<31))*time.Second)
		if allDay {
			e.When.AllDay, e.When.First, e.When.Until = true, calendar.DateOf(begins), calendar.DateOf(begins.AddDate(0, 0, 1))
		}
		written, err := icalendar(graph.Detail{Event: e, ICalUID: uid}, testNow)
		if err != nil {
			return
		}
		read, err := ical.NewDecoder(bytes.NewReader(written)).Decode()
		if err != nil {
			t.Fatalf("%v in\n%q", err, written)
		}
		if len(read.Children) != 1 || len(read.Events()) != 1 || len(read.Events()[0].Children) != 0 {
			t.Fatalf("not one event:\n%q", written)
		}
		for name := range read.Events()[0].Props {
			if name == "X-EVIL" || name == "ATTENDEE" {
				t.Errorf("text became the property %s:\n%q", name, written)
			}
		}
	})
}

// Whatever is asked, by a stranger or by somebody signed in, there is an answer
// with the site's headers that is no server error and not huge.
func FuzzHandlers(f *testing.F) {
	site := newTestSite(f)
	person := site.browser("en")
	person.signIn(f, site.people[0])
	for _, seed := range [][4]string{
		{"GET", "/", "", ""}, {"GET", "/auth/login", "return_to=//evil", ""}, {"GET", "/auth/callback", "code=x&state=y&state=z", "daybook-signin-00000000=x"},
		{"POST", "/auth/logout", "", ""}, {"GET", "/calendar/week/2026-07-06", "from=x&hours=all", ""}, {"GET", "/calendar/month/9999-12-31", "", ""},
		{"GET", "/calendar/day/0001-01-01", "", ""}, {"GET", "/calendar/agenda/2026-02-30", "", ""}, {"GET", "/calendar/events/%2e%2e%2f.ics", "", ""},
		{"GET", "/calendar/search", "q=%00%ff&from=x", ""}, {"POST", "/settings", "tz=Mars%2FPhobos&week=9&hide=x&toggle=y", "daybook-settings=%%%"},
		{"POST", "/sessions/revoke", "id=../../x", ""}, {"GET", "/static/../../go.mod", "", ""}, {"TRACE", "/", "", ""}, {"GET", "/profile/photo", "size=x", ""},
		{"GET", "/auth/frontchannel-logout", "sid=x&iss=y", ""}, {"HEAD", "/calendar", "", "daybook=" + strings.Repeat("A", 43)},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], true)
		f.Add(seed[0], seed[1], seed[2], seed[3], false)
	}
	f.Fuzz(func(t *testing.T, method, path, query, cookie string, signedIn bool) {
		path = (&url.URL{Path: "/" + strings.TrimPrefix(path, "/")}).EscapedPath()
		if strings.HasPrefix(path, "/simulator") {
			return // stands for another site
		}
		request, err := http.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(query))
		if err != nil {
			return // net/http would not have parsed it
		}
		request.RequestURI, request.RemoteAddr = path, "127.0.0.1:1"
		request.URL.RawQuery = query
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Cookie", cookie)
		if signedIn && path != "/auth/logout" && !strings.HasPrefix(path, "/sessions/revoke") {
			for name, value := range person.cookies {
				request.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		}
		w := httptest.NewRecorder()
		site.handler.ServeHTTP(w, request)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%s %s?%q with %q: status %d\n%.500s", method, path, query, cookie, w.Code, w.Body)
		}
		if w.Body.Len() > 1<<20 {
			t.Errorf("%s %s?%q: %d bytes", method, path, query, w.Body.Len())
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s %s: headers %v", method, path, w.Header())
		}
		if to := w.Header().Get("Location"); to != "" && !staysOrMicrosoft(to) {
			t.Errorf("%s %s?%q: leads to %q", method, path, query, to)
		}
	})
}

func staysOrMicrosoft(to string) bool {
	return strings.HasPrefix(to, "http://localhost:8080/simulator/") || strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, `/\`)
}
