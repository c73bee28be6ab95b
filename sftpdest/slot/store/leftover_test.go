package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/slot/store"
)

func TestTrialsOfKilledRunsAreRemovedAndNothingElse(t *testing.T) {
	root := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for name, at := range map[string]time.Time{
		store.TrialPrefix + "DEAD/sub/file": old, store.TrialPrefix + "DEADFILE": old, "other/file": old, ".slotfs-tests": old,
		store.TrialPrefix + "LIVE/file": time.Now(), store.TrialPrefix + "LIVEFILE": time.Now(),
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		for p := path; p != root; p = filepath.Dir(p) {
			if err := os.Chtimes(p, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := store.FindTraits(t.Context(), desttest.Dir(root)); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range list {
		left = append(left, e.Name())
	}
	if want := []string{".slotfs-test-LIVE", ".slotfs-test-LIVEFILE", ".slotfs-tests", "other"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}
