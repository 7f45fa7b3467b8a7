package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/session"
	"daybook/internal/simulator"
)

// A way is one of the four ways to keep people's tokens.
type way struct {
	name string
	in   func(*testing.T) place
}

var ways = []way{
	{"filesystem session", inFiles},
	{"in-process memory", tokensInMemory},
	{"Redis token cache beside a filesystem session", tokensInRedis},
	{"Redis session", inRedis},
}

// tokensInMemory keeps sessions in files and tokens in the process, by person.
func tokensInMemory(t *testing.T) place {
	at := inFiles(t)
	at.settings = append(at.settings, "TOKEN_CACHE=memory")
	return at
}

// The work that is measured.
const (
	comparedPeople = 100
	comparedLoads  = 5000
	comparedSaves  = 1000
)

// TestCompare does the same work in four ways and prints what it measures.
func TestCompare(t *testing.T) {
	if os.Getenv("COMPARE") == "" {
		t.Skip("measures, and so is run alone, by make compare")
	}
	var table strings.Builder
	table.WriteString("| | load p50 | load p99 | save p50 | save p99 | token cache | at rest, per person | survives a restart | shared by two servers | removes what has expired |\n")
	table.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			m := measure(t, w.in(t))
			restarted, shared := restarts(t, w.in(t)), shares(t, w.in(t))
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s | %d B | %d B | %s | %s | %s |\n", w.name,
				brief(m.loads, 50), brief(m.loads, 99), brief(m.saves, 50), brief(m.saves, 99), m.tokens, m.atRest, restarted, shared, expires(t, w.in(t)))
		})
	}
	fmt.Printf("\n%s, %d cores, %s. %d people signed in; %d loads (open the session, read its tokens) and %d saves (store a refreshed token cache), one after the other.\n\n%s\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, comparedPeople, comparedLoads, comparedSaves, table.String())
}

type measured struct {
	loads, saves   []time.Duration
	tokens, atRest int // bytes
}

// measure signs people in through the site, then takes the time of what a
// page costs and of what a refresh costs.
func measure(t *testing.T, at place) measured {
	people := make([]*simulator.Person, comparedPeople)
	for i := range people {
		people[i] = person(i)
	}
	ms := newStage(t, nowhere, people...)
	site := ms.inside(nil, at.settings...)
	requests := make([]*http.Request, len(people))
	for i, p := range people {
		b := ms.visitor().on(site.addr)
		b.enter(p, "/profile")
		requests[i], _ = http.NewRequest(http.MethodGet, nowhere, nil)
		requests[i].AddCookie(&http.Cookie{Name: "daybook", Value: b.cookie()})
	}
	var m measured
	ctx := context.Background()
	load := func(r *http.Request) (*session.Session, []byte) {
		s, err := site.parts.Sessions.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := s.Tokens().Load(ctx, false)
		if err != nil || len(tokens) == 0 {
			t.Fatalf("tokens: %d bytes, %v", len(tokens), err)
		}
		return s, tokens
	}
	for i := range comparedLoads {
		began := time.Now()
		load(requests[i%len(requests)])
		m.loads = append(m.loads, time.Since(began))
	}
	for i := range comparedSaves {
		s, tokens := load(requests[i%len(requests)])
		// As a refresh does: the same size, other contents.
		changed := fmt.Appendf(tokens[:len(tokens):len(tokens)], "%*s", 1+i/len(requests), "")
		began := time.Now()
		if err := s.Tokens().Update(ctx, func([]byte) ([]byte, error) { return changed, nil }); err != nil {
			t.Fatal(err)
		}
		m.saves = append(m.saves, time.Since(began))
		m.tokens = max(m.tokens, len(tokens))
	}
	m.atRest = at.bytes(t) / len(people)
	return m
}

// bytes is the size of all records but those of rosters and used sign-ins.
func (at place) bytes(t *testing.T) int {
	sum := 0
	for _, s := range at.stores(t) {
		for _, key := range at.records(t, "") {
			if strings.HasPrefix(key, "session-") || strings.HasPrefix(key, "tokens-") {
				record, _ := s.Load(context.Background(), key) // is in one of the stores
				sum += len(record)
			}
		}
	}
	return sum
}

// restarts tries whether a person goes on after the server was restarted.
func restarts(t *testing.T, at place) string {
	p := person(1)
	m := newStage(t, nowhere, p)
	first := m.start(freeAddr(t), at.settings...)
	b := m.visitor().on(first.addr)
	b.enter(p, "/profile")
	if a := b.get("/profile"); !a.shows(p) {
		t.Fatalf("before the restart: %v", a)
	}
	first.stop()
	second := m.start(freeAddr(t), at.settings...)
	return goesOn(b.on(second.addr).get("/profile"), p)
}

// shares tries whether a second server knows who signed in at the first.
func shares(t *testing.T, at place) string {
	p := person(1)
	m := newStage(t, nowhere, p)
	one, other := m.two(at.settings...)
	b := m.visitor().on(one.addr)
	b.enter(p, "/profile")
	return goesOn(b.on(other.addr).get("/profile"), p)
}

func goesOn(a reply, p *simulator.Person) string {
	switch {
	case a.shows(p):
		return "yes"
	case a.anonymous():
		return "no: signed out"
	}
	return "no: sign in again"
}

// expires tries whether records whose time is over go by themselves, and how.
func expires(t *testing.T, at place) string {
	m := newStage(t, nowhere)
	site := m.inside(nil, at.settings...)
	stores := []session.Store{site.parts.stores.sessions}
	if tokens := site.parts.stores.tokens; tokens != nil {
		stores = append(stores, tokens)
	}
	for _, s := range stores {
		if err := s.Swap(t.Context(), "tokens-expiring", nil, []byte("x"), time.Now().Add(200*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	site.pass(time.Second)                               // for the sweeper; Redis has a clock of its own
	swept, err := site.parts.Sessions.Sweep(t.Context()) // as daybook does every ten minutes
	if err != nil {
		t.Fatal(err)
	}
	var how []string
	for _, s := range stores {
		switch s.(type) {
		case *session.Redis:
			eventually(t, 10*time.Second, "Redis drops what has expired", func() bool { return at.redis.do("DBSIZE") == int64(0) })
			how = append(how, "Redis by itself")
		case *session.Dir:
			if left, _ := filepath.Glob(filepath.Join(at.dir, "*", "tokens-expiring")); len(left) > 0 {
				return "no"
			}
			swept--
			how = append(how, "files by the sweeper")
		default:
			swept--
			how = append(how, "memory by the sweeper")
		}
	}
	if swept != 0 {
		return "no"
	}
	return "yes: " + strings.Join(how, ", ")
}

func brief(all []time.Duration, percent int) string {
	slices.Sort(all)
	d := all[(len(all)-1)*percent/100]
	return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
}
