package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What clients do in a randomized run, and what came of it.
type (
	step struct {
		op       string
		old, new string // "": absent
	}
	outcome struct {
		value string
		err   string // "", "absent", "conflict"
	}
)

// A history is what clients did when, on one clock.
type history struct {
	mu  sync.Mutex
	ops []porcupine.Operation
	// Somebody waited in vain on a busy machine; whether that took effect is
	// unknown, so the history says nothing.
	spoiled atomic.Bool
}

// check reports whether the history is one of the model.
func (h *history) check(t *testing.T, model porcupine.Model, round int) {
	t.Helper()
	if h.spoiled.Load() {
		return
	}
	if got := porcupine.CheckOperationsTimeout(model, h.ops, 20*time.Second); got != porcupine.Ok {
		t.Fatalf("round %d: %v\n%+v", round, got, h.ops)
	}
}

func (h *history) do(client int, in step, f func() outcome) outcome {
	began := time.Now().UnixNano()
	out := f()
	ended := time.Now().UnixNano()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: began, Output: out, Return: ended})
	return out
}

// storeModel is one key of a Store: a value, or "" for absent.
var storeModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		value, in, out := state.(string), input.(step), output.(outcome)
		switch in.op {
		case "load":
			if value == "" {
				return out.err == "absent", value
			}
			return out == outcome{value: value}, value
		case "swap":
			if value != in.old {
				return out.err == "conflict", value
			}
			return out.err == "", in.new
		case "delete":
			return out.err == "", ""
		case "touch":
			if value == "" {
				return out.err == "absent", value
			}
			return out.err == "", value
		}
		return false, value
	},
}

func TestStoreIsLinearizable(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b backend) {
		ended := map[error]string{ErrAbsent: "absent", ErrConflict: "conflict"}
		result := func(h *history, value []byte, err error) outcome {
			for known, name := range ended {
				if errors.Is(err, known) {
					return outcome{err: name}
				}
			}
			if busy(err) {
				h.spoiled.Store(true)
			} else if err != nil {
				t.Error(err)
			}
			return outcome{value: string(value)}
		}
		stores := []Store{b.store, b.again()}
		deadline := time.Now().Add(2 * time.Second)
		for round := 0; time.Now().Before(deadline); round++ {
			h, key := new(history), fmt.Sprintf("model-%d", round)
			var wg sync.WaitGroup
			for client := range 5 {
				random := rand.New(rand.NewPCG(uint64(round), uint64(client)))
				store := stores[client%2]
				wg.Go(func() {
					ctx, known := context.Background(), ""
					bytesOf := func(s string) []byte {
						if s == "" {
							return nil
						}
						return []byte(s)
					}
					for i := range 12 {
						switch random.IntN(8) {
						case 0, 1, 2:
							known = h.do(client, step{op: "load"}, func() outcome {
								value, err := store.Load(ctx, key)
								return result(h, value, err)
							}).value
						case 3, 4, 5:
							in := step{op: "swap", old: known, new: fmt.Sprintf("%d.%d", client, i)}
							if random.IntN(6) == 0 {
								in.new = ""
							}
							if h.do(client, in, func() outcome {
								return result(h, nil, store.Swap(ctx, key, bytesOf(in.old), bytesOf(in.new), later()))
							}).err == "" {
								known = in.new
							}
						case 6:
							h.do(client, step{op: "delete"}, func() outcome { return result(h, nil, store.Delete(ctx, key)) })
						case 7:
							h.do(client, step{op: "touch"}, func() outcome { return result(h, nil, store.Touch(ctx, key, later())) })
						}
					}
				})
			}
			wg.Wait()
			h.check(t, storeModel, round)
		}
	})
}

