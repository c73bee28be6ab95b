package slot

import (
	"context"
	"iter"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// listing is what is in a slot, in manifest order.
type listing = iter.Seq2[plan.Present, error]

// list lists the data of a slot; names tell what escaped names stand for. clashes, which may be nil, learn all names first: what clashes
// may have come with an interrupted run.
func list(ctx context.Context, s *store.Store, slot string, names store.Names, clashes *plan.Clashes) (listing, error) {
	data := slot + "/data"
	if clashes != nil {
		for p, err := range store.Walk(ctx, s, data, names) {
			if err != nil {
				return nil, err
			}
			if manifest.Base(p.At) == manifest.Base(p.Path) {
				clashes.Add(p.Path)
			}
		}
	}
	return func(yield func(plan.Present, error) bool) {
		for p, err := range store.Walk(ctx, s, data, names) {
			if !yield(plan.Present{Path: p.Path, At: p.At, Mode: p.Info.Mode, Size: p.Info.Size, MTime: p.Info.MTime}, err) {
				return
			}
		}
	}, nil
}
