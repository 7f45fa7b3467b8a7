package main

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
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
		crowded := 200
		if at.redis == nil && os.Getenv("FAULTS") == "" {
			crowded = 40 // the same code as on Redis, but for a store that has tests of its own
		}
		people := make([]*simulator.Person, crowded)
		for i := range people {
			people[i] = person(i)
		}
		m := newStage(t, nowhere, people...)
		m.SetStrict(true)
		tokens := &tokensOf{owner: make(map[string]*simulator.Person)}
		m.Tamper(tokens.note)
		one, other := m.two(at.with("SESSION_IDLE_TIMEOUT=1h", "LOG_LEVEL=info")...)
		both := []string{one.addr, other.addr}

		browsers := make([]*visitor, len(people))
		var wg sync.WaitGroup
		crowd := make(chan struct{}, 8) // at a time: a small machine has to do for all of them
		for i, p := range people {
			random := rand.New(rand.NewPCG(uint64(i), 10))
			browsers[i] = m.visitor()
			wg.Go(func() {
				crowd <- struct{}{}
				defer func() { <-crowd }()
				liveOn(browsers[i], p, func() string { return both[random.IntN(2)] }, random)
			})
		}
		wg.Wait()

		for _, call := range m.Calls() {
			token := strings.TrimPrefix(call.Header.Get("Authorization"), "Bearer ")
			if call.On == simulator.Graph && tokens.of(token) == nil {
				t.Error("a Graph call carries a token that nobody was given")
			}
		}
		if g := m.Grants(); g.Reused != 0 {
			t.Errorf("%d refresh tokens were used twice", g.Reused)
		}
		one.stop()
		other.stop()
		live := everyRecordIsItsOwn(t, m, at, people, browsers, tokens)
		if records := len(at.records(t, "session-")); live != len(people)/2 || records != live {
			t.Errorf("%d browsers are signed in and %d sessions stored, want %d of each", live, records, len(people)/2)
		}
	})
}

// liveOn is what a person does with Daybook, in one of many orders, at some
// instance each time. Odd ones are signed out in the end.
func liveOn(b *visitor, p *simulator.Person, some func() string, random *rand.Rand) {
	wrong := func(what string, r reply) { b.m.t.Errorf("%s: %s: %v", p.Name, what, r) }
	signIn := func() {
		// Not by the page of accounts, on which there are two hundred.
		at := b.on(some())
		if r := at.get(at.pick(p, at.leave("/profile")).to); r.to != "/profile" || !r.setsSession() {
			wrong("sign-in", r)
		}
	}
	read := func() {
		if r := b.on(some()).reload("/profile"); !r.shows(p) {
			wrong("page", r)
		}
	}
	refresh := func() {
		b.m.RevokeAccess(p)
		read()
	}
	signOut := func() {
		old := b.cookie()
		if r := b.on(some()).signOut(); r.status != http.StatusSeeOther {
			wrong("sign-out", r)
		}
		if r := b.m.holding(old, some()).get("/profile"); !r.anonymous() {
			wrong("after the sign-out", r)
		}
	}
	steps := []func(){signIn}
	middle := []func(){read, refresh}
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
		step()
	}
}

// everyRecordIsItsOwn opens the sessions that are left with the browsers'
// cookies, and returns how many: account and tokens are the person's.
func everyRecordIsItsOwn(t *testing.T, m *stage, at place, people []*simulator.Person, browsers []*visitor, tokens *tokensOf) (live int) {
	t.Helper()
	c, err := config.Load(m.environ("", at.settings...), "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := session.New(session.Options{Store: at.stores(t)[0], Secrets: c.Session.Secrets.Reveal(), Lifetime: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for i, p := range people {
		if browsers[i].cookie() == "" {
			continue
		}
		live++
		r, _ := http.NewRequest(http.MethodGet, nowhere, nil)
		r.AddCookie(&http.Cookie{Name: "daybook", Value: browsers[i].cookie()})
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
