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
func (p *pass) describe(ctx context.Context, s *backup.Snapshot, read func(*tree.Tree) engine.ReadFunc) error {
	if s.System {
		return nil
	}
	t := tree.New(p.index, s.Root, tree.NewCache(nodeCache))
	d, err := p.engine.Describe(ctx, &s.Source, t, read(t))
	if err != nil {
		return storeError{fmt.Errorf("describe: %w", err)}
	}
	if s.Loose && d.Account != "" {
		s.Account = d.Account
	}
	s.Owner, s.Counts = d.Owner, d.Counts
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
