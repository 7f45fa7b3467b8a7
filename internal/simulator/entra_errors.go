package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problem is a row of Entra's error table ("Microsoft Entra authentication
// and authorization error codes", and traffic that people have pasted).
type problem struct {
	code     string // OAuth error
	suberror string
	onPage   bool // told on Microsoft's own page; the browser never returns to the app
	text     string
}

// problems is what the AADSTS numbers mean. Which OAuth error and suberror
// come with a number is documented for few of them and inferred from MSAL's
// classification for the rest, so a [Fault] can override both.
var problems = map[int]problem{
	1002012: {code: "invalid_scope", text: "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."},
	28002:   {code: "invalid_scope", text: "Provided value for the input parameter scope is not valid when requesting an access token."},
	28003:   {code: "invalid_request", text: "Provided value for the input parameter scope cannot be empty when requesting an access token using the provided authorization code."},
	50011:   {code: "invalid_request", onPage: true, text: "The redirect URI specified in the request does not match the redirect URIs configured for the application."},
	50020:   {code: "invalid_request", onPage: true, text: "User account from identity provider does not exist in tenant and cannot access the application in that tenant."},
	50033:   {code: "temporarily_unavailable", text: "A transient error has occurred. Please try again."},
	50049:   {code: "invalid_instance", text: "Unknown or invalid instance."},
	50053:   {code: "invalid_grant", text: "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."},
	50055:   {code: "invalid_grant", suberror: "user_password_expired", text: "The password is expired."},
	50057:   {code: "invalid_grant", text: "The user account is disabled."},
	50058:   {code: "login_required", text: "Session information is not sufficient for single-sign-on."},
	50072:   {code: "interaction_required", suberror: "basic_action", text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication."},
	50074:   {code: "interaction_required", suberror: "basic_action", text: "Strong Authentication is required."},
	50076:   {code: "interaction_required", suberror: "basic_action", text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication."},
	50078:   {code: "invalid_grant", suberror: "basic_action", text: "Presented multi-factor authentication has expired due to policies configured by your administrator."},
	50079:   {code: "interaction_required", suberror: "basic_action", text: "Due to a configuration change made by your administrator, you must enroll in multi-factor authentication."},
	50105:   {code: "access_denied", onPage: true, text: "Your administrator has configured the application to block users unless they are specifically granted access to it."},
	50147:   {code: "invalid_grant", text: "The size of the code challenge or code verifier parameter is not valid."},
	50158:   {code: "invalid_grant", suberror: "basic_action", text: "External security challenge was not satisfied."},
	50173:   {code: "invalid_grant", suberror: "bad_token", text: "The provided grant has expired due to it being revoked, a fresh auth token is needed."},
	50194:   {code: "invalid_request", onPage: true, text: "Application is not configured as a multi-tenant application."},
	50196:   {code: "invalid_grant", text: "The server terminated an operation because it encountered a client request loop."},
	500112:  {code: "invalid_grant", text: "The reply address does not match the reply address provided when requesting Authorization code."},
	501481:  {code: "invalid_grant", text: "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	53000:   {code: "interaction_required", suberror: "message_only", text: "Your device is required to be compliant to access this resource."},
	53001:   {code: "interaction_required", suberror: "message_only", text: "Your device is required to be managed to access this resource."},
	53003:   {code: "access_denied", suberror: "message_only", onPage: true, text: "Access has been blocked by Conditional Access policies."},
	530032:  {code: "access_denied", suberror: "message_only", onPage: true, text: "Access has been blocked by security policies."},
	54005:   {code: "invalid_grant", text: "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	65001:   {code: "invalid_grant", suberror: "consent_required", text: "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."},
	65004:   {code: "access_denied", text: "User declined to consent to access the app."},
	65005:   {code: "invalid_resource", text: "The application is misconfigured: its required resource access list is wrong."},
	650056:  {code: "invalid_request", text: "Misconfigured application."},
	70000:   {code: "invalid_grant", text: "The provided value for the input parameter is not valid: the grant is malformed or unknown."},
	70003:   {code: "unsupported_grant_type", text: "The app requested an unsupported grant type."},
	70008:   {code: "invalid_grant", suberror: "bad_token", text: "The provided authorization code or refresh token has expired. Send a new interactive authorization request for this user and resource."},
	70011:   {code: "invalid_scope", text: "The provided value for the input parameter scope is not valid."},
	70043:   {code: "invalid_grant", suberror: "token_expired", text: "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access."},
	700005:  {code: "invalid_grant", text: "The provided authorization code was issued for another tenant."},
	700016:  {code: "unauthorized_client", onPage: true, text: "The application was not found in the directory."},
	700022:  {code: "invalid_request", text: "The provided value for the input parameter scope is not valid because it contains more than one resource."},
	700024:  {code: "invalid_client", text: "Client assertion is not within its valid time range."},
	700025:  {code: "invalid_client", text: "The client is public, so neither client_assertion nor client_secret should be presented."},
	700027:  {code: "invalid_client", text: "The certificate with identifier used to sign the client assertion is not registered on the application."},
	700051:  {code: "unsupported_response_type", text: "The response type is not enabled for the application."},
	700082:  {code: "invalid_grant", suberror: "bad_token", text: "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00."},
	700084:  {code: "invalid_grant", suberror: "bad_token", text: "The refresh token was issued to a single page app, and therefore has a fixed, limited lifetime of 1.00:00:00."},
	7000215: {code: "invalid_client", text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."},
	7000218: {code: "invalid_client", text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	7000222: {code: "invalid_client", text: "The provided client secret keys are expired."},
	90002:   {code: "invalid_request", onPage: true, text: "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	90006:   {code: "server_error", text: "Service is temporarily unavailable. Retry the request."},
	90012:   {code: "temporarily_unavailable", text: "The request has timed out, retry."},
	90014:   {code: "invalid_request", text: "The required field for this credential is missing."},
	90023:   {code: "invalid_request", text: "The authentication request is not valid."},
	90024:   {code: "temporarily_unavailable", text: "The request budget was exceeded, a transient error. Please try again."},
	90033:   {code: "temporarily_unavailable", text: "A transient error has occurred. Please try again."},
	90094:   {code: "access_denied", text: "The grant requires admin permission."},
	90095:   {code: "access_denied", text: "The grant requires admin permission, and a request for it can be sent."},
	900144:  {code: "invalid_request", text: "The request body must contain the following parameter."},
}

// complete fills in what the table knows.
func (e OAuthError) complete() OAuthError {
	p := problems[e.AADSTS]
	e.Code = cmp.Or(e.Code, p.code, "server_error")
	e.Suberror = cmp.Or(e.Suberror, p.suberror)
	if e.Status == 0 {
		e.Status = http.StatusBadRequest
		if e.Code == "invalid_client" {
			e.Status = http.StatusUnauthorized
		}
	}
	return e
}

// aadsts returns the error that the table has under a number.
func aadsts(number int) OAuthError { return OAuthError{AADSTS: number}.complete() }

// describe returns the error_description: the text, and what support asks
// for, which stands in lines of its own in redirects.
func (e OAuthError) describe(separator string, now time.Time, trace, correlation string) string {
	return fmt.Sprintf("AADSTS%d: %s", e.AADSTS, strings.Join([]string{
		problems[e.AADSTS].text, "Trace ID: " + trace, "Correlation ID: " + correlation, "Timestamp: " + stamp(now),
	}, separator))
}

// tokenError answers as the token endpoint does.
func (s *Simulator) tokenError(w http.ResponseWriter, r *http.Request, e OAuthError) {
	trace, correlation := guid(), cmp.Or(r.Header.Get("client-request-id"), guid())
	numbers := []int{e.AADSTS}
	if e.AADSTS == 54005 {
		numbers = []int{70002, 54005}
	}
	body := map[string]any{
		"error":             e.Code,
		"error_description": e.describe(" ", s.now(), trace, correlation),
		"error_codes":       numbers,
		"timestamp":         stamp(s.now()),
		"trace_id":          trace,
		"correlation_id":    correlation,
		"error_uri":         s.errorPage(e),
	}
	if e.Suberror != "" {
		body["suberror"] = e.Suberror
	}
	if e.Claims != "" {
		body["claims"] = e.Claims
	}
	s.tokenHeaders(w, r)
	w.Header().Set("x-ms-clitelem", fmt.Sprintf("1,%d,%d,,", e.AADSTS, 0))
	writeJSON(w, e.Status, body)
}

func (s *Simulator) errorPage(e OAuthError) string {
	return s.options.PublicURL + "/error?code=" + strconv.Itoa(e.AADSTS)
}

// authorizeError sends the browser back to the app with the error, or shows
// Microsoft's own page: for errors that never lead back, and when the request
// names no place that could be trusted (RFC 6749, section 4.1.2.1).
func (s *Simulator) authorizeError(w http.ResponseWriter, r *http.Request, e OAuthError) {
	query := r.URL.Query()
	redirect := query.Get("redirect_uri")
	if problems[e.AADSTS].onPage || query.Get("client_id") != s.options.App.ClientID ||
		!slices.Contains(s.options.App.RedirectURIs, redirect) {
		s.showError(w, e)
		return
	}
	v := url.Values{
		"error":             {e.Code},
		"error_description": {e.describe("\r\n", s.now(), guid(), guid())},
		"error_uri":         {s.errorPage(e)},
	}
	if e.Suberror != "" {
		v.Set("error_subcode", e.Suberror)
	}
	if e.Claims != "" {
		v.Set("claims", e.Claims)
	}
	s.toApp(w, r, redirect, v)
}

// stamp is how Entra writes times in texts.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
