package tree

import (
	"sync"

	"slotfs/indexer/backup"
	"slotfs/indexer/lru"
)

// Cache keeps decoded nodes, bounded in bytes. It is safe for concurrent use.
type Cache struct {
	limit int64
	mu    sync.Mutex
	nodes lru.Map[backup.Hash, decoded] // guarded by mu
}

// decoded is a *page, an *indexNode or a *bucket. None changes after it was decoded.
type decoded interface{ bytes() int64 }

// NewCache makes a cache of about limit bytes.
func NewCache(limit int64) *Cache { return &Cache{limit: limit} }

func (c *Cache) get(h backup.Hash) decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	node, _ := c.nodes.Get(h)
	return node
}

func (c *Cache) put(h backup.Hash, node decoded) {
	if node.bytes() > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes.Put(h, node, node.bytes()+cachedBytes)
	c.nodes.Shrink(c.limit, nil)
}

// cachedBytes is about what the cache itself takes for a node.
const cachedBytes = 160
