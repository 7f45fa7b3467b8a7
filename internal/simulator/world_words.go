package simulator

import (
	"html"
	"net/url"
	"strings"
)

// colleagues are whom the demo's people meet, by first name.
var colleagues = map[string]Contact{
	"Lena":     {"Lena Hoffmann", "lena.hoffmann@contoso.example"},
	"Jonas":    {"Jonas Weber", "jonas.weber@contoso.example"},
	"Mira":     {"Mira Okafor", "mira.okafor@contoso.example"},
	"Tarek":    {"Tarek Aydin", "tarek.aydin@contoso.example"},
	"Amélie":   {"Amélie Laurent", "amelie.laurent@contoso.example"},
	"Sofia":    {"Sofia Rossi", "sofia.rossi@contoso.example"},
	"Henrik":   {"Henrik Lund", "henrik.lund@contoso.example"},
	"Paula":    {"Paula Schmitt", "paula.schmitt@contoso.example"},
	"Marcus":   {"Marcus Reed", "marcus.reed@contoso.example"},
	"Haruka":   {"Haruka Sato", "haruka.sato@contoso.example"},
	"Nadia":    {"Nadia Haddad", "nadia.haddad@contoso.example"},
	"Priya":    {"Priya Nair", "priya.nair@contoso.example"},
	"Grace":    {"Grace Kim", "grace.kim@contoso.example"},
	"Luis":     {"Luis Ortega", "luis.ortega@contoso.example"},
	"Dana":     {"Dana Whitfield", "dana.whitfield@contoso.example"},
	"Owen":     {"Owen Clarke", "owen.clarke@contoso.example"},
	"Kenji":    {"山本 健二", "kenji.yamamoto@contoso.example"},
	"Yui":      {"中村 結衣", "yui.nakamura@contoso.example"},
	"Omar":     {"عمر منصور", "omar.mansour@contoso.example"},
	"Salma":    {"Salma Fouad", "salma.fouad@contoso.example"},
	"Elin":     {"Elin Berg", "elin.berg@fabrikam.example"},
	"Rafael":   {"Rafael Nunes", "rafael.nunes@fabrikam.example"},
	"Victoria": {"Victoria Chen", "victoria.chen@fabrikam.example"},
	"Board":    {"Office of the CEO", "ceo.office@contoso.example"},
}

// with invites colleagues. What follows a name is the answer: nothing for
// accepted, ? tentative, - declined, ~ none yet; a leading + is optional.
func with(names string) detail {
	answers := map[byte]string{'?': "tentativelyAccepted", '-': "declined", '~': "none"}
	return func(e *Event) {
		for name := range strings.FieldsSeq(names) {
			a := Attendee{Type: "required", Response: "accepted"}
			if rest, optional := strings.CutPrefix(name, "+"); optional {
				name, a.Type = rest, "optional"
			}
			if answer, has := answers[name[len(name)-1]]; has {
				name, a.Response = name[:len(name)-1], answer
			}
			who, known := colleagues[name]
			if !known {
				panic("no colleague " + name)
			}
			a.Contact = who
			e.Attendees = append(e.Attendees, a)
		}
	}
}

// by names the organiser, who is not the mailbox's owner.
func by(name string) detail { return func(e *Event) { e.Organizer = colleagues[name] } }

// at is a place without an address of its own; several make several places.
func at(names ...string) detail {
	return func(e *Event) {
		for _, name := range names {
			e.Places = append(e.Places, Place{Name: name})
		}
	}
}

// room is a meeting room, which is invited too.
func room(name string) detail {
	return func(e *Event) {
		mail := "room-" + strings.ToLower(strings.ReplaceAll(name, " ", "-")) + "@contoso.example"
		e.Places = append(e.Places, Place{Name: name, Type: "conferenceRoom", URI: mail, Email: mail})
		e.Attendees = append(e.Attendees, Attendee{Contact{name, mail}, "resource", "accepted"})
	}
}

