package calendar_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	at := func(id, from string, minutes int, hour int) calendar.Event {
		start := time.Date(2026, 6, 1, hour, 0, 0, 0, time.UTC)
		return calendar.Event{ID: id, CalendarID: from, When: calendar.When{Start: start, End: start.Add(time.Duration(minutes) * time.Minute)}}
	}
	whole := calendar.Event{ID: "w", CalendarID: "own", When: calendar.When{
		AllDay: true, First: date(t, "2026-06-01"), Until: date(t, "2026-06-02"),
	}}
	own := []calendar.Event{at("b", "own", 30, 10), at("a", "own", 30, 9), whole, at("", "own", 5, 8)}
	shared := []calendar.Event{at("a", "shared", 30, 9), at("A", "shared", 60, 9), at("b", "shared", 30, 12), at("", "shared", 5, 8)}
	want := []calendar.Event{
		whole, at("", "own", 5, 8), at("", "shared", 5, 8),
		at("A", "shared", 60, 9), at("a", "own", 30, 9), at("b", "own", 30, 10),
	}
	if diff := cmp.Diff(want, calendar.Merge(own, shared)); diff != "" {
		t.Errorf("Merge(own, shared) (-want +got):\n%s", diff)
	}
	if own[0].ID != "b" || shared[0].ID != "a" {
		t.Error("Merge has changed what it was given")
	}
	if got := calendar.Merge(); len(got) != 0 {
		t.Errorf("Merge() = %v, want nothing", got)
	}
}
