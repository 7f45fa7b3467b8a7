package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// ask is one Graph request with who makes it.
type ask struct {
	*http.Request
	s      *Simulator
	person *Person
	scopes []string
	reply  http.Header
}

// endpoint answers a request with a value to be written as JSON, a *blob, or
// a *graphError.
type endpoint func(*ask) (any, error)

// blob is an answer that is not JSON.
type blob struct {
	kind  string
	bytes []byte
}

// graphError is a refusal as Graph words it.
type graphError struct {
	status        int
	code, message string
}

func (e *graphError) Error() string { return e.code + ": " + e.message }

// caller is what authentication found, kept for the handler behind the gate.
type caller struct {
	person *Person
	scopes []string
	err    error
}

type callerKey struct{}

// graph serves Microsoft Graph v1.0 below /v1.0/. It counts requests and
// lets faults happen to them by itself, since a request holds its place at
// the mailbox's gate while a fault delays it, and because each part of a
// batch is a request.
func (s *Simulator) graph() http.Handler {
	for _, p := range s.options.People {
		if p.mailbox == nil {
			p.mailbox = newMailbox(p, settings{zone: "UTC"})
		}
	}
	return s.admit(s.guard(Graph, s.graphRoutes()))
}

// admit authenticates a request and lets at most four at a time through to a
// mailbox (throttling limits of the Outlook service).
func (s *Simulator) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stamp(w.Header(), r)
		c := caller{}
		c.person, c.scopes, c.err = s.authenticate(r)
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		if c.err == nil && outlook(r.URL.Path) {
			if !c.person.mailbox.gate.enter() {
				s.throttle(w, r)
				return
			}
			defer c.person.mailbox.gate.leave()
		}
		next.ServeHTTP(w, r)
	})
}

// throttle refuses a request that found no place. It is counted, but uses up
// no fault: those are for the requests that get in.
func (s *Simulator) throttle(w http.ResponseWriter, r *http.Request) {
	number := s.record(Graph, r)
	w.Header().Set("Retry-After", "1.375")
	writeError(w, &graphError{http.StatusTooManyRequests, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."})
	s.calls.answered(number, http.StatusTooManyRequests)
}

func (s *Simulator) graphRoutes() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, scopes string, e endpoint) {
		mux.Handle("GET /v1.0"+path, s.answer(e, strings.Fields(scopes)))
	}
	const calendars = "Calendars.ReadBasic Calendars.Read Calendars.ReadWrite Calendars.Read.Shared Calendars.ReadWrite.Shared"
	const content = "Calendars.Read Calendars.ReadWrite Calendars.Read.Shared Calendars.ReadWrite.Shared"
	const settings = "MailboxSettings.Read MailboxSettings.ReadWrite"
	const user = "User.Read User.ReadWrite User.Read.All"
	get("/me", user, (*ask).me)
	get("/me/photo", user, (*ask).photo)
	get("/me/photo/$value", user, (*ask).photoBytes)
	get("/me/photos/{size}/$value", user, (*ask).photoBytes)
	get("/me/manager", "User.Read.All Directory.Read.All", (*ask).manager)
	get("/me/mailboxSettings", settings, (*ask).mailboxSettings)
	get("/me/mailboxSettings/timeZone", settings, (*ask).mailboxZone)
	get("/me/outlook/masterCategories", settings, (*ask).masterCategories)
	get("/me/outlook/supportedTimeZones", user, (*ask).supportedTimeZones)
	get("/me/calendar", calendars, (*ask).oneCalendar)
	get("/me/calendars", calendars, (*ask).calendars)
	get("/me/calendars/{calendar}", calendars, (*ask).oneCalendar)
	get("/me/calendarGroups", calendars, (*ask).calendarGroups)
	get("/me/calendarGroups/{group}/calendars", calendars, (*ask).calendars)
	get("/me/calendarView", calendars, (*ask).calendarView)
	get("/me/calendar/calendarView", calendars, (*ask).calendarView)
	get("/me/calendars/{calendar}/calendarView", calendars, (*ask).calendarView)
	get("/me/calendarView/delta", calendars, (*ask).delta)
	get("/me/calendars/{calendar}/calendarView/delta", calendars, (*ask).delta)
	get("/me/events/{event}", content, (*ask).oneEvent)
	get("/me/calendars/{calendar}/events/{event}", content, (*ask).oneEvent)
	get("/me/events/{event}/instances", content, (*ask).instances)
	mux.HandleFunc("POST /v1.0/$batch", s.batch)
	mux.HandleFunc("/v1.0/", func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		writeError(w, &graphError{http.StatusBadRequest, "BadRequest", "Resource not found for the segment '" + last + "'."})
	})
	return mux
}

