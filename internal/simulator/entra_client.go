package simulator

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// refuseClient returns the error for a token request whose client does not
// prove who it is, or nil.
func (s *Simulator) refuseClient(r *http.Request) *OAuthError {
	app := s.options.App
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		// RFC 6749, section 2.3.1: form-encoded before they are joined.
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		if err1 == nil && err2 == nil {
			id, secret = user, password
		}
	}
	assertion := r.PostForm.Get("client_assertion")
	var number int
	switch {
	case id == "":
		number = 900144
	case id != app.ClientID:
		number = 700016
	case assertion != "":
		number = s.checkAssertion(r, assertion)
	case secret == "":
		number = 7000218
	case app.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(app.Secret)) != 1:
		number = 7000215
	}
	if number == 0 {
		return nil
	}
	e := aadsts(number)
	return &e
}

// checkAssertion returns the number of what is wrong with a client assertion
// (RFC 7523, section 3), or 0.
func (s *Simulator) checkAssertion(r *http.Request, assertion string) int {
	app := s.options.App
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return 900144
	}
	if app.FederatedToken != "" && subtle.ConstantTimeCompare([]byte(assertion), []byte(app.FederatedToken)) == 1 {
		return 0
	}
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.PS256})
	if err != nil {
		return 700027
	}
	for _, certificate := range app.Certificates {
		var claims jwt.Claims
		if token.Claims(certificate.PublicKey, &claims) != nil {
			continue
		}
		path := "/" + r.PathValue("tenant") + "/oauth2/v2.0/token"
		err := claims.ValidateWithLeeway(jwt.Expected{
			Issuer:      app.ClientID,
			Subject:     app.ClientID,
			AnyAudience: jwt.Audience{s.options.BackURL + path, s.options.PublicURL + path},
			Time:        s.now(),
		}, 5*time.Minute)
		switch {
		case err == nil && claims.Expiry != nil:
			return 0
		case err == nil, errors.Is(err, jwt.ErrExpired), errors.Is(err, jwt.ErrNotValidYet):
			return 700024
		}
	}
	return 700027
}
