package graph

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"daybook/internal/calendar"
)

// Events is what is in some calendars between two instants.
type Events struct {
	List    []calendar.Event // by calendar, as Graph orders them: by start
	Missing []Missing        // calendars that did not come, or not wholly
	Asked   time.Time        // when Graph was asked for the oldest of it
}

const eventFields = "id,type,seriesMasterId,subject,bodyPreview,start,end,isAllDay,showAs,sensitivity,importance," +
	"isCancelled,isOrganizer,hideAttendees,organizer,attendees,responseStatus,location,categories," +
	"isOnlineMeeting,onlineMeeting,onlineMeetingUrl,hasAttachments,webLink"

// A window is one calendar's events between two instants.
type window struct {
	events []calendar.Event
	err    error // why some or all are missing
}

// Events returns the events of the calendars that overlap the time from
// (inclusive) until (exclusive), which should be midnights of whoever looks:
// all-day events, which are in no zone, are compared with the dates that from
// and until have in their locations. Graph is asked for a day more on each
// side, since it compares all-day events in a zone of its own.
//
// Each calendar is asked for, or taken from what is kept, on its own; with
// fresh nothing kept is used. What did not come is in Missing; the error is
// not nil only when nothing came, or when there is a claims challenge or an
// error of Tokens. When ctx ends, Events returns with what has come.
func (m *Mailbox) Events(ctx context.Context, calendars []Calendar, from, until time.Time, fresh bool) (Events, error) {
	type result struct {
		window
		asked time.Time
	}
	results := make([]result, len(calendars))
	var wg sync.WaitGroup
	for i, c := range calendars {
		wg.Go(func() {
			r := &results[i]
			defer m.client.recovered(&r.err)
			w, asked, err := m.window(ctx, c, from, until, fresh)
			if err != nil {
				w.err = err
			}
			r.window, r.asked = w, asked
		})
	}
	wg.Wait()

	var e Events
	var first error
	came := len(calendars) == 0
	for i, r := range results {
		if fatal(r.err) {
			return Events{}, r.err
		}
		if r.err != nil {
			e.Missing = append(e.Missing, Missing{calendars[i].Name, calendars[i].ID, r.err})
			if first == nil {
				first = r.err
			}
		}
		if r.err == nil || len(r.events) > 0 {
			came = true
			if e.Asked.IsZero() || r.asked.Before(e.Asked) {
				e.Asked = r.asked
			}
		}
		for _, ev := range r.events {
			if overlaps(ev.When, from, until) {
				e.List = append(e.List, ev)
			}
		}
	}
	if !came {
		return Events{}, first
	}
	return e, nil
}

func overlaps(w calendar.When, from, until time.Time) bool {
	if w.AllDay {
		last := calendar.DateOf(until.Add(-1))
		return w.First.Compare(last) <= 0 && w.Until.Compare(calendar.DateOf(from)) > 0
	}
	if w.Start.Equal(w.End) {
		return !w.Start.Before(from) && w.Start.Before(until)
	}
	return w.Start.Before(until) && w.End.After(from)
}

// padded widens a window by a day on each side: more than any zone is off.
func padded(from, until time.Time) (time.Time, time.Time) {
	return from.UTC().AddDate(0, 0, -1), until.UTC().AddDate(0, 0, 1)
}

func windowKey(c Calendar, from, until time.Time) cacheKey {
	from, until = padded(from, until)
	return cacheKey{kind: kindWindow, id: c.ID, from: from.Unix(), until: until.Unix()}
}

func (m *Mailbox) window(ctx context.Context, c Calendar, from, until time.Time, fresh bool) (window, time.Time, error) {
	if !validID(c.ID) || until.Before(from) {
		return window{}, time.Time{}, notFound()
	}
	return fetch(ctx, m, windowKey(c, from, until), fresh, func(ctx context.Context, j *job) (answer[window], error) {
		return m.askWindow(ctx, j, c, from, until)
	})
}

func (m *Mailbox) askWindow(ctx context.Context, j *job, c Calendar, from, until time.Time) (answer[window], error) {
	from, until = padded(from, until)
	const layout = "2006-01-02T15:04:05Z"
	link := m.client.base + "/me/calendars/" + url.PathEscape(c.ID) + "/calendarView" +
		"?startDateTime=" + url.QueryEscape(from.Format(layout)) + "&endDateTime=" + url.QueryEscape(until.Format(layout)) +
		"&$top=100&$orderby=start/dateTime&$select=" + eventFields
	items, err := everyPage(ctx, j, opView, link, nil, wireEventID)
	if fatal(err) {
		return answer[window]{}, err
	}
	w := window{err: err, events: make([]calendar.Event, 0, len(items))}
	var size int64
	for i := range items {
		ev, err := items[i].event(c.ID)
		if err != nil {
			w.err = &Error{Status: http.StatusOK, Code: "unreadable"}
			continue
		}
		w.events = append(w.events, ev)
		size += eventSize(&ev)
	}
	return answer[window]{w, size, w.err == nil || lasting(w.err) && len(items) == 0}, nil
}

// eventSize is about what an event takes in memory.
func eventSize(e *calendar.Event) int64 {
	n := 480 + len(e.ID) + len(e.SeriesID) + len(e.Subject) + len(e.Place) + len(e.JoinURL) + len(e.WebLink) +
		len(e.Organizer.Name) + len(e.Organizer.Address)
	for _, p := range e.Attendees {
		n += 32 + len(p.Name) + len(p.Address)
	}
	for _, c := range e.Categories {
		n += 16 + len(c)
	}
	return int64(n)
}

// maxPrefetches is how many windows this process fetches ahead at a time;
// more are not queued but dropped.
const maxPrefetches = 16

// Prefetch fetches a window that will probably be asked for next, in the
// background, one calendar after the other, and keeps it for [Mailbox.Events].
// It returns at once. It does nothing when the process has enough to fetch
// ahead already or when Graph has asked to wait, and stops at the first error.
// Close waits for it.
func (m *Mailbox) Prefetch(ctx context.Context, calendars []Calendar, from, until time.Time) {
	c := m.client
	if !c.prefetch.TryAcquire(1) {
		return
	}
	who := c.people.begin(m.owner)
	// What Forget drops does not come back by what was wanted before it.
	ahead := &Mailbox{client: c, owner: m.owner, tokens: m.tokens, access: m.access, generation: who.current()}
	started := c.flights.spawn(func() {
		var nobodys error
		defer c.recovered(&nobodys)
		defer c.prefetch.Release(1)
		defer who.done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		defer context.AfterFunc(c.flights.base, cancel)()
		if who.ahead.Acquire(ctx, 1) != nil {
			return
		}
		defer who.ahead.Release(1)
		for _, cal := range calendars {
			if who.throttled(opView, c.now()) > 0 || who.current() != ahead.generation {
				return
			}
			if w, _, err := ahead.window(ctx, cal, from, until, false); err != nil || w.err != nil && !lasting(w.err) {
				return
			}
		}
	})
	if !started {
		who.done()
		c.prefetch.Release(1)
	}
}
