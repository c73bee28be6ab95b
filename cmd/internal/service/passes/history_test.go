package passes

import (
	"context"
	"testing"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
	"slotfs/indexer/dest"
)

// kept is a history in memory.
type kept []history.Record

func (k *kept) Add(r history.Record) error { *k = append(*k, r); return nil }

func TestEachPassIsRemembered(t *testing.T) {
	r := newRunner(t, &targets{err: exit.Hinted(dest.ErrUnreachable, "plug it in")})
	var all kept
	r.History = &all
	run(r, context.Background(), "a", "b")
	if len(all) != 2 || all[1].Destination != "b" || all[1].Result != history.Failed || all[1].Cause != history.Unreachable || all[1].Kind != history.Pass ||
		all[1].Code != exit.Unreachable || all[1].Ended.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestInterruptedPassIsNoFailure(t *testing.T) {
	r := newRunner(t, &targets{err: context.Canceled})
	var all kept
	r.History = &all
	run(r, context.Background(), "a")
	if len(all) != 1 || all[0].Result != history.Interrupted {
		t.Errorf("%+v", all)
	}
}
