package upload

import (
	"context"
	"errors"
	"sync/atomic"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// Copies of copies could carry damage from slot to slot without anybody having read it. So a share of what was copied
// is read back, and each tenth backup sends what it would have copied: no chain of copies gets longer.
const (
	resendEvery = 10      // generations
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
func (v *copyVerifier) due(size int64) bool {
	budget := readAtFirst + v.copied.Add(size)/readBack
	if v.read.Add(size) <= budget {
		return true
	}
	v.read.Add(-size)
	return false
}

// Resends reports whether a generation sends what others copy.
func Resends(gen uint64) bool { return gen%resendEvery == 0 }

// Fill copies or links a file that the donor has to a temporary name. It returns nil if the file has to be sent.
func (u *Uploader) Fill(ctx context.Context, a *plan.Action) (*Content, error) {
	if u.copies.donorCorrupt.Load() {
		return nil, nil
	}
	temp, durable, linked, err := u.duplicate(ctx, u.o.Donor+"/data/"+a.From, &a.Entry)
	if err != nil {
		if store.Ends(ctx, err) {
			return nil, err
		}
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, store.ErrManyRanges) {
			u.o.Log.Warn("copy on the server", "path", a.Entry.Path, "error", err)
		}
		return nil, nil // send it
	}
	if !linked {
		if sound, err := u.verifyCopy(ctx, temp, a); !sound || err != nil {
			return nil, err
		}
	}
	a.Entry.Digest = a.Claim
	if linked {
		u.counts.Linked.Add(1)
	} else {
		u.counts.Copied.Add(1)
	}
	u.counts.Sent(1, a.Entry.Size)
	return &Content{Temp: temp, Durable: durable, Stable: true}, nil
}

// duplicate links or copies a file on the server to a temporary name.
func (u *Uploader) duplicate(ctx context.Context, from string, e *manifest.Entry) (temp string, durable, linked bool, err error) {
	if u.o.Link {
		if temp, err = u.s.Temps(u.slot).Link(ctx, from); err == nil {
			return temp, u.s.Durable(), true, nil
		}
	}
	temp, durable, err = u.s.Temps(u.slot).Copy(ctx, from, e)
	return temp, durable, false, err
}

// verifyCopy reports whether a copy, where it is due to be read back, is what it has to be.
func (u *Uploader) verifyCopy(ctx context.Context, temp string, a *plan.Action) (bool, error) {
	data := plan.DataIn(&a.Entry)
	if a.Entry.Size-data > fewHoles || !u.copies.due(data) {
		return true, nil // the checksum of holes costs more than their copy
	}
	hash, err := store.HashEntry(ctx, u.s, temp, &a.Entry)
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	if err == nil && hash == a.Claim.Hash {
		return true, nil
	}
	if !u.copies.donorCorrupt.Swap(true) {
		u.o.Log.Warn("slot is damaged: nothing more is copied from it, verify it", "slot", u.o.Donor, "path", a.Entry.Path)
	}
	return false, u.s.Remove(ctx, temp)
}

// Verify looks whether the server has at a place what the slot is said to have: it may have lost what it took without making it
// durable, or show another time. It gets its time and permissions then.
func (u *Uploader) Verify(ctx context.Context, a *plan.Action, at string) (same bool, err error) {
	release, err := u.s.AcquireMemory(ctx, min(a.Entry.Size, store.HashAhead<<20))
	if err != nil {
		return false, err
	}
	defer release()
	hash, err := store.HashEntry(ctx, u.s, at, &a.Entry)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) {
			return false, err
		}
		return false, nil
	}
	if hash != a.Claim.Hash {
		return false, nil
	}
	err = u.s.SetAttributes(ctx, at, store.Attributes(a.Entry.Mode, 0o600, a.Entry.MTime))
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	a.Entry.Digest = a.Claim
	return true, nil
}
