package indexer

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
)

// readSelfDescribed makes the snapshot of a backup that says itself what it is. What it says is asked before it is read and
// again after that.
func (p *pass) readSelfDescribed(ctx context.Context, describer engine.SelfDescriber, b *reading) (*backup.Snapshot, error) {
	said, err := describer.DescribeSelf(ctx, p.dest, b.source)
	if errors.Is(err, fs.ErrPermission) && !endsPass(ctx, err) {
		p.Progress.Began(b.source, 0, 0)
		return b.denied(), nil
	}
	if err != nil {
		return nil, err
	}
	if known := b.sameAsKnown(&said); known != nil {
		p.Progress.Began(b.source, 0, 0)
		return known, nil
	}
	snapshot, err := p.readWith(ctx, slotReader{&said}, b)
	if err != nil {
		return nil, err
	}
	return p.confirm(ctx, describer, b, snapshot, &said)
}

// sameAsKnown is the record of a backup that an earlier pass read and that is still the same one: only what is said of
// it may have changed. It is settled when two passes in a row saw it.
func (b *reading) sameAsKnown(said *engine.SelfDescription) *backup.Snapshot {
	s, known := b.source, b.known
	if known == nil || b.Full || outdated(known) || known.Kind != s.Kind || !known.Readable() {
		return nil
	}
	next := *known
	next.Source, next.Indexed, next.Machine = *s, b.Now().UTC(), said.Machine
	next.Stable = known.Fingerprint == s.Fingerprint && said.Status == known.Status
	if s.Kind == backup.Slot {
		// What was walked may have changed under its mark, and may come to be listed.
		if said.Walked || known.Mark != s.Mark || known.Status != said.Status {
			return nil
		}
		return &next
	}
	if !slices.Equal(known.Files, s.Files) || known.Status != backup.Complete && known.Status != backup.Incomplete {
		return nil
	}
	next.Status, next.Detail = said.Status, said.Detail
	return &next
}

// confirm adds what the backup says of itself to what reading it proved, unless it became another one meanwhile.
func (p *pass) confirm(ctx context.Context, describer engine.SelfDescriber, b *reading, snapshot *backup.Snapshot, said *engine.SelfDescription) (*backup.Snapshot, error) {
	again := *b.source
	if _, err := describer.DescribeSelf(ctx, p.dest, &again); err != nil {
		return nil, err
	}
	if again.Mark != b.source.Mark {
		changed := b.record(backup.Growing, "changed while it was read; the next pass reads it again")
		changed.Serial = snapshot.Serial
		return changed, nil
	}
	snapshot.Machine = said.Machine
	snapshot.Stable = false // what is written twice within a second looks alike
	if snapshot.Status == backup.Complete && said.Status != backup.Complete {
		snapshot.Status, snapshot.Detail = said.Status, said.Detail
	}
	return snapshot, nil
}
