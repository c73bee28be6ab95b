package cpanel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/dump"
	"slotfs/indexer/tree"
)

// Bounds of what one snapshot is cut into. The rest stays in full/.
const (
	maxGrafts    = 50_000
	maxGenerated = 16 << 20 // bytes of generated files in all
)

// located is an entry together with its path in the tree.
type located struct {
	tree.Item
	path string
}

// partitioner collects the parts of one snapshot. After the first error of the tree it finds nothing more.
type partitioner struct {
	ctx     context.Context
	tree    *tree.Tree
	read    engine.ReadFunc
	account string
	root    root
	home    located // the home directory; hasHome says whether there is one
	hasHome bool

	grafts    []backup.Graft
	places    map[string]bool // true: a graft; false: a directory on the way to one
	counts    backup.Counts
	generated int
	dropped   int // grafts beyond the bounds
	cutDumps  dump.Cut
	skipped   int // statements about database users that were not understood or not harmless
	err       error
}

// failed keeps the first error that is not about something missing.
func (c *partitioner) failed(err error) bool {
	if err != nil && c.err == nil && !errors.Is(err, fs.ErrNotExist) {
		c.err = err
	}
	return err != nil
}

// in finds name in the directory at.
func (c *partitioner) in(at located, name string) (located, bool) {
	if c.err != nil || !at.IsDir() {
		return located{}, false
	}
	it, err := c.tree.Lookup(c.ctx, at.Item, name)
	if c.failed(err) {
		return located{}, false
	}
	return located{it, join(at.path, name)}, true
}

// directory finds a path of real directories below at.
func (c *partitioner) directory(at located, names ...string) (located, bool) {
	for _, name := range names {
		next, ok := c.in(at, name)
		if !ok || !next.IsDir() {
			return located{}, false
		}
		at = next
	}
	return at, true
}

// each yields what is in the directory at, but for names that no path can have.
func (c *partitioner) each(at located) iter.Seq[located] {
	return func(yield func(located) bool) {
		if c.err != nil || !at.IsDir() {
			return
		}
		for it, err := range c.tree.List(c.ctx, at.Item, 0) {
			if c.failed(err) {
				return
			}
			if validName(it.Name) && !yield(located{it, join(at.path, it.Name)}) {
				return
			}
		}
	}
}

// content reads a file that Wants asked for.
func (c *partitioner) content(names ...string) []byte {
	if c.err != nil || c.read == nil {
		return nil
	}
	data, err := c.read(join(c.root.path, strings.Join(names, "/")))
	if c.failed(err) {
		return nil
	}
	return data
}

// graft shows the regular file or real directory at path. Links stay links in full/: where they lead is the
// customer's choice.
func (c *partitioner) graft(kind backup.PartKind, path string, at located, secret bool) bool {
	if !at.IsDir() && !at.IsRegular() {
		return false
	}
	return c.place(backup.Graft{Kind: kind, Path: path, From: at.path, Secret: secret})
}

// generate shows a file that is made of content. All generated files are secret.
func (c *partitioner) generate(kind backup.PartKind, path string, content []byte) bool {
	if len(content) == 0 {
		return false
	}
	if c.generated+len(content) > maxGenerated {
		c.dropped++
		return false
	}
	if !c.place(backup.Graft{Kind: kind, Path: path, Content: content, Secret: true}) {
		return false
	}
	c.generated += len(content)
	return true
}

// place takes a graft if its path can be shown and nothing stands there, above or below.
func (c *partitioner) place(g backup.Graft) bool {
	if len(c.grafts) >= maxGrafts {
		c.dropped++
		return false
	}
	if _, taken := c.places[g.Path]; taken {
		return false
	}
	for _, name := range strings.Split(g.Path, "/") {
		if !validName(name) {
			return false
		}
	}
	for up := parent(g.Path); up != ""; up = parent(up) {
		if c.places[up] {
			return false
		}
	}
	for up := parent(g.Path); up != ""; up = parent(up) {
		c.places[up] = false
	}
	c.places[g.Path] = true
	c.grafts = append(c.grafts, g)
	return true
}

// parts are the grafts in the order that backup.Parts promises.
func (c *partitioner) parts() []backup.Graft {
	order := make(map[backup.PartKind]int)
	for i, kind := range backup.PartKinds() {
		order[kind] = i
	}
	slices.SortFunc(c.grafts, func(a, b backup.Graft) int {
		if d := order[a.Kind] - order[b.Kind]; d != 0 {
			return d
		}
		return strings.Compare(a.Path, b.Path)
	})
	return c.grafts
}

// notes says what was left out, for people.
func (c *partitioner) notes() []string {
	var notes []string
	if c.dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d pieces are more than can be shown as parts: see %s/", c.dropped, backup.Full))
	}
	if c.skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d statements about database users were left out: see %s/", c.skipped, backup.Full))
	}
	return notes
}
