package slot

import (
	"context"
	"fmt"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// traits learns what the server does to names: from the newest slot that tells it, else by trying.
func (j *job) traits(ctx context.Context) (err error) {
	if j.o.Mode == manifest.Compressed {
		return nil // names in an archive are safe
	}
	for i := range j.slots {
		if known := j.slots[i].State.Traits; len(known) > 0 && j.plan.Traits == nil {
			j.plan.Traits = known
		}
	}
	if j.plan.Traits == nil && j.o.Traits != nil && !j.o.DryRun {
		if j.plan.Traits, err = j.o.Traits(ctx); err != nil {
			return fmt.Errorf("try names on the server: %w", err)
		}
	}
	if j.plan.Traits.Has(manifest.FoldsCase) {
		j.plan.Clashes = plan.NewClashes()
	}
	return nil
}

// findClashes finds the names in the slot that clash with others, where only a listing tells them.
func (j *job) findClashes(ctx context.Context) error {
	if j.plan.Clashes == nil || !j.plan.Listed {
		return nil
	}
	for p, err := range store.Walk(ctx, j, j.slot+"/data", j.names) {
		if err != nil {
			return err
		}
		if manifest.Base(p.At) == manifest.Base(p.Path) {
			j.plan.Clashes.Add(p.Path)
		}
	}
	return nil
}
