package content

import (
	"sync"

	"slotfs/indexer/lru"
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
	blocks lru.Map[blockKey, []byte]
}

// get returns a block, or nil.
func (c *cache) get(k blockKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, _ := c.blocks.Get(k)
	return b
}

// has reports whether there is a block, without using it.
func (c *cache) has(k blockKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.blocks.Peek(k)
	return ok
}

func (c *cache) put(k blockKey, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks.Put(k, b, int64(cap(b)))
	c.blocks.Shrink(c.limit, nil)
}

// drop takes a block out.
func (c *cache) drop(k blockKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks.Delete(k)
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks.Clear()
}
