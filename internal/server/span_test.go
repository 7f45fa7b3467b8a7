package server

import (
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/graph"
	"daybook/internal/locale"
)

func TestTimesOfEvents(t *testing.T) {
	t.Parallel()
	berlin := mustZone(t, "Europe/Berlin")
	plain := timed("", "", "2026-07-06T13:30:00Z", "2026-07-06T14:30:00Z").When
	night := timed("", "", "2026-07-06T20:00:00Z", "2026-07-07T00:30:00Z").When
	midnight := timed("", "", "2026-07-06T20:00:00Z", "2026-07-06T22:00:00Z").When
	point := timed("", "", "2026-07-06T13:30:00Z", "2026-07-06T13:30:00Z").When
	day := allDay("", "", "2026-07-06", "2026-07-07").When
	days := allDay("", "", "2026-07-06", "2026-07-09").When
	for _, test := range []struct {
		name    string
		tag     string
		h12     bool
		when    calendar.When
		short   span
		alone   [2]string // with dates: from, till
		machine [2]string
	}{
		{"24 hours", "en-GB", false, plain, span{From: "15:30", Till: "16:30"},
			[2]string{"Monday, 6 July 2026, 15:30", "16:30"}, [2]string{"2026-07-06T15:30:00+02:00", "2026-07-06T16:30:00+02:00"}},
		{"12 hours", "en-US", true, plain, span{From: "3:30 PM", Till: "4:30 PM"},
			[2]string{"Monday, July 6, 2026, 3:30 PM", "4:30 PM"}, [2]string{"2026-07-06T15:30:00+02:00", "2026-07-06T16:30:00+02:00"}},
		{"German", "de", false, plain, span{From: "15:30", Till: "16:30"},
			[2]string{"Montag, 6. Juli 2026, 15:30", "16:30"}, [2]string{"2026-07-06T15:30:00+02:00", "2026-07-06T16:30:00+02:00"}},
		{"overnight", "en-GB", false, night, span{From: "22:00", Till: "02:30"},
			[2]string{"Monday, 6 July 2026, 22:00", "Tuesday, 7 July 2026, 02:30"}, [2]string{"2026-07-06T22:00:00+02:00", "2026-07-07T02:30:00+02:00"}},
		{"until midnight", "en-GB", false, midnight, span{From: "22:00", Till: "00:00"},
			[2]string{"Monday, 6 July 2026, 22:00", "Tuesday, 7 July 2026, 00:00"}, [2]string{"2026-07-06T22:00:00+02:00", "2026-07-07T00:00:00+02:00"}},
		{"of no length", "en-GB", false, point, span{From: "15:30"},
			[2]string{"Monday, 6 July 2026, 15:30", ""}, [2]string{"2026-07-06T15:30:00+02:00", "2026-07-06T15:30:00+02:00"}},
		{"all day", "en-GB", false, day, span{From: "All day"},
			[2]string{"Monday, 6 July 2026, all day", ""}, [2]string{"2026-07-06", "2026-07-07"}},
		{"days", "de", false, days, span{From: "Ganztägig"},
			[2]string{"Montag, 6. Juli 2026", "Mittwoch, 8. Juli 2026"}, [2]string{"2026-07-06", "2026-07-09"}},
	} {
		l := locale.Choose(test.tag, "")
		test.short.Start, test.short.End = test.machine[0], test.machine[1]
		if got := timeOf(l, test.when, berlin, test.h12); got != test.short {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.short)
		}
		alone := span{Start: test.machine[0], End: test.machine[1], From: test.alone[0], Till: test.alone[1]}
		if got := dateTimeOf(l, test.when, berlin, test.h12); got != alone {
			t.Errorf("%s, alone: %+v, want %+v", test.name, got, alone)
		}
	}
}

// The clock is the person's choice, else the mailbox's, else the region's.
func TestHour12(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		chosen, mailbox, language string
		want                      bool
	}{
		{"12", "HH:mm", "de", true},
		{"24", "h:mm tt", "en-US", false},
		{"", "h:mm tt", "de", true},
		{"", "HH:mm", "en-US", false},
		{"", "HH 'h' mm", "en-US", false},
		{"", "'at' h:mm", "de", true},
		{"", "", "en-US", true},
		{"", "", "en-GB", false},
		{"", "", "de", false},
	} {
		v := &visitor{settings: settings{Clock: test.chosen}, locale: locale.Choose("", test.language)}
		if got := v.hour12(graph.Home{Settings: graph.Settings{TimeFormat: test.mailbox}}); got != test.want {
			t.Errorf("chosen %q, mailbox %q, %s: %t, want %t", test.chosen, test.mailbox, test.language, got, test.want)
		}
	}
}

// The zone is the person's choice, else the mailbox's, else UTC.
func TestZone(t *testing.T) {
	t.Parallel()
	tokyo := mustZone(t, "Asia/Tokyo")
	for _, test := range []struct {
		chosen  string
		mailbox *time.Location
		want    string
	}{
		{"Europe/Berlin", tokyo, "Europe/Berlin"},
		{"", tokyo, "Asia/Tokyo"},
		{"Nowhere", tokyo, "Asia/Tokyo"},
		{"", nil, "UTC"},
	} {
		v := &visitor{settings: settings{Zone: test.chosen}}
		if got := new(Server).zone(v, graph.Home{Settings: graph.Settings{Location: test.mailbox}}).String(); got != test.want {
			t.Errorf("chosen %q, mailbox %v: %s, want %s", test.chosen, test.mailbox, got, test.want)
		}
	}
}

func TestMinutes(t *testing.T) {
	t.Parallel()
	l := locale.Choose("en-GB", "")
	for m, want := range map[int]string{0: "00:00", 8*60 + 30: "08:30", 17 * 60: "17:00", 24 * 60: "00:00"} {
		if got := minutes(l, m, false); got != want {
			t.Errorf("minute %d: %s, want %s", m, got, want)
		}
	}
}
