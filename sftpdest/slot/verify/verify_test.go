package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

func TestVerifyTellsOfAnotherTimeWhereNothingElseProvesTheContent(t *testing.T) {
	v := &verifier{Store: store.New(desttest.Dir(t.TempDir()), store.NewBudget(0))}
	e := &manifest.Entry{Path: "f", Entry: backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 5, MTime: 7e9}}
	info := dest.Info{Name: "f", Mode: backup.ModeRegular, Size: 5, MTime: 8}
	if v.compare(t.Context(), nil, e, &store.Present{Info: info}); len(v.found) != 1 {
		t.Errorf("%v: restore would refuse it", v.found)
	}
}

func TestVerifyReadsWhatHasAnotherTimeWhateverTheSample(t *testing.T) {
	dir := t.TempDir()
	right := sha256.Sum256([]byte("right"))
	for _, c := range []struct {
		content string
		mtime   int64
		differ  bool
	}{{"wrong", 7, false}, {"wrong", 8, true}, {"right", 8, false}} {
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		v := &verifier{Store: store.New(desttest.Dir(dir), store.NewBudget(0)), room: semaphore.NewWeighted(comparedBytes)}
		e := &manifest.Entry{Path: "f", Entry: backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 5, MTime: 7e9}}
		e.Hash = hex.EncodeToString(right[:])
		g, ctx := errgroup.WithContext(t.Context())
		v.compare(ctx, g, e, &store.Present{Info: dest.Info{Name: "f", Mode: backup.ModeRegular, Size: 5, MTime: c.mtime}, At: "f"})
		if err := g.Wait(); err != nil || (v.found != nil) != c.differ {
			t.Errorf("%q under time %d: %v, %v", c.content, c.mtime, v.found, err)
		}
	}
}
