package content

import (
	"context"
	"errors"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

// maxChanged is how many snapshots are remembered that were told of.
const maxChanged = 1024

// noteChanged tells that a tree is not what was indexed, once for each: nothing that is cheap to look at shows a pass what
// changed deep inside. The record of an archive or a slot is compared by every pass.
func (r *Reader) noteChanged(s *backup.Snapshot, err error) {
	if s.Kind != backup.Tree || r.o.Changed == nil || !errors.Is(err, backup.ErrStale) {
		return
	}
	r.mu.Lock()
	_, told := r.changed.Get(s.Serial)
	r.changed.Put(s.Serial, struct{}{}, 1)
	r.changed.Shrink(maxChanged, nil)
	r.mu.Unlock()
	if told || !r.begin() {
		return
	}
	go func() {
		defer r.work.Done()
		_ = contain.Do(func() error { // a pass in vain is all that can be lost
			r.o.Changed(context.WithoutCancel(r.ctx), s)
			return nil
		})
	}()
}
