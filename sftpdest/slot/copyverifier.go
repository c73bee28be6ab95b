package slot

import (
	"context"
	"errors"
	"sync/atomic"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// Copies of copies could carry damage from slot to slot without anybody having read it. So a share of what was copied
// is read back, and each tenth backup sends what it would have copied: no chain of copies gets longer.
const (
	sendEvery   = 10      // generations
	readBack    = 64      // one of so many bytes that were copied is read
	readAtFirst = 1 << 20 // and so many bytes besides
)

// copyVerifier decides which copies are read back.
type copyVerifier struct {
	copied       atomic.Int64 // bytes
	read         atomic.Int64
	donorCorrupt atomic.Bool // the donor has something else than its manifest says: nothing more is copied from it
}

// due reports whether a copy of size bytes is read back.
func (s *copyVerifier) due(size int64) bool {
	budget := readAtFirst + s.copied.Add(size)/readBack
	if s.read.Add(size) <= budget {
		return true
	}
	s.read.Add(-size)
	return false
}

// sends reports whether a generation sends what others copy.
func sends(o *Options, gen uint64) bool { return o.Fill == FillAuto && gen%sendEvery == 0 }

// verifyCopy reports whether a copy, where it is due to be read back, is what it has to be.
func (j *job) verifyCopy(ctx context.Context, temp string, s *step) (bool, error) {
	data := plan.DataIn(&s.Entry)
	if s.Entry.Size-data > fewHoles || !j.copies.due(data) {
		return true, nil // the checksum of holes costs more than their copy
	}
	hash, err := store.HashEntry(ctx, j, temp, &s.Entry)
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	if err == nil && hash == s.Claim.Hash {
		return true, nil
	}
	if !j.copies.donorCorrupt.Swap(true) {
		j.o.Log.Warn("slot is damaged: nothing more is copied from it, verify it", "slot", j.donorAt, "path", s.Entry.Path)
	}
	return false, j.Remove(ctx, temp)
}
