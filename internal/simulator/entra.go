package simulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"
)

// How long things live (Microsoft identity platform: authorization code flow;
// refresh tokens; access tokens, "Token lifetime").
const (
	codeLife    = 10 * time.Minute
	idTokenLife = time.Hour
	refreshLife = 90 * 24 * time.Hour
	browserLife = 24 * time.Hour
	plainLife   = 75 * time.Minute // Microsoft draws 60 to 90 minutes
	caeLife     = 24 * time.Hour   // for clients that say cp1; Microsoft: up to 28 hours
)

// entra is what the sign-in half remembers. mu covers all of it, the values
// that the shelves point to included.
type entra struct {
	now   func() time.Time
	keys  *keyring
	rules rules

	mu sync.Mutex
	issued
	browsers *shelf[string, *browser]
	standing map[string]*standing // by person
}

// issued is what the endpoints have given out.
type issued struct {
	codes   *shelf[string, *code]
	refresh *shelf[digest, *refreshToken]
	access  *shelf[digest, *accessToken]
	tally   Grants
	serial  int // of the latest token
}

// rules are what tests can set.
type rules struct {
	life   time.Duration // of access tokens; 0: as Microsoft
	strict bool
	tamper func(*Draft)
	other  *Person // refresh grants are answered with this person's tokens
}

// A standing is what Entra knows of a person across browsers and tokens.
type standing struct {
	consented map[string]bool // Graph permissions the person has agreed to
	challenge int64           // tokens must come from a sign-in with this nbf claim, or a later one
}

// A grant is one sign-in of one person: what a code was issued for, and every
// token that descends from it.
type grant struct {
	person   *Person
	sid      string
	cae      bool  // the client said cp1
	answered int64 // the claims challenge that the sign-in answered
	authTime time.Time
	scopes   []string // asked for at sign-in
	revoked  bool
}

type code struct {
	*grant
	tenant, redirectURI, nonce, challenge string
	used                                  bool
}

type refreshToken struct {
	*grant
	used, revoked bool
}

type accessToken struct {
	*grant
	scopes  []string
	revoked bool
}

// A digest stands for a token: real ones are long, and thousands are kept.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

func newEntra(now func() time.Time) *entra {
	return &entra{
		now:  now,
		keys: &keyring{now: now},
		issued: issued{
			codes:   newShelf[string, *code](10_000),
			refresh: newShelf[digest, *refreshToken](50_000),
			access:  newShelf[digest, *accessToken](50_000),
		},
		browsers: newShelf[string, *browser](10_000),
		standing: map[string]*standing{},
	}
}

// Grants counts what the token endpoint has granted.
type Grants struct {
	Codes     int // codes redeemed
	Refreshes int // refresh tokens redeemed
	Reused    int // refresh tokens refused because they had been used ([Simulator.SetStrict])
}

// Grants returns the counts so far.
func (s *Simulator) Grants() Grants {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	return s.entra.tally
}

// SetTokenLifetime sets how long access tokens live that are issued from now
// on. 0 is as Microsoft does: 24 hours for clients that say cp1, else 75
// minutes. MSAL does not use a token in its last five minutes.
func (s *Simulator) SetTokenLifetime(d time.Duration) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	s.entra.rules.life = d
}

// SetStrict makes refresh tokens work once. One that is used again ends all
// tokens of the sign-in that it descends from (RFC 9700, section 4.14.2).
// Microsoft itself lets the old ones work on.
func (s *Simulator) SetStrict(strict bool) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	s.entra.rules.strict = strict
}

// AnswerRefreshFor makes every refresh grant answer with the tokens of p,
// whoever asks. nil ends it.
func (s *Simulator) AnswerRefreshFor(p *Person) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	s.entra.rules.other = p
}

// Challenge makes Graph answer p's access tokens with a claims challenge
// (continuous access evaluation, code TokenIssuedBeforeRevocationTimestamp)
// until p has signed in with those claims. Refreshing works and does not help.
// It ends p's single sign-on sessions, so that the sign-in asks. Clients that
// do not say cp1 get a plain 401.
func (s *Simulator) Challenge(p *Person) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	st := s.entra.of(p)
	st.challenge = max(s.now().Unix(), st.challenge+1)
	s.entra.endBrowserSessions(p)
}

// RevokeAccess makes Graph refuse the access tokens that p has now, without
// claims: the plain 401 that one refresh cures.
func (s *Simulator) RevokeAccess(p *Person) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	for _, item := range s.entra.access.items {
		if item.value.person == p {
			item.value.revoked = true
		}
	}
}

// Revoke ends everything p has: access tokens (plain 401), refresh tokens
// (invalid_grant, AADSTS50173) and single sign-on sessions.
func (s *Simulator) Revoke(p *Person) {
	s.RevokeAccess(p)
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	for _, item := range s.entra.refresh.items {
		if item.value.person == p {
			item.value.revoked = true
		}
	}
	s.entra.endBrowserSessions(p)
}

// Withdraw forgets the permissions that p has agreed to: the next refresh
// answers consent_required, the next sign-in shows the consent page.
func (s *Simulator) Withdraw(p *Person) {
	s.entra.mu.Lock()
	defer s.entra.mu.Unlock()
	s.entra.of(p).consented = map[string]bool{}
}

// of returns the person's standing. People have agreed to what is asked of
// everybody, except those who are there to show the consent page.
func (e *entra) of(p *Person) *standing {
	st := e.standing[p.key()]
	if st == nil {
		st = &standing{consented: map[string]bool{}}
		if !p.NeedsConsent {
			maps.Copy(st.consented, usual)
		}
		e.standing[p.key()] = st
	}
	return st
}

// newAccess issues an access token; e.mu is held.
func (e *entra) newAccess(g *grant, scopes []string, life time.Duration) string {
	token := e.newToken("at")
	e.access.put(e.now(), digestOf(token), &accessToken{grant: g, scopes: scopes}, life)
	return token
}

// newRefresh issues a refresh token; e.mu is held.
func (e *entra) newRefresh(g *grant) string {
	token := e.newToken("rt")
	e.refresh.put(e.now(), digestOf(token), &refreshToken{grant: g}, refreshLife)
	return token
}

// newToken returns "at.7.…" or "rt.7.…": opaque as Microsoft's tokens are to
// clients, as long as they are, and with a number that grows, for people to
// tell a newer token from an older one.
func (e *entra) newToken(kind string) string {
	e.serial++
	return kind + "." + strconv.Itoa(e.serial) + "." + random(1000)
}

// random returns n random bytes in unpadded base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// guid returns a random GUID in the usual form.
func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}
