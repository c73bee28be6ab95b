package view

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// ErrNoSnapshot says that something stands above the snapshots.
var ErrNoSnapshot = errors.New("not in a snapshot")

// Difference is a path at which two things that are shown differ.
type Difference struct {
	Path     string        // below what is compared; "": that itself
	Old, New *backup.Entry // nil where the path is not there
	Content  bool          // known to differ
}

// Diff compares old with new, both in snapshots, and yields what differs: what new has first, in listing order, then what
// only old has; what is below a directory that came or went too. Pieces of trees are compared by their nodes, so that only what
// differs is read; places that were made for the parts by their listings. The backups' own attributes are compared, not
// those of local users. In the directories of snapshots each difference is told once, under the part that it belongs to, and
// the original files and snapshot.json, which always differ, are left out. After an error it stops.
func (v *View) Diff(ctx context.Context, old, new *Node) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		if old.Snapshot == nil || new.Snapshot == nil {
			yield(Difference{}, ErrNoSnapshot)
			return
		}
		d := &differ{view: v, told: map[[2]uint64]bool{}, yield: yield}
		if err := d.compare(ctx, "", old, new); err != nil && !errors.Is(err, errEnough) {
			yield(Difference{}, fmt.Errorf("compare: %w", err))
		}
	}
}

// errEnough says that nobody listens any more.
var errEnough = errors.New("enough")

type differ struct {
	view  *View
	told  map[[2]uint64]bool // entries by their numbers, one more than these: 0 stands for none
	yield func(Difference, error) bool
}

