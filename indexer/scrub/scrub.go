// Package scrub reads backups again where they lie, the one that was not read for longest first, and compares them with what the
// index has: archives with the checksums of their spans, trees and plain archives with checksums that the first reading noted. It
// must not know the protocol, nor when and how fast it is worth while to read.
//
// Backups are read piece by piece. How far a reading came is kept with the snapshot (backup.Round), so that it goes on later, and
// nothing counts as verified before all of its pieces were read and compared. What is another file by now than the one that was
// indexed is no difference: it is left for the next pass.
package scrub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/tree"
)

// Catalog has the snapshots, and keeps what was found of them.
type Catalog interface {
	Snapshots(ctx context.Context, destination string) ([]*backup.Snapshot, error)
	// PutVerification reports whether the catalog still has that snapshot.
	PutVerification(ctx context.Context, s *backup.Snapshot, v backup.Verification) (bool, error)
	// Unsettle has the next pass read a snapshot again.
	Unsettle(ctx context.Context, s *backup.Snapshot) (bool, error)
}

// Sums keeps checksums of pieces of backups, by the serial of the snapshot. They stand in order of their pieces.
type Sums interface {
	PutSums(ctx context.Context, serial, first uint64, sums []byte) error
	// Sums returns the last ones that begin at piece or before it, nil where there are none, and with which piece the next ones
	// begin, 0 where there are none.
	Sums(ctx context.Context, serial, piece uint64) (first uint64, sums []byte, next uint64, err error)
}

// Points finds seek points.
type Points interface {
	Point(ctx context.Context, serial uint64, out int64) (*gzseek.Point, error)
}

// Index is what was indexed, and where findings go.
type Index interface {
	tree.Getter
	Catalog
	Sums
	Points
}

// Options of a scrub.
type Options struct {
	Destination string  // its name
	Account     string  // only this account, or "" for all
	Share       float64 // of the bytes of all these backups that are to be read, 0 to 1
	Rate        int64   // bytes read a second at most; 0: no limit
	Log         *slog.Logger
	Now         func() time.Time
	Progress    Progress // may be nil
}

// Progress hears how a scrub gets on.
type Progress interface {
	// Read says how many bytes of those that are to be read were read, as stored.
	Read(s *backup.Snapshot, done, total int64)
	// Differs says what is not as it was indexed.
	Differs(d Difference)
	// Skipped says why a backup could not be compared to its end.
	Skipped(s *backup.Snapshot, reason string)
}

// Difference is a place at which a backup is not as it was indexed.
type Difference struct {
	Origin   string `json:"origin,omitempty"`
	Account  string `json:"account,omitempty"`
	Snapshot string `json:"snapshot"`
	Source   string `json:"source"` // path on the destination
	What     string `json:"what"`
}

// Summary is what a scrub did.
type Summary struct {
	Backups     int   `json:"backups"` // that there are to compare
	Bytes       int64 `json:"bytes"`   // of them, as stored
	Read        int64 `json:"read"`    // bytes
	Verified    int   `json:"verified"`
	Noted       int   `json:"noted"` // read to the end for the first time, so that they are compared the next time
	Differing   int   `json:"differing"`
	Differences int64 `json:"differences"`
	Skipped     int   `json:"skipped"`
	Unfinished  int   `json:"unfinished"` // gone on with by the next scrub
}

