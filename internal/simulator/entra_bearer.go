package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A bearerError says why Graph does not take an access token. With claims it
// is a challenge.
type bearerError struct {
	message string
	claims  string // JSON
}

func (e *bearerError) Error() string { return e.message }

// authenticate returns whose access token the request carries and which Graph
// permissions it has. The error is for [Simulator.refuse].
func (s *Simulator) authenticate(r *http.Request) (p *Person, scopes []string, err error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, nil, &bearerError{message: "Access token is empty."}
	}
	e := s.entra
	e.mu.Lock()
	defer e.mu.Unlock()
	t, expired, found := e.access.find(s.now(), digestOf(token))
	switch {
	case !found:
		return nil, nil, &bearerError{message: "CompactToken parsing failed with error code: 80049217"}
	case expired:
		return nil, nil, &bearerError{message: "Lifetime validation failed, the token is expired."}
	case t.revoked || t.grant.revoked:
		return nil, nil, &bearerError{message: "Access token validation failure."}
	}
	if nbf := e.of(t.person).challenge; t.answered < nbf {
		refused := &bearerError{message: "Access token has been revoked."}
		if t.cae {
			refused.claims = fmt.Sprintf(`{"access_token":{"nbf":{"essential":true, "value":"%d"}}}`, nbf)
		}
		return nil, nil, refused
	}
	return t.person, t.scopes, nil
}

// refuse answers a Graph request whose token [Simulator.authenticate] did not
// take, with the challenge header if that is what it was.
func (s *Simulator) refuse(w http.ResponseWriter, r *http.Request, err error) {
	refused, ok := err.(*bearerError)
	if !ok {
		refused = &bearerError{message: err.Error()}
	}
	header := w.Header()
	// Microsoft's documentation quotes authorization_uri, its servers do not
	// (msgraph-sdk-dotnet issue 1416). Both come, in turns.
	uri := s.options.PublicURL + "/common/oauth2/authorize"
	if s.Count(Graph)%2 == 0 {
		uri = strconv.Quote(uri)
	}
	challenge := `Bearer realm="", authorization_uri=` + uri + `, client_id="00000003-0000-0000-c000-000000000000"`
	if refused.claims != "" {
		challenge += `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(refused.claims)) +
			`", errorDescription="Continuous access evaluation resulted in claims challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"`
	}
	header.Set("WWW-Authenticate", challenge)
	requestID := guid()
	clientID := r.Header.Get("client-request-id")
	if clientID == "" {
		clientID = requestID
	}
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-cache")
	header.Set("request-id", requestID)
	header.Set("client-request-id", clientID)
	header.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Simulator","Slice":"E","Ring":"5","ScaleUnit":"001","RoleInstance":"SIM01"}}`)
	w.WriteHeader(http.StatusUnauthorized)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code":    "InvalidAuthenticationToken",
		"message": refused.message,
		"innerError": map[string]string{
			"date": s.now().UTC().Format("2006-01-02T15:04:05"), "request-id": requestID, "client-request-id": clientID,
		},
	}})
}
