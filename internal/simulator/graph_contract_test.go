package simulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// metadata is what Graph's own metadata says of its types; see the source in
// testdata/graph-types.json.
type metadata struct {
	Types map[string]struct {
		Base       string
		Open       bool
		Properties map[string]string
	}
	Enums map[string][]string
}

// undeclared are the properties that real replies have and the metadata has
// not, and those of the one event that shows that event is an open type.
var undeclared = []string{"event.uid", "event.occurrenceId", "event.isRoomRequested", "event.places"}

// strangers are enum values that are deliberately unknown.
var strangers = []string{"freeBusyStatus.deepFocus", "sensitivity.secret"}

func readMetadata(t *testing.T) metadata {
	t.Helper()
	text, err := os.ReadFile("testdata/graph-types.json")
	if err != nil {
		t.Fatal(err)
	}
	var m metadata
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// property finds the type of a property, in the type or what it builds on.
func (m metadata) property(kind, name string) (string, bool) {
	for kind != "" {
		of, found := m.Types[kind].Properties[name]
		if found {
			return of, true
		}
		kind = m.Types[kind].Base
	}
	return "", false
}

var primitives = map[string]*regexp.Regexp{
	"Edm.DateTimeOffset": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$`),
	"Edm.Date":           regexp.MustCompile(`^\d{4}-\d\d-\d\d$`),
	"Edm.TimeOfDay":      regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{7}$`),
	"Edm.Guid":           regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	"Edm.String":         regexp.MustCompile(``),
}

var sevenDigits = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}$`)

// check lists what of a value does not fit a type.
func (m metadata) check(kind, path string, value any) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, path+": "+fmt.Sprintf(format, args...)) }
	if inner, isList := strings.CutPrefix(kind, "Collection("); isList {
		list, ok := value.([]any)
		if !ok {
			fault("%v is no list", value)
		}
		for i, one := range list {
			faults = append(faults, m.check(strings.TrimSuffix(inner, ")"), fmt.Sprintf("%s[%d]", path, i), one)...)
		}
		return faults
	}
	if value == nil {
		return nil
	}
	short := kind[strings.LastIndexByte(kind, '.')+1:]
	text, isText := value.(string)
	switch members, isEnum := m.Enums[kind]; {
	case isEnum:
		if !slices.Contains(members, text) && !slices.Contains(strangers, short+"."+text) {
			fault("%v is none of %v", value, members)
		}
	case kind == "Edm.Boolean":
		if _, ok := value.(bool); !ok {
			fault("%v is no boolean", value)
		}
	case kind == "Edm.Int32":
		if n, ok := value.(float64); !ok || n != float64(int32(n)) {
			fault("%v is no whole number", value)
		}
	case strings.HasPrefix(kind, "Edm."):
		if shape := primitives[kind]; shape == nil || !isText || !shape.MatchString(text) {
			fault("%v is no %s", value, kind)
		}
	default:
		faults = append(faults, m.checkObject(kind, path, value)...)
	}
	return faults
}

func (m metadata) checkObject(kind, path string, value any) (faults []string) {
	all, ok := value.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: %v is no object", path, value)}
	}
	if derived, ok := all["@odata.type"].(string); ok {
		kind = strings.TrimPrefix(derived, "#")
	}
	if _, known := m.Types[kind]; !known {
		return []string{path + ": unknown type " + kind}
	}
	short := kind[strings.LastIndexByte(kind, '.')+1:]
	for name, one := range all {
		of, declared := m.property(kind, name)
		switch {
		case strings.HasPrefix(name, "@odata."):
		case declared:
			faults = append(faults, m.check(of, path+"."+name, one)...)
		case !slices.Contains(undeclared, short+"."+name):
			faults = append(faults, path+"."+name+": not in the metadata")
		}
	}
	if at, ok := all["dateTime"].(string); ok && !sevenDigits.MatchString(at) {
		faults = append(faults, path+".dateTime: "+at+" has not seven digits and no offset")
	}
	return faults
}

func TestContract(t *testing.T) {
	t.Parallel()
	m := readMetadata(t)
	p := pretending(t)
	for _, person := range p.options.People {
		t.Run(person.Name, func(t *testing.T) {
			t.Parallel()
			p := pretend{Simulator: p.Simulator, t: t}
			report := map[string]bool{}
			one := func(kind, path string) {
				w := p.get(person.Name, path)
				if w.Code == 404 && (path == "/me/manager" || path == "/me/photo") {
					return
				}
				if w.Code != 200 {
					t.Errorf("GET %s = %d %s", path, w.Code, w.Body)
				}
				for _, fault := range m.check("microsoft.graph."+kind, kind, body(t, w)) {
					report[fault] = true
				}
			}
			all := func(kind, path string) (ids []string) {
				for _, value := range p.list(person.Name, path) {
					for _, fault := range m.check("microsoft.graph."+kind, kind, value) {
						report[fault] = true
					}
					if id, ok := value["id"].(string); ok {
						ids = append(ids, url.PathEscape(id))
					}
				}
				return ids
			}
			one("user", "/me")
			one("user", "/me?$select=id,displayName,jobTitle,department,companyName,mail,userPrincipalName,mobilePhone,businessPhones,officeLocation")
			one("user", "/me/manager")
			one("profilePhoto", "/me/photo")
			if person.mailbox.disabled {
				return
			}
			one("mailboxSettings", "/me/mailboxSettings")
			one("calendar", "/me/calendar")
			all("outlookCategory", "/me/outlook/masterCategories")
			all("timeZoneInformation", "/me/outlook/supportedTimeZones")
			masters := map[string]bool{}
			for _, group := range all("calendarGroup", "/me/calendarGroups") {
				for _, calendar := range all("calendar", "/me/calendarGroups/"+group+"/calendars") {
					for weeks := -28; weeks < 28; weeks += 8 {
						from := today.AddDate(0, 0, 7*weeks)
						query := url.Values{"startDateTime": {from.Format(time.RFC3339)}, "endDateTime": {from.AddDate(0, 0, 56).Format(time.RFC3339)}, "$top": {"1000"}}
						for _, id := range all("event", "/me/calendars/"+calendar+"/calendarView?"+query.Encode()) {
							if k, date, _ := parseID(unescape(id)); date != "" {
								masters[k.id("", true)] = true
							}
						}
					}
				}
			}
			for id := range masters {
				one("event", "/me/events/"+id)
			}
			for fault := range report {
				t.Error(fault)
			}
		})
	}
}

func unescape(id string) string {
	plain, _ := url.PathUnescape(id)
	return plain
}

// TestContractFinds shows that the check above can fail.
func TestContractFinds(t *testing.T) {
	t.Parallel()
	m := readMetadata(t)
	for name, event := range map[string]string{
		"unknown property":  `{"title":"x"}`,
		"wrong type":        `{"isAllDay":"true"}`,
		"unknown member":    `{"showAs":"Busy"}`,
		"null list":         `{"attendees":null}`,
		"offset in a time":  `{"start":{"dateTime":"2026-11-23T09:00:00Z","timeZone":"UTC"}}`,
		"nested unknown":    `{"location":{"name":"Room"}}`,
		"fraction of a day": `{"recurrence":{"pattern":{"interval":1.5}}}`,
		"text for a date":   `{"recurrence":{"range":{"startDate":"soon"}}}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(event), &value); err != nil {
			t.Fatal(err)
		}
		if faults := m.check("microsoft.graph.event", "event", value); len(faults) != 1 {
			t.Errorf("%s: faults = %v, want one", name, faults)
		}
	}
}
