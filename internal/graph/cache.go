package graph

import (
	"container/list"
	"sync"
	"time"
)

// Kinds of what is kept; they are metric labels too.
const (
	kindHome    = "home"
	kindWindow  = "window"
	kindEvent   = "event"
	kindPhoto   = "photo"
	kindManager = "manager"
)

// cacheKey says what is kept and whose it is: nothing is ever looked up
// without its owner.
type cacheKey struct {
	owner, kind, id string
	from, until     int64 // Unix seconds
}

type cacheEntry struct {
	key   cacheKey
	value any
	size  int64
	asked time.Time // when Graph was asked: what the value is true for
}

// cache keeps answers in memory, the least recently used going first when its
// bytes are spent.
type cache struct {
	limit int64
	age   time.Duration
	now   func() time.Time

	mu     sync.Mutex
	bytes  int64
	recent *list.List // of *cacheEntry, the last used in front
	owners map[string]map[cacheKey]*list.Element
}

// entryOverhead is about what an entry costs beside its value.
const entryOverhead = 256

func newCache(limit int64, age time.Duration, now func() time.Time) *cache {
	return &cache{limit: limit, age: age, now: now, recent: list.New(),
		owners: make(map[string]map[cacheKey]*list.Element)}
}

// lifetime returns how long a value serves. Faces and managers change more
// rarely than calendars.
func (c *cache) lifetime(kind string) time.Duration {
	if kind == kindPhoto || kind == kindManager {
		return 10 * c.age
	}
	return c.age
}

func (c *cache) load(key cacheKey) (value any, asked time.Time, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.owners[key.owner][key]
	if el == nil {
		return nil, time.Time{}, false
	}
	e := el.Value.(*cacheEntry)
	if c.now().Sub(e.asked) >= c.lifetime(key.kind) {
		c.remove(el)
		return nil, time.Time{}, false
	}
	c.recent.MoveToFront(el)
	return e.value, e.asked, true
}

// store keeps value unless it is older than what is kept, or valid, asked
// while nobody can forget, says no.
func (c *cache) store(key cacheKey, value any, size int64, asked time.Time, valid func() bool) {
	size += entryOverhead + int64(len(key.owner)+len(key.id))
	c.mu.Lock()
	defer c.mu.Unlock()
	if size > c.limit/4 || !valid() {
		return
	}
	if el := c.owners[key.owner][key]; el != nil {
		if el.Value.(*cacheEntry).asked.After(asked) {
			return
		}
		c.remove(el)
	}
	mine := c.owners[key.owner]
	if mine == nil {
		mine = make(map[cacheKey]*list.Element)
		c.owners[key.owner] = mine
	}
	mine[key] = c.recent.PushFront(&cacheEntry{key, value, size, asked})
	c.bytes += size
	for c.bytes > c.limit {
		c.remove(c.recent.Back())
	}
	// What has had its time goes even if nobody asks for it again.
	for el := c.recent.Back(); el != nil; el = c.recent.Back() {
		e := el.Value.(*cacheEntry)
		if c.now().Sub(e.asked) < c.lifetime(e.key.kind) {
			break
		}
		c.remove(el)
	}
}

func (c *cache) forget(owner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, el := range c.owners[owner] {
		c.remove(el)
	}
}

// remove needs mu.
func (c *cache) remove(el *list.Element) {
	e := c.recent.Remove(el).(*cacheEntry)
	c.bytes -= e.size
	mine := c.owners[e.key.owner]
	delete(mine, e.key)
	if len(mine) == 0 {
		delete(c.owners, e.key.owner)
	}
}

func (c *cache) size() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return float64(c.bytes)
}
