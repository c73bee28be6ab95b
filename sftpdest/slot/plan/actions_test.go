package plan

import (
	"fmt"
	"reflect"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// A plan with more actions than fit in memory is not made again: what was kept of it is the same.
func TestALargePlanIsKeptAsItWasMade(t *testing.T) {
	entry := func(path string, mode uint32) manifest.Entry {
		return manifest.Entry{Path: path, Entry: backup.Entry{Name: manifest.Base(path), Mode: mode, UID: 7, MTime: 5}}
	}
	regular, sum := uint32(backup.ModeRegular|0o644), fmt.Sprintf("%064d", 7)
	old := entry("c/old", regular)
	old.Hash, old.Stored = sum, manifest.Escape("old")
	all := []*Action{
		{Entry: entry("", backup.ModeDir|0o755), Do: Keep, Have: Dir, Restamp: true},
		{Entry: manifest.Entry{Path: "b\xff\n"}, Do: Remove, Have: Dir, Where: "b\xff\n"},
		{Entry: entry("c", backup.ModeDir|0o700), Do: Mkdir, Have: File, Where: "c"},
		{Entry: entry("c/fill", regular), Do: Fill, Claim: manifest.Digest{Hash: sum, Blocks: "\x00\xff"}, From: "d/\x00?"},
		{Entry: entry("c/old", regular), Do: Compare, Have: File, Claim: old.Digest, Old: &old, Where: "c/" + old.Stored},
	}
	for i := range inMemory {
		all = append(all, &Action{Entry: entry(fmt.Sprintf("d/%06d", i), regular), Do: Send})
	}
	var kept actions
	defer kept.close()
	for _, a := range all {
		if err := kept.add(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := kept.end(); err != nil || kept.file == nil || len(kept.some) != 0 {
		t.Fatalf("%d actions are in memory, %v", len(kept.some), err)
	}
	n := 0
	for a, err := range kept.all(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, all[n]) {
			t.Fatalf("%+v, want %+v", a, all[n])
		}
		n++
	}
	if n != len(all) {
		t.Errorf("%d actions, want %d", n, len(all))
	}
}
