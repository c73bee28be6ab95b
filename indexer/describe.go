package indexer

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// nodeCache is how many bytes of decoded nodes a pass keeps while an engine looks at one tree.
const nodeCache = 8 << 20

// describe lets the engine cut the tree of s into parts and enters what it says.
func (p *pass) describe(ctx context.Context, s *backup.Snapshot, read contents) error {
	if s.System {
		return nil
	}
	t := tree.New(p.index, s.Root, tree.NewCache(nodeCache))
	d, err := p.engine.Describe(ctx, &s.Source, t, read(t))
	if err != nil {
		return storeError{fmt.Errorf("describe: %w", err)}
	}
	claim(s, &d)
	s.Owner, s.Counts, s.Concerns = d.Owner, d.Counts, d.Concerns
	if s.Status == backup.Complete && d.Status != "" {
		s.Status = d.Status
	}
	if s.Detail == "" {
		s.Detail = d.Detail
	}
	blob, err := d.Parts.MarshalBinary()
	if err != nil {
		return storeError{err}
	}
	s.Parts = tree.Sum(blob)
	if err := p.index.Put(ctx, s.Parts, blob); err != nil {
		return storeError{err}
	}
	return nil
}

// noteAccount is for a backup that says inside that it is another account's. The example is that account.
const noteAccount = backup.NoteKind("another account's name inside")

// claim settles whose a loose backup is. What it says inside may be a lie of whoever made it: the name of its file counts.
func claim(s *backup.Snapshot, d *engine.Description) {
	switch {
	case !s.Loose:
	case d.Nameless:
		s.Unclaimed = true
		if d.Account != "" {
			s.Account = d.Account
		}
	case d.Account != "" && d.Account != s.Account:
		s.Unclaimed = true
		s.Notes.Add(noteAccount, d.Account)
	}
}
