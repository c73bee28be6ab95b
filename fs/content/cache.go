package content

import (
	"container/list"
	"sync"
)

// blockKey names a block: the source's number and the block's offset in it.
type blockKey struct {
	source uint64
	off    int64
}

// cache keeps the blocks that were used last, bounded in bytes. Blocks are never changed.
type cache struct {
	limit int64

	mu sync.Mutex
	// mu guards what follows.
	bytes  int64
	blocks recently[blockKey, []byte]
}

// get returns a block, or nil.
func (c *cache) get(k blockKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, _ := c.blocks.get(k)
	return b
}

// has reports whether there is a block, without using it.
func (c *cache) has(k blockKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.blocks.elements[k]
	return ok
}

func (c *cache) put(k blockKey, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.blocks.get(k); ok {
		c.bytes -= int64(cap(old))
	}
	c.blocks.put(k, b)
	c.bytes += int64(cap(b))
	for c.bytes > c.limit {
		old, ok := c.blocks.dropOldest()
		if !ok {
			return
		}
		c.bytes -= int64(cap(old))
	}
}

// drop takes a block out.
func (c *cache) drop(k blockKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.blocks.get(k); ok {
		c.bytes -= int64(cap(old))
		c.blocks.drop(k)
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes, c.blocks = 0, recently[blockKey, []byte]{}
}

// recently is a map that knows the order in which its values were used. The zero value is empty.
type recently[K comparable, V any] struct {
	order    list.List // of pair, the one used last in front
	elements map[K]*list.Element
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func (r *recently[K, V]) get(k K) (v V, ok bool) {
	e, ok := r.elements[k]
	if !ok {
		return v, false
	}
	r.order.MoveToFront(e)
	return e.Value.(pair[K, V]).value, true
}

func (r *recently[K, V]) put(k K, v V) {
	if e, ok := r.elements[k]; ok {
		e.Value = pair[K, V]{k, v}
		r.order.MoveToFront(e)
		return
	}
	if r.elements == nil {
		r.elements = map[K]*list.Element{}
	}
	r.elements[k] = r.order.PushFront(pair[K, V]{k, v})
}

func (r *recently[K, V]) drop(k K) {
	if e, ok := r.elements[k]; ok {
		r.order.Remove(e)
		delete(r.elements, k)
	}
}

func (r *recently[K, V]) dropOldest() (v V, ok bool) {
	e := r.order.Back()
	if e == nil {
		return v, false
	}
	p := r.order.Remove(e).(pair[K, V])
	delete(r.elements, p.key)
	return p.value, true
}

// trim drops what may be dropped, the longest unused first, until no more than n are left.
func (r *recently[K, V]) trim(n int, may func(v V) bool) {
	for e := r.order.Back(); e != nil && r.order.Len() > n; {
		p, previous := e.Value.(pair[K, V]), e.Prev()
		if may(p.value) {
			r.drop(p.key)
		}
		e = previous
	}
}
