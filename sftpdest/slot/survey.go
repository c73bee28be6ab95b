package slot

import (
	"context"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
)

// surveyor plans a backup, once: before anything is changed, or, where only a listing tells what is in the slot, when the source was
// checked and the slot is listed.
type surveyor struct {
	o       *Options
	counts  *progress.Counts
	inputs  plan.Inputs // without a listing
	planner plan.Planner
	scan    *plan.Scan // nil: the plan needed none
	plan    *plan.Plan // nil: not yet
}

// survey walks the source before anything is changed: how much there is to do, and whether it looks like an accident.
func (v *surveyor) survey(ctx context.Context) (err error) {
	later := v.planner.Listed && !v.o.DryRun && v.o.Mode == manifest.Incremental
	if later || v.planner.Clashes != nil {
		v.scan, err = plan.NewScan(ctx, v.inputs, v.planner.OtherJob, v.planner.Clashes, v.scanned())
		if err == nil {
			err = v.check(v.scan)
		}
		if err != nil || later {
			return err
		}
		v.inputs.Source = v.scan.Source(ctx)
	}
	if err := v.make(ctx, v.inputs); err != nil {
		return err
	}
	if v.scan != nil {
		return nil
	}
	return v.check(v.plan)
}

func (v *surveyor) check(found interface{ Check() error }) error {
	if v.o.AllowMassChange {
		return nil
	}
	return found.Check()
}

// scanned tells of regular files of the source, once.
func (v *surveyor) scanned() func(size int64) {
	if v.scan != nil {
		return nil
	}
	return func(size int64) { v.counts.Scanned(1, size) }
}

// make plans, and tells how much there is to do.
func (v *surveyor) make(ctx context.Context, in plan.Inputs) (err error) {
	p := v.planner
	if v.o.DryRun || v.o.Mode == manifest.Compressed { // what is in the slot besides a backup does not matter
		p = plan.New()
		p.Fills, p.OtherJob, p.Traits, p.Clashes = v.planner.Fills, v.planner.OtherJob, v.planner.Traits, v.planner.Clashes
	}
	keep := v.o.Mode == manifest.Incremental && !v.o.DryRun
	v.plan, err = plan.Make(ctx, in, p, plan.Options{
		Whole: v.o.Mode == manifest.Compressed, Keep: keep, Idle: keep && in.Listed == nil, Scanned: v.scanned(),
	})
	if err == nil {
		v.counts.Planned(v.plan.Planned, v.plan.PlannedBytes)
	}
	return err
}

// makeListed plans with what a listing tells.
func (v *surveyor) makeListed(ctx context.Context, listed listing) error {
	in := v.inputs
	in.Source, in.Listed = v.scan.Source(ctx), listed
	return v.make(ctx, in)
}

// summary is that of a dry run.
func (v *surveyor) summary() (sum Summary) {
	switch {
	case v.plan != nil:
		t := &v.plan.Totals
		sum.Files, sum.Bytes, sum.Uploaded, sum.UploadedBytes = t.Files, t.Bytes, t.Sent, t.SentBytes
		sum.Compared, sum.Copied, sum.Deleted = t.Compared, t.Copied, t.Deleted
	case v.scan != nil:
		sum.Files, sum.Bytes = v.scan.Files, v.scan.Bytes
	}
	return sum
}

func (v *surveyor) close() {
	if v.scan != nil {
		v.scan.Close()
	}
	if v.plan != nil {
		v.plan.Close()
	}
}
