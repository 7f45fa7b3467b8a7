package simulator

import (
	"encoding/base64"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// today is a Monday in a week without clock changes.
var today = time.Date(2026, time.November, 23, 10, 30, 0, 0, time.UTC)

const everyScope = "User.Read Calendars.Read Calendars.Read.Shared MailboxSettings.Read User.Read.All"

// pretend is a simulator of the demo's people as a Graph client sees it.
type pretend struct {
	*Simulator
	t testing.TB
}

func pretending(t testing.TB) pretend {
	t.Helper()
	return pretend{t: t, Simulator: New(Options{
		PublicURL: "https://graph.example/sim", Now: func() time.Time { return today }, People: People(today),
	})}
}

func (p pretend) named(name string) *Person {
	p.t.Helper()
	for _, one := range p.options.People {
		if strings.HasPrefix(one.Name, name) {
			return one
		}
	}
	p.t.Fatalf("nobody is called %s", name)
	return nil
}

func (p pretend) token(who, scopes string) string {
	p.t.Helper()
	p.entra.mu.Lock()
	defer p.entra.mu.Unlock()
	return p.entra.newAccess(&grant{person: p.named(who)}, strings.Fields(scopes), time.Hour)
}

// get asks for a path below /v1.0, with headers in pairs.
func (p pretend) get(who, path string, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	return p.do("GET", p.token(who, everyScope), path, "", headers...)
}

func (p pretend) do(method, token, path, body string, headers ...string) *httptest.ResponseRecorder {
	p.t.Helper()
	r := httptest.NewRequest(method, "/v1.0"+path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// list follows a list request to its end and returns its entries.
func (p pretend) list(who, path string, headers ...string) []map[string]any {
	p.t.Helper()
	var all []map[string]any
	for path != "" {
		w := p.get(who, path, headers...)
		if w.Code != http.StatusOK {
			p.t.Fatalf("GET %s = %d %s", path, w.Code, w.Body)
		}
		var reply struct {
			Value []map[string]any `json:"value"`
			Next  string           `json:"@odata.nextLink"`
		}
		decode(p.t, w, &reply)
		all = append(all, reply.Value...)
		path = strings.TrimPrefix(reply.Next, "https://graph.example/sim/v1.0")
		if reply.Next != "" && path == reply.Next {
			p.t.Fatalf("nextLink %s is not below this simulator", reply.Next)
		}
	}
	return all
}

func decode(t testing.TB, w *httptest.ResponseRecorder, into any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("decoding %s: %v", w.Body, err)
	}
}

func body(t testing.TB, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var one map[string]any
	decode(t, w, &one)
	return one
}

func errorCode(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var reply struct {
		Error struct {
			Code       string            `json:"code"`
			Message    string            `json:"message"`
			InnerError map[string]string `json:"innerError"`
		} `json:"error"`
	}
	decode(t, w, &reply)
	if reply.Error.Message == "" || reply.Error.InnerError["request-id"] == "" || reply.Error.InnerError["request-id"] != w.Header().Get("request-id") {
		t.Errorf("error body %s lacks a message or the reply's request-id %s", w.Body, w.Header().Get("request-id"))
	}
	return reply.Error.Code
}

const thisWeek = "startDateTime=2026-11-23T00:00:00Z&endDateTime=2026-11-30T00:00:00Z"

func TestRefusals(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	shared := ""
	for _, c := range p.list("Lena", "/me/calendarGroups/"+url.PathEscape(groupID(t, p, "People's Calendars"))+"/calendars") {
		shared = url.PathEscape(c["id"].(string))
	}
	for _, test := range []struct {
		name, who, scopes, path string
		headers                 []string
		status                  int
		code                    string
	}{
		{"no scope for the calendar", "Lena", "User.Read", "/me/calendars", nil, 403, "ErrorAccessDenied"},
		{"no scope for the shared calendar", "Lena", "Calendars.Read", "/me/calendars/" + shared + "/calendarView?" + thisWeek, nil, 403, "ErrorAccessDenied"},
		{"no scope for the settings", "Lena", "Calendars.Read", "/me/mailboxSettings", nil, 403, "ErrorAccessDenied"},
		{"basic scope does not open an event", "Lena", "Calendars.ReadBasic", "/me/events/x", nil, 403, "ErrorAccessDenied"},
		{"manager without consent", "Lena", "User.Read", "/me/manager", nil, 403, "Authorization_RequestDenied"},
		{"no manager", "Priya", everyScope, "/me/manager", nil, 404, "Request_ResourceNotFound"},
		{"no photo", "Priya", everyScope, "/me/photo", nil, 404, "ImageNotFound"},
		{"no photo behind the blank one", "Nadia", everyScope, "/me/photo/$value", nil, 404, "ImageNotFound"},
		{"no mailbox", "Tom", everyScope, "/me/calendarView?" + thisWeek, nil, 404, "MailboxNotEnabledForRESTAPI"},
		{"no mailbox, settings", "Tom", everyScope, "/me/mailboxSettings", nil, 404, "MailboxNotEnabledForRESTAPI"},
		{"unknown zone", "Lena", everyScope, "/me/calendarView?" + thisWeek, []string{"Prefer", `outlook.timezone="Mars Standard Time"`}, 400, "TimeZoneNotSupportedException"},
		{"empty zone", "Lena", everyScope, "/me/calendarView?" + thisWeek, []string{"Prefer", `outlook.timezone=""`}, 400, "TimeZoneNotSupportedException"},
		{"more than 1825 days", "Lena", everyScope, "/me/calendarView?startDateTime=2020-01-01T00:00:00Z&endDateTime=2025-01-01T00:00:00Z", nil, 400, "ErrorInvalidRequest"},
		{"no window", "Lena", everyScope, "/me/calendarView", nil, 400, "ErrorInvalidParameter"},
		{"a plus that became a space", "Lena", everyScope, "/me/calendarView?startDateTime=2026-11-23T00:00:00+01:00&endDateTime=2026-11-24T00:00:00Z", nil, 400, "ErrorInvalidParameter"},
		{"window backwards", "Lena", everyScope, "/me/calendarView?startDateTime=2026-11-23T00:00:00Z&endDateTime=2026-11-22T00:00:00Z", nil, 400, "ErrorInvalidParameter"},
		{"unknown property", "Lena", everyScope, "/me/calendarView?$select=nonsense&" + thisWeek, nil, 400, "RequestBroker--ParseUri"},
		{"created cannot be selected in a view", "Lena", everyScope, "/me/calendarView?$select=createdDateTime&" + thisWeek, nil, 400, "RequestBroker--ParseUri"},
		{"top out of range", "Lena", everyScope, "/me/calendarView?$top=1001&" + thisWeek, nil, 400, "ErrorInvalidUrlQuery"},
		{"filter over an untitled event", "Marcus", everyScope, "/me/calendarView?$filter=contains(subject,'sync')&" + thisWeek, nil, 500, "ErrorInternalServerError"},
		{"id that is none", "Lena", everyScope, "/me/events/nonsense", nil, 400, "ErrorInvalidIdMalformed"},
		{"event that is not there", "Lena", everyScope, "/me/events/" + keyOf("nothing").id("", true), nil, 404, "ErrorItemNotFound"},
		{"unknown resource", "Lena", everyScope, "/me/drive", nil, 400, "BadRequest"},
		{"delta with select", "Lena", everyScope, "/me/calendarView/delta?$select=subject&" + thisWeek, nil, 400, "ErrorInvalidUrlQuery"},
		{"delta token of another life", "Lena", everyScope, "/me/calendarView/delta?$deltatoken=eyJTaW5jZSI6OTk5OTl9", nil, 410, "syncStateNotFound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := p.do("GET", p.token(test.who, test.scopes), test.path, "", test.headers...)
			if w.Code != test.status || errorCode(t, w) != test.code {
				t.Errorf("GET %s = %d %s, want %d %s", test.path, w.Code, w.Body, test.status, test.code)
			}
		})
	}
}

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	for _, token := range []string{"", "nonsense"} {
		for _, path := range []string{"/me", "/me/calendarView?" + thisWeek} {
			w := p.do("GET", token, path, "")
			if w.Code != 401 || errorCode(t, w) != "InvalidAuthenticationToken" || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("GET %s with token %q = %d %s, want a 401 with a challenge", path, token, w.Code, w.Body)
			}
		}
	}
	if w := p.do("POST", "nonsense", "/$batch", `{"requests":[]}`); w.Code != 401 {
		t.Errorf("batch without a token = %d, want 401", w.Code)
	}
}

