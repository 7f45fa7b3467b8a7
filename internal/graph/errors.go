package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Conditions that an [Error] may match with errors.Is.
var (
	// ErrNotFound: what was asked for does not exist, or no longer.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the person, or a policy, does not permit it. Signing in
	// again does not help.
	ErrForbidden = errors.New("forbidden")
	// ErrNoMailbox: the person has no mailbox in Exchange Online, and so no
	// calendar; the profile works nevertheless.
	ErrNoMailbox = errors.New("no mailbox")
	// ErrUnavailable: Graph cannot be reached, is too slow, fails or asks to
	// wait. Trying again later may help.
	ErrUnavailable = errors.New("unavailable")
	// ErrClosed: the client has been closed.
	ErrClosed = errors.New("graph client closed")
)

// An Error is an answer of Graph that is not what was asked for, or the lack
// of an answer. Its text holds a status and a code and is safe to log and to
// show; messages from Graph are in it never.
type Error struct {
	// Status of the reply; 0 when none came.
	Status int
	// Code is Graph's error code as it came when it looks like one
	// (^[A-Za-z0-9_.-]{1,64}$), else empty; or a word of this package:
	// timeout, unreachable, unreadable, too-large, redirect, foreign-link, loop,
	// throttled (no call was made because Graph has asked to wait).
	Code string
	// RetryAfter is how long Graph asked to wait, at most [maxRetryAfter];
	// 0 if it did not say.
	RetryAfter time.Duration
	// Claims is the claims challenge, decoded to JSON, that must go to
	// Microsoft in a new sign-in (Microsoft identity platform, "Claims
	// challenges, claims requests and client capabilities"); else empty.
	Claims string

	cause  error  // context errors, for errors.Is
	detail string // of a connection that failed, for the log
}

// Error returns the status and the code.
func (e *Error) Error() string {
	s := "graph"
	if e.Status != 0 {
		s += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Claims != "" {
		s += ": claims challenge"
	}
	return s
}

// Unwrap returns the context error that ended the call, if one did.
func (e *Error) Unwrap() error { return e.cause }

// Is sorts an Error into the conditions of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound || e.Status == http.StatusGone ||
			e.Status == http.StatusBadRequest && malformedID[e.Code]
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrNoMailbox:
		return e.Status/100 == 4 && noMailbox[e.Code] ||
			e.Status == http.StatusNotFound && e.Code == "ResourceNotFound"
	case ErrUnavailable:
		return e.Status == 0 || e.Status >= 500 || e.Status/100 == 2 || e.Status/100 == 3 ||
			e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
	}
	return false
}

// Codes met for mailboxes that are not in Exchange Online
// (microsoft-graph-docs issue 6305).
var noMailbox = map[string]bool{
	"MailboxNotEnabledForRESTAPI":        true,
	"MailboxNotSupportedForRESTAPI":      true,
	"MailboxNotHostedInExchangeOnline":   true,
	"ErrorNonExistentMailbox":            true,
	"OrganizationFromTenantGuidNotFound": true,
}

// Codes for an id that cannot be the id of anything.
var malformedID = map[string]bool{
	"ErrorInvalidIdMalformed":             true,
	"ErrorInvalidIdEmpty":                 true,
	"ErrorInvalidIdNotAnItemAttachmentId": true,
}

// A Missing names a part that was asked for and did not come, wholly or in
// part.
type Missing struct {
	What     string // name of a calendar or of a calendar group; or person, settings, calendars, categories, recurrence
	Calendar string // the calendar's id, when it is one
	Err      error  // usually an *Error
}

// lasting reports whether asking again soon would have the same answer, so
// that the answer may be kept.
func lasting(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound)
}

// fatal reports whether err must be the whole answer, even if other parts
// came: a token that cannot be had, or a challenge that only a sign-in meets.
func fatal(err error) bool {
	var t *tokenError
	var e *Error
	return errors.As(err, &t) || errors.As(err, &e) && e.Claims != ""
}

var codePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// errorBody is the body of an error reply (Graph error responses). Its code is
// missing in some replies of proxies and batches, and the body may be HTML.
type errorBody struct {
	Error *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// replyError makes an Error of a reply that is not a success. wait is what
// Retry-After said.
func replyError(status int, header http.Header, body []byte, wait time.Duration) *Error {
	e := &Error{Status: status, RetryAfter: wait}
	var b errorBody
	if json.Unmarshal(body, &b) == nil && b.Error != nil && codePattern.MatchString(b.Error.Code) {
		e.Code = b.Error.Code
	}
	if status/100 == 3 {
		e.Code = "redirect"
	}
	if status == http.StatusUnauthorized {
		e.Claims = claimsChallenge(header.Values("WWW-Authenticate"))
	}
	return e
}

// unreadable is a success whose body is not what was asked for.
func unreadable(body []byte) *Error {
	e := &Error{Status: http.StatusOK, Code: "unreadable"}
	var b errorBody
	if json.Unmarshal(body, &b) == nil && b.Error != nil && codePattern.MatchString(b.Error.Code) {
		e.Code = b.Error.Code
	}
	return e
}

// decode reads a reply that is one object.
func decode(body []byte, into any) error {
	// Gateways answer 200 with an error inside; decoded as the object that was
	// asked for it would be one without values.
	var b errorBody
	if json.Unmarshal(body, &b) == nil && b.Error != nil || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) ||
		json.Unmarshal(body, into) != nil {
		return unreadable(body)
	}
	return nil
}

// contextError tells a call that took too long from one that was stopped.
func contextError(err error) *Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Code: "timeout", cause: context.DeadlineExceeded}
	}
	return &Error{Code: "stopped", cause: context.Canceled}
}

// notFound is the answer to an id that Graph need not be asked about.
func notFound() *Error { return &Error{Status: http.StatusNotFound, Code: "ErrorItemNotFound"} }

// validID reports whether id may stand in a path: no id of Graph is a dot
// segment, which servers would resolve to another resource.
func validID(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= 1024 &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