// Run reads as much as is to be read. Its error is what ended it as a whole: ctx, the network or the index.
func Run(ctx context.Context, d dest.Destination, x Index, o Options) (Summary, error) {
	s := &scrub{Options: o, dest: d, index: x, limit: rate.NewLimiter(rate.Inf, 0)}
	if o.Rate > 0 {
		s.limit = rate.NewLimiter(rate.Limit(o.Rate), pieceSize)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Progress == nil {
		s.Progress = silent{}
	}
	if err := s.run(ctx); err != nil {
		return s.summary, fmt.Errorf("verify %s: %w", o.Destination, err)
	}
	return s.summary, nil
}

// scrub is one scrub under way.
type scrub struct {
	Options
	dest    dest.Destination
	index   Index
	limit   *rate.Limiter
	total   int64 // bytes to be read
	summary Summary
}

func (s *scrub) run(ctx context.Context) error {
	all, err := s.index.Snapshots(ctx, s.Destination)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(b *backup.Snapshot) bool { return !Comparable(b) || s.Account != "" && b.Account != s.Account })
	for _, b := range all {
		s.summary.Backups++
		s.summary.Bytes += b.StoredSize()
	}
	s.total = int64(math.Ceil(s.Share * float64(s.summary.Bytes)))
	latest := s.Now().Add(ahead)
	slices.SortStableFunc(all, func(a, b *backup.Snapshot) int { return lastRead(a, latest).Compare(lastRead(b, latest)) })
	for _, b := range all {
		if s.enough() {
			break
		}
		if err := s.one(ctx, b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ahead is how much later than now a reading may be noted.
const ahead = 24 * time.Hour

// lastRead is when all of a snapshot was read last. What was noted to be later than latest was noted by a clock that was wrong, and would
// keep the snapshot from being read again until then.
func lastRead(s *backup.Snapshot, latest time.Time) time.Time {
	at := s.LastRead()
	if at.After(latest) {
		return time.Time{}
	}
	return at
}

// enough reports whether as much was read as is to be read.
func (s *scrub) enough() bool { return s.Share < 1 && s.summary.Read >= s.total }

// Comparable reports whether there is something that the bytes of a snapshot can be compared with. Slots are not: their jobs
// compare them with their manifests.
func Comparable(s *backup.Snapshot) bool {
	if !s.Readable() || s.Mark != "" {
		return false
	}
	switch s.Kind {
	case backup.Tree:
		return s.Status == backup.Complete || s.Status == backup.Incomplete
	case backup.Tar, backup.TarGzip:
		return s.Status == backup.Complete || s.Status == backup.Truncated
	}
	return false
}

// one reads one snapshot, from where an earlier reading ended.
func (s *scrub) one(ctx context.Context, b *backup.Snapshot) error {
	r := &round{scrub: s, snapshot: b, v: b.Verified, saved: s.Now()}
	if r.v.Round.Began.IsZero() {
		r.v.Round = backup.Round{Began: s.Now().UTC()}
	}
	r.sums = sums{store: s.index, serial: b.Serial}
	var whole bool
	err := contain.Do(func() (err error) {
		whole, err = r.subject().read(ctx, r)
		return err
	})
	if errors.Is(err, errStopped) {
		err = nil
	}
	if stack := contain.Stack(err); stack != "" {
		s.Log.Error("comparing a backup panicked", "destination", s.Destination, "path", b.Key(), "error", err, "stack", stack)
		return r.skip(ctx, err)
	}
	if errors.Is(err, errNoPoint) {
		return r.skip(ctx, err)
	}
	if errors.Is(err, backup.ErrStale) {
		if _, err := s.index.Unsettle(ctx, b); err != nil {
			return err
		}
		return r.skip(ctx, errors.New("changed since it was indexed; the next pass reads it again"))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", b.Key(), err), r.save(ctx))
	}
	if whole {
		return r.finish(ctx)
	}
	s.summary.Unfinished++
	return r.save(ctx)
}

// ends reports whether going on is useless after an error.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrAuth) || errors.Is(err, dest.ErrClosed)
}

// isStale reports whether an error says that there is another file by now, or none.
func isStale(err error) bool {
	return errors.Is(err, backup.ErrStale) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular)
}

// silent hears nothing.
type silent struct{}

var _ Progress = silent{}

func (silent) Read(*backup.Snapshot, int64, int64) {}
func (silent) Differs(Difference)                  {}
func (silent) Skipped(*backup.Snapshot, string)    {}
