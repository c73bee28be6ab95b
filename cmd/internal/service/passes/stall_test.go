package passes

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/dest"
)

// quiet is progress that nobody hears.
type quiet struct{ indexer.Progress }

func (quiet) Walked(int, int) {}

func TestPassThatGetsNowhereEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := watch(t.Context(), "a", time.Hour, quiet{}, func(ctx context.Context, p indexer.Progress) error {
			for range 10 { // as long as it gets somewhere it may take any time
				time.Sleep(50 * time.Minute)
				p.Walked(1, 0)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(began); !errors.Is(err, dest.ErrUnreachable) || took < 9*time.Hour || took > 12*time.Hour {
			t.Errorf("%v after %v", err, took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = watch(ctx, "a", time.Hour, quiet{}, func(ctx context.Context, _ indexer.Progress) error { return ctx.Err() })
		if !errors.Is(err, context.Canceled) || errors.Is(err, dest.ErrUnreachable) {
			t.Errorf("a pass that was cancelled: %v", err)
		}
	})
}
