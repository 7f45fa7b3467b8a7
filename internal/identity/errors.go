package identity

import (
	"errors"
	"fmt"
	"time"
)

// A Problem says what an error from Microsoft asks of Daybook. It is decided
// by the OAuth error, suberror and claims, never by descriptions, which
// Microsoft may change at any time (OAuth 2.0 authorization code flow, "Error
// codes for token endpoint errors").
type Problem int

const (
	Unavailable   Problem = iota + 1 // 5xx, 429, time-outs, no connection: keep everything, try later
	SignIn                           // interaction needed: go to Microsoft, usually without a question
	Consent                          // the person must agree to a permission
	Declined                         // the person said no: show a page, never loop
	Blocked                          // policy or assignment: only an administrator can help
	Misconfigured                    // invalid_client and the like: the operator's to mend; sessions stay
	Rejected                         // an answer that must not be believed: ID token, state, issuer
	WrongPerson                      // tokens for somebody else came: the session must end
)

// An Error is an answer from Microsoft sorted into a [Problem]. Its text is
// safe to log: it holds OAuth codes and correlation data, never tokens, codes,
// secrets or Microsoft's descriptions.
type Error struct {
	Problem    Problem
	Code       string        // OAuth error code such as "invalid_grant", or a word of our own
	AADSTS     int           // Entra's number, 0 if none: for the log, never to decide on
	Claims     string        // claims challenge to send on to Microsoft, or empty
	RetryAfter time.Duration // with Unavailable; 0 if Microsoft named none
	Detail     string        // what is safe to say more, for the log
}

// Error returns a line for the log.
func (e *Error) Error() string {
	s := "microsoft sign-in: " + e.Code
	if e.AADSTS != 0 {
		s += fmt.Sprintf(" AADSTS%d", e.AADSTS)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// ErrEnded is what a [Cache] answers, wrapped or not, when its session has
// ended: nothing was stored and nothing ever will be. Any other error of a
// Cache means that the store could not be reached.
var ErrEnded = errors.New("the session has ended")

// String names the problem in one word of bounded choice, fit for a metric
// label or a log line.
func (p Problem) String() string {
	switch p {
	case Unavailable:
		return "unavailable"
	case SignIn:
		return "sign_in"
	case Consent:
		return "consent"
	case Declined:
		return "declined"
	case Blocked:
		return "blocked"
	case Misconfigured:
		return "misconfigured"
	case Rejected:
		return "rejected"
	case WrongPerson:
		return "wrong_person"
	}
	return "unknown"
}
