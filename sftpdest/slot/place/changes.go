package place

import "sync"

// changes are what is left to be done when all is in place.
type changes struct {
	mu        sync.Mutex   // guards what follows
	changed   []*Directory // names in them changed, or their attributes
	deletions []deletion
}

// deletion is a name to be removed at the end.
type deletion struct {
	at  string // on the server
	dir bool
}

// change notes that names in the directory changed, or its attributes.
func (c *changes) change(d *Directory) {
	if d == nil || d.changed.Swap(true) {
		return
	}
	c.mu.Lock()
	c.changed = append(c.changed, d)
	c.mu.Unlock()
}

// deleteLater has what stands at a place on the server removed at the end.
func (c *changes) deleteLater(at string, dir bool) {
	c.mu.Lock()
	c.deletions = append(c.deletions, deletion{at, dir})
	c.mu.Unlock()
}
