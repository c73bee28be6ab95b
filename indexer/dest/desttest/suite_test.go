package desttest_test

import (
	"context"
	"sync/atomic"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
)

//check:without it takes seconds
func TestDirectoryIsADestination(t *testing.T) {
	desttest.Suite(t, func(_ testing.TB, root string) dest.Destination { return desttest.Dir(root) })
}

//check:without it takes seconds
func TestDirectoryCanBeChanged(t *testing.T) {
	desttest.WriteSuite(t, func(_ testing.TB, root string) dest.ReadWriter {
		return desttest.Dir(root)
	})
}

func TestDirectoryLosesConnections(t *testing.T) {
	desttest.LossSuite(t, func(_ testing.TB, root string) (dest.ReadWriter, func(int)) {
		d := desttest.Dir(root)
		var left atomic.Int64
		d.SetFault(func(context.Context, desttest.Call) error {
			if left.Add(-1) >= 0 {
				return dest.ErrConnectionLost
			}
			return nil
		})
		return d, func(n int) { left.Store(int64(n)) }
	})
}