// answer turns an endpoint into a handler that first asks for one of the
// scopes.
func (s *Simulator) answer(e endpoint, scopes []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callerKey{}).(caller)
		if c.err != nil {
			s.refuse(w, r, c.err)
			return
		}
		q := &ask{Request: r, s: s, person: c.person, scopes: c.scopes, reply: w.Header()}
		value, err := q.admitted(e, scopes)
		var refusal *graphError
		switch b := value.(type) {
		case nil:
			if !errors.As(err, &refusal) {
				refusal = &graphError{http.StatusInternalServerError, "ErrorInternalServerError", "An internal server error occurred. The operation failed."}
			}
			writeError(w, refusal)
		case *blob:
			w.Header().Set("Content-Type", b.kind)
			_, _ = w.Write(b.bytes)
		default:
			writeGraph(w, http.StatusOK, value)
		}
	})
}

func (q *ask) admitted(e endpoint, scopes []string) (any, error) {
	if !slices.ContainsFunc(scopes, q.may) {
		if outlook(q.URL.Path) {
			return nil, errDenied
		}
		return nil, &graphError{http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."}
	}
	if q.person.mailbox.disabled && outlook(q.URL.Path) {
		return nil, &graphError{http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."}
	}
	return e(q)
}

var errDenied = &graphError{http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again."}

// may tells whether the token carries a scope.
func (q *ask) may(scope string) bool {
	return slices.ContainsFunc(q.scopes, func(has string) bool {
		return strings.EqualFold(has[strings.LastIndexByte(has, '/')+1:], scope)
	})
}

// outlook tells the requests that reach a mailbox from those that the
// directory answers.
func outlook(path string) bool {
	rest := strings.TrimPrefix(path, "/v1.0/me/")
	return strings.HasPrefix(rest, "calendar") || strings.HasPrefix(rest, "events/") ||
		strings.HasPrefix(rest, "outlook/") || strings.HasPrefix(rest, "mailboxSettings")
}

// base is the address that Graph's own links begin with.
func (q *ask) base() string { return q.s.options.BackURL + "/v1.0" }

// context is the @odata.context of a reply.
func (q *ask) context(what string) string { return q.base() + "/$metadata#" + what }

// user is how contexts name the mailbox.
func (q *ask) user() string { return "users('" + q.person.ObjectID + "')" }

// stamp sets the headers that every Graph answer has.
func (s *Simulator) stamp(h http.Header, r *http.Request) {
	id := guid()
	h.Set("request-id", id)
	h.Set("client-request-id", orElse(r.Header.Get("client-request-id"), id))
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"002","RoleInstance":"AM2PEPF0001BF12"}}`)
	h.Set("Cache-Control", "private")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Date", s.now().UTC().Format(http.TimeFormat))
}

func writeGraph(w http.ResponseWriter, status int, value any) {
	w.Header().Set("OData-Version", "4.0")
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func writeError(w http.ResponseWriter, e *graphError) {
	at, err := http.ParseTime(w.Header().Get("Date"))
	inner := map[string]string{
		"request-id":        w.Header().Get("request-id"),
		"client-request-id": w.Header().Get("client-request-id"),
	}
	if err == nil {
		inner["date"] = at.Format("2006-01-02T15:04:05")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": e.code, "message": e.message, "innerError": inner}})
}

// raw is value as JSON. The simulator's values always are.
func raw(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// fields splits a wire struct into its properties, as encoding/json names them.
func fields(value any) object {
	out := object{}
	v := reflect.ValueOf(value)
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if option != "omitempty" || !v.Field(i).IsZero() {
			out[name] = v.Field(i).Interface()
		}
	}
	return out
}
