package slot

import (
	"context"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
)

// ServerTime is the destination's clock, by the time of a file that is made in a directory for that.
func ServerTime(ctx context.Context, d dest.ReadWriter, directory string) (time.Time, error) {
	seconds, err := lease.ServerTime(ctx, store.New(d, store.NewBudget(0)), directory)
	return time.Unix(seconds, 0), err
}
