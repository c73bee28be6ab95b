package indexer_test

import (
	"path/filepath"
	"testing"
	"time"
)

func TestYoungTreeIsWalkedUntilNothingIsWrittenToIt(t *testing.T) {
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/deep/er/file": "content"})
	w.sh(`mkdir -p "$2/2026-01-01/accounts"; cp -a "$1/alice" "$2/2026-01-01/accounts/"`, parent, w.root)
	deep := filepath.Join(w.root, "2026-01-01/accounts/alice/homedir/deep/er")
	w.now = time.Date(2026, 1, 2, 5, 0, 0, 0, time.UTC)
	for range 3 {
		w.mustPass()
	}
	if w.only().Settled {
		t.Fatal("settled on the day after")
	}
	w.write(filepath.Join(deep, "late"), "came later")
	w.mustPass()
	if late := w.resolve(w.only(), "homedir/deep/er/late"); late.Size != 10 {
		t.Errorf("late file of %d bytes", late.Size)
	}
	w.now = w.now.AddDate(0, 0, 2)
	w.mustPass()
	if !w.only().Settled {
		t.Error("not settled after days without a change")
	}
}
