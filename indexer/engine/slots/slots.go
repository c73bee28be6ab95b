// Package slots knows what `slotfs sync` leaves on a destination: rotating slots, each with a plain tree or one
// archive and with a record of what it holds. It must not know how slots are written, nor how anything is fetched,
// stored or shown.
//
// On a destination it recognises
//
//	JOB/ACCOUNT/slot-NN/data/...                beside a state.json: an incremental slot
//	JOB/ACCOUNT/slot-NN/archive/NAME.tar.gz     beside a state.json: a compressed one
//
// and nothing else: names below data/ are the customer's. Package manifest has the format of state.json and of the
// manifest that it names. The tree of an incremental slot is what the manifest says; that of one which is being
// written, or whose manifest is damaged, is what listings show.
//
// Snapshots are named after the time when the backup was finished, in UTC: 2026-01-05T020000. The job is the origin,
// the directory's name the account.
package slots

import (
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/engine/dump"
	"slotfs/indexer/manifest"
)

// Names in a slot.
const (
	nameState   = manifest.StateName
	nameData    = "data"
	nameArchive = "archive"
	nameMeta    = "meta"
)

// Engine recognises and describes slots. It has no state.
type Engine struct {
	accounts engine.Engine // cuts what has the shape of a cPanel account
}

var (
	_ engine.Engine        = (*Engine)(nil)
	_ engine.SelfDescriber = (*Engine)(nil)
)

// New makes the engine.
func New() *Engine { return &Engine{accounts: cpanel.New()} }

// Wants implements engine.Engine.
func (e *Engine) Wants(path string, size int64) backup.Excerpt {
	if name, ok := strings.CutPrefix(path, staged+"/"); ok && isDump(name) {
		return dump.Excerpt(name)
	}
	return e.accounts.Wants(path, size)
}

// Keeps reports whether a copy of the file at path is kept beside an archive, so that describing it needs no read of the
// archive: it is wanted whole.
func (e *Engine) Keeps(path string, size int64) bool { return e.Wants(path, size) == backup.Whole }

// Place tells which slot of which account's directory a snapshot of a slot lies in.
func Place(s *backup.Source) (directory string, slot int, ok bool) {
	elements := split(s.Key())
	if s.Kind == backup.Slot && len(elements) == depthSlot+1 || s.Kind == backup.TarGzip && len(elements) == depthArchive+1 {
		slot, ok = slotNumber(elements[depthAccount])
		return elements[0] + "/" + elements[1], slot, ok
	}
	return "", 0, false
}
