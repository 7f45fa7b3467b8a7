package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"daybook/internal/identity"
)

// cookie returns the token in the request's cookie, if it has the form of one.
// Two cookies of the name mean that somebody else has set one of them.
func (s *Sessions) cookie(r *http.Request) (string, error) {
	tokens := s.brought(r)
	if len(tokens) != 1 || len(r.CookiesNamed(s.scs.Cookie.Name)) != 1 {
		return "", ErrSignedOut
	}
	return tokens[0], nil
}

// maxBrought is how many cookies of our name are looked at. Without the __Host-
// prefix a browser may have one for each path that a neighbour sets it for.
const maxBrought = 4

// Named reports whether the request names a session at all, without asking the
// store whether it lives.
func (s *Sessions) Named(r *http.Request) bool { return len(s.brought(r)) > 0 }

// brought returns every token in the request's cookies: what must end with a
// sign-out, whichever of them is this browser's own.
func (s *Sessions) brought(r *http.Request) []string {
	var tokens []string
	for _, c := range r.CookiesNamed(s.scs.Cookie.Name) {
		// scs makes tokens of 32 random bytes.
		b, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
		if err == nil && len(b) == 32 && len(c.Value) == 43 && !slices.Contains(tokens, c.Value) && len(tokens) < maxBrought {
			tokens = append(tokens, c.Value)
		}
	}
	return tokens
}

// SignIn begins a session for who has signed in, under a new id, ends the one
// that this browser had, and sets the cookie. Nothing half done remains when it
// fails: then the former session and its cookie are as before. It fails with
// ErrEnded if all of the person's sessions were ended while it ran, and with
// ErrUnavailable. The response must not have begun.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, in identity.SignedIn) error {
	if in.Account.ObjectID == "" || in.Account.TenantID == "" {
		return errors.New("session: account without oid or tid")
	}
	ctx, cancel := context.WithTimeout(r.Context(), budget)
	defer cancel()
	var former []*Session
	for _, token := range s.brought(r) {
		session, err := s.open(ctx, token)
		if err == nil {
			former = append(former, session)
		} else if !errors.Is(err, ErrSignedOut) {
			return err
		}
	}
	fresh, err := s.begin(ctx, in, describe(r.UserAgent()))
	if err != nil {
		return err
	}
	for _, session := range former {
		if err := s.scs.Destroy(session.in(ctx)); err != nil {
			s.withdraw(fresh)
			return err
		}
		s.options.Ended(session.account.Key())
		s.forgetSoon(session.member(), false)
	}
	s.writeCookie(w, fresh.data, fresh.token, fresh.Until())
	return nil
}

// begin writes a new session. The order is explained at roster.
func (s *Sessions) begin(ctx context.Context, in identity.SignedIn, browser string) (*Session, error) {
	now := s.options.Now()
	fresh := &Session{all: s, account: in.Account, view: &view{}}
	var err error
	if fresh.data, err = s.scs.Load(context.WithValue(ctx, viewKey{}, fresh.view), ""); err != nil {
		return nil, err
	}
	if err := s.scs.RenewToken(fresh.data); err != nil {
		return nil, err
	}
	fresh.token = s.scs.Token(fresh.data)
	s.scs.SetDeadline(fresh.data, now.Add(s.options.Lifetime).UTC())
	account, err := json.Marshal(in.Account)
	if err != nil {
		return nil, err
	}
	since, err := now.UTC().Truncate(time.Millisecond).MarshalText()
	if err != nil {
		return nil, err
	}
	s.scs.Put(fresh.data, keyAccount, account)
	s.scs.Put(fresh.data, keySince, since)
	s.scs.Put(fresh.data, keyBrowser, []byte(browser))
	if s.tokens == nil {
		s.scs.Put(fresh.data, keyTokens, append([]byte{}, in.Tokens...))
	}

	m := fresh.member()
	crowded, err := s.rosters.enroll(ctx, m, in.Account.Username)
	if err == nil && s.tokens != nil {
		err = s.putTokens(ctx, m.Person, in.Tokens)
	}
	if err == nil {
		_, _, err = s.scs.Commit(fresh.in(ctx))
	}
	if err == nil {
		var live bool
		if live, err = s.rosters.enrolled(ctx, m); err == nil && !live {
			err = ErrEnded
		}
	}
	if err != nil {
		s.withdraw(fresh)
		return nil, err
	}
	if len(crowded) > 0 {
		s.errands.run(func(ctx context.Context) {
			s.complain(ctx, "end oldest sessions", s.rosters.finish(ctx, ofPerson, crowded))
		})
	}
	s.rosters.seen.first(m.Key, now)
	return fresh, nil
}

// withdraw takes back a session whose cookie was never sent. Nobody waits for
// it, since the store that made it necessary may take its time.
func (s *Sessions) withdraw(fresh *Session) { s.forgetSoon(fresh.member(), true) }

// forgetSoon does what forget does, and nobody waits for it.
func (s *Sessions) forgetSoon(m member, record bool) {
	if !s.errands.run(func(ctx context.Context) { s.forget(ctx, m, record) }) {
		s.farewells.add(s.cleaning(m, record))
	}
}

