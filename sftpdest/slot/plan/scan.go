package plan

import (
	"context"
	"iter"

	"slotfs/sftpdest/slot/prefetch"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
)

// Scan is a source that was walked and not planned yet, because what is in the slot, or which names clash, is not known before.
type Scan struct {
	Files, Bytes int64
	guard        *guard
	kept         kept
}

// NewScan walks the source beside what is known of earlier backups, and closes in.Source. clashes, which may be nil, learn all names.
// scanned hears of each regular file; it may be nil.
func NewScan(ctx context.Context, in Inputs, otherJob bool, clashes *Clashes, scanned func(size int64)) (*Scan, error) {
	s := &Scan{guard: newGuard(in.Donor != nil && !otherJob)}
	for r, err := range Merge(ctx, in) {
		if err != nil {
			return s, err
		}
		s.guard.see(r)
		if r.Src != nil || r.Base != nil && r.Base.Stored == "" {
			clashes.Add(r.Path)
		}
		if r.Src == nil {
			continue
		}
		if r.Src.IsRegular() {
			s.Files++
			s.Bytes = progress.AddCapped(s.Bytes, r.Src.Size)
			if scanned != nil {
				scanned(r.Src.Size)
			}
		}
		if err := s.kept.add(r.Src); err != nil {
			return s, err
		}
	}
	return s, s.kept.end()
}

// Check fails with ErrMassChange if most of the last backup is gone from the source.
func (s *Scan) Check() error { return s.guard.check() }

// Source is the source as it was walked, once.
func (s *Scan) Source(ctx context.Context) *prefetch.Iter[*source.Found] {
	return prefetch.Start(s.all(ctx), prefetch.Ahead)
}

func (s *Scan) all(ctx context.Context) iter.Seq2[*source.Found, error] { return s.kept.all(ctx) }

// Close gives local files back.
func (s *Scan) Close() { s.kept.close() }
