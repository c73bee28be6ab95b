package view

import "slotfs/indexer/backup"

// Withheld is what of a kind of part is not for the owner of the account.
type Withheld struct {
	Names    bool // and the contents
	Contents bool
}

// restricted leaves to root what is withheld of a kind that an entry is seen as, or that it belongs to: what is in a mailbox is mail, also
// where it is seen as a file of the home directory. numbers are those of the entry and of the first name of its file.
func (b *snapshotView) restricted(a Attr, kind backup.PartKind, numbers ...uint64) Attr {
	if b.withheld == nil {
		return a
	}
	for k, w := range b.withheld() {
		belongs := k == kind
		for _, n := range numbers {
			belongs = belongs || inRanges(b.parts[k], n)
		}
		contents := w.Contents && a.Mode&backup.ModeType != backup.ModeDir
		if belongs && (w.Names || contents) {
			a = secretAttr(a)
		}
	}
	return a
}
