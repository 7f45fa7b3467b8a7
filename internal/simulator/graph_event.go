package simulator

import (
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The wire structs below are written from Graph's metadata and share nothing
// with the client under test.
type (
	wireMoment struct {
		DateTime string `json:"dateTime"`
		TimeZone string `json:"timeZone"`
	}
	wireAddress struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	}
	wireRecipient struct {
		EmailAddress wireAddress `json:"emailAddress"`
	}
	wireResponse struct {
		Response string `json:"response"`
		Time     string `json:"time"`
	}
	wireAttendee struct {
		Type         string       `json:"type"`
		Status       wireResponse `json:"status"`
		EmailAddress wireAddress  `json:"emailAddress"`
	}
	wireBody struct {
		ContentType string `json:"contentType"`
		Content     string `json:"content"`
	}
	wireStreet struct {
		Street  string `json:"street,omitempty"`
		City    string `json:"city,omitempty"`
		Country string `json:"countryOrRegion,omitempty"`
	}
	wireLocation struct {
		DisplayName  string      `json:"displayName"`
		LocationType string      `json:"locationType"`
		LocationURI  string      `json:"locationUri,omitempty"`
		Email        string      `json:"locationEmailAddress,omitempty"`
		UniqueID     string      `json:"uniqueId,omitempty"`
		UniqueIDType string      `json:"uniqueIdType"`
		Address      *wireStreet `json:"address,omitempty"`
		Coordinates  *struct{}   `json:"coordinates,omitempty"`
	}
	wireMeeting struct {
		JoinURL      string `json:"joinUrl"`
		ConferenceID string `json:"conferenceId,omitempty"`
		TollNumber   string `json:"tollNumber,omitempty"`
	}
	wireEvent struct {
		ETag              string          `json:"@odata.etag"`
		ID                string          `json:"id"`
		Created           string          `json:"createdDateTime"`
		Modified          string          `json:"lastModifiedDateTime"`
		ChangeKey         string          `json:"changeKey"`
		Categories        []string        `json:"categories"`
		TransactionID     *string         `json:"transactionId"`
		OriginalStartZone string          `json:"originalStartTimeZone"`
		OriginalEndZone   string          `json:"originalEndTimeZone"`
		OriginalStart     *string         `json:"originalStart,omitempty"`
		ICalUID           string          `json:"iCalUId"`
		ReminderMinutes   int             `json:"reminderMinutesBeforeStart"`
		ReminderOn        bool            `json:"isReminderOn"`
		HasAttachments    bool            `json:"hasAttachments"`
		Subject           *string         `json:"subject"`
		BodyPreview       string          `json:"bodyPreview"`
		Importance        string          `json:"importance"`
		Sensitivity       string          `json:"sensitivity"`
		IsAllDay          bool            `json:"isAllDay"`
		IsCancelled       bool            `json:"isCancelled"`
		IsOrganizer       bool            `json:"isOrganizer"`
		ResponseRequested bool            `json:"responseRequested"`
		SeriesMasterID    *string         `json:"seriesMasterId"`
		ShowAs            string          `json:"showAs"`
		Type              string          `json:"type"`
		WebLink           string          `json:"webLink"`
		OnlineMeetingURL  *string         `json:"onlineMeetingUrl"`
		IsOnlineMeeting   bool            `json:"isOnlineMeeting"`
		OnlineProvider    string          `json:"onlineMeetingProvider"`
		AllowProposals    bool            `json:"allowNewTimeProposals"`
		IsDraft           bool            `json:"isDraft"`
		HideAttendees     bool            `json:"hideAttendees"`
		ResponseStatus    wireResponse    `json:"responseStatus"`
		Body              wireBody        `json:"body"`
		Start             wireMoment      `json:"start"`
		End               wireMoment      `json:"end"`
		Location          wireLocation    `json:"location"`
		Locations         []wireLocation  `json:"locations"`
		Recurrence        *wireRecurrence `json:"recurrence"`
		Attendees         []wireAttendee  `json:"attendees"`
		Organizer         wireRecipient   `json:"organizer"`
		OnlineMeeting     *wireMeeting    `json:"onlineMeeting"`
	}
)

// never is how Graph writes an answer that was not given.
const never = "0001-01-01T00:00:00Z"

// object is one JSON object of a reply, ready for $select: its values are
// encoded with the reply.
type object map[string]any

