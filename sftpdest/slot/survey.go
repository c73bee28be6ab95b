package slot

import (
	"context"
	"fmt"

	"slotfs/indexer/manifest"
)

// guardFrom is how many entries a backup has at least before it is held against a mass change: in a tiny one half of
// the files may well go at once.
const guardFrom = 10

// survey walks the source before anything is changed: how much there is to do, and whether it looks like an accident.
// Its Summary is that of a dry run.
func (j *job) survey(ctx context.Context) (Summary, error) {
	in := inputs{walk: j.early, base: j.base, donor: j.donor}
	if j.o.Mode == manifest.Incremental && !j.o.DryRun {
		if err := j.first.begin(j.plan.listed || j.plan.clashes != nil); err != nil {
			return Summary{}, err
		}
	}
	plan := newPlanner()
	plan.fills, plan.traits = j.plan.fills, j.plan.traits
	last := newGuard(j.donor != nil)
	sum := Summary{Slot: j.state.Slot, Gen: j.state.Gen, Resumed: j.plan.resumed, Durability: j.Durability()}
	var planned, plannedBytes int64
	for r, err := range merge(ctx, in) {
		if err != nil {
			return sum, err
		}
		last.see(r)
		if r.src != nil || r.base != nil && r.base.Stored == "" {
			j.plan.clashes.add(r.path)
		}
		s := plan.plan(r)
		j.first.see(r, s)
		if s == nil {
			continue
		}
		whole := j.o.Mode == manifest.Compressed // all of it is sent every time
		if s.act == remove {
			if !whole {
				sum.Deleted++
			}
			continue
		}
		if whole {
			s.act = send
		}
		if !s.entry.IsRegular() {
			continue
		}
		sum.Files++
		sum.Bytes = addCapped(sum.Bytes, s.entry.Size)
		j.o.Progress.Scanned(1, s.entry.Size)
		switch s.act {
		case send:
			sum.Uploaded++
			sum.UploadedBytes = addCapped(sum.UploadedBytes, dataIn(&s.entry))
		case compare:
			sum.Compared++
		case fill:
			sum.Copied++
		default:
			continue
		}
		planned++
		plannedBytes = addCapped(plannedBytes, dataIn(&s.entry))
	}
	if err := j.first.end(); err != nil {
		return sum, err
	}
	j.o.Progress.Planned(planned, plannedBytes)
	if j.o.AllowMassChange {
		return sum, nil
	}
	return sum, last.check()
}

// guard compares the source with the last backup there is.
type guard struct {
	donor               bool // that of another slot, which is newer
	frozen              string
	source, known, gone int64
}

func newGuard(donor bool) *guard { return &guard{donor: donor, frozen: "\x00"} }

func (g *guard) see(r *row) {
	if r.src != nil {
		if r.src.Frozen {
			g.frozen = r.path
		}
		if r.path != "" {
			g.source++
		}
	}
	last := r.base
	if g.donor {
		last = r.donor
	}
	if last == nil || r.path == "" || last.Flags&manifest.Stale != 0 {
		return
	}
	g.known++
	if r.src == nil && !manifest.Below(r.path, g.frozen) {
		g.gone++
	}
}

func (g *guard) check() error {
	if g.source == 0 && g.known > 0 || g.known >= guardFrom && g.gone > g.known/2 {
		return fmt.Errorf("%d of %d entries: %w", g.gone, g.known, ErrMassChange)
	}
	return nil
}
