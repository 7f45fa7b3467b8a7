// Package session says who is signed in to a browser, and keeps what belongs
// to that: the account, the serialized MSAL token cache, small values of pages,
// pending sign-ins, and the list of places where a person is signed in. Records
// lie sealed in a [Store] (files, Redis, memory); the browser has nothing but a
// random id in a cookie.
//
// What always holds:
//
//   - A session that has ended stays ended. Ids are random and never made
//     twice, and a change is written only in place of the very record it was
//     made from, so a request in flight cannot bring a record back.
//   - No writer undoes another: changes are merged by key under compare-and-set.
//   - Absent is not unreachable: a record that is missing, expired, damaged or
//     sealed by somebody else is a person who is signed out; a store that does
//     not answer is [ErrUnavailable], and nothing is forgotten because of it.
//   - Every record expires by itself, at the session's absolute end at the latest.
//
// scs is fenced here; no other package names its types. How tokens are got and
// renewed is left to package identity, which sees this one through
// identity.Cache; what a response says is left to package server.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"daybook/internal/identity"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrSignedOut says that nobody is signed in to this browser.
	ErrSignedOut = errors.New("signed out")
	// ErrEnded says that the session ended while the request was under way;
	// nothing was written. It matches ErrSignedOut and identity.ErrEnded too.
	ErrEnded = fmt.Errorf("%w: %w", identity.ErrEnded, ErrSignedOut)
	// ErrUnavailable says that the store could not be reached or refused: try
	// later, keep the cookie.
	ErrUnavailable = errors.New("session store unavailable")
	// ErrNoAttempt says that this browser has no such pending sign-in.
	ErrNoAttempt = errors.New("no such sign-in is pending in this browser")
	// ErrAttemptUsed says that the pending sign-in has been recalled before.
	ErrAttemptUsed = errors.New("this sign-in was finished before")
)

// Options say how sessions are kept.
type Options struct {
	Store    Store
	Tokens   Store            // nil: tokens lie inside the session; else one record a person, here
	Secrets  [][]byte         // 32 bytes or more each; the first seals, all open
	Lifetime time.Duration    // a session's absolute end
	Idle     time.Duration    // it ends so long after its last use; 0: never
	Secure   bool             // https: __Host- cookie with Secure
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: slog.Default()
	// Ended, if not nil, is told whose session (identity.Account.Key) this
	// process has just ended: signed out, revoked, ended by Microsoft or an
	// operator, crowded out or replaced by a new sign-in. The person may have
	// others. It is called by whoever ends the session, perhaps several times,
	// and must return at once. EndAll and expiry tell nobody.
	Ended func(person string)
}

// Sessions are all sessions of a store. It is safe for concurrent use.
type Sessions struct {
	options   Options
	scs       *scs.SessionManager
	records   *records
	rosters   *rosters
	tokens    *vault // nil: tokens lie inside the session
	meters    *meters
	errands   errands
	farewells *farewells
}

// New returns the sessions in o.Store without touching it.
func New(o Options) (*Sessions, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("session: no store")
	case o.Lifetime <= 0:
		return nil, errors.New("session: the lifetime must be positive")
	case o.Idle < 0:
		return nil, errors.New("session: the idle timeout must not be negative")
	}
	keys, err := newKeyring(o.Secrets)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ended == nil {
		o.Ended = func(string) {}
	}
	s := &Sessions{options: o, meters: newMeters(), farewells: newFarewells()}
	store := &observed{store: o.Store, name: storeName(o.Store), meters: s.meters, now: o.Now, log: o.Log}
	s.records = &records{
		store: store, keys: keys, now: o.Now, idle: o.Idle, log: o.Log,
		merged: s.meters.merged.WithLabelValues("session"),
		said:   recent{window: time.Minute},
	}
	s.rosters = &rosters{
		vault:   &vault{store: store, keys: keys, log: o.Log, merged: s.meters.merged.WithLabelValues("roster")},
		now:     o.Now,
		ended:   o.Ended,
		touched: recent{window: time.Second},
		seen:    recent{window: seenEvery},
	}
	if o.Tokens != nil {
		s.tokens = &vault{
			store: &observed{store: o.Tokens, name: storeName(o.Tokens), meters: s.meters, now: o.Now, log: o.Log},
			keys:  keys, log: o.Log, merged: s.meters.merged.WithLabelValues("tokens"),
		}
	}
	// Not scs.New: it starts a goroutine for a store of its own that nothing
	// ends. Its context key is not needed, since each of our contexts holds the
	// data of one session.
	s.scs = &scs.SessionManager{
		Store: s.records, Codec: codec{}, Lifetime: o.Lifetime,
		Cookie: scs.SessionCookie{
			Name: "daybook", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Persist: true,
		},
	}
	if o.Secure {
		// The prefix makes browsers insist on Secure, Path=/ and no Domain, so
		// no sibling host can plant a cookie (RFC 6265bis, section 4.1.3.2).
		s.scs.Cookie.Name = "__Host-daybook"
		s.scs.Cookie.Secure = true
	}
	return s, nil
}

