package simulator

import (
	"net/http"
	"strconv"
	"time"
)

type (
	wireUser struct {
		ID             string   `json:"id"`
		DisplayName    string   `json:"displayName"`
		GivenName      *string  `json:"givenName"`
		Surname        *string  `json:"surname"`
		JobTitle       *string  `json:"jobTitle"`
		Department     *string  `json:"department"`
		CompanyName    *string  `json:"companyName"`
		Mail           *string  `json:"mail"`
		UPN            string   `json:"userPrincipalName"`
		MobilePhone    *string  `json:"mobilePhone"`
		BusinessPhones []string `json:"businessPhones"`
		OfficeLocation *string  `json:"officeLocation"`
		Language       *string  `json:"preferredLanguage"`
		City           *string  `json:"city"`
		Country        *string  `json:"country"`
		UserType       *string  `json:"userType"`
	}
	wireManager struct {
		Type        string `json:"@odata.type"`
		ID          string `json:"id"`
		DisplayName string `json:"displayName"`
		JobTitle    string `json:"jobTitle"`
		Mail        string `json:"mail"`
		UPN         string `json:"userPrincipalName"`
	}
	wirePhoto struct {
		Kind   string `json:"@odata.mediaContentType"`
		ETag   string `json:"@odata.mediaEtag"`
		ID     string `json:"id"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
	}
	wireSettings struct {
		ArchiveFolder string      `json:"archiveFolder,omitempty"`
		TimeZone      string      `json:"timeZone,omitempty"`
		Delegates     string      `json:"delegateMeetingMessageDeliveryOptions"`
		DateFormat    string      `json:"dateFormat"`
		TimeFormat    string      `json:"timeFormat"`
		UserPurpose   string      `json:"userPurpose"`
		AutoReply     wireReply   `json:"automaticRepliesSetting"`
		Language      *wireLocale `json:"language,omitempty"`
		WorkingHours  wireHours   `json:"workingHours"`
	}
	wireReply struct {
		Status   string     `json:"status"`
		Audience string     `json:"externalAudience"`
		Internal string     `json:"internalReplyMessage"`
		External string     `json:"externalReplyMessage"`
		From     wireMoment `json:"scheduledStartDateTime"`
		Until    wireMoment `json:"scheduledEndDateTime"`
	}
	wireLocale struct {
		Locale string `json:"locale"`
		Name   string `json:"displayName"`
	}
	wireHours struct {
		Days  []string `json:"daysOfWeek"`
		Start string   `json:"startTime"`
		End   string   `json:"endTime"`
		Zone  any      `json:"timeZone"`
	}
	wireZoneName struct {
		Name string `json:"name"`
	}
	wireCustomZone struct {
		Type     string     `json:"@odata.type"`
		Bias     int        `json:"bias"`
		Name     string     `json:"name"`
		Standard wireOffset `json:"standardOffset"`
		Daylight wireSummer `json:"daylightOffset"`
	}
	wireOffset struct {
		Time       string `json:"time"`
		Occurrence int    `json:"dayOccurrence"`
		Day        string `json:"dayOfWeek"`
		Month      int    `json:"month"`
		Year       int    `json:"year"`
	}
	wireSummer struct {
		Bias int `json:"daylightBias"`
		wireOffset
	}
)

// optional is null for what the directory does not hold.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (q *ask) me() (any, error) {
	o, err := q.query(wireUser{})
	if err != nil {
		return nil, err
	}
	c := q.person.mailbox.card
	all := fields(wireUser{
		ID: q.person.ObjectID, DisplayName: q.person.Name, UPN: q.person.Username,
		GivenName: optional(c.given), Surname: optional(c.surname), JobTitle: optional(c.title),
		Department: optional(c.department), CompanyName: optional(c.company), Mail: optional(c.mail),
		MobilePhone: optional(c.mobile), BusinessPhones: append([]string{}, c.phones...),
		OfficeLocation: optional(c.office), Language: optional(c.language),
		City: optional(c.city), Country: optional(c.country), UserType: optional("Member"),
	})
	if len(o.names) == 0 {
		o.names = []string{"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone",
			"officeLocation", "preferredLanguage", "surname", "userPrincipalName"}
	}
	one := o.pick(all)
	one["@odata.context"] = q.context("users/$entity")
	return one, nil
}

func (q *ask) manager() (any, error) {
	o, err := q.query(wireManager{})
	if err != nil {
		return nil, err
	}
	c := q.person.mailbox.card
	if c.managerName == "" {
		return nil, &graphError{http.StatusNotFound, "Request_ResourceNotFound", "Resource 'manager' does not exist or one of its queried reference-property objects are not present."}
	}
	one := o.pick(fields(wireManager{"#microsoft.graph.user", c.managerObject, c.managerName, c.managerTitle, c.managerAddress, c.managerAddress}), "@odata.type")
	one["@odata.context"] = q.context("directoryObjects/$entity")
	return one, nil
}

var errNoImage = &graphError{http.StatusNotFound, "ImageNotFound", "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown."}

// photo is the photo's description, which for some people without a photo
// speaks of a picture of one pixel instead of answering 404.
func (q *ask) photo() (any, error) {
	c := q.person.mailbox.card
	var one object
	switch {
	case c.photo:
		one = fields(wirePhoto{"image/jpeg", q.photoTag(), "648X648", 648, 648})
	case c.blankPhoto:
		one = fields(wirePhoto{"image/gif", "", "1X1", 1, 1})
	default:
		return nil, errNoImage
	}
	one["@odata.context"] = q.context(q.user() + "/photo/$entity")
	return one, nil
}

func (q *ask) photoTag() string { return `"` + keyOf("photo", q.person.ObjectID).guid()[:8] + `"` }

func (q *ask) photoBytes() (any, error) {
	size := 648
	if name := q.PathValue("size"); name != "" {
		var ok bool
		if size, ok = photoSizes[name]; !ok {
			return nil, &graphError{http.StatusBadRequest, "ErrorInvalidParameter", "The size '" + name + "' is not supported."}
		}
	}
	if !q.person.mailbox.card.photo {
		return nil, errNoImage
	}
	image, err := portrait(q.person.Name, size)
	if err != nil {
		return nil, err
	}
	q.reply.Set("ETag", q.photoTag())
	q.reply.Set("Content-Length", strconv.Itoa(len(image)))
	return &blob{"image/jpeg", image}, nil
}

func (q *ask) mailboxSettings() (any, error) {
	o, err := q.query(wireSettings{})
	if err != nil {
		return nil, err
	}
	v, err := q.reader()
	if err != nil {
		return nil, err
	}
	one := o.pick(fields(q.person.mailbox.settings.wire(v)))
	one["@odata.context"] = q.context(q.user() + "/mailboxSettings")
	return one, nil
}

func (q *ask) mailboxZone() (any, error) {
	return map[string]any{
		"@odata.context": q.context(q.user() + "/mailboxSettings/timeZone"),
		"value":          q.person.mailbox.settings.zone,
	}, nil
}

func (s settings) wire(v reader) wireSettings {
	w := wireSettings{
		ArchiveFolder: keyOf("archive", s.zone).id("", false), TimeZone: s.zone, Delegates: "sendToDelegateOnly",
		DateFormat: s.dateFormat, TimeFormat: s.timeFormat, UserPurpose: "user",
		WorkingHours: wireHours{Days: s.hours.days, Start: orElse(s.hours.start, "08:00") + ":00.0000000", End: orElse(s.hours.end, "17:00") + ":00.0000000"},
		AutoReply:    wireReply{Status: orElse(s.away.status, "disabled"), Audience: "all", Internal: s.away.message, External: s.away.message},
	}
	if s.locale != "" {
		w.Language = &wireLocale{s.locale, s.language}
	}
	if len(w.WorkingHours.Days) == 0 {
		w.WorkingHours.Days = []string{"monday", "tuesday", "wednesday", "thursday", "friday"}
	}
	w.WorkingHours.Zone = wireZoneName{orElse(s.zone, "Pacific Standard Time")}
	if s.hours.custom {
		w.WorkingHours.Zone = wireCustomZone{
			Type: "#microsoft.graph.customTimeZone", Bias: s.hours.bias, Name: "Customized Time Zone",
			Standard: wireOffset{"02:00:00.0000000", 1, "sunday", 11, 0},
			Daylight: wireSummer{-60, wireOffset{"02:00:00.0000000", 2, "sunday", 3, 0}},
		}
	}
	from, until := s.away.from, s.away.until
	if from.IsZero() {
		from = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
		until = from.AddDate(0, 0, 1)
	}
	w.AutoReply.From, w.AutoReply.Until = v.moment(from, false), v.moment(until, false)
	return w
}
