package simulator

import (
	"slices"
	"time"
)

// A shelf keeps values for a time each, and at most so many: when it is full
// the oldest go. It does no locking of its own.
type shelf[K comparable, V any] struct {
	max   int
	items map[K]shelved[V]
	order []K // oldest first; may name keys that are gone
}

type shelved[V any] struct {
	value   V
	expires time.Time
}

func newShelf[K comparable, V any](limit int) *shelf[K, V] {
	return &shelf[K, V]{max: limit, items: map[K]shelved[V]{}}
}

// put keeps the value under a key that was not used before.
func (s *shelf[K, V]) put(now time.Time, key K, value V, life time.Duration) {
	for len(s.order) > 0 {
		oldest := s.order[0]
		item, there := s.items[oldest]
		if there && len(s.items) < s.max && now.Before(item.expires) {
			break
		}
		delete(s.items, oldest)
		s.order = s.order[1:]
	}
	if len(s.order) >= 2*s.max {
		s.order = slices.DeleteFunc(s.order, func(key K) bool { _, there := s.items[key]; return !there })
	}
	s.items[key] = shelved[V]{value, now.Add(life)}
	s.order = append(s.order, key)
}

// find returns the value under key and whether its time has passed. A value
// may be forgotten any time after that.
func (s *shelf[K, V]) find(now time.Time, key K) (value V, expired, found bool) {
	item, found := s.items[key]
	return item.value, found && !now.Before(item.expires), found
}

func (s *shelf[K, V]) remove(key K) { delete(s.items, key) }
