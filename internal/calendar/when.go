package calendar

import "time"

// Days returns the first and the last day that w touches for somebody in loc.
// An event that ends at midnight does not touch the day that begins there; one
// of no length touches the day it is in. For an all-day event loc does not
// matter.
func (w When) Days(loc *time.Location) (first, last Date) {
	if w.AllDay {
		return w.First, w.last()
	}
	first = dayOf(w.Start, loc)
	if !w.End.After(w.Start) {
		return first, first
	}
	return first, dayOf(w.End.Add(-1), loc)
}

// Past reports whether w is over at now for somebody in loc: at its end, or
// when the day after an all-day event's last one has come.
func (w When) Past(now time.Time, loc *time.Location) bool {
	if w.AllDay {
		return dayOf(now, loc).Compare(w.last()) > 0
	}
	return !now.Before(w.end())
}

// Duration returns how long a timed event really lasts, whatever clocks do
// meanwhile. It is zero for an all-day event, whose length is a number of
// days: [When.Days] tells.
func (w When) Duration() time.Duration {
	if w.AllDay {
		return 0
	}
	return w.end().Sub(w.Start)
}

// Long reports whether w is drawn in the lane above the hours: an all-day
// event, or a timed one of 24 hours or more.
func (w When) Long() bool { return w.AllDay || w.Duration() >= 24*time.Hour }

// last returns the last day of an all-day event. An Until that is not after
// First, which [When] rules out, makes one day and not none: nothing that was
// read may vanish from the page.
func (w When) last() Date {
	if w.Until.Compare(w.First) <= 0 {
		return w.First
	}
	return w.Until.AddDays(-1)
}

// end is the end of a timed event, and its start where End is before that.
func (w When) end() time.Time {
	if w.End.Before(w.Start) {
		return w.Start
	}
	return w.End
}

// dayOf returns the day to which t belongs in loc, in the sense of
// [Date.Start]. It differs from [DateOf] where clocks went back over midnight
// after it had struck, as they did in Newfoundland at 00:01 until 2011.
func dayOf(t time.Time, loc *time.Location) Date {
	d := DateOf(t.In(loc))
	if next := d.AddDays(1); !t.Before(next.Start(loc)) {
		return next
	}
	return d
}
