package indexer_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/engine/cpanel"
)

func TestYoungTreeIsWalkedUntilNothingIsWrittenToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/deep/er/file": "content"})
	w.sh(`mkdir -p "$2/2026-01-01/accounts"; cp -a "$1/alice" "$2/2026-01-01/accounts/"`, parent, w.root)
	deep := filepath.Join(w.root, "2026-01-01/accounts/alice/homedir/deep/er")
	w.now = time.Date(2026, 1, 2, 5, 0, 0, 0, time.UTC)
	for range 3 {
		w.mustPass()
	}
	if w.only().Stable {
		t.Fatal("settled on the day after")
	}
	w.write(filepath.Join(deep, "late"), "came later")
	w.mustPass()
	if late := w.resolve(w.only(), "homedir/deep/er/late"); late.Size != 10 {
		t.Errorf("late file of %d bytes", late.Size)
	}
	w.now = w.now.AddDate(0, 0, 2)
	w.mustPass()
	if !w.only().Stable {
		t.Error("not settled after days without a change")
	}
}

func TestTreesAreTheSameWhenWalkedWithoutRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 700 {
		w.write(filepath.Join(w.root, "2026-01-05/accounts/alice/homedir", fmt.Sprintf("d%03d/%d/f", i%40, i)), "x")
	}
	w.write(filepath.Join(w.root, "2026-01-05/accounts/alice/cp/alice"), "USER=alice\n")
	w.mustPass()
	want := w.only().Root
	o := w.options()
	o.Full = true
	if err := indexer.PassWithoutRoom(t.Context(), w.dest, cpanel.New(), w.index, o); err != nil {
		t.Fatal(err)
	}
	if got := w.only().Root; got.Child != want.Child || got.Count != want.Count || got.Count < 1400 {
		t.Errorf("%+v, not %+v", got, want)
	}
}
