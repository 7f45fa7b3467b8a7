package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader is how a request wants its answer written (the Prefer header).
type reader struct {
	zone      string
	location  *time.Location
	immutable bool
	text      bool
	pageSize  int
}

// preferences splits all Prefer headers of a request at the commas that are
// not quoted (RFC 7240 section 2). Names are lower case.
func preferences(r *http.Request) map[string]string {
	found := map[string]string{}
	quoted := false
	split := func(c rune) bool {
		if c == '"' {
			quoted = !quoted
		}
		return c == ',' && !quoted
	}
	for _, one := range strings.FieldsFunc(strings.Join(r.Header.Values("Prefer"), ","), split) {
		name, value, _ := strings.Cut(one, "=")
		found[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return found
}

// reader reads the Prefer headers and confirms them in the reply.
func (q *ask) reader() (reader, error) {
	v := reader{zone: "UTC", location: time.UTC}
	prefer := preferences(q.Request)
	if zone, asked := prefer["outlook.timezone"]; asked {
		loc, known := zoneFor(zone)
		if !known {
			return v, &graphError{http.StatusBadRequest, "TimeZoneNotSupportedException",
				fmt.Sprintf("A valid TimeZone value must be specified. The following TimeZone value is not supported: '%s'.", zone)}
		}
		v.zone, v.location = zone, loc
		q.reply.Add("Preference-Applied", fmt.Sprintf("outlook.timezone=%q", zone))
	}
	if kind, asked := prefer["outlook.body-content-type"]; asked && (kind == "text" || kind == "html") {
		v.text = kind == "text"
		q.reply.Add("Preference-Applied", fmt.Sprintf("outlook.body-content-type=%q", kind))
	}
	if v.immutable = prefer["idtype"] == "ImmutableId"; v.immutable {
		q.reply.Add("Preference-Applied", `IdType="ImmutableId"`)
	}
	v.pageSize, _ = strconv.Atoi(prefer["odata.maxpagesize"])
	return v, nil
}

// asked is the reader and the query of a request for values like sample.
func (q *ask) asked(sample any) (v reader, o query, err error) {
	if v, err = q.reader(); err == nil {
		o, err = q.query(sample)
	}
	return v, o, err
}

func (v reader) bodyType() string {
	if v.text {
		return "text"
	}
	return "html"
}

// moment writes a time in the reader's zone: seven digits, no offset. The
// midnights of an all-day event stay midnights in every zone (by design:
// microsoft-graph-docs issue 1802).
func (v reader) moment(t time.Time, allDay bool) wireMoment {
	if !allDay {
		t = t.In(v.location)
	}
	return wireMoment{DateTime: t.Format("2006-01-02T15:04:05.0000000"), TimeZone: v.zone}
}

// query is the OData part of a request's URL.
type query struct {
	names  []string // of $select
	top    int
	skip   int
	order  string
	filter string
}

func badQuery(format string, args ...any) error {
	return &graphError{http.StatusBadRequest, "RequestBroker--ParseUri", fmt.Sprintf(format, args...)}
}

// query reads $select, $top, $skip, $orderby and $filter for a list or an
// entity of the type of sample.
func (q *ask) query(sample any) (query, error) {
	o := query{top: 10}
	values, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return o, badQuery("The query string is malformed.")
	}
	for name := range values {
		text := values.Get(name)
		switch name {
		case "$select":
			o.names, err = selected(text, sample)
		case "$top":
			o.top, err = whole(name, text, 1, 1000)
		case "$skip":
			o.skip, err = whole(name, text, 0, 1<<30)
		case "$orderby":
			o.order = text
		case "$filter":
			o.filter = text
		default:
			if strings.HasPrefix(name, "$") {
				err = badQuery("The query parameter '%s' is not supported.", name)
			}
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// whole reads a query option that is a whole number.
func whole(name, text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, &graphError{http.StatusBadRequest, "ErrorInvalidUrlQuery", fmt.Sprintf("The value '%s' of the query option '%s' is out of range.", text, name)}
	}
	return n, nil
}

// selected reads a $select list and refuses names that the type lacks.
func selected(text string, sample any) ([]string, error) {
	var names []string
	known := properties(reflect.TypeOf(sample))
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, badQuery("Could not find a property named '%s' on type '%s'.", name, strings.Replace(reflect.TypeOf(sample).Name(), "wire", "Microsoft.OutlookServices.", 1))
		}
		names = append(names, name)
	}
	return names, nil
}

func properties(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// pick keeps what $select asks for; Outlook always sends the id and etag.
func (o query) pick(all object, always ...string) object {
	if len(o.names) == 0 {
		return all
	}
	out := object{}
	for _, name := range slices.Concat(o.names, always) {
		if value, has := all[name]; has {
			out[name] = value
		}
	}
	return out
}

// pageOf cuts list to the page that was asked for and gives the link to the
// next one. The link repeats the query but none of the headers, so a client
// that does not send Prefer again loses its zone.
func pageOf[T any](q *ask, o query, list []T) (part []T, next string) {
	from := min(o.skip, len(list))
	until := min(from+o.top, len(list))
	if until < len(list) {
		values := q.URL.Query()
		values.Set("$top", strconv.Itoa(o.top))
		values.Set("$skip", strconv.Itoa(until))
		next = q.link(values)
	}
	return list[from:until], next
}

// link is the absolute address of this request with another query.
func (q *ask) link(values url.Values) string {
	return q.base() + strings.TrimPrefix(q.URL.EscapedPath(), "/v1.0") + "?" + values.Encode()
}

// collection is the reply to a list request.
func (q *ask) collection(context string, o query, values []object, next string) object {
	if len(o.names) > 0 {
		context += "(" + strings.Join(o.names, ",") + ")"
	}
	if values == nil {
		values = []object{}
	}
	reply := object{"@odata.context": q.context(context), "value": values}
	if next != "" {
		reply["@odata.nextLink"] = next
	}
	return reply
}
