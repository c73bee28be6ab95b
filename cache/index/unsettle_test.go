package index

import (
	"errors"
	"testing"

	"slotfs/indexer/backup"
)

func TestUnsettledSnapshotIsReadAgainUnlessItIsAnotherOne(t *testing.T) {
	x := open(t, t.TempDir())
	s := snapshot("d", "k", 7)
	s.Stable = true
	putSnapshot(t, x, s)
	other := snapshot("d", "k", 8)
	if changed, err := x.Unsettle(t.Context(), other); changed || err != nil {
		t.Errorf("another serial: %v, %v", changed, err)
	}
	if changed, err := x.Unsettle(t.Context(), snapshot("d", "gone", 7)); changed || err != nil {
		t.Errorf("no record: %v, %v", changed, err)
	}
	for _, news := range []bool{true, false} {
		if changed, err := x.Unsettle(t.Context(), s); changed != news || err != nil {
			t.Errorf("%v, %v; want %v", changed, err, news)
		}
	}
	got, err := x.Snapshot(t.Context(), "d", "k")
	if err != nil || got.Stable || got.Serial != 7 || got.Status != s.Status {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRecordThatWasReplacedMeanwhileIsKept(t *testing.T) {
	x := open(t, t.TempDir())
	putSnapshot(t, x, snapshot("d", "k", 7))
	src := source{"d", "k"}
	before := x.catalog.snapshot(src)
	putSnapshot(t, x, snapshot("d", "k", 8))
	err := x.change(src, roomToPut, &entry{snapshot: clone(before), instead: before, keepState: true})
	if !errors.Is(err, errReplaced) {
		t.Errorf("%v", err)
	}
	if got, err := x.Snapshot(t.Context(), "d", "k"); err != nil || got.Serial != 8 || got.Status == backup.Growing {
		t.Errorf("%+v, %v", got, err)
	}
}
