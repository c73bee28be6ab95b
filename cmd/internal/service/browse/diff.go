package browse

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cmd/internal/exit"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// Pair names what to compare, by paths in the mount.
type Pair struct {
	Old Bytes `json:"old"`
	New Bytes `json:"new"`
}

// Change is a path at which the two differ. Names are bytes, which JSON has no strings for.
type Change struct {
	Path []byte   `json:"path"`           // below what is compared; empty: that itself
	What []string `json:"what,omitempty"` // ways in which they differ, where both are there
	Old  *Side    `json:"old,omitempty"`  // absent: it is not there
	New  *Side    `json:"new,omitempty"`
}

// Side is what one of the two has at a path.
type Side struct {
	Type   string      `json:"type"`
	Mode   uint32      `json:"mode"` // permission bits
	UID    uint32      `json:"uid"`
	GID    uint32      `json:"gid"`
	Size   int64       `json:"size"`
	MTime  backup.Time `json:"mtime"`
	Target []byte      `json:"target,omitempty"`
}

// Diff compares what a view has at two paths, and hands each difference to yield, whose error ends it. What t does not show is left out.
func Diff(ctx context.Context, v *view.View, t Tree, q Pair, yield func(Change) error) error {
	var sides [2]view.Node
	for i, p := range []Bytes{q.Old, q.New} {
		n, err := Resolve(ctx, t, string(p))
		if err == nil {
			sides[i], err = v.Node(ctx, n.ID)
		}
		if err != nil {
			return Explain("diff", string(p), err)
		}
	}
	shown := filterFor(t, q)
	for c, err := range v.Diff(ctx, &sides[0], &sides[1]) {
		switch {
		case errors.Is(err, view.ErrNoSnapshot):
			return exit.With(fmt.Errorf("diff: one of %q and %q is no snapshot, and in none", q.Old, q.New), exit.Usage,
				"DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT[/...]")
		case err != nil:
			return fmt.Errorf("diff %s %s: %w", q.Old, q.New, err)
		}
		if ok, err := shown.shows(ctx, c.Path); err != nil {
			return fmt.Errorf("diff %s %s: %w", q.Old, q.New, err)
		} else if !ok {
			continue
		}
		err := yield(Change{Path: []byte(c.Path), What: c.What(), Old: sideOf(c.Old), New: sideOf(c.New)})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func sideOf(e *backup.Entry) *Side {
	if e == nil {
		return nil
	}
	s := &Side{Type: TypeName(e.Mode), Mode: e.Mode & backup.ModePerm, UID: e.UID, GID: e.GID, MTime: e.Time(),
		Target: []byte(e.Target)}
	if e.IsRegular() {
		s.Size = e.Size
	}
	return s
}
