package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/internal/config"
	"daybook/internal/session"
	"daybook/internal/simulator"
)

// tokensOf remembers whose every token is.
type tokensOf struct {
	mu    sync.Mutex
	owner map[string]*simulator.Person
}

func (o *tokensOf) note(d *simulator.Draft) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, kind := range []string{"access_token", "refresh_token"} {
		if token, ok := d.Answer[kind].(string); ok {
			o.owner[token] = d.Person
		}
	}
}

func (o *tokensOf) of(token string) *simulator.Person {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.owner[token]
}

// Two hundred people sign in, read, refresh and sign out at once over two
// processes: every page, every Graph call and every record is its own
// person's.
func TestRaceTwoHundredPeople(t *testing.T) {
	onStores(t, func(t *testing.T, at place) {
		people := make([]*simulator.Person, 200)
		for i := range people {
			people[i] = person(i)
		}
		ms := newMicrosoft(t, people...)
		ms.SetStrict(true)
		tokens := &tokensOf{owner: make(map[string]*simulator.Person)}
		ms.Tamper(tokens.note)
		one, other := ms.two(t, ms.environ(at, "SESSION_IDLE_TIMEOUT=1h"))
		both := []*instance{one, other}

		browsers := make([]*browser, len(people))
		var wg sync.WaitGroup
		var busy atomic.Int32
		crowd := make(chan struct{}, 16) // at a time: a small machine has to do for all of them
		for i, p := range people {
			random := rand.New(rand.NewPCG(uint64(i), 10))
			browsers[i] = ms.newBrowser(both[random.IntN(2)])
			wg.Go(func() {
				crowd <- struct{}{}
				defer func() { <-crowd }()
				if err := liveOn(browsers[i], p, both, random, &busy); err != nil {
					t.Errorf("%s: %v", p.Name, err)
				}
			})
		}
		wg.Wait()

		for _, call := range ms.Calls() {
			token := strings.TrimPrefix(call.Header.Get("Authorization"), "Bearer ")
			if call.On == simulator.Graph && tokens.of(token) == nil {
				t.Error("a Graph call carries a token that nobody was given")
			}
		}
		if g := ms.Grants(); g.Reused != 0 {
			t.Errorf("%d refresh tokens were used twice", g.Reused)
		}
		one.stop()
		other.stop()
		live := everyRecordIsItsOwn(t, ms, at, people, browsers, tokens)
		if records := len(at.records(t, "session-")); live != len(people)/2 || records != live && busy.Load() == 0 {
			t.Errorf("%d browsers are signed in and %d sessions stored, want %d of each", live, records, len(people)/2)
		}
	})
}

// liveOn is what a person does with Daybook, in one of many orders. Odd ones
// are signed out in the end. A machine that is too busy for the store's
// time-outs is told of in busy, and asked again.
func liveOn(b *browser, p *simulator.Person, both []*instance, random *rand.Rand, busy *atomic.Int32) error {
	signIn := func() error {
		a := b.get("/auth/login?return_to=/profile")
		back := b.post(a.to, url.Values{"account": {p.TenantID + "." + p.ObjectID}})
		if a = b.get(back.to); a.to != "/profile" || !a.setsSession() {
			return fmt.Errorf("sign-in: %v", a)
		}
		return nil
	}
	read := func() error {
		if a := b.on(both[random.IntN(2)]).get("/profile", fresh...); !a.shows(p) {
			return fmt.Errorf("page: %v", a)
		}
		return nil
	}
	refresh := func() error {
		b.ms.RevokeAccess(p)
		return read()
	}
	signOut := func() error {
		old := b.session()
		if old == "" {
			return nil // the first try took the cookie, but perhaps not the record
		}
		if a := b.on(both[random.IntN(2)]).post("/auth/logout", url.Values{}); a.status != http.StatusSeeOther {
			return fmt.Errorf("sign-out: %v", a)
		}
		if a := b.on(both[random.IntN(2)]).get("/profile", "Cookie", "daybook="+old); !a.anonymous() {
			return fmt.Errorf("after the sign-out: %v", a)
		}
		return nil
	}
	steps := []func() error{signIn}
	middle := []func() error{read, refresh}
	random.Shuffle(len(middle), func(i, j int) { middle[i], middle[j] = middle[j], middle[i] })
	steps = append(steps, middle...)
	if random.IntN(4) == 0 {
		steps = append(steps, signIn, read) // again, without a sign-out
	}
	steps = append(steps, signOut)
	if strings.ContainsAny(p.ObjectID[len(p.ObjectID)-1:], "02468") {
		steps = append(steps, signIn)
	}
	for _, step := range steps {
		err := step()
		for tries := 0; err != nil && strings.Contains(err.Error(), ": 503 ") && tries < 20; tries++ {
			busy.Add(1)
			err = step()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// everyRecordIsItsOwn opens the sessions that are left with the browsers'
// cookies, and returns how many: account and tokens are the person's.
func everyRecordIsItsOwn(t *testing.T, ms *microsoft, at place, people []*simulator.Person, browsers []*browser, tokens *tokensOf) (live int) {
	t.Helper()
	c, err := config.Load(ms.environ(at), "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := session.New(session.Options{Store: at.sessions(t), Secrets: c.Session.Secrets.Reveal(), Lifetime: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for i, p := range people {
		if browsers[i].session() == "" {
			continue
		}
		live++
		r, _ := http.NewRequest(http.MethodGet, baseURL, nil)
		r.AddCookie(&http.Cookie{Name: "daybook", Value: browsers[i].session()})
		s, err := all.Open(r)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if s.Account().ObjectID != p.ObjectID || s.Account().TenantID != p.TenantID {
			t.Errorf("%s has the session of %s", p.Name, s.Account().Name)
		}
		raw, err := s.Tokens().Load(t.Context(), false)
		if err != nil {
			t.Error(err)
		}
		var cache map[string]map[string]struct {
			Home   string `json:"home_account_id"`
			Secret string `json:"secret"`
		}
		if err := json.Unmarshal(raw, &cache); err != nil || len(cache) == 0 {
			t.Errorf("%s: token cache of %d entries, %v", p.Name, len(cache), err)
		}
		for kind, entries := range cache {
			for _, e := range entries {
				if kind != "AppMetadata" && e.Home != p.ObjectID+"."+p.TenantID {
					t.Errorf("%s holds an entry %s of %q", p.Name, kind, e.Home)
				}
				if owner := tokens.of(e.Secret); owner != p && (kind == "AccessToken" || kind == "RefreshToken") {
					t.Errorf("%s holds a token of %v", p.Name, owner)
				}
			}
		}
	}
	return live
}
