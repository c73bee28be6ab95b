package indexer

import (
	"context"

	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// PassWithoutRoom makes a pass with as many entries in memory as make it walk directories one by one.
func PassWithoutRoom(ctx context.Context, d dest.Destination, e engine.Engine, x Index, o Options) error {
	p := newPass(d, e, x, o)
	if err := p.room.take(sharedEntries); err != nil {
		return err
	}
	return p.run(ctx)
}
