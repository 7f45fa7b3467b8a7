package simulator

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryWeekIsFull looks at the weeks of two years through the clock of a
// Monday, a Wednesday and a Sunday.
func TestEveryWeekIsFull(t *testing.T) {
	t.Parallel()
	for _, offset := range []int{0, 2, 6} {
		now := today.AddDate(0, 0, offset)
		p := New(Options{PublicURL: "https://graph.example", Now: func() time.Time { return now }, People: People(now)})
		for name, least := range map[string][2]int{"Lena": {35, 55}, "Marcus": {24, 300}, "Haruka": {15, 20}, "Nadia": {10, 12}, "Priya": {0, 0}} {
			at := slices.IndexFunc(p.options.People, func(one *Person) bool { return strings.HasPrefix(one.Name, name) })
			for week := -52; week <= 52; week++ {
				from := monday(now).AddDate(0, 0, 7*week)
				got := len(p.Occurrences(p.options.People[at], from, from.AddDate(0, 0, 7)))
				want := least[0]
				if week == 0 {
					want = least[1]
				}
				if got < want || name == "Priya" && got > 0 {
					t.Errorf("on a %s %s has %d events in week %d, want at least %d", now.Weekday(), name, got, week, want)
				}
			}
		}
	}
}

// TestWeekdaysAreFull keeps the days of this week from being lopsided.
func TestWeekdaysAreFull(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	for day := range 5 {
		from := monday(today).AddDate(0, 0, day)
		if got := len(p.Occurrences(p.named("Lena"), from, from.AddDate(0, 0, 1))); got < 9 {
			t.Errorf("Lena has %d events on %s, want at least 9", got, from.Weekday())
		}
	}
}

// TestAwkwardWeek names what the demo has to show and finds it in the week
// of now.
func TestAwkwardWeek(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	from := monday(today)
	events := p.Occurrences(p.named("Marcus"), from, from.AddDate(0, 0, 7))
	for name, is := range map[string]func(Occurrence) bool{
		"overnight":   func(o Occurrence) bool { return !o.AllDay && o.Ends.Sub(o.Begins) == 8*time.Hour },
		"zero length": func(o Occurrence) bool { return o.Begins.Equal(o.Ends) },
		"three weeks": func(o Occurrence) bool { return o.AllDay && o.Ends.Sub(o.Begins) >= 21*24*time.Hour },
		"no subject":  func(o Occurrence) bool { return o.Subject == "" },
		"hostile": func(o Occurrence) bool {
			return strings.Contains(o.Body, "<script") && strings.Contains(o.Body, "tracker")
		},
		"markup in subject": func(o Occurrence) bool { return strings.Contains(o.Subject, "<script>") },
		"markup in place":   func(o Occurrence) bool { return strings.Contains(o.where(), "<img") },
		"Arabic":            func(o Occurrence) bool { return strings.Contains(o.Subject, "اجتماع") },
		"Hebrew":            func(o Occurrence) bool { return strings.Contains(o.Subject, "פגישת") },
		"very long":         func(o Occurrence) bool { return len(o.Subject) > 255 },
		"cancelled":         func(o Occurrence) bool { return o.Cancelled },
		"private":           func(o Occurrence) bool { return o.Sensitivity == "private" },
		"declined":          func(o Occurrence) bool { return o.Response == "declined" },
		"not answered":      func(o Occurrence) bool { return o.Response == "notResponded" },
		"out of office":     func(o Occurrence) bool { return o.ShowAs == "oof" },
		"elsewhere":         func(o Occurrence) bool { return o.ShowAs == "workingElsewhere" },
		"tentative":         func(o Occurrence) bool { return o.ShowAs == "tentative" },
		"unknown enum":      func(o Occurrence) bool { return o.ShowAs == "deepFocus" && len(o.Extra) > 0 },
		"no place":          func(o Occurrence) bool { return len(o.Places) == 0 },
		"Teams":             func(o Occurrence) bool { return strings.HasPrefix(o.Online, "https://teams.microsoft.com/") },
		"Zoom in the place": func(o Occurrence) bool { return o.Online == "" && strings.Contains(o.where(), "zoom.us/j/") },
		"forty people":      func(o Occurrence) bool { return len(o.Attendees) == 40 },
		"hidden attendees":  func(o Occurrence) bool { return o.HideAttendees },
		"another zone":      func(o Occurrence) bool { return o.Zone == "Nepal Standard Time" },
		"moved occurrence": func(o Occurrence) bool {
			return o.MasterID != "" && o.Begins.Weekday() == time.Wednesday && o.Recurrence == nil
		},
		"category not known": func(o Occurrence) bool { return slices.Contains(o.Categories, "Deleted category") },
	} {
		if !slices.ContainsFunc(events, is) {
			t.Errorf("no event of the week is: %s", name)
		}
	}
	most := 0
	for _, o := range events {
		if o.AllDay || o.Calendar != "Calendar" {
			continue
		}
		most = max(most, len(slices.DeleteFunc(slices.Clone(events), func(x Occurrence) bool {
			return x.AllDay || x.Calendar != "Calendar" || x.Begins.After(o.Begins) || !x.Ends.After(o.Begins)
		})))
	}
	if most < 12 {
		t.Errorf("at most %d events at once, want 12", most)
	}
}

