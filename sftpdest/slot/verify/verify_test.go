package verify

import (
	"strings"
	"testing"

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
	if e.Hash, v.found = strings.Repeat("0", 64), nil; true {
		v.compare(t.Context(), nil, e, &store.Present{Info: info})
	}
	if v.found != nil {
		t.Errorf("%v: its content decides", v.found)
	}
}