func groupID(t testing.TB, p pretend, name string) string {
	t.Helper()
	for _, g := range p.list("Lena", "/me/calendarGroups") {
		if g["name"] == name {
			return g["id"].(string)
		}
	}
	t.Fatalf("no calendar group %q", name)
	return ""
}

func TestMe(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	usual := body(t, p.get("Lena", "/me"))
	if usual["displayName"] != "Lena Hoffmann" || usual["department"] != nil || usual["jobTitle"] == nil {
		t.Errorf("/me = %v, want the default properties alone", usual)
	}
	got := body(t, p.get("Lena", "/me?$select=displayName,department,mail"))
	delete(got, "@odata.context")
	want := map[string]any{"displayName": "Lena Hoffmann", "department": "Product", "mail": "lena.hoffmann@contoso.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("/me with $select (-want +got):\n%s", diff)
	}
	w := p.get("Lena", "/me", "client-request-id", "5a1c")
	if w.Header().Get("client-request-id") != "5a1c" || w.Header().Get("request-id") == "" {
		t.Errorf("headers = %v, want the client's request id and one of Graph's own", w.Header())
	}
	if got := body(t, p.get("Lena", "/me/manager?$select=displayName"))["displayName"]; got != "Henrik Lund" {
		t.Errorf("manager = %v, want Henrik Lund", got)
	}
	if mail := body(t, p.get("Tom", "/me"))["mail"]; mail != nil {
		t.Errorf("mail of who has no mailbox = %v, want null", mail)
	}
}