// address is a place with a street.
func address(name, street, city, country string) detail {
	return func(e *Event) {
		e.Places = append(e.Places, Place{Name: name, Type: "businessAddress", Street: street, City: city, Country: country})
	}
}

// teams makes the event an online meeting.
func teams(e *Event) {
	id := keyOf("meeting", e.Subject).guid()
	e.Online = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + strings.ReplaceAll(id, "-", "") +
		"%40thread.v2/0?context=" + url.QueryEscape(`{"Tid":"`+DemoTenant+`"}`)
	if len(e.Places) == 0 {
		e.Places = []Place{{Name: "Microsoft Teams Meeting"}}
	}
}

// invitation is the footer that Teams adds to the body of a meeting.
func invitation(e *Event) {
	footer := `<div style="width:100%"><span style="color:#5F5F5F">________________________________________________________________________________</span></div>
<div class="me-email-text" lang="en-US"><div style="margin-bottom:24px"><span style="font-size:24px; font-weight:bold">Microsoft Teams</span></div>
<a class="me-email-headline" href="` + html.EscapeString(e.Online) + `" target="_blank" rel="noreferrer noopener" style="font-size:20px; color:#5B5FC7">Join the meeting now</a>
<div>Meeting ID: <span style="font-size:14px">352 604 118 77</span> &nbsp; Passcode: <span>Rk7vUx</span></div></div>`
	e.Body = strings.Replace(orElse(e.Body, word("")), "</body>", footer+"</body>", 1)
}

// note is a body as Outlook writes it: a paragraph per line, lines that
// begin with a dash as a list.
func note(text string) detail { return func(e *Event) { e.Body = word(text) } }

func word(text string) string {
	var b strings.Builder
	b.WriteString(`<html><head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><meta name="Generator" content="Microsoft Word 15 (filtered medium)">
<!--[if !mso]><style>v\:* {behavior:url(#default#VML);}</style><![endif]-->
<style><!-- p.MsoNormal, li.MsoNormal {margin:0cm; font-size:11.0pt; font-family:"Aptos",sans-serif;} .MsoChpDefault {font-size:11.0pt;} @page WordSection1 {size:612.0pt 792.0pt;} --></style>
</head><body lang="EN-GB" link="#467886" vlink="#96607D" style="word-wrap:break-word"><div class="WordSection1">`)
	list := false
	for line := range strings.SplitSeq(text, "\n") {
		item, isItem := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if isItem != list {
			b.WriteString(map[bool]string{true: `<ul type="disc">`, false: "</ul>"}[isItem])
			list = isItem
		}
		switch {
		case isItem:
			b.WriteString(`<li class="MsoListParagraph" style="mso-list:l0 level1 lfo1">` + html.EscapeString(item) + "</li>")
		case line == "":
			b.WriteString(`<p class="MsoNormal"><o:p>&nbsp;</o:p></p>`)
		default:
			b.WriteString(`<p class="MsoNormal">` + html.EscapeString(strings.TrimSpace(line)) + "<o:p></o:p></p>")
		}
	}
	if list {
		b.WriteString("</ul>")
	}
	b.WriteString("</div></body></html>")
	return b.String()
}

// rawBody is a body in HTML as it stands.
func rawBody(body string) detail { return func(e *Event) { e.Body = body } }

func cat(names ...string) detail { return func(e *Event) { e.Categories = names } }

func inZone(name string) detail { return func(e *Event) { e.Zone = name } }

func shows(as string) detail { return func(e *Event) { e.ShowAs = as } }

func answered(response string) detail { return func(e *Event) { e.Response = response } }

func kept(sensitivity string) detail { return func(e *Event) { e.Sensitivity = sensitivity } }

func urgent(e *Event) { e.Importance = "high" }

func cancelled(e *Event) { e.Cancelled, e.ShowAs = true, "free" }

func attached(e *Event) { e.Attachments = true }

func unlisted(e *Event) { e.HideAttendees = true }

func titled(subject string) detail { return func(e *Event) { e.Subject = subject } }
