package infer

import (
	"container/list"
	"sync"
)

// cache keeps what was used last, up to a weight. It is safe for concurrent
// use; the values must not be changed by anyone.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	max   int // bytes, roughly
	size  int
	items map[K]*list.Element
	order *list.List // of cached[K, V], the last used in front
}

type cached[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newCache[K comparable, V any](bytes int) *cache[K, V] {
	return &cache[K, V]{max: bytes, items: map[K]*list.Element{}, order: list.New()}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(cached[K, V]).value, true
}

// put keeps a value, unless it is heavier than a quarter of the cache.
func (c *cache[K, V]) put(key K, value V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.items[key]; known || weight > c.max/4 {
		return
	}
	c.items[key] = c.order.PushFront(cached[K, V]{key, value, weight})
	for c.size += weight; c.size > c.max; {
		last := c.order.Remove(c.order.Back()).(cached[K, V])
		delete(c.items, last.key)
		c.size -= last.weight
	}
}
