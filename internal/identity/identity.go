// Package identity signs people in with Microsoft and gets access tokens for
// who is signed in. MSAL and the OpenID Connect verifier are fenced here; no
// other package names their types. Where tokens are kept, and which browser
// belongs to whom, is left to package session through the [Cache] interface.
package identity

import (
	"context"
	"encoding/json"
	"time"
)

// An Account is who signed in. A person is ObjectID and TenantID together
// ([Account.Key]); names and addresses are for display alone, since Microsoft
// lets them change and be given to somebody else (ID token claims reference,
// "Use claims to reliably identify a user").
type Account struct {
	ObjectID  string `json:"oid"`
	TenantID  string `json:"tid"`
	Name      string `json:"name,omitempty"`
	Username  string `json:"username,omitempty"`   // preferred_username: shown, and used as a hint
	LoginHint string `json:"login_hint,omitempty"` // login_hint claim: the logout_hint for Microsoft
	SessionID string `json:"sid,omitempty"`        // sid claim: what front-channel logout names
	// Home is MSAL's own account value, kept so that a token can be asked for
	// without parsing the token cache first. Opaque to other packages.
	Home json.RawMessage `json:"home"`
}

// Key identifies the person: "tid.oid".
func (a Account) Key() string { return a.TenantID + "." + a.ObjectID }

// Personal reports whether this is a Microsoft account of somebody's own and
// not of an organisation's. Such accounts share calendars with nobody through
// Graph: they are not granted TokenOptions.Shared.
func (a Account) Personal() bool { return a.TenantID == consumers }

// An Attempt is one pending sign-in: what must be remembered between sending a
// browser to Microsoft and its return. It belongs to that browser alone, is
// good for one use, and holds secrets (RFC 7636 verifier, nonce).
type Attempt struct {
	State    string    `json:"s"` // at least 128 random bits, URL-safe
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	ReturnTo string    `json:"r"`           // local path to go to afterwards; package server has validated it
	Shared   bool      `json:"x,omitempty"` // also asked for Calendars.Read.Shared
	Started  time.Time `json:"t"`
}

// SignedIn is what a finished sign-in yields: who it is and the serialized
// MSAL token cache with this person's tokens and nobody else's.
type SignedIn struct {
	Account Account
	Tokens  []byte
}

// A Cache keeps the serialized MSAL token cache of one signed-in person. It
// must be safe for concurrent use, in one process and across processes.
type Cache interface {
	// Key names the cache: the same for two values that share their tokens.
	// It is not secret and never a cookie value.
	Key() string
	// Load returns what is kept, nil when nothing is. With fresh it asks the
	// store; without, it may answer with what this request has already read.
	Load(ctx context.Context, fresh bool) ([]byte, error)
	// Update stores what change makes of the present value, atomically: when
	// another writer comes first, change is called again with the newer value.
	// A nil result removes the tokens. The write is durable when Update
	// returns. If the session has ended meanwhile nothing is stored and the
	// error is the store's own, for which errors.Is(err, ErrEnded) holds.
	Update(ctx context.Context, change func(current []byte) ([]byte, error)) error
	// Lock waits for the exclusive right, among all processes, to redeem this
	// cache's refresh token. It is held until unlock is called or this process
	// dies, however long the token call takes.
	Lock(ctx context.Context) (unlock func(), err error)
}
