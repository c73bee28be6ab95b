package login

import "sync"

// Crowd bounds how many connections there are at once: in all, and of each visitor. Its methods may be called side by side.
type Crowd[K comparable] struct {
	Most, Each int

	mu sync.Mutex
	// mu guards what follows.
	all int
	of  map[K]int
}

// Enter counts a connection of a visitor, unless there are too many.
func (c *Crowd[K]) Enter(k K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.Most || c.of[k] >= c.Each {
		return false
	}
	if c.of == nil {
		c.of = map[K]int{}
	}
	c.all++
	c.of[k]++
	return true
}

// Leave takes back what Enter counted.
func (c *Crowd[K]) Leave(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	c.of[k]--
	if c.of[k] == 0 {
		delete(c.of, k)
	}
}
