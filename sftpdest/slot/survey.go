package slot

import (
	"context"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
)

// survey walks the source before anything is changed: how much there is to do, and whether it looks like an accident.
// Its Summary is that of a dry run.
func (j *job) survey(ctx context.Context) (sum Summary, err error) {
	if err := j.fetch(ctx); err != nil {
		return sum, err
	}
	estimate := plan.New()
	estimate.Fills, estimate.OtherJob, estimate.Traits, estimate.Clashes = j.planner.Fills, j.planner.OtherJob, j.planner.Traits, j.planner.Clashes
	j.found, err = plan.NewSurvey(ctx, plan.Inputs{Source: j.walked, Base: j.known.base, Donor: j.known.donor}, estimate, plan.Options{
		Whole:   j.o.Mode == manifest.Compressed,
		Keep:    j.o.Mode == manifest.Incremental && !j.o.DryRun,
		Final:   !j.planner.Listed && j.planner.Clashes == nil,
		Scanned: func(size int64) { j.counts.Scanned(1, size) },
	})
	t := &j.found.Totals
	sum = Summary{
		Slot: j.state.Slot, Gen: j.state.Gen, Reason: j.reason, Resumed: j.planner.Resumed, Durability: j.s.Durability(), Files: t.Files, Bytes: t.Bytes,
		Uploaded: t.Sent, UploadedBytes: t.SentBytes, Compared: t.Compared, Copied: t.Copied, Deleted: t.Deleted,
	}
	if err != nil {
		return sum, err
	}
	j.counts.Planned(t.Planned, t.PlannedBytes)
	if j.o.AllowMassChange {
		return sum, nil
	}
	return sum, j.found.Check()
}
