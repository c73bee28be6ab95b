package tree

import (
	"container/list"
	"sync"

	"slotfs/indexer/backup"
)

// Cache keeps decoded nodes, bounded in bytes. It is safe for concurrent use.
type Cache struct {
	limit int64
	mu    sync.Mutex
	// mu guards what follows.
	used  int64
	nodes map[backup.Hash]*list.Element
	order *list.List // of cached, the one used last in front
}

// decoded is a *page, an *indexNode or a *bucket. None changes after it was decoded.
type decoded interface{ bytes() int64 }

type cached struct {
	hash backup.Hash
	node decoded
}

// NewCache makes a cache of about limit bytes.
func NewCache(limit int64) *Cache {
	return &Cache{limit: limit, nodes: map[backup.Hash]*list.Element{}, order: list.New()}
}

func (c *Cache) get(h backup.Hash) decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.nodes[h]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).node
}

func (c *Cache) put(h backup.Hash, node decoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.nodes[h]; ok || node.bytes() > c.limit {
		return
	}
	c.nodes[h] = c.order.PushFront(&cached{hash: h, node: node})
	c.used += node.bytes() + cachedBytes
	for c.used > c.limit {
		last := c.order.Back()
		old := c.order.Remove(last).(*cached)
		delete(c.nodes, old.hash)
		c.used -= old.node.bytes() + cachedBytes
	}
}

// cachedBytes is about what the cache itself takes for a node.
const cachedBytes = 160