func TestPhoto(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	for path, size := range map[string]int{"/me/photo/$value": 648, "/me/photos/96x96/$value": 96} {
		w := p.get("Marcus", path)
		image, err := jpeg.Decode(w.Body)
		if err != nil || image.Bounds().Dx() != size || w.Header().Get("Content-Type") != "image/jpeg" || w.Header().Get("ETag") == "" {
			t.Errorf("GET %s = %v, %v, want a JPEG of %d pixels with an ETag", path, w.Header(), err, size)
		}
	}
	if blank := body(t, p.get("Nadia", "/me/photo")); blank["@odata.mediaContentType"] != "image/gif" || blank["width"] != 1.0 {
		t.Errorf("photo of who has none = %v, want a gif of one pixel", blank)
	}
}

func TestMailboxSettings(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	if got := body(t, p.get("Haruka", "/me/mailboxSettings"))["timeZone"]; got != "Tokyo Standard Time" {
		t.Errorf("zone = %v, want Tokyo's", got)
	}
	if zone, there := body(t, p.get("Nadia", "/me/mailboxSettings"))["timeZone"]; there {
		t.Errorf("zone of a fresh mailbox = %v, want none", zone)
	}
	hours := body(t, p.get("Marcus", "/me/mailboxSettings"))["workingHours"].(map[string]any)["timeZone"].(map[string]any)
	if hours["@odata.type"] != "#microsoft.graph.customTimeZone" || hours["bias"] != 300.0 {
		t.Errorf("zone of the working hours = %v, want a custom one", hours)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	arrived, hold := make(chan struct{}), make(chan struct{})
	p.Inject(Fault{On: Graph, Times: concurrency, Arrived: arrived, Hold: hold})
	token := p.token("Lena", everyScope)
	done := make(chan int, concurrency)
	for range concurrency {
		go func() { done <- p.do("GET", token, "/me/calendars", "").Code }()
		<-arrived
	}
	w := p.do("GET", token, "/me/calendars", "")
	if w.Code != 429 || errorCode(t, w) != "ApplicationThrottled" || w.Header().Get("Retry-After") != "1.375" {
		t.Errorf("fifth request = %d %v %s, want 429 with a fractional Retry-After", w.Code, w.Header(), w.Body)
	}
	if calls := p.Calls(); calls[len(calls)-1].Status != 429 {
		t.Errorf("last call = %d, want the refused one to be counted", calls[len(calls)-1].Status)
	}
	if got := p.do("GET", token, "/me", "").Code; got != 200 {
		t.Errorf("directory request beside them = %d, want 200", got)
	}
	if got := p.get("Marcus", "/me/calendars").Code; got != 200 {
		t.Errorf("another mailbox = %d, want 200", got)
	}
	var b struct{ Responses []batchAnswer }
	decode(t, p.do("POST", token, "/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me/calendars"},{"id":"2","method":"GET","url":"/me"}]}`), &b)
	for _, part := range b.Responses {
		if want := map[string]int{"1": 429, "2": 200}[part.ID]; part.Status != want {
			t.Errorf("part %s = %d, want %d", part.ID, part.Status, want)
		}
		if part.ID == "1" && part.Headers["Retry-After"] != "1.375" {
			t.Errorf("headers of the throttled part = %v, want its own Retry-After", part.Headers)
		}
	}
	close(hold)
	for range concurrency {
		if got := <-done; got != 200 {
			t.Errorf("one of four at once = %d, want 200", got)
		}
	}
	if got := p.do("GET", token, "/me/calendars", "").Code; got != 200 {
		t.Errorf("request after them = %d, want 200", got)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	w := p.do("POST", p.token("Lena", everyScope), "/$batch", `{"requests":[
		{"id":"me","method":"GET","url":"/me?$select=displayName"},
		{"id":"photo","method":"GET","url":"/me/photos/48x48/$value"},
		{"id":"view","method":"GET","url":"/me/calendarView?$top=1&$select=start&`+thisWeek+`","headers":{"Prefer":"outlook.timezone=\"Tokyo Standard Time\""}},
		{"id":"lost","method":"GET","url":"/me/events/nonsense"},
		{"id":"after lost","method":"GET","url":"/me","dependsOn":["lost"]},
		{"id":"after me","method":"GET","url":"/me","dependsOn":["me"]}]}`)
	var b struct{ Responses []batchAnswer }
	decode(t, w, &b)
	parts := map[string]batchAnswer{}
	status := map[string]int{}
	for _, part := range b.Responses {
		parts[part.ID], status[part.ID] = part, part.Status
	}
	want := map[string]int{"me": 200, "photo": 200, "view": 200, "lost": 400, "after lost": 424, "after me": 200}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if b.Responses[0].ID == "me" {
		t.Errorf("the parts are answered in the order they came in, which hides clients that rely on it")
	}
	var photo string
	if err := json.Unmarshal(parts["photo"].Body, &photo); err != nil {
		t.Errorf("photo part: %v", err)
	}
	if image, err := base64.StdEncoding.DecodeString(photo); err != nil || !strings.HasPrefix(string(image), "\xff\xd8") {
		t.Errorf("photo part is no base64 JPEG: %v", err)
	}
	if !strings.Contains(string(parts["view"].Body), `"timeZone":"Tokyo Standard Time"`) {
		t.Errorf("view part %s is not in the zone of its own header", parts["view"].Body)
	}
	many := strings.Repeat(`{"id":"x","method":"GET","url":"/me"},`, 21)
	for name, body := range map[string]string{
		"21 parts": `{"requests":[` + strings.TrimSuffix(many, ",") + `]}`,
		"no json":  `{`, "no parts": `{}`,
		"same ids": `{"requests":[{"id":"1","method":"GET","url":"/me"},{"id":"1","method":"GET","url":"/me"}]}`,
		"circle":   `{"requests":[{"id":"1","method":"GET","url":"/me","dependsOn":["1"]}]}`,
	} {
		if w := p.do("POST", p.token("Lena", everyScope), "/$batch", body); w.Code != 400 {
			t.Errorf("batch with %s = %d, want 400", name, w.Code)
		}
	}
}

func TestFaultInBatch(t *testing.T) {
	t.Parallel()
	p := pretending(t)
	p.Inject(Fault{On: Graph, Drop: true, Match: func(r *http.Request) bool { return r.URL.Path == "/v1.0/me/photo" }})
	p.Inject(Fault{On: Graph, Status: 503, Body: "<html>Service Unavailable</html>", Header: http.Header{"Content-Type": {"text/html"}},
		Match: func(r *http.Request) bool { return r.URL.Path == "/v1.0/me/calendars" }})
	w := p.do("POST", p.token("Lena", everyScope), "/$batch",
		`{"requests":[{"id":"1","method":"GET","url":"/me/photo"},{"id":"2","method":"GET","url":"/me/calendars"},{"id":"3","method":"GET","url":"/me"}]}`)
	var b struct{ Responses []batchAnswer }
	decode(t, w, &b)
	for _, part := range b.Responses {
		if want := map[string]int{"1": 502, "2": 503, "3": 200}[part.ID]; part.Status != want {
			t.Errorf("part %s = %d, want %d", part.ID, part.Status, want)
		}
	}
}
