package identity

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
)

// A failure is an [Error] and what the token request's maker must know besides.
type failure struct {
	*Error
	dead  bool // the refresh token is of no use any more
	again bool // worth one more try: Microsoft or the way there broke
}

const longestRetryAfter = time.Hour

var (
	oauthCode = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
	aadsts    = regexp.MustCompile(`^AADSTS([0-9]{4,8})\b`)
)

// problems sorts OAuth error codes, from the token endpoint and the callback
// alike (Microsoft identity platform, "Error codes for token endpoint errors";
// OpenID Connect Core 1.0, section 3.1.2.6; RFC 6749, sections 4.1.2.1 and 5.2).
// An unknown code is Unavailable: it takes nothing from anybody.
var problems = map[string]Problem{
	"invalid_grant":              SignIn,
	"interaction_required":       SignIn,
	"login_required":             SignIn,
	"account_selection_required": SignIn,
	"consent_required":           Consent,
	"access_denied":              Declined,
	"invalid_client":             Misconfigured,
	"unauthorized_client":        Misconfigured,
	"invalid_scope":              Misconfigured,
	"invalid_request":            Misconfigured,
	"invalid_resource":           Misconfigured,
	"unsupported_grant_type":     Misconfigured,
	"unsupported_response_type":  Misconfigured,
	"temporarily_unavailable":    Unavailable,
	"server_error":               Unavailable,
}

// suberrors refine a refusal (MSAL's InteractionRequiredAuthError). Those not
// named leave the code's problem, and with invalid_grant a dead refresh token.
var suberrors = map[string]Problem{
	"consent_required":             Consent,
	"basic_action":                 SignIn,
	"user_password_expired":        SignIn,
	"additional_action":            Blocked,
	"message_only":                 Blocked,
	"protection_policy_required":   Blocked,
	"device_authentication_failed": Blocked,
}

// sortOut makes a failure of an error from MSAL, the HTTP client or this
// package. Only what Microsoft's answer says in its own fields is taken over,
// checked: MSAL's texts can hold tokens, codes and secrets.
func sortOut(err error) failure {
	var own *Error
	var call msal.CallErr
	var unreadable msal.InvalidJsonErr
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &own):
		return failure{Error: own}
	case errors.As(err, &call) && call.Resp != nil:
		return sortAnswer(call.Resp)
	case errors.Is(err, errCredential):
		return failure{Error: &Error{Problem: Misconfigured, Code: "credential", Detail: "the federated token cannot be read"}}
	case errors.As(err, &large):
		return failure{Error: &Error{Problem: Unavailable, Code: "bad_answer", Detail: "too large"}}
	case errors.As(err, &unreadable):
		return failure{Error: &Error{Problem: Unavailable, Code: "bad_answer", Detail: "not a token answer"}}
	}
	if what := broken(err); what != "" {
		return failure{Error: &Error{Problem: Unavailable, Code: "unreachable", Detail: what}, again: what != "time-out"}
	}
	return failure{Error: &Error{Problem: Unavailable, Code: "bad_answer", Detail: "not usable"}}
}

// broken says in words of its own what broke on the way to Microsoft, or
// nothing if the way was not the trouble.
func broken(err error) string {
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	var web *url.Error
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &cert):
		return "certificate not trusted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "time-out"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &name):
		return "name not found"
	case errors.As(err, &op):
		return op.Op + " failed"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "answer cut off"
	case errors.As(err, &web):
		return "connection failed"
	}
	return ""
}

// sortAnswer reads an error answer of the token endpoint.
func sortAnswer(resp *http.Response) failure {
	var answer struct {
		Error       string          `json:"error"`
		Suberror    string          `json:"suberror"`
		Description string          `json:"error_description"`
		Claims      json.RawMessage `json:"claims"`
		Codes       []int           `json:"error_codes"`
		Trace       string          `json:"trace_id"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(body, &answer) != nil {
		answer.Error = ""
	}
	e := &Error{Code: word(answer.Error), AADSTS: numberOf(answer.Description), Detail: "status " + strconv.Itoa(resp.StatusCode)}
	if n := len(answer.Codes); n > 0 {
		e.AADSTS = answer.Codes[n-1] // of two, the second is the exact one
	}
	if trace := strings.ToLower(answer.Trace); guid.MatchString(trace) {
		e.Detail += ", trace " + trace
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode >= 500:
		e.Problem, e.RetryAfter = Unavailable, retryAfter(resp.Header)
		if e.Code == "unknown" {
			e.Code = "status_" + strconv.Itoa(resp.StatusCode)
		}
		return failure{Error: e, again: resp.StatusCode >= 500}
	case looping(answer.Codes):
		// The one number decided on: Entra reports a client that asks too often
		// as invalid_grant, but the grant is good (AADSTS50196).
		e.Problem, e.RetryAfter = Unavailable, time.Minute
		return failure{Error: e}
	}
	if e.Problem = sortCode(e.Code, answer.Suberror); e.Problem == Declined {
		e.Problem = Blocked // nobody was asked, so nobody declined
	}
	e.Claims = claimsOf(answer.Claims)
	_, milder := suberrors[answer.Suberror]
	return failure{Error: e, dead: e.Code == "invalid_grant" && !milder, again: e.Code == "temporarily_unavailable"}
}

func sortCode(code, suberror string) Problem {
	problem, known := problems[code]
	if !known {
		return Unavailable
	}
	if finer, known := suberrors[suberror]; known && (problem == SignIn || problem == Declined) {
		return finer
	}
	return problem
}

func looping(codes []int) bool {
	for _, c := range codes {
		if c == 50196 {
			return true
		}
	}
	return false
}

// word returns an OAuth code fit for a log line.
func word(code string) string {
	if oauthCode.MatchString(code) {
		return code
	}
	return "unknown"
}

func numberOf(description string) int {
	m := aadsts.FindStringSubmatch(description)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// claimsOf returns a claims challenge, which Microsoft sends as a JSON object
// inside a JSON string, or nothing if it is not one.
func claimsOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	if !isClaims(s) {
		return ""
	}
	return s
}

// isClaims bounds a challenge to what fits into an authorization URL.
func isClaims(s string) bool {
	var object map[string]json.RawMessage
	return len(s) <= 4096 && json.Unmarshal([]byte(s), &object) == nil && object != nil
}

// retryAfter reads Retry-After in seconds or as a date (RFC 9110, section
// 10.2.3), bounded.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil {
		return min(max(time.Duration(min(seconds, 1<<30))*time.Second, 0), longestRetryAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), longestRetryAfter)
	}
	return 0
}

// interrupted says why waiting with ctx ended: the error of a request that went
// away stays recognisable, a deadline is Microsoft's slowness.
func interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &Error{Problem: Unavailable, Code: "unreachable", Detail: "time-out"}
}