// forget removes what lies around an ended session: its places in the rosters
// and, if it was the person's last, the tokens kept for the person. With record
// the session's own goes first. What the store does not take now is tried on.
func (s *Sessions) forget(ctx context.Context, m member, record bool) {
	_ = s.surely(ctx, "clear up after a session", s.cleaning(m, record)) // it has said so
}

func (s *Sessions) cleaning(m member, record bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if record {
			if err := s.records.store.Delete(ctx, m.Key); err != nil {
				return fmt.Errorf("record: %w", err)
			}
		}
		// A roster that still names the session would keep the tokens.
		if err := s.rosters.leave(ctx, m); err != nil {
			return fmt.Errorf("rosters: %w", err)
		}
		if err := s.dropTokens(ctx, m.Person); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
		return nil
	}
}

// surely does job, which ends something, at once or, where the store fails,
// later. The error is that of a job that will not be tried on.
func (s *Sessions) surely(ctx context.Context, what string, job func(context.Context) error) error {
	err := job(ctx)
	s.complain(ctx, what, err)
	if err == nil || s.farewells.add(job) {
		return nil
	}
	return err
}

func (s *Sessions) complain(ctx context.Context, what string, err error) {
	if err != nil {
		s.options.Log.WarnContext(ctx, "session: "+what, "error", err)
	}
}

// writeCookie sets the cookie until the session's absolute end. The header
// Cache-Control is the caller's; scs adds to it only where it says nothing.
func (s *Sessions) writeCookie(w http.ResponseWriter, data context.Context, token string, until time.Time) {
	caching := w.Header().Values("Cache-Control")
	if token != "" {
		// scs counts Max-Age from time.Now.
		until = time.Now().Add(until.Sub(s.options.Now()))
	}
	s.scs.WriteSessionCookie(data, w, token, until)
	if len(caching) > 0 {
		w.Header()["Cache-Control"] = caching
	}
}

// SignOut ends this browser's session and returns whose it was, the zero
// Account if nobody was signed in. Of several cookies of the name each one's
// session ends. The cookie is cleared in any case. With
// ErrUnavailable the record may still be in the store, and the person must be
// told so; its deletion is tried on for five minutes while the process lives.
// It runs to its end also when the browser goes away.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request) (identity.Account, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), budget)
	defer cancel()
	s.writeCookie(w, ctx, "", time.Time{})
	var whose identity.Account
	var errs error
	for _, token := range s.brought(r) {
		account, err := s.signOut(ctx, token)
		if err != nil && !s.farewells.add(func(ctx context.Context) error { return s.signOutLate(ctx, token) }) {
			s.complain(ctx, "sign-out not tried again", err)
		}
		if account.ObjectID != "" {
			whose = account
		}
		errs = errors.Join(errs, err)
	}
	return whose, errs
}

// signOut ends the session of token; that there is none is no error.
func (s *Sessions) signOut(ctx context.Context, token string) (identity.Account, error) {
	session, err := s.open(ctx, token)
	if errors.Is(err, ErrSignedOut) {
		return identity.Account{}, nil
	}
	if err != nil {
		return identity.Account{}, err
	}
	m := session.member()
	if err := s.scs.Destroy(session.in(ctx)); err != nil {
		return session.account, err
	}
	s.options.Ended(m.Person)
	s.forget(ctx, m, false)
	return session.account, nil
}

// signOutLate is signOut for a store that failed before. A record that cannot
// be read may still be deleted; then its roster loses it when it is pruned.
func (s *Sessions) signOutLate(ctx context.Context, token string) error {
	_, err := s.signOut(ctx, token)
	if err != nil {
		err = s.records.DeleteCtx(ctx, token)
	}
	return err
}

// member is this session's place in its rosters.
func (s *Session) member() member {
	return member{
		Key: recordKey(s.token), Person: s.account.Key(), SID: s.account.SessionID,
		Browser: string(s.all.scs.GetBytes(s.data, keyBrowser)),
		Since:   s.Since(), Seen: s.all.options.Now().UTC().Truncate(time.Second), Until: s.Until(),
	}
}

// noteUse does, after the answer if need be, what use entails: the idle timeout
// starts anew and the session was seen now.
func (s *Sessions) noteUse(session *Session) {
	now, key := s.options.Now(), recordKey(session.token)
	until := s.records.expiry(session.Until())
	touch := func(ctx context.Context) {
		if err := s.records.store.Touch(ctx, key, until); !errors.Is(err, ErrAbsent) {
			s.complain(ctx, "move idle timeout", err)
		}
	}
	if s.options.Idle > 0 && s.rosters.touched.first(key, now) {
		s.errands.run(touch)
	}
	if now.Sub(session.Since()) >= seenEvery && s.rosters.seen.first(key, now) {
		m, name := session.member(), session.account.Username
		s.errands.run(func(ctx context.Context) {
			if s.options.Idle == 0 {
				touch(ctx) // it may have begun while there was an idle timeout
			}
			s.complain(ctx, "note last use", s.rosters.note(ctx, m, name))
		})
	}
}
