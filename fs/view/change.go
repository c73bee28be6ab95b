package view

// Changes is what an Update changed, for whoever remembers what was shown before.
type Changes struct {
	Names []Change
	Nodes []uint64 // nodes whose attributes, content or listing are others
}

// Change is a name that came, went or stands for another node.
type Change struct {
	Parent uint64
	Name   string
	Gone   uint64 // the node that the name stood for; 0: there was none
}

// compare tells what differs between two tables.
func compare(old, next *table) Changes {
	var c Changes
	c.directory(old.root, next.root)
	return c
}

// directory compares two directories of one id. Where a directory was not there before its node may still be known from an
// earlier time, so all of it counts as new.
func (c *Changes) directory(old, next *entry) {
	if old == nil {
		old = &entry{attr: next.attr}
		c.Nodes = append(c.Nodes, next.id)
	}
	changed := old.attr != next.attr
	i, j := 0, 0
	for i < len(old.children) || j < len(next.children) {
		switch {
		case j == len(next.children) || i < len(old.children) && old.children[i].name < next.children[j].name:
			c.gone(next.id, old.children[i])
			changed = true
			i++
		case i == len(old.children) || next.children[j].name < old.children[i].name:
			c.Names = append(c.Names, Change{Parent: next.id, Name: next.children[j].name})
			c.below(nil, next.children[j])
			changed = true
			j++
		default:
			changed = c.child(next.id, old.children[i], next.children[j]) || changed
			i, j = i+1, j+1
		}
	}
	if changed {
		c.Nodes = append(c.Nodes, next.id)
	}
}

// gone tells of a name that is no longer there, and of what was below it.
func (c *Changes) gone(parent uint64, e *entry) {
	for _, child := range e.children {
		c.gone(e.id, child)
	}
	c.Names = append(c.Names, Change{Parent: parent, Name: e.name, Gone: e.id})
	c.Nodes = append(c.Nodes, e.id)
}

// child compares what a name stands for, and reports whether the listing shows the difference.
func (c *Changes) child(parent uint64, old, next *entry) bool {
	if old.id != next.id || generationOf(old) != generationOf(next) {
		c.Names = append(c.Names, Change{Parent: parent, Name: next.name, Gone: old.id})
		c.below(nil, next)
		return true
	}
	c.below(old, next)
	return false
}

func (c *Changes) below(old, next *entry) {
	switch {
	case next.snapshot == nil && next.attr.Mode&0o170000 == 0o040000:
		c.directory(old, next)
	case next.snapshot == nil || old == nil:
	case !old.snapshot.same(next.snapshot):
		serial := next.snapshot.Serial
		c.Nodes = append(c.Nodes, next.id, nodeID(serial, viewMade, numberJSON))
	}
}

func generationOf(e *entry) uint64 {
	if e.snapshot == nil {
		return 0
	}
	return e.snapshot.gen
}
