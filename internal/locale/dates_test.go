package locale

import (
	"math"
	"testing"
	"time"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestDate(t *testing.T) {
	t.Parallel()
	monday := day(2026, time.November, 23)
	for _, test := range []struct {
		tag   string
		style Style
		want  string
	}{
		{"en-GB", Full, "Monday, 23 November 2026"},
		{"en-GB", Long, "23 November 2026"},
		{"en-GB", Medium, "23 Nov 2026"},
		{"en-GB", DayMonth, "23 November"},
		{"en-GB", MonthYear, "November 2026"},
		{"en-GB", WeekdayDayMonth, "Monday 23 November"},
		{"en-US", Full, "Monday, November 23, 2026"},
		{"en-US", Long, "November 23, 2026"},
		{"en-US", Medium, "Nov 23, 2026"},
		{"en-US", DayMonth, "November 23"},
		{"en-US", WeekdayDayMonth, "Monday, November 23"},
		{"en-IE", Full, "Monday 23 November 2026"},
		{"en-FR", Full, "Monday, 23 November 2026"},
		{"en-PH", Long, "November 23, 2026"},
		{"en", Full, "Monday, 23 November 2026"},
		{"de-DE", Full, "Montag, 23. November 2026"},
		{"de-DE", Long, "23. November 2026"},
		{"de-DE", Medium, "23.11.2026"},
		{"de-DE", DayMonth, "23. November"},
		{"de-DE", MonthYear, "November 2026"},
		{"de-DE", WeekdayDayMonth, "Montag, 23. November"},
		{"de-CH", Long, "23. November 2026"},
		{"de-US", Long, "23. November 2026"},
		{"de-DE", Style(99), "23. November 2026"},
	} {
		if got := Choose(test.tag, "").Date(monday, test.style); got != test.want {
			t.Errorf("%s: Date(%v, %v) = %q, want %q", test.tag, monday, test.style, got, test.want)
		}
	}
	if got, want := Choose("de-AT", "").Date(day(2026, time.January, 5), Long), "5. Jänner 2026"; got != want {
		t.Errorf("de-AT: Date(5 January) = %q, want %q", got, want)
	}
}

func TestDateIsThatOfTheLocation(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC).In(time.FixedZone("", 3600))
	if got, want := Choose("de", "").Date(late, Medium), "24.11.2026"; got != want {
		t.Errorf("Date(%v) = %q, want %q", late, got, want)
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	week := [2]time.Time{day(2026, 11, 23), day(2026, 11, 29)}
	months := [2]time.Time{day(2026, 11, 30), day(2026, 12, 6)}
	years := [2]time.Time{day(2026, 12, 28), day(2027, 1, 3)}
	one := [2]time.Time{day(2026, 11, 23), day(2026, 11, 23)}
	for _, test := range []struct {
		tag  string
		days [2]time.Time
		want string
	}{
		{"en-GB", week, "23 – 29 November 2026"},
		{"en-GB", months, "30 November – 6 December 2026"},
		{"en-GB", years, "28 Dec 2026 – 3 Jan 2027"},
		{"en-GB", one, "23 November 2026"},
		{"en-GB", [2]time.Time{week[1], week[0]}, "23 – 29 November 2026"},
		{"en-US", week, "November 23 – 29, 2026"},
		{"en-US", months, "November 30 – December 6, 2026"},
		{"en-US", years, "Dec 28, 2026 – Jan 3, 2027"},
		{"en-CA", week, "November 23–29, 2026"},
		{"de-DE", week, "23.–29. November 2026"},
		{"de-DE", months, "30. November – 6. Dezember 2026"},
		{"de-DE", years, "28. Dez. 2026 – 3. Jan. 2027"},
		{"de-AT", years, "28. Dez. 2026 – 3. Jän. 2027"},
		{"de-DE", one, "23. November 2026"},
		{"de-DE", [2]time.Time{day(2026, 11, 23), day(2027, 11, 23)}, "23. Nov. 2026 – 23. Nov. 2027"},
	} {
		if got := Choose(test.tag, "").Range(test.days[0], test.days[1]); got != test.want {
			t.Errorf("%s: Range(%v) = %q, want %q", test.tag, test.days, got, test.want)
		}
	}
}

func TestClockAndHour(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tag         string
		hour        int
		hour12      bool
		clock, axis string
	}{
		{"en-US", 15, true, "3:30 PM", "3 PM"},
		{"en-US", 0, true, "12:30 AM", "12 AM"},
		{"en-US", 12, true, "12:30 PM", "12 PM"},
		{"en-US", 9, false, "09:30", "09:00"},
		{"en-GB", 15, true, "3:30 pm", "3 pm"},
		{"en-GB", 15, false, "15:30", "15:00"},
		{"en-CA", 9, true, "9:30 a.m.", "9 a.m."},
		{"de-DE", 9, false, "09:30", "09:00"},
		{"de-DE", 0, false, "00:30", "00:00"},
		{"de-DE", 15, true, "3:30 PM", "3 PM"},
	} {
		l := Choose(test.tag, "")
		at := time.Date(2026, 11, 23, test.hour, 30, 0, 0, time.UTC)
		if got := l.Clock(at, test.hour12); got != test.clock {
			t.Errorf("%s: Clock(%v, %v) = %q, want %q", test.tag, at, test.hour12, got, test.clock)
		}
		for _, h := range []int{test.hour, test.hour + 24, test.hour - 24} {
			if got := l.Hour(h, test.hour12); got != test.axis {
				t.Errorf("%s: Hour(%v, %v) = %q, want %q", test.tag, h, test.hour12, got, test.axis)
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	de, us := Choose("de", ""), Choose("en-US", "")
	for _, test := range []struct{ got, want string }{
		{de.Weekday(time.Saturday, Wide), "Samstag"},
		{de.Weekday(time.Saturday, Abbreviated), "Sa"},
		{de.Weekday(time.Saturday+1, Narrow), "S"},
		{us.Weekday(time.Wednesday, Abbreviated), "Wed"},
		{de.month(time.March), "März"},
		{us.month(13), ""},
		{us.month(0), ""},
	} {
		if test.got != test.want {
			t.Errorf("name = %q, want %q", test.got, test.want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		d      time.Duration
		en, de string
	}{
		{90 * time.Minute, "1 h 30 min", "1 Std. 30 Min."},
		{45 * time.Minute, "45 min", "45 Min."},
		{2 * time.Hour, "2 h", "2 Std."},
		{24 * time.Hour, "1 day", "1 Tag"},
		{49*time.Hour + time.Minute, "2 days 1 h 1 min", "2 Tage 1 Std. 1 Min."},
		{59*time.Minute + 40*time.Second, "1 h", "1 Std."},
		{0, "0 min", "0 Min."},
		{-time.Hour, "0 min", "0 Min."},
	} {
		if got := Choose("en", "").Duration(test.d); got != test.en {
			t.Errorf("en: Duration(%v) = %q, want %q", test.d, got, test.en)
		}
		if got := Choose("de", "").Duration(test.d); got != test.de {
			t.Errorf("de: Duration(%v) = %q, want %q", test.d, got, test.de)
		}
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		d      time.Duration
		en, de string
	}{
		{0, "now", "jetzt"},
		{59 * time.Second, "now", "jetzt"},
		{-59 * time.Second, "now", "jetzt"},
		{time.Minute, "in 1 minute", "in 1 Minute"},
		{5*time.Minute + 59*time.Second, "in 5 minutes", "in 5 Minuten"},
		{-5 * time.Minute, "5 minutes ago", "vor 5 Minuten"},
		{time.Hour, "in 1 hour", "in 1 Stunde"},
		{-3 * time.Hour, "3 hours ago", "vor 3 Stunden"},
		{24 * time.Hour, "in 1 day", "in 1 Tag"},
		{-49 * time.Hour, "2 days ago", "vor 2 Tagen"},
		{1500 * 24 * time.Hour, "in 1,500 days", "in 1.500 Tagen"},
	} {
		if got := Choose("en", "").Relative(test.d); got != test.en {
			t.Errorf("en: Relative(%v) = %q, want %q", test.d, got, test.en)
		}
		if got := Choose("de", "").Relative(test.d); got != test.de {
			t.Errorf("de: Relative(%v) = %q, want %q", test.d, got, test.de)
		}
	}
	if got := Choose("en", "").Relative(math.MinInt64); got == "now" {
		t.Errorf("Relative(the smallest Duration) = %q, want something long ago", got)
	}
}

func TestRelativeDay(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// The day on which clocks go back has 25 hours.
	today := time.Date(2026, 10, 25, 23, 30, 0, 0, berlin)
	for _, test := range []struct {
		days   int
		en, de string
	}{
		{-3, "", ""},
		{-2, "", "vorgestern"},
		{-1, "yesterday", "gestern"},
		{0, "today", "heute"},
		{1, "tomorrow", "morgen"},
		{2, "", "übermorgen"},
		{365, "", ""},
	} {
		at := time.Date(2026, 10, 25+test.days, 0, 10, 0, 0, berlin)
		if got := Choose("en", "").RelativeDay(at, today); got != test.en {
			t.Errorf("en: RelativeDay(%v) = %q, want %q", at, got, test.en)
		}
		if got := Choose("de", "").RelativeDay(at, today); got != test.de {
			t.Errorf("de: RelativeDay(%v) = %q, want %q", at, got, test.de)
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	ids := Zones()
	if len(ids) < 120 {
		t.Errorf("Zones() has %d zones, want at least 120", len(ids))
	}
	for i, id := range ids {
		if _, err := time.LoadLocation(id); err != nil {
			t.Errorf("Zones() has %q: %v", id, err)
		}
		if i > 0 && ids[i-1] >= id {
			t.Errorf("Zones() has %q before %q, want them sorted", ids[i-1], id)
		}
	}
	ids[0] = "mine"
	if Zones()[0] == "mine" {
		t.Error("Zones() gives out its own slice")
	}
}

func TestCityAndOffset(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ zone, en, de string }{
		{"Europe/Berlin", "Berlin", "Berlin"},
		{"Europe/Warsaw", "Warsaw", "Warschau"},
		{"America/Argentina/Buenos_Aires", "Buenos Aires", "Buenos Aires"},
		{"Atlantic/Reykjavik", "Reykjavik", "Reykjavík"},
		{"America/New_York", "New York", "New York"},
		{"Etc/UTC", "UTC", "UTC"},
		{"UTC", "UTC", "UTC"},
		{"", "", ""},
	} {
		if got := Choose("en", "").City(test.zone); got != test.en {
			t.Errorf("en: City(%q) = %q, want %q", test.zone, got, test.en)
		}
		if got := Choose("de", "").City(test.zone); got != test.de {
			t.Errorf("de: City(%q) = %q, want %q", test.zone, got, test.de)
		}
	}
	for _, test := range []struct {
		seconds int
		want    string
	}{{3600, "UTC+01:00"}, {0, "UTC+00:00"}, {-12600, "UTC-03:30"}, {20700, "UTC+05:45"}} {
		if got := Offset(time.Now().In(time.FixedZone("", test.seconds))); got != test.want {
			t.Errorf("Offset(%d s) = %q, want %q", test.seconds, got, test.want)
		}
	}
}
