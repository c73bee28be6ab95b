package plan

import (
	"errors"
	"fmt"

	"slotfs/indexer/manifest"
)

// ErrMassChange says that so much of the source is gone that it looks like an accident.
var ErrMassChange = errors.New("most of what the last backup has is gone from the source")

// guardFrom is how many entries a backup has at least before it is held against a mass change: in a tiny one half of
// the files may well go at once.
const guardFrom = 10

// guard compares the source with the last backup there is.
type guard struct {
	donor               bool // that of another slot, which is newer
	frozen              string
	source, known, gone int64
}

func newGuard(donor bool) *guard { return &guard{donor: donor, frozen: "\x00"} }

func (g *guard) see(r *Row) {
	if r.Src != nil {
		if r.Src.Frozen {
			g.frozen = r.Path
		}
		if r.Path != "" {
			g.source++
		}
	}
	last := r.Base
	if g.donor {
		last = r.Donor
	}
	if last == nil || r.Path == "" || last.Flags&manifest.Stale != 0 {
		return
	}
	g.known++
	if r.Src == nil && !manifest.Below(r.Path, g.frozen) {
		g.gone++
	}
}

func (g *guard) check() error {
	if g.source == 0 && g.known > 0 || g.known >= guardFrom && g.gone > g.known/2 {
		return fmt.Errorf("%d of %d entries: %w", g.gone, g.known, ErrMassChange)
	}
	return nil
}