// TestClockChanges finds events on the days of 23 and of 25 hours.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	found := map[string]bool{}
	for _, o := range p.Occurrences(p.named("Marcus"), today.AddDate(-1, 0, 0), today.AddDate(1, 0, 0)) {
		if o.Subject == "Clocks change" {
			found[o.Ends.Sub(o.Begins).String()] = true
		}
	}
	if !found["23h0m0s"] || !found["25h0m0s"] {
		t.Errorf("days when the clocks change = %v, want one of 23 and one of 25 hours", found)
	}
}

// TestSameIDs makes sure that a bookmark lives longer than the process.
func TestSameIDs(t *testing.T) {
	t.Parallel()
	ids := func() (list []string) {
		p := pretending(t)
		for _, name := range []string{"Lena", "Marcus"} {
			for _, o := range p.Occurrences(p.named(name), today, today.AddDate(0, 1, 0)) {
				list = append(list, o.ID)
			}
		}
		slices.Sort(list)
		return list
	}
	first, second := ids(), ids()
	if !slices.Equal(first, second) {
		t.Error("two worlds of the same day have different ids")
	}
	if len(slices.Compact(first)) != len(second) {
		t.Error("two events have one id")
	}
}

// TestZonesLoad keeps the table from naming what no zone database has.
func TestZonesLoad(t *testing.T) {
	t.Parallel()
	for _, z := range zones {
		if _, known := zoneFor(z.windows); !known {
			t.Errorf("zone %s (%s) does not load", z.windows, z.iana)
		}
	}
}

func TestEaster(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{2024: "2024-03-31", 2025: "2025-04-20", 2026: "2026-04-05", 2027: "2027-03-28", 2038: "2038-04-25"} {
		if got := easterHolidays(year)[1].when(today)[0].Start.Format(isoDate); got != want {
			t.Errorf("Easter of %d = %s, want %s", year, got, want)
		}
	}
}

// FuzzParseID feeds parseID what a client may put into a path.
func FuzzParseID(f *testing.F) {
	f.Add(keyOf("event").id("2026-11-23", false))
	f.Add(keyOf("event").id("", true))
	f.Add("AAMkAD====")
	f.Add("AAkALg000000000000000000000000000000") // a day after the year 9999
	f.Add(keyOf("event").id("1899-02-28", true))
	f.Add(keyOf("event").id("9999-12-31", true))
	f.Fuzz(func(t *testing.T, id string) {
		k, date, ok := parseID(id)
		if !ok {
			return
		}
		for _, immutable := range []bool{false, true} {
			if again, day, ok := parseID(k.id(date, immutable)); !ok || again != k || day != date {
				t.Errorf("parseID(%q) = %v %q, and again %v %q", id, k, date, again, day)
			}
		}
	})
}
