package slot

import (
	"context"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
)

// survey walks the source before anything is changed: how much there is to do, and whether it looks like an accident.
// Its Summary is that of a dry run.
func (j *job) survey(ctx context.Context) (sum Summary, err error) {
	estimate := plan.New()
	estimate.Fills, estimate.OtherJob, estimate.Traits, estimate.Clashes = j.plan.Fills, j.plan.OtherJob, j.plan.Traits, j.plan.Clashes
	j.found, err = plan.NewSurvey(ctx, plan.Inputs{Source: j.walked, Base: j.base, Donor: j.donor}, estimate, plan.Options{
		Whole:   j.o.Mode == manifest.Compressed,
		Keep:    j.o.Mode == manifest.Incremental && !j.o.DryRun,
		Final:   !j.plan.Listed && j.plan.Clashes == nil,
		Scanned: func(size int64) { j.count.Scanned(1, size) },
	})
	t := &j.found.Totals
	sum = Summary{
		Slot: j.state.Slot, Gen: j.state.Gen, Reason: j.reason, Resumed: j.plan.Resumed, Durability: j.Durability(), Files: t.Files, Bytes: t.Bytes,
		Uploaded: t.Sent, UploadedBytes: t.SentBytes, Compared: t.Compared, Copied: t.Copied, Deleted: t.Deleted,
	}
	if err != nil {
		return sum, err
	}
	j.count.Planned(t.Planned, t.PlannedBytes)
	if j.o.AllowMassChange {
		return sum, nil
	}
	return sum, j.found.Check()
}
