package main

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"slotfs/cmd/internal/service/api"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// maxDepth bounds how deep a search goes: longer paths cannot be opened.
const maxDepth = 2048

// finder looks for names. Snapshots of one account differ in a few folders; what is equal to a folder without a
// match is not looked into again, whatever snapshot it belongs to.
type finder struct {
	view   *view.View
	query  api.Query
	yield  func(api.Match) error
	barren map[backup.Hash]bool // folders with nothing below them that matches; at most maxBarren
	seen   numbers              // folders of the snapshot that were looked into
	found  numbers              // matches of the snapshot
	// replaced reports whether a snapshot is no longer what it was when the search began. Nil: none is.
	replaced func(ctx context.Context, s *backup.Snapshot) bool
}

// maxBarren is how many folders are remembered for having no match.
const maxBarren = 1 << 18

// numbers is a set of entries of a tree, by number divided by 1024: what is found together stands together.
type numbers map[uint64]*[16]uint64

// add reports whether n was not there.
func (s numbers) add(n uint64) bool {
	block := s[n>>10]
	if block == nil {
		block = new([16]uint64)
		s[n>>10] = block
	}
	word, bit := &block[n>>6&15], uint64(1)<<(n&63)
	was := *word & bit
	*word |= bit
	return was == 0
}

// run hands every match to yield, each under one path: that of the part it belongs to, else that in full/.
func (f *finder) run(ctx context.Context) error {
	f.barren = map[backup.Hash]bool{}
	root, err := f.view.Node(ctx, view.RootID)
	if err != nil {
		return fmt.Errorf("find: %w", err)
	}
	return f.above(ctx, &root, "", "")
}

// above walks the folders above the snapshots. latest is the newest complete snapshot of the folder.
func (f *finder) above(ctx context.Context, dir *view.Node, at, latest string) error {
	if dir.Snapshot != nil {
		if f.query.Latest && path.Base(at) != latest {
			return nil
		}
		return f.snapshot(ctx, dir, at)
	}
	var below []view.Node
	latest = ""
	for n, err := range f.view.List(ctx, dir, 0) {
		if err != nil {
			return fmt.Errorf("find in %s: %w", at, err)
		}
		if n.Target != "" {
			latest = n.Target
		} else if n.IsDir() && related(path.Join(at, n.Name), string(f.query.Below)) {
			below = append(below, *n)
		}
	}
	for i := range below {
		if err := f.above(ctx, &below[i], path.Join(at, below[i].Name), latest); err != nil {
			return err
		}
	}
	return nil
}

// related reports whether one path leads to the other.
func related(a, b string) bool {
	return b == "" || a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// snapshot looks through the parts first and then through what belongs to none of them. Directories of a snapshot that
// another one takes the place of meanwhile go from the index, which is no damage: the rest of it is passed over.
func (f *finder) snapshot(ctx context.Context, dir *view.Node, at string) error {
	f.seen, f.found = numbers{}, numbers{}
	_, err := f.folder(ctx, dir, at, 0)
	if err != nil && f.replaced != nil && f.replaced(ctx, dir.Snapshot) {
		return ctx.Err()
	}
	return err
}

// folder looks through a folder and reports whether it is proven that nothing in it matches.
func (f *finder) folder(ctx context.Context, dir *view.Node, at string, depth int) (barren bool, err error) {
	if dir.Tree != nil {
		switch {
		case f.barren[dir.Item.Child]:
			return true, nil
		case depth > maxDepth || !f.seen.add(dir.Item.Number):
			return false, nil
		}
	}
	below, barren, err := f.matches(ctx, dir, at, depth)
	if err != nil {
		return false, err
	}
	for _, from := range below {
		n, err := f.child(ctx, dir, from)
		if err != nil {
			return false, fmt.Errorf("find in %s: %w", at, err)
		}
		child := path.Join(at, n.Name)
		if !related(child, string(f.query.Below)) {
			barren = false
			continue
		}
		ok, err := f.folder(ctx, n, child, depth+1)
		if err != nil {
			return false, err
		}
		barren = barren && ok
	}
	if barren && dir.Tree != nil {
		if len(f.barren) == maxBarren {
			clear(f.barren)
		}
		f.barren[dir.Item.Child] = true
	}
	return barren, ctx.Err()
}

// matches hands on what matches in a folder itself, and tells the positions of the folders in it: there may be millions of them.
func (f *finder) matches(ctx context.Context, dir *view.Node, at string, depth int) (below []int, barren bool, err error) {
	barren = true
	from := 0
	for n, err := range f.view.List(ctx, dir, 0) {
		if err != nil {
			return nil, false, fmt.Errorf("find in %s: %w", at, err)
		}
		// The names of the parts are no names of files.
		if ok, _ := path.Match(string(f.query.Pattern), n.Name); ok && depth > 0 {
			barren = false
			if err := f.match(n, path.Join(at, n.Name)); err != nil {
				return nil, false, err
			}
		}
		if n.IsDir() {
			below = append(below, from)
		}
		from = n.Next
	}
	return below, barren, nil
}

// child is what stands at a position of a folder.
func (f *finder) child(ctx context.Context, dir *view.Node, from int) (*view.Node, error) {
	for n, err := range f.view.List(ctx, dir, from) {
		if err != nil {
			return nil, err
		}
		own := *n
		return &own, nil
	}
	return nil, view.ErrGone
}

// match hands one match on, unless it was seen under another path.
func (f *finder) match(n *view.Node, at string) error {
	if n.Tree != nil && !f.found.add(n.Item.Number) {
		return nil
	}
	if b := string(f.query.Below); b != "" && at != b && !strings.HasPrefix(at, b+"/") {
		return nil
	}
	return f.yield(api.Match{Path: api.Bytes(at), Type: typeName(n.Attr.Mode), Size: n.Attr.Size, MTime: time.Unix(0, n.Attr.MTime).UTC()})
}
