package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// A Sibling is one place where a person is signed in.
type Sibling struct {
	ID      string // opaque; of no use as a cookie or without this person's session
	Browser string // such as "Firefox on Windows"; never the header's own words
	Since   time.Time
	Seen    time.Time // last use, a few minutes vague
	Current bool      // this very session
}

// handle is a record's name for pages: it cannot be turned back.
func handle(key string) string {
	sum := sha256.Sum256([]byte("daybook sibling\x00" + key))
	return hex.EncodeToString(sum[:12])
}

func siblings(members []member, current string) []Sibling {
	list := make([]Sibling, 0, len(members))
	for _, m := range members {
		list = append(list, Sibling{
			ID: handle(m.Key), Browser: m.Browser, Since: m.Since, Seen: m.Seen, Current: m.Key == current,
		})
	}
	slices.SortStableFunc(list, func(a, b Sibling) int { return b.Seen.Compare(a.Seen) })
	return list
}

// Siblings returns where this person is signed in: this session first, then
// the others, last used first. Errors: ErrUnavailable.
func (s *Session) Siblings(ctx context.Context) ([]Sibling, error) {
	ctx, cancel := context.WithTimeout(ctx, endBudget)
	defer cancel()
	mine := s.member()
	members, err := s.all.rosters.prune(ctx, ofPerson, mine.Person)
	if err != nil {
		return nil, err
	}
	members = slices.DeleteFunc(members, func(m member) bool { return m.Key == mine.Key })
	return append(siblings([]member{mine}, mine.Key), siblings(members, mine.Key)...), nil
}

// Revoke ends the session of this person with the given Sibling.ID, which may
// be the current one, and reports whether there was one: it may have ended, or
// be somebody else's. Like all that ends sessions from elsewhere, it goes on
// when ctx is cancelled: what was begun must not depend on who waits for it.
func (s *Session) Revoke(ctx context.Context, id string) (found bool, err error) {
	ctx, cancel := apart(ctx)
	defer cancel()
	_, err = s.all.end(ctx, ofPerson, s.account.Key(), func(m member) bool {
		mine := handle(m.Key) == id
		found = found || mine
		return mine
	}, s.all.dropTokensSurely)
	return found, err
}

// RevokeOthers ends all other sessions of this person and returns how many.
func (s *Session) RevokeOthers(ctx context.Context) (int, error) {
	ctx, cancel := apart(ctx)
	defer cancel()
	mine := recordKey(s.token)
	return s.all.end(ctx, ofPerson, s.account.Key(), func(m member) bool { return m.Key != mine }, s.all.dropTokensSurely)
}

// EndByMicrosoft ends the sessions that Microsoft knows by sid, as its
// front-channel logout asks for, and returns how many. An unknown sid is none.
// Microsoft does not ask twice: after an error this goes on for five minutes
// while the process lives.
func (s *Sessions) EndByMicrosoft(ctx context.Context, sid string) (int, error) {
	if sid == "" || len(sid) > 256 {
		return 0, nil
	}
	ctx, cancel := apart(ctx)
	defer cancel()
	end := func(ctx context.Context) (int, error) {
		return s.end(ctx, ofSID, sid, func(member) bool { return true }, s.dropTokensSurely)
	}
	ended, err := end(ctx)
	if err != nil && !s.farewells.add(func(ctx context.Context) error { _, err := end(ctx); return err }) {
		s.complain(ctx, "sign-out by Microsoft not tried again", err)
	}
	return ended, err
}

// EndPerson ends all sessions of the person with the given key
// (identity.Account.Key) and returns how many. When it returns nil, no session
// that began before the call works any more, in any process.
func (s *Sessions) EndPerson(ctx context.Context, key string) (int, error) {
	ctx, cancel := apart(ctx)
	defer cancel()
	return s.end(ctx, ofPerson, key, func(member) bool { return true }, s.dropTokens)
}

// apart is a context for what must not depend on who waits for it.
func apart(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), endBudget)
}

// end ends the sessions of a roster that pick chooses, and drops the tokens of
// people who have none left.
func (s *Sessions) end(ctx context.Context, kind, subject string, pick func(member) bool, drop func(ctx context.Context, person string) error) (int, error) {
	ended, err := s.rosters.end(ctx, kind, subject, pick)
	if err != nil {
		return 0, err
	}
	persons := make(map[string]bool)
	for _, m := range ended {
		persons[m.Person] = true
	}
	if kind == ofPerson {
		persons[subject] = true
	}
	for person := range persons {
		err = errors.Join(err, drop(ctx, person))
	}
	return len(ended), err
}

// endBudget is how long it may take to end or to look at a person's sessions,
// fifty at most.
const endBudget = 10 * time.Second

// A Person is somebody who is signed in, for the operator.
type Person struct {
	Key      string // identity.Account.Key
	Name     string // user name, as it was at the last sign-in
	Sessions []Sibling
}

// List returns everybody who is signed in, by name. It takes time in
// proportion to all records. Records of other secrets are left out.
func (s *Sessions) List(ctx context.Context) ([]Person, error) {
	subjects, err := s.subjects(ctx, ofPerson)
	if err != nil {
		return nil, err
	}
	var all []Person
	for _, subject := range subjects {
		r, err := s.rosters.read(ctx, ofPerson, subject)
		if err != nil {
			return nil, err
		}
		live, err := s.rosters.prune(ctx, ofPerson, subject)
		if err != nil {
			return nil, err
		}
		if len(live) > 0 {
			all = append(all, Person{Key: subject, Name: r.Name, Sessions: siblings(live, "")})
		}
	}
	slices.SortFunc(all, func(a, b Person) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

// subjects returns whom the rosters of a kind are about, as far as our secrets
// open them.
func (s *Sessions) subjects(ctx context.Context, kind string) ([]string, error) {
	var all []string
	for name, err := range s.rosters.vault.store.Keys(ctx, kind+"-") {
		if err != nil {
			return nil, err
		}
		e, err := s.rosters.vault.entry(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		if r := s.rosters.parse("", contents([]entry{e})); r.Subject != "" {
			all = append(all, r.Subject)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// EndAll ends every session in the store, of whatever secret, and returns how
// many. Rosters go first, so that a sign-in under way withdraws.
func (s *Sessions) EndAll(ctx context.Context) (int, error) {
	var ended int
	stores := []*vault{s.rosters.vault, s.rosters.vault, s.rosters.vault}
	kinds := []string{ofPerson, ofSID, "session"}
	if s.tokens != nil {
		stores, kinds = append(stores, s.tokens), append(kinds, ofTokens)
	}
	for i, kind := range kinds {
		for key, err := range stores[i].store.Keys(ctx, kind+"-") {
			if err == nil {
				err = stores[i].store.Delete(ctx, key)
			}
			if err != nil {
				return ended, err
			}
			if kind == "session" {
				ended++
			}
		}
	}
	return ended, nil
}

// Purge removes what has expired, lets sessions that are gone leave their
// rosters, and drops tokens of people who have none left. It returns how many
// expired records the store gave up.
func (s *Sessions) Purge(ctx context.Context) (int, error) {
	swept, errs := s.Sweep(ctx)
	for _, kind := range []string{ofPerson, ofSID} {
		subjects, err := s.subjects(ctx, kind)
		errs = errors.Join(errs, err)
		for _, subject := range subjects {
			_, err := s.rosters.prune(ctx, kind, subject)
			errs = errors.Join(errs, err)
			if kind == ofPerson {
				errs = errors.Join(errs, s.dropTokens(ctx, subject))
			}
		}
	}
	return swept, errs
}
