package slots_test

import (
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/engine/slots/slottest"
	"slotfs/indexer/manifest"
)

func TestTimesOfAServerThatKeepsNoneMeanNothing(t *testing.T) {
	root := t.TempDir()
	for times, want := range map[string]int64{"": 5, manifest.NoTimes: backup.NoTime} {
		state := slottest.State(1, 1)
		state.Times = times
		slottest.Write(t, root+"/j/alice/slot-01", state, slottest.Dir("", 1))
		s := &backup.Source{Kind: backup.Slot, Files: []backup.File{{Path: "j/alice/slot-01/data", MTime: 5}, {Path: "j/alice/slot-01/state.json"}}}
		seen := s.Files
		if _, err := new(slots.Engine).DescribeSelf(t.Context(), desttest.Dir(root), s); err != nil {
			t.Fatal(err)
		}
		if s.Files[0].MTime != want || seen[0].MTime != 5 {
			t.Errorf("times %q: %d, want %d", times, s.Files[0].MTime, want)
		}
	}
}