// Ready reports whether the stores take, give back and delete a record.
func (s *Sessions) Ready(ctx context.Context) error {
	if err := s.options.Store.Ping(ctx); err != nil {
		return err
	}
	if s.options.Tokens != nil {
		return s.options.Tokens.Ping(ctx)
	}
	return nil
}

// A sweeper is a store whose expired records have to be looked for.
type sweeper interface {
	Sweep(ctx context.Context, now time.Time) (int, error)
}

// Sweep removes what has expired from stores that do not do so themselves, and
// returns how many records that were. Call it at the start and every few
// minutes; it may run beside everything else.
func (s *Sessions) Sweep(ctx context.Context) (int, error) {
	var swept int
	var errs error
	for _, store := range []Store{s.options.Store, s.options.Tokens} {
		if sweeper, ok := store.(sweeper); ok {
			n, err := sweeper.Sweep(ctx, s.options.Now())
			swept += n
			errs = errors.Join(errs, err)
		}
	}
	return swept, errs
}

// Close waits for work that requests have left behind, two seconds at the
// longest, and takes no more; sign-outs that the store has not taken by then
// are given up. Requests are still served correctly afterwards.
func (s *Sessions) Close() {
	s.farewells.close()
	s.errands.close()
}

// A Session is one browser's signed-in state as one request sees it. Its
// methods may be called from several goroutines of that request, also after
// the response has been sent.
type Session struct {
	all     *Sessions
	data    context.Context // holds scs' data; its end means nothing
	token   string
	account identity.Account

	mu     sync.Mutex // one change at a time
	view   *view
	tokens []byte // with Options.Tokens: as last read in this request
}

// Keys of a session's record. What pages put has a prefix.
const (
	keyAccount = "account"
	keySince   = "since"
	keyBrowser = "browser"
	keyTokens  = "tokens"
	prefixPage = "page."
)

// Unattended is a header of requests that nobody makes, such as those by which
// an open page keeps itself current: they are no use of a session and put off
// no idle timeout.
const Unattended = "Daybook-Unattended"

// Open returns the session that the request's cookie names. It reads the store
// once, does not write, and sends no cookie. Errors: ErrSignedOut, ErrUnavailable.
func (s *Sessions) Open(r *http.Request) (*Session, error) {
	token, err := s.cookie(r)
	if err != nil {
		return nil, err
	}
	session, err := s.open(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if r.Header.Get(Unattended) == "" {
		s.noteUse(session)
	}
	return session, nil
}

func (s *Sessions) open(ctx context.Context, token string) (*Session, error) {
	seen := &view{}
	data, err := s.scs.Load(context.WithValue(ctx, viewKey{}, seen), token)
	if err != nil {
		return nil, err
	}
	if seen.raw == nil {
		return nil, ErrSignedOut
	}
	session := &Session{all: s, data: data, token: token, view: seen}
	if err := json.Unmarshal(s.scs.GetBytes(data, keyAccount), &session.account); err != nil {
		s.records.unusable(ctx, recordKey(token), seen.raw, &sealError{reason: "without an account", ours: true})
		return nil, ErrSignedOut
	}
	return session, nil
}

// Account returns who is signed in.
func (s *Session) Account() identity.Account { return s.account }

// Since returns when this session began.
func (s *Session) Since() time.Time {
	var since time.Time
	// A time that cannot be read is as good as none.
	_ = since.UnmarshalText(s.all.scs.GetBytes(s.data, keySince))
	return since
}

// Until returns when this session ends at the latest.
func (s *Session) Until() time.Time { return s.all.scs.Deadline(s.data) }

// Get returns what Put stored under key, as this request knows it: what was
// there when the session was opened, or what this request has put since. It is
// nil when there is nothing. The caller must not change it.
func (s *Session) Get(key string) []byte { return s.all.scs.GetBytes(s.data, prefixPage+key) }

// Put stores value under key, durably when it returns; nil removes the key.
// Other keys keep what other requests have stored meanwhile. Errors: ErrEnded,
// ErrUnavailable, ErrTooLarge; after an error Get returns the former value.
func (s *Session) Put(ctx context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(ctx, prefixPage+key, value)
}

// change sets one key and commits; mu is held.
func (s *Session) change(ctx context.Context, key string, value []byte) error {
	scs, in := s.all.scs, s.in(ctx)
	before := scs.GetBytes(in, key)
	set := func(value []byte) {
		if value == nil {
			scs.Remove(in, key)
		} else {
			scs.Put(in, key, append([]byte{}, value...))
		}
	}
	set(value)
	_, _, err := scs.Commit(in)
	if err != nil {
		set(before)
	}
	return err
}

// in gives ctx the values of scs: a call ends with ctx, not with the request
// that opened the session.
func (s *Session) in(ctx context.Context) context.Context { return joined{ctx, s.data} }

type joined struct {
	context.Context
	data context.Context
}

func (j joined) Value(key any) any {
	if v := j.data.Value(key); v != nil {
		return v
	}
	return j.Context.Value(key)
}
