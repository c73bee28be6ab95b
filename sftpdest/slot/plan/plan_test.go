package plan

import (
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

func TestWhatASlotHasUnderAnotherTimeIsReadBeforeItIsGivenUp(t *testing.T) {
	p := New()
	p.Listed, p.Resumed = true, true
	base := &manifest.Entry{Path: "f", Entry: backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 5, MTime: 7e9},
		Digest: manifest.Digest{Hash: strings.Repeat("1", 64)}}
	here := &Present{Path: "f", Mode: backup.ModeRegular, Size: 5, MTime: 3607}
	for name, src := range map[string]*source.Found{"unreadable": {Entry: *base, Frozen: true}, "as it was": {Entry: *base}} {
		s := p.Decide(&Row{Path: "f", Src: src, Base: base, Here: here})
		if s == nil || s.Do != Reread || s.Claim != base.Digest {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
