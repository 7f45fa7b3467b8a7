package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Kinds of roster: the sessions of a person (tid.oid), and those that Microsoft
// calls by one sid.
const (
	ofPerson = "person"
	ofSID    = "sid"
)

// maxSessions is how many sessions a person may have; the oldest ends when one
// more begins.
const maxSessions = 50

// seenEvery is how often a session's last use is noted.
const seenEvery = 5 * time.Minute

// youth is how old a session must be before a missing record counts as an end
// that its roster has missed: a sign-in enters the roster first.
const youth = time.Minute

// A roster says which sessions somebody has. Writes go roster first when a
// session begins, record first when its own browser ends it, so that after a
// crash between the two a roster may name a session that is gone, which is
// pruned, but never lacks one that lives.
//
// To end sessions from elsewhere, they are first marked as ending, then their
// records are deleted, then they leave the roster. A sign-in looks at its
// rosters again once its record is written and withdraws if it was marked or
// removed; so when an end has returned, nothing that began before it lives.
type roster struct {
	Subject string   `json:"subject"`
	Name    string   `json:"name,omitempty"` // for the operator
	Members []member `json:"members"`
}

type member struct {
	Key     string    `json:"key"` // of the session's record
	Person  string    `json:"person"`
	SID     string    `json:"sid,omitempty"`
	Browser string    `json:"browser,omitempty"`
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`
	Until   time.Time `json:"until"`
	Ending  bool      `json:"ending,omitempty"`
}

func (r *roster) find(key string) *member {
	for i := range r.Members {
		if r.Members[i].Key == key {
			return &r.Members[i]
		}
	}
	return nil
}

func (r *roster) drop(keys ...string) bool {
	n := len(r.Members)
	r.Members = slices.DeleteFunc(r.Members, func(m member) bool { return slices.Contains(keys, m.Key) })
	return len(r.Members) != n
}

// mark marks the members that pick chooses and returns all that are marked,
// those that an earlier end did not get to included.
func (r *roster) mark(pick func(member) bool) (ending []member, changed bool) {
	for i := range r.Members {
		m := &r.Members[i]
		if !m.Ending && pick(*m) {
			m.Ending, changed = true, true
		}
		if m.Ending {
			ending = append(ending, *m)
		}
	}
	return ending, changed
}

// rosters keeps rosters in a vault.
type rosters struct {
	vault   *vault
	now     func() time.Time
	ended   func(person string)
	touched recent // records whose expiry was moved
	seen    recent // sessions whose last use was noted
}

// parse gathers what several secrets have sealed about one subject and leaves
// out whose end has come. Content that cannot be read counts as none.
func (x *rosters) parse(subject string, present [][]byte) *roster {
	all := &roster{Subject: subject}
	for _, plain := range present {
		var r roster
		if json.Unmarshal(plain, &r) != nil {
			continue
		}
		all.Subject, all.Name = cmp.Or(all.Subject, r.Subject), cmp.Or(all.Name, r.Name)
		for _, m := range r.Members {
			if known := all.find(m.Key); known != nil {
				known.Ending = known.Ending || m.Ending
			} else if x.now().Before(m.Until) {
				all.Members = append(all.Members, m)
			}
		}
	}
	slices.SortStableFunc(all.Members, func(a, b member) int { return a.Since.Compare(b.Since) })
	return all
}

func (x *rosters) read(ctx context.Context, kind, subject string) (*roster, error) {
	present, err := x.vault.read(ctx, kind, subject)
	if err != nil {
		return nil, err
	}
	return x.parse(subject, present), nil
}

// change lets edit work on a roster until nobody else has changed it meanwhile;
// edit reports whether there is anything to write.
func (x *rosters) change(ctx context.Context, kind, subject string, edit func(*roster) bool) error {
	return x.vault.update(ctx, kind, subject, func(present [][]byte) ([]byte, time.Time, error) {
		r := x.parse(subject, present)
		if !edit(r) {
			return nil, time.Time{}, errUnchanged
		}
		if len(r.Members) == 0 {
			return nil, time.Time{}, nil
		}
		until := slices.MaxFunc(r.Members, func(a, b member) int { return a.Until.Compare(b.Until) }).Until
		next, err := json.Marshal(r)
		return next, until, err
	})
}

// enroll enters a session that is about to begin in its rosters and marks the
// person's oldest ones for their end if there are too many.
func (x *rosters) enroll(ctx context.Context, m member, name string) (crowded []member, err error) {
	err = x.change(ctx, ofPerson, m.Person, func(r *roster) bool {
		r.Name = name
		if r.find(m.Key) == nil {
			r.Members = append(r.Members, m)
		}
		excess := -maxSessions
		for _, m := range r.Members {
			if !m.Ending {
				excess++
			}
		}
		crowded, _ = r.mark(func(member) bool { excess--; return excess >= 0 })
		return true
	})
	if err == nil && m.SID != "" {
		err = x.change(ctx, ofSID, m.SID, func(r *roster) bool {
			if r.find(m.Key) == nil {
				r.Members = append(r.Members, m)
			}
			return true
		})
	}
	return crowded, err
}

// enrolled reports whether nobody has ended the session since it was enrolled.
func (x *rosters) enrolled(ctx context.Context, m member) (bool, error) {
	for kind, subject := range m.subjects() {
		r, err := x.read(ctx, kind, subject)
		if err != nil {
			return false, err
		}
		if known := r.find(m.Key); known == nil || known.Ending {
			return false, nil
		}
	}
	return true, nil
}

func (m member) subjects() map[string]string {
	if m.SID == "" {
		return map[string]string{ofPerson: m.Person}
	}
	return map[string]string{ofPerson: m.Person, ofSID: m.SID}
}

// leave removes a session whose record is gone from its rosters.
func (x *rosters) leave(ctx context.Context, m member) error {
	var errs error
	for kind, subject := range m.subjects() {
		errs = errors.Join(errs, x.change(ctx, kind, subject, func(r *roster) bool { return r.drop(m.Key) }))
	}
	return errs
}

// end ends the sessions of a roster that pick chooses, and returns them. When
// it fails, what is marked stays so, and the next end goes on.
func (x *rosters) end(ctx context.Context, kind, subject string, pick func(member) bool) ([]member, error) {
	var ending []member
	err := x.change(ctx, kind, subject, func(r *roster) (changed bool) {
		ending, changed = r.mark(pick)
		return changed
	})
	if err != nil {
		return nil, err
	}
	return ending, x.finish(ctx, kind, ending)
}

// finish deletes the records of sessions that are marked and lets them leave
// their rosters, last the one of the kind in which they are marked: what does
// not get there is found again.
func (x *rosters) finish(ctx context.Context, kind string, ending []member) error {
	for _, m := range ending {
		if err := x.vault.store.Delete(ctx, m.Key); err != nil {
			return err
		}
		x.ended(m.Person)
	}
	type place struct{ kind, subject string }
	keys := make(map[place][]string)
	for _, m := range ending {
		for kind, subject := range m.subjects() {
			at := place{kind, subject}
			keys[at] = append(keys[at], m.Key)
		}
	}
	for _, last := range []bool{false, true} {
		for at, keys := range keys {
			if (at.kind == kind) != last {
				continue
			}
			if err := x.change(ctx, at.kind, at.subject, func(r *roster) bool { return r.drop(keys...) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune removes members whose records are gone, such as those that were idle
// for too long, and returns those that live.
func (x *rosters) prune(ctx context.Context, kind, subject string) ([]member, error) {
	r, err := x.read(ctx, kind, subject)
	if err != nil {
		return nil, err
	}
	var live, ending []member
	var gone []string
	for _, m := range r.Members {
		_, err := x.vault.store.Load(ctx, m.Key)
		switch {
		case m.Ending:
			ending = append(ending, m)
		case err == nil:
			live = append(live, m)
		case !errors.Is(err, ErrAbsent):
			return nil, err
		case x.now().Sub(m.Since) >= youth:
			gone = append(gone, m.Key)
		}
	}
	if len(gone) > 0 {
		err = x.change(ctx, kind, subject, func(r *roster) bool { return r.drop(gone...) })
	}
	return live, errors.Join(err, x.finish(ctx, kind, ending))
}

// note notes that a session is in use, and enters it again should its roster
// have been lost.
func (x *rosters) note(ctx context.Context, m member, name string) error {
	return x.change(ctx, ofPerson, m.Person, func(r *roster) bool {
		known := r.find(m.Key)
		if known == nil {
			if _, err := x.vault.store.Load(ctx, m.Key); err != nil {
				return false
			}
			r.Name = cmp.Or(r.Name, name)
			r.Members = append(r.Members, m)
			return true
		}
		if known.Ending || m.Seen.Sub(known.Seen) < seenEvery {
			return false
		}
		known.Seen = m.Seen
		return true
	})
}
