package simulator

import "time"

// lena has the week of someone whose day is meetings, in a country with one
// hour of difference to UTC, or two.
func lena(now time.Time) *Person {
	p := newPerson("Lena Hoffmann", "lena.hoffmann@contoso.example", "Product manager in Berlin: a full week in five calendars", settings{
		zone: "W. Europe Standard Time", locale: "de-DE", language: "German (Germany)", timeFormat: "HH:mm", dateFormat: "dd.MM.yyyy",
		hours: hours{start: "08:30", end: "17:30"},
	})
	c := &p.mailbox.card
	c.title, c.department, c.office = "Senior Product Manager", "Product", "Berlin, Lindenhof 4.12"
	c.city, c.country, c.mobile, c.phones = "Berlin", "Germany", "+49 171 555 0132", []string{"+49 30 555 0146"}
	c.photo = true
	c.managerName, c.managerTitle, c.managerAddress = "Henrik Lund", "VP Product", "henrik.lund@contoso.example"
	c.managerObject = keyOf("person", c.managerAddress).guid()
	p.mailbox.categories = []category{
		{"Customer", "preset7"}, {"Focus time", "preset4"}, {"Travel", "preset8"}, {"Leadership", "preset0"}, {"Personal", "preset1"},
	}
	a := newAuthor(p, now)
	a.write(lenaWork...)
	a.in("My Calendars", calendar{name: "Product team", color: "lightTeal", hex: "#4AA08B", seesPrivate: true, canEdit: true}).write(lenaTeam...)
	a.in("My Calendars", calendar{name: "Family", color: "lightOrange", hex: "#E3A063", seesPrivate: true, canEdit: true}).write(lenaFamily...)
	german := a.in("Other Calendars", calendar{name: "Holidays in Germany", color: "lightGreen", seesPrivate: true})
	german.write(germanHolidays...)
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		german.write(easterHolidays(year)...)
	}
	a.in("People's Calendars", calendar{name: "Jonas Weber", color: "lightBlue", shared: true, owner: colleagues["Jonas"]}).write(jonasShared...)
	return p
}

