package browse

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// maxDepth bounds how deep a search goes: longer paths cannot be opened.
const maxDepth = 2048

// Search looks for names below a view, in all its snapshots.
type Search struct {
	View  *view.View
	Query Query
	Yield func(Match) error // whose error ends the search
	// Enter reports whether the names in a directory may be told. Nil: all may.
	Enter func(*view.Node) bool
	// Replaced reports whether a snapshot is no longer what it was when the search began. Nil: none is.
	Replaced func(ctx context.Context, s *backup.Snapshot) bool

	// Snapshots of one account differ in a few directories: identical subtrees without a match are searched once.
	unmatched map[backup.Hash]bool // subtrees without a match; at most maxUnmatched
	seen      numbers              // directories of the snapshot that were searched
	found     numbers              // matches of the snapshot
}

// maxUnmatched is how many subtrees are remembered for having no match.
const maxUnmatched = 1 << 18

// numbers is a set of numbers of entries, in blocks of 1024: entries that are found together have numbers close together.
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

// Run hands every match to Yield, each under one path: that of the part it belongs to, else that in full/.
func (s *Search) Run(ctx context.Context) error {
	s.unmatched = map[backup.Hash]bool{}
	root, err := s.View.Node(ctx, view.RootID)
	if err != nil {
		return fmt.Errorf("find: %w", err)
	}
	return s.above(ctx, &root, "", "")
}

// above walks the directories above the snapshots. latest is the newest complete snapshot of the directory.
func (s *Search) above(ctx context.Context, dir *view.Node, at, latest string) error {
	if s.Enter != nil && !s.Enter(dir) {
		return nil
	}
	if dir.Snapshot != nil {
		if s.Query.Latest && path.Base(at) != latest || !s.Query.covers(dir.Snapshot.Time) {
			return nil
		}
		return s.snapshot(ctx, dir, at)
	}
	var below []view.Node
	latest = ""
	for n, err := range s.View.List(ctx, dir, 0) {
		if err != nil {
			return fmt.Errorf("find in %s: %w", at, err)
		}
		if n.Target != "" {
			latest = n.Target
		} else if n.IsDir() && related(path.Join(at, n.Name), string(s.Query.Below)) {
			below = append(below, *n)
		}
	}
	for i := range below {
		if err := s.above(ctx, &below[i], path.Join(at, below[i].Name), latest); err != nil {
			return err
		}
	}
	return nil
}

// covers reports whether snapshots of a time are searched.
func (q *Query) covers(at time.Time) bool {
	return !at.Before(q.Since) && (q.Until.IsZero() || at.Before(q.Until))
}

// related reports whether one path leads to the other.
func related(a, b string) bool {
	return b == "" || a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// snapshot searches the parts first and then what belongs to none of them. Directories of a snapshot that
// another one takes the place of meanwhile go from the index, which is no damage: the rest of it is passed over.
func (s *Search) snapshot(ctx context.Context, dir *view.Node, at string) error {
	s.seen, s.found = numbers{}, numbers{}
	_, err := s.directory(ctx, dir, at, 0)
	if err != nil && s.Replaced != nil && s.Replaced(ctx, dir.Snapshot) {
		return ctx.Err()
	}
	return err
}

// directory searches a directory and reports whether it is proven that nothing below it matches.
func (s *Search) directory(ctx context.Context, dir *view.Node, at string, depth int) (unmatched bool, err error) {
	if s.Enter != nil && !s.Enter(dir) {
		return false, nil
	}
	if dir.Tree != nil {
		switch {
		case s.unmatched[dir.Item.Child]:
			return true, nil
		case depth > maxDepth || !s.seen.add(dir.Item.Number):
			return false, nil
		}
	}
	below, unmatched, err := s.matches(ctx, dir, at, depth)
	if err != nil {
		return false, err
	}
	for _, from := range below {
		n, err := s.child(ctx, dir, from)
		if err != nil {
			return false, fmt.Errorf("find in %s: %w", at, err)
		}
		child := path.Join(at, n.Name)
		if !related(child, string(s.Query.Below)) {
			unmatched = false
			continue
		}
		ok, err := s.directory(ctx, n, child, depth+1)
		if err != nil {
			return false, err
		}
		unmatched = unmatched && ok
	}
	if unmatched && dir.Tree != nil {
		if len(s.unmatched) == maxUnmatched {
			clear(s.unmatched)
		}
		s.unmatched[dir.Item.Child] = true
	}
	return unmatched, ctx.Err()
}

// matches hands on what matches in a directory itself, and tells the positions of the directories in it: there may be millions of them.
func (s *Search) matches(ctx context.Context, dir *view.Node, at string, depth int) (below []int, unmatched bool, err error) {
	unmatched = true
	from := 0
	for n, err := range s.View.List(ctx, dir, 0) {
		if err != nil {
			return nil, false, fmt.Errorf("find in %s: %w", at, err)
		}
		// The names of the parts are no names of files.
		if ok, _ := path.Match(string(s.Query.Pattern), n.Name); ok && depth > 0 {
			unmatched = false
			if err := s.match(n, path.Join(at, n.Name)); err != nil {
				return nil, false, err
			}
		}
		if n.IsDir() {
			below = append(below, from)
		}
		from = n.Next
	}
	return below, unmatched, nil
}

// child is what stands at a position of a directory.
func (s *Search) child(ctx context.Context, dir *view.Node, from int) (*view.Node, error) {
	for n, err := range s.View.List(ctx, dir, from) {
		if err != nil {
			return nil, err
		}
		own := *n
		return &own, nil
	}
	return nil, view.ErrGone
}

// match hands one match on, unless it was seen under another path.
func (s *Search) match(n *view.Node, at string) error {
	if n.Tree != nil && !s.found.add(n.Item.Number) {
		return nil
	}
	if b := string(s.Query.Below); b != "" && at != b && !strings.HasPrefix(at, b+"/") {
		return nil
	}
	return s.Yield(Match{Path: Bytes(at), Type: TypeName(n.Attr.Mode), Size: n.Attr.Size, MTime: n.Attr.MTime})
}
