package graph

import (
	"testing"
	"time"
)

func always() bool { return true }

func TestCache(t *testing.T) {
	t.Parallel()
	now := monday
	c := newCache(10*(entryOverhead+2+100), time.Minute, func() time.Time { return now })
	key := func(owner, id string) cacheKey { return cacheKey{owner: owner, kind: kindWindow, id: id} }
	load := func(k cacheKey) any { v, _, _ := c.load(k); return v }

	c.store(key("a", "1"), "new", 100, now, always)
	c.store(key("a", "1"), "old", 100, now.Add(-time.Second), always)
	if got := load(key("a", "1")); got != "new" {
		t.Errorf("an answer asked for earlier took the place of a newer one: %v", got)
	}
	if got := load(key("b", "1")); got != nil {
		t.Errorf("somebody else got %v", got)
	}
	c.store(key("a", "2"), "refused", 100, now, func() bool { return false })
	c.store(key("a", "3"), "huge", c.limit, now, always)
	if load(key("a", "2")) != nil || load(key("a", "3")) != nil {
		t.Error("kept what is not valid, or too large")
	}

	for _, id := range []string{"2", "3", "4", "5", "6", "7", "8", "9", "x"} {
		c.store(key("b", id), id, 100, now, always)
	}
	if c.bytes != c.limit {
		t.Fatalf("bytes = %d, want the cache full at %d", c.bytes, c.limit)
	}
	load(key("a", "1")) // used, and so not the next to go
	c.store(key("b", "y"), "y", 100, now, always)
	if load(key("a", "1")) == nil || load(key("b", "2")) != nil || c.bytes > c.limit {
		t.Errorf("a full cache did not let go of the least recently used alone; bytes = %d", c.bytes)
	}

	now = now.Add(59 * time.Second)
	if load(key("a", "1")) == nil {
		t.Error("gone before its time")
	}
	now = now.Add(time.Second)
	if load(key("a", "1")) != nil {
		t.Error("kept beyond its time")
	}
	c.forget("b")
	if c.bytes != 0 || c.recent.Len() != 0 || len(c.owners) != 0 {
		t.Errorf("after all is gone: %d bytes, %d entries, %d owners", c.bytes, c.recent.Len(), len(c.owners))
	}
}

func TestCacheLetsGoOfOldAnswersUnasked(t *testing.T) {
	t.Parallel()
	now := monday
	c := newCache(1<<20, time.Minute, func() time.Time { return now })
	c.store(cacheKey{owner: "a", kind: kindHome}, 1, 100, now, always)
	c.store(cacheKey{owner: "a", kind: kindWindow}, 1, 100, now, always)
	now = now.Add(2 * time.Minute)
	c.store(cacheKey{owner: "b", kind: kindHome}, 1, 100, now, always)
	if n := c.recent.Len(); n != 1 {
		t.Errorf("%d entries, want the new one alone", n)
	}
}

func TestPeopleAreBounded(t *testing.T) {
	t.Parallel()
	now := monday
	p := people{known: make(map[string]*person), now: func() time.Time { return now }}
	busy := p.begin("busy")
	throttled := p.begin("throttled")
	throttled.refused(opView, now, time.Minute)
	throttled.done()
	for i := range maxPeople {
		p.begin(string(rune('A' + i))).done()
	}
	if n := len(p.known); n > maxPeople {
		t.Errorf("%d people are remembered", n)
	}
	if p.known["busy"] != busy || p.known["throttled"] != throttled {
		t.Error("somebody with calls in flight, or told to wait, was let go")
	}
}