var lenaWork = []row{
	ev(weekly(1, "Mon Tue Wed Thu Fri", "09:15", 15), "Stand-up Atlas", with("Mira Tarek Amélie Paula +Sofia?"), room("Spree"), teams).
		move(0, "Thu", once(0, "Thu", "09:45", 15), titled("Stand-up Atlas (later today)")).skip(1, "Fri").skip(-1, "Mon"),
	ev(weekly(1, "Mon", "10:00", 60), "Weekly planning", with("Mira Tarek Amélie Jonas? Paula"), room("Havel"), note("Bring the open questions from last week.\n- Roadmap risks\n- Capacity after the release\n- Support escalations")),
	ev(weekly(1, "Mon", "13:30", 30), "1:1 Lena / Henrik", by("Henrik"), with("Lena"), teams, cat("Leadership")),
	ev(weekly(1, "Tue", "10:00", 45), "Design review", by("Amélie"), with("Lena Mira? Tarek Sofia"), room("Panke"), note("Frames are in the shared library.\nPlease look at the empty states before we meet.")),
	ev(weekly(1, "Tue", "15:00", 30), "1:1 Mira / Lena", with("Mira")),
	ev(weekly(1, "Wed", "11:00", 60), "Backlog refinement", with("Mira Tarek Paula Amélie?"), teams),
	ev(weekly(1, "Thu", "10:30", 30), "1:1 Tarek / Lena", with("Tarek"), at("Walk around the canal")),
	ev(weekly(1, "Fri", "14:00", 30), "Demo and cheers", by("Paula"), with("Lena Mira Tarek Amélie Sofia Jonas Henrik?"), room("Müggelsee"), teams),
	ev(weekly(2, "Wed", "14:00", 90), "Sprint review Atlas", with("Mira Tarek Amélie Paula Jonas Henrik? Sofia Elin? Rafael-"), room("Müggelsee"), teams, attached),
	ev(weeklyFrom(2, 1, "Wed", "14:00", 60), "Retrospective", by("Paula"), with("Lena Mira Tarek Amélie"), room("Spree")),
	ev(weekly(1, "Tue Thu", "13:00", 90), "Focus: discovery notes", cat("Focus time"), shows("busy")),
	ev(weekly(1, "Mon Tue Wed Thu Fri", "12:15", 45), "Lunch", shows("free")).move(0, "Wed", once(0, "Wed", "12:30", 60), titled("Lunch with Sofia at Markthalle"), at("Markthalle Neun")),
	ev(weekly(1, "Wed", "16:30", 45), "Product leadership sync", by("Henrik"), with("Lena Dana Marcus? Haruka-"), teams, cat("Leadership")),
	ev(weekly(4, "Thu", "15:00", 60), "Quarterly roadmap: draft with sales", with("Jonas Luis? Dana~"), teams, urgent),
	ev(nth("first", "Tue", "16:00", 60), "All hands", by("Board"), with("Lena"), teams, unlisted),
	ev(nth("last", "Fri", "11:00", 30), "Budget check", by("Sofia"), with("Lena"), attached),
	ev(monthly(15, "09:45", 30), "Metrics review", with("Paula Jonas"), note("Dashboard first, opinions second.")),

	ev(some(2, 0, "Tue", "11:00", 45), "Customer call: Fabrikam onboarding", with("Elin Rafael? Jonas"), teams, cat("Customer"), note("Elin wants to see the import again.\n- Timeline for single sign-on\n- Open ticket about exports")),
	ev(some(3, 0, "Wed", "10:00", 45), "Interview: senior engineer (round 2)", by("Paula"), with("Lena Tarek"), room("Panke"), kept("confidential")),
	ev(some(3, 1, "Wed", "15:30", 45), "Pricing workshop", with("Jonas Sofia Dana?"), room("Havel")),
	ev(some(3, 2, "Thu", "14:30", 60), "User interviews: scheduling", with("Amélie"), teams, cat("Customer")),
	ev(some(4, 0, "Thu", "11:15", 60), "Customer call: Northwind pilot", by("Jonas"), with("Lena Luis?"), at("https://zoom.us/j/93415552671?pwd=example"), cat("Customer")),
	ev(some(5, 0, "Fri", "09:45", 75), "Security review of the import", with("Tarek Owen~ Grace?"), teams),
	ev(some(5, 2, "Mon", "15:00", 60), "Contract talk with legal", with("Sofia"), room("Panke")),
	ev(some(2, 1, "Thu", "16:00", 30), "Release go / no-go", with("Mira Tarek Paula Henrik?"), teams, urgent),
	ev(some(4, 0, "Wed", "13:00", 30), "Write up: pricing page", shows("tentative")),
	ev(some(6, 0, "Tue", "16:30", 60), "Works council: meeting tool rollout", by("Board"), with("Lena"), answered("notResponded"), shows("tentative")),
	ev(some(4, 0, "Thu", "17:00", 60), "Vendor demo: survey tool", by("Rafael"), with("Lena"), answered("declined"), shows("free")),
	ev(some(6, 0, "Fri", "10:00", 30), "Intro coffee with Priya", with("Priya~"), at("Kitchen, 4th floor")),
	ev(some(3, 0, "Mon", "16:00", 30), "Haruka / Lena: Tokyo launch", with("Haruka"), teams, inZone("Tokyo Standard Time")),
	ev(some(7, 0, "Fri", "15:00", 45), "Partner sync (cancelled)", by("Victoria"), with("Lena"), cancelled),
	ev(someDays(8, 3, "Tue", 2), "Travel: Stockholm, customer days", shows("oof"), cat("Travel"), address("Fabrikam AB", "Birger Jarlsgatan 57", "Stockholm", "Sweden")),
	ev(some(8, 3, "Tue", "06:45", 95), "Flight BER → ARN", cat("Travel"), shows("oof"), at("Berlin Brandenburg, Terminal 1")),
	ev(some(8, 3, "Wed", "20:10", 95), "Flight ARN → BER", cat("Travel"), shows("oof"), at("Stockholm Arlanda, Terminal 5")),
	ev(someDays(1, 0, "Fri", 1), "Working from home", shows("workingElsewhere")),
	ev(someDays(17, 5, "Mon", 5), "Vacation", shows("oof"), cat("Personal")),
}

