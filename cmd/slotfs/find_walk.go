package main

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"slotfs/cmd/internal/control"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// maxDepth bounds how deep a search goes: longer paths cannot be opened.
const maxDepth = 2048

// finder looks for names. Snapshots of one account differ in a few folders; what is equal to a folder without a
// match is not looked into again, whatever snapshot it belongs to.
type finder struct {
	view   *view.View
	query  control.Query
	yield  func(control.Match) error
	barren map[backup.Hash]bool // folders with nothing below them that matches
	seen   map[uint64]bool      // folders of the snapshot that were looked into, by number
	found  map[uint64]bool      // matches of the snapshot, by number
}

// findIn hands every match to yield, each under one path: that of the part it belongs to, else that in full/.
func findIn(ctx context.Context, v *view.View, q control.Query, yield func(control.Match) error) error {
	f := &finder{view: v, query: q, yield: yield, barren: map[backup.Hash]bool{}}
	root, err := v.Node(ctx, view.RootID)
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

// snapshot looks through the parts first and then through what belongs to none of them.
func (f *finder) snapshot(ctx context.Context, dir *view.Node, at string) error {
	f.seen, f.found = map[uint64]bool{}, map[uint64]bool{}
	_, err := f.folder(ctx, dir, at, 0)
	return err
}

// folder looks through a folder and reports whether it is proven that nothing in it matches.
func (f *finder) folder(ctx context.Context, dir *view.Node, at string, depth int) (barren bool, err error) {
	if dir.Tree != nil {
		switch {
		case f.barren[dir.Item.Child]:
			return true, nil
		case f.seen[dir.Item.Number] || depth > maxDepth:
			return false, nil
		}
		f.seen[dir.Item.Number] = true
	}
	barren = true
	var below []view.Node
	for n, err := range f.view.List(ctx, dir, 0) {
		if err != nil {
			return false, fmt.Errorf("find in %s: %w", at, err)
		}
		// The names of the parts are no names of files.
		if ok, _ := path.Match(string(f.query.Pattern), n.Name); ok && depth > 0 {
			barren = false
			if err := f.match(n, path.Join(at, n.Name)); err != nil {
				return false, err
			}
		}
		if n.IsDir() {
			below = append(below, *n)
		}
	}
	for i := range below {
		child := path.Join(at, below[i].Name)
		if !related(child, string(f.query.Below)) {
			barren = false
			continue
		}
		ok, err := f.folder(ctx, &below[i], child, depth+1)
		if err != nil {
			return false, err
		}
		barren = barren && ok
	}
	if barren && dir.Tree != nil {
		f.barren[dir.Item.Child] = true
	}
	return barren, ctx.Err()
}

// match hands one match on, unless it was seen under another path.
func (f *finder) match(n *view.Node, at string) error {
	if n.Tree != nil {
		if f.found[n.Item.Number] {
			return nil
		}
		f.found[n.Item.Number] = true
	}
	if b := string(f.query.Below); b != "" && at != b && !strings.HasPrefix(at, b+"/") {
		return nil
	}
	return f.yield(control.Match{Path: control.Bytes(at), Type: typeName(n.Attr.Mode), Size: n.Attr.Size, MTime: time.Unix(0, n.Attr.MTime).UTC()})
}