// compare compares what stands at one path. Either may be nil.
func (d *differ) compare(ctx context.Context, path string, old, new *Node) error {
	if old != nil && new != nil && inTree(old) && inTree(new) && old.IsDir() && new.IsDir() {
		return d.trees(ctx, path, old, new)
	}
	if err := d.tell(path, old, new); err != nil {
		return err
	}
	before, err := d.children(ctx, old)
	if err != nil {
		return err
	}
	after, err := d.children(ctx, new)
	if err != nil {
		return err
	}
	byName := make(map[string]*Node, len(before))
	for i := range before {
		byName[before[i].Name] = &before[i]
	}
	for i := range after {
		n := &after[i]
		match := byName[n.Name]
		delete(byName, n.Name)
		if err := d.compare(ctx, joinPath(path, n.Name), match, n); err != nil {
			return err
		}
	}
	for i := range before {
		if n := &before[i]; byName[n.Name] != nil {
			if err := d.compare(ctx, joinPath(path, n.Name), n, nil); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func inTree(n *Node) bool { return n.Source == FromTree && n.Tree != nil }

// children lists a directory; nothing if n is none.
func (d *differ) children(ctx context.Context, n *Node) ([]Node, error) {
	if n == nil || !n.IsDir() {
		return nil, nil
	}
	_, at, number := split(n.ID)
	top := at == viewMade && number == numberDirectory
	var all []Node
	for child, err := range d.view.List(ctx, n, 0) {
		if err != nil {
			return nil, err
		}
		if !top || child.Name != backup.Archive && child.Name != nameJSON {
			all = append(all, *child)
		}
	}
	return all, nil
}

// trees compares two directories of trees.
func (d *differ) trees(ctx context.Context, path string, old, new *Node) error {
	for c, err := range tree.Diff(ctx, old.Tree, old.Item, new.Tree, new.Item) {
		if err != nil {
			return err
		}
		if !shownPath(c.Path) {
			continue
		}
		if err := d.change(joinNonEmpty(path, c.Path), c.Old, c.New); err != nil {
			return err
		}
	}
	return nil
}

// shownPath reports whether all elements of a path in a tree are shown.
func shownPath(path string) bool {
	for element := range strings.SplitSeq(path, "/") {
		if path != "" && !showable(element) {
			return false
		}
	}
	return true
}

func joinNonEmpty(path, below string) string {
	if below == "" {
		return path
	}
	return joinPath(path, below)
}

// tell compares what does not come from trees on both sides.
func (d *differ) tell(path string, old, new *Node) error {
	if old != nil && new != nil && (made(old) || made(new)) {
		return d.tellMade(path, old, new)
	}
	return d.change(path, itemOf(old), itemOf(new))
}

// made reports whether n was made for the view. What such things are is not the backup's.
func made(n *Node) bool { return !inTree(n) }

// tellMade compares two of which one was made for the view: only their types and contents say something.
func (d *differ) tellMade(path string, old, new *Node) error {
	before, after := itemOf(old), itemOf(new)
	c := Difference{Path: path, Old: &before.Entry, New: &after.Entry}
	switch {
	case before.Mode&backup.ModeType != after.Mode&backup.ModeType:
	case old.IsDir():
		return nil
	case old.Source == FromData && new.Source == FromData:
		if bytes.Equal(old.Data, new.Data) {
			return nil
		}
		c.Content = true
	case before.Size == after.Size && before.Time() == after.Time():
		return nil
	}
	return d.hand(c)
}

// itemOf is what a node says of itself as an entry of a tree.
func itemOf(n *Node) *tree.Item {
	switch {
	case n == nil:
		return nil
	case inTree(n):
		return &n.Item
	}
	a := n.Attr
	it := &tree.Item{Entry: backup.Entry{Name: n.Name, Mode: a.Mode, UID: a.UID, GID: a.GID, Size: a.Size, Target: n.Target}}
	it.SetTime(a.MTime)
	return it
}

// change tells of two entries that differ, unless that was told.
func (d *differ) change(path string, old, new *tree.Item) error {
	old, new = unlessDevice(old), unlessDevice(new)
	if old == nil && new == nil {
		return nil
	}
	c := Difference{Path: path}
	var key [2]uint64
	if old != nil {
		c.Old = &old.Entry
		key[0] = old.Number + 1
	}
	if new != nil {
		c.New = &new.Entry
		key[1] = new.Number + 1
	}
	if c.Old != nil && c.New != nil && equalEntries(c.Old, c.New) {
		return nil
	}
	if key[0]|key[1] > 1 { // number 0 is also that of what was made
		if d.told[key] {
			return nil
		}
		d.told[key] = true
	}
	return d.hand(c)
}

// unlessDevice leaves out what is not shown.
func unlessDevice(it *tree.Item) *tree.Item {
	if it == nil {
		return nil
	}
	switch it.Mode & backup.ModeType {
	case backup.ModeDir, backup.ModeRegular, backup.ModeSymlink, backup.ModeFIFO, backup.ModeSocket:
		return it
	}
	return nil
}

func (d *differ) hand(c Difference) error {
	if !d.yield(c, nil) {
		return errEnough
	}
	return nil
}

// equalEntries reports whether two entries say the same of what they are. Some backups keep whole seconds only, and what
// size and permissions a link has depends on who looked.
func equalEntries(a, b *backup.Entry) bool {
	if a.UID != b.UID || a.GID != b.GID || !equalTimes(a, b) || a.Target != b.Target || !slices.Equal(a.Xattrs, b.Xattrs) {
		return false
	}
	if a.IsSymlink() && b.IsSymlink() {
		return true
	}
	return a.Mode == b.Mode && (a.Size == b.Size || !a.IsRegular())
}

func equalTimes(a, b *backup.Entry) bool {
	s, t := a.Time(), b.Time()
	return s.Sec == t.Sec && (s.Nsec == t.Nsec || s.Nsec == 0 || t.Nsec == 0)
}

// What tells in which ways two entries differ, in the words "type", "content", "mode", "owner", "time", "target" and
// "attributes". What has another size has another content; of what has another time only, nobody knows without reading it.
func (c *Difference) What() []string {
	a, b := c.Old, c.New
	if a == nil || b == nil {
		return nil
	}
	same := a.Mode&backup.ModeType == b.Mode&backup.ModeType
	var all []string
	for _, word := range []struct {
		text string
		says bool
	}{
		{"type", !same},
		{"content", same && (c.Content || a.IsRegular() && a.Size != b.Size)},
		{"mode", !a.IsSymlink() && !b.IsSymlink() && a.Mode&backup.ModePerm != b.Mode&backup.ModePerm},
		{"owner", a.UID != b.UID || a.GID != b.GID},
		{"time", !equalTimes(a, b)},
		{"target", same && a.Target != b.Target},
		{"attributes", !slices.Equal(a.Xattrs, b.Xattrs)},
	} {
		if word.says {
			all = append(all, word.text)
		}
	}
	return all
}