var lenaTeam = []row{
	ev(weekly(2, "Mon", "08:30", 30), "Atlas: sprint starts", with("Mira Tarek Amélie Paula"), shows("free")),
	ev(someDays(3, 0, "Wed", 1), "Release 2 candidate freeze"),
	ev(weekly(1, "Thu", "16:30", 30), "Support hand-over", with("Paula Tarek"), at("#atlas-support")),
	ev(someDays(4, 0, "Mon", 3), "Mira on vacation", shows("free")),
	ev(someDays(5, 1, "Thu", 2), "Tarek at GopherCon", shows("free")),
	ev(some(2, 0, "Fri", "11:30", 45), "Incident review: slow exports", with("Tarek Mira Owen?"), teams),
	ev(weekly(1, "Tue", "14:30", 30), "Bug triage", with("Paula Tarek Mira?")),
	ev(someDays(6, 0, "Thu", 8), "Usability study, second round"),
}

var lenaFamily = []row{
	ev(weekly(1, "Mon Wed Fri", "07:45", 30), "School run", shows("busy"), kept("private")),
	ev(weekly(1, "Tue", "17:45", 60), "Emil: swimming lesson", at("Stadtbad Neukölln")),
	ev(weekly(1, "Thu", "19:00", 90), "Choir", at("Gemeindesaal, Weserstraße")),
	ev(some(9, 0, "Wed", "08:00", 45), "Dentist", at("Praxis Dr. Albrecht, Sonnenallee 12"), kept("private"), shows("oof")),
	ev(some(4, 0, "Sat", "10:00", 120), "Market and brunch with Oma"),
	ev(some(4, 2, "Sun", "15:00", 180), "Lakes: bike tour", at("Müggelsee")),
	ev(some(3, 0, "Sat", "19:30", 210), "Concert at the Philharmonie", address("Philharmonie", "Herbert-von-Karajan-Straße 1", "Berlin", "Germany")),
	ev(some(3, 1, "Fri", "20:00", 180), "Dinner with Jo and Tim"),
	ev(someDays(6, 0, "Sat", 2), "Grandparents visiting"),
	ev(yearly(time.March, 14), "Emil's birthday"),
	ev(yearly(time.September, 2), "Mama's birthday"),
	ev(yearly(time.November, 25), "Wedding anniversary"),
	ev(weekly(4, "Sun", "17:00", 30), "Call with Tante Ruth"),
}

var jonasShared = []row{
	ev(weekly(1, "Mon Wed", "09:00", 60), "Sales pipeline", with("Luis Dana?"), teams),
	ev(weekly(1, "Tue", "12:00", 60), "Physiotherapy", kept("private"), at("Praxis am Park"), note("Third session.")),
	ev(weekly(1, "Thu", "14:00", 60), "Forecast call", with("Dana"), teams),
	ev(some(2, 0, "Fri", "09:00", 240), "On site at Northwind", shows("oof"), at("Hamburg")),
	ev(some(3, 0, "Wed", "16:00", 60), "Talk about a new role", kept("confidential"), with("Henrik")),
}

var germanHolidays = []row{
	ev(yearly(time.January, 1), "Neujahr"),
	ev(yearly(time.March, 8), "Internationaler Frauentag (Berlin)"),
	ev(yearly(time.May, 1), "Tag der Arbeit"),
	ev(yearly(time.October, 3), "Tag der Deutschen Einheit"),
	ev(yearly(time.October, 31), "Reformationstag (regional)"),
	ev(yearly(time.December, 6), "Nikolaus"),
	ev(yearly(time.December, 24), "Heiligabend"),
	ev(yearly(time.December, 25), "Erster Weihnachtstag"),
	ev(yearly(time.December, 26), "Zweiter Weihnachtstag"),
	ev(yearly(time.December, 31), "Silvester"),
}

// easterHolidays are the feasts of a year that move with Easter, by the
// anonymous Gregorian algorithm (J. Meeus, Astronomical Algorithms, ch. 8).
func easterHolidays(year int) []row {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	month, day := (h+l-7*m+114)/31, (h+l-7*m+114)%31+1
	easter := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	on := func(after int) when {
		return func(time.Time) []Event { return []Event{wholeDays(easter.AddDate(0, 0, after), 1)} }
	}
	return []row{
		ev(on(-2), "Karfreitag"), ev(on(0), "Ostersonntag"), ev(on(1), "Ostermontag"),
		ev(on(39), "Christi Himmelfahrt"), ev(on(50), "Pfingstmontag"),
	}
}