// event writes an occurrence as the reader's request asks for it.
func (v reader) event(o occurrence, c *calendar) object {
	e, i := o.event, o.item
	owner := c.owner
	own := e.Organizer == Contact{} || e.Organizer.Address == owner.Address
	w := wireEvent{
		ID:                i.key.id(o.date, v.immutable),
		Created:           utc(o.created()),
		Modified:          utc(o.created().Add(time.Duration(i.version) * time.Second)),
		ChangeKey:         fmt.Sprintf("%s%04x", keyOf(o.date, "change", string(i.key[:])).id("", false)[6:22], i.version),
		Categories:        append([]string{}, e.Categories...),
		OriginalStartZone: orElse(i.Zone, "UTC"),
		OriginalEndZone:   orElse(i.Zone, "UTC"),
		ICalUID:           "040000008200E00074C5B7101A82E008" + strings.ToUpper(strings.ReplaceAll(keyOf(o.date, string(i.key[:])).guid(), "-", "")),
		ReminderMinutes:   15,
		ReminderOn:        !e.AllDay,
		HasAttachments:    e.Attachments,
		Importance:        orElse(e.Importance, "normal"),
		Sensitivity:       orElse(e.Sensitivity, "normal"),
		IsAllDay:          e.AllDay,
		IsCancelled:       e.Cancelled,
		IsOrganizer:       own && !c.shared,
		ResponseRequested: true,
		ShowAs:            orElse(e.ShowAs, "busy"),
		Type:              o.kind,
		WebLink:           "https://outlook.office365.com/owa/?itemid=" + url.QueryEscape(i.key.id(o.date, false)) + "&exvsurl=1&path=/calendar/item",
		OnlineProvider:    "unknown",
		AllowProposals:    true,
		HideAttendees:     e.HideAttendees,
		ResponseStatus:    wireResponse{Response: orElse(e.Response, "organizer"), Time: never},
		Start:             v.moment(o.start, e.AllDay),
		End:               v.moment(o.end, e.AllDay),
		Attendees:         []wireAttendee{},
		Organizer:         wireRecipient{wireAddress(owner)},
		Locations:         []wireLocation{},
		Location:          emptyLocation(),
		Body:              wireBody{ContentType: v.bodyType()},
	}
	w.ETag = `W/"` + w.ChangeKey + `"`
	if e.AllDay && e.ShowAs == "" {
		w.ShowAs = "free"
	}
	if !own {
		w.Organizer = wireRecipient{wireAddress(e.Organizer)}
		w.ResponseStatus = wireResponse{Response: orElse(e.Response, "accepted"), Time: utc(o.created().Add(3 * time.Hour))}
	} else if len(e.Attendees) == 0 && e.Response == "" {
		w.ResponseStatus.Response = "none"
	}
	if w.ResponseStatus.Response == "notResponded" || w.ResponseStatus.Response == "none" {
		w.ResponseStatus.Time = never
	}
	if o.date != "" {
		master := i.key.id("", v.immutable)
		w.SeriesMasterID = &master
	}
	if o.kind == "exception" {
		if was, err := time.Parse(isoDate, o.date); err == nil {
			at := utc(i.place(&i.Event, was, "occurrence", o.date).start)
			w.OriginalStart = &at
		}
	}
	if o.kind == "seriesMaster" {
		w.Recurrence = i.recurrence()
	}
	extra := maps.Clone(e.Extra)
	if e.Sensitivity != "" && e.Sensitivity != "normal" && !c.seesPrivate {
		w.hide()
		extra = nil
	} else {
		v.detail(&w, e)
	}
	return v.open(w, extra, o)
}

// detail fills what canViewPrivateItems=false keeps back.
func (v reader) detail(w *wireEvent, e *Event) {
	if e.Subject != "" {
		w.Subject = &e.Subject
	}
	w.BodyPreview = cut(strings.Join(strings.Fields(e.text()), " "), 255)
	if w.Body.Content = e.Body; v.text {
		w.Body.Content = e.text()
	}
	for _, p := range e.Places {
		w.Locations = append(w.Locations, p.wire())
	}
	if len(w.Locations) > 0 {
		w.Location = w.Locations[0]
	}
	for _, a := range e.Attendees {
		answer := wireResponse{Response: orElse(a.Response, "none"), Time: never}
		w.Attendees = append(w.Attendees, wireAttendee{Type: orElse(a.Type, "required"), Status: answer, EmailAddress: wireAddress(a.Contact)})
	}
	if e.HideAttendees && !w.IsOrganizer {
		w.Attendees = []wireAttendee{}
	}
	if e.Online != "" {
		w.IsOnlineMeeting, w.OnlineProvider = true, "teamsForBusiness"
		w.OnlineMeeting = &wireMeeting{JoinURL: e.Online, ConferenceID: "402716338", TollNumber: "+1 332-555-0142"}
	}
}

// hide leaves what a reader without the right to private items may see.
func (w *wireEvent) hide() {
	subject := "Private appointment"
	w.Subject, w.Categories = &subject, []string{}
}

// open adds what the metadata does not declare: event is an open type, and
// real replies have a uid and the occurrence's id beside the declared ones.
func (v reader) open(w wireEvent, extra map[string]any, o occurrence) object {
	out := fields(w)
	maps.Copy(out, extra)
	out["uid"] = w.ICalUID
	if o.kind == "occurrence" || o.kind == "exception" {
		out["occurrenceId"] = "OID." + o.item.key.id("", v.immutable) + "." + o.date
	}
	return out
}

func (o occurrence) created() time.Time { return o.start.AddDate(0, 0, -20).Truncate(time.Minute) }

func (p Place) wire() wireLocation {
	w := emptyLocation()
	w.DisplayName, w.LocationType = p.Name, orElse(p.Type, "default")
	w.LocationURI, w.Email = p.URI, p.Email
	w.UniqueID, w.UniqueIDType = p.Name, "private"
	if p.Street+p.City+p.Country != "" {
		w.Address = &wireStreet{p.Street, p.City, p.Country}
	}
	return w
}

// emptyLocation has the empty objects that Exchange sends for no place.
func emptyLocation() wireLocation {
	return wireLocation{LocationType: "default", UniqueIDType: "unknown", Address: &wireStreet{}, Coordinates: &struct{}{}}
}

var (
	dropped = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)>|<!--.*?-->|<[^>]*>`)
	breaks  = regexp.MustCompile(`(?i)<(br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>`)
)

// plain is the text that Exchange makes of an HTML body.
func plain(body string) string {
	lines := strings.Split(html.UnescapeString(dropped.ReplaceAllString(breaks.ReplaceAllString(body, "$0\n"), "")), "\n")
	var kept []string
	for _, line := range lines {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n")
}

func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