// sessionModel is one session: absent, or live with the version of its tokens.
// With the tokens in a record of their own, a refresh may store them and then
// find that the session has ended.
func sessionModel(separate bool) porcupine.Model {
	return (&porcupine.NondeterministicModel{
		Init: func() []any { return []any{1} },
		Step: func(state, input, output any) []any {
			version, in, out := state.(int), input.(step), output.(outcome)
			to := func(fits bool, next int) []any {
				if !fits {
					return nil
				}
				return []any{next}
			}
			switch {
			case in.op == "sign out":
				return to(out.err == "", 0)
			case version == 0:
				return to(out.err == "absent", 0)
			case in.op == "open":
				return to(out == outcome{value: strconv.Itoa(version)}, version)
			case in.op == "refresh":
				return to(out == outcome{value: strconv.Itoa(version + 1)} || separate && out.err == "absent", version+1)
			case in.op == "put":
				return to(out.err == "", version)
			}
			return nil
		},
	}).ToModel()
}

func TestSessionIsLinearizable(t *testing.T) {
	t.Parallel()
	eachCache(t, func(t *testing.T, b backend, edit func(*Options)) {
		idle := func(o *Options) { edit(o); o.Idle = time.Hour }
		all := []*Sessions{newSessions(t, b.store, idle), newSessions(t, b.again(), idle)}
		deadline := time.Now().Add(2 * time.Second)
		for round := 0; time.Now().Before(deadline); round++ {
			h, anna := new(history), mustSignIn(t, all[0], "anna"+strconv.Itoa(round))
			first := anna.mustOpen(t, all[0])
			if err := first.Tokens().Update(t.Context(), set("1")); err != nil {
				t.Fatal(err)
			}
			cookies := anna.cookies["daybook"]
			var clients [5]func()
			for i := range clients {
				random := rand.New(rand.NewPCG(uint64(round), uint64(i)))
				s := all[i%2]
				browser := &testBrowser{cookies: map[string]string{"daybook": cookies}}
				// Each has a request from before that goes on and on.
				old := browser.mustOpen(t, s)
				clients[i] = func() { live(t, h, i, random, s, browser, old) }
			}
			var wg sync.WaitGroup
			for _, client := range clients {
				wg.Go(client)
			}
			wg.Wait()
			h.check(t, sessionModel(all[0].tokens != nil), round)
		}
	})
}

// live is what one client does with a session.
func live(t *testing.T, h *history, client int, random *rand.Rand, s *Sessions, browser *testBrowser, old *Session) {
	ctx := context.Background()
	result := func(value string, err error) outcome {
		if errors.Is(err, ErrSignedOut) {
			return outcome{err: "absent"}
		}
		if busy(err) {
			h.spoiled.Store(true)
		} else if err != nil {
			t.Error(err)
		}
		return outcome{value: value}
	}
	for i := range 8 {
		switch random.IntN(10) {
		case 0, 1, 2, 3:
			h.do(client, step{op: "open"}, func() outcome {
				session, err := s.Open(browser.request())
				if err != nil {
					return result("", err)
				}
				fresh := s.tokens != nil // else what Open has read is the answer
				tokens, err := session.Tokens().Load(ctx, fresh)
				return result(string(tokens), err)
			})
		case 4, 5, 6:
			h.do(client, step{op: "refresh"}, func() outcome {
				var made string
				err := old.Tokens().Update(ctx, func(current []byte) ([]byte, error) {
					version, err := strconv.Atoi(string(current))
					made = strconv.Itoa(version + 1)
					return []byte(made), err
				})
				return result(made, err)
			})
		case 7, 8:
			h.do(client, step{op: "put"}, func() outcome {
				return result("", old.Put(ctx, "k", fmt.Appendf(nil, "%d.%d", client, i)))
			})
		case 9:
			if random.IntN(3) == 0 {
				gone := &testBrowser{cookies: map[string]string{"daybook": browser.cookies["daybook"]}}
				h.do(client, step{op: "sign out"}, func() outcome {
					_, err := gone.signOut(s)
					return result("", err)
				})
			}
		}
	}
}
