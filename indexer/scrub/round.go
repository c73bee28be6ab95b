package scrub

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"slotfs/indexer/backup"
)

const (
	// pieceSize is how many bytes are read and compared at once of what has no seek points.
	pieceSize = 16 << 20
	// saveEvery is how often it is kept how far a reading came.
	saveEvery = 30 * time.Second
	// maxFirst is how many differences of a snapshot are kept in words.
	maxFirst = 20
)

// errStopped says that enough was read for this time.
var errStopped = errors.New("enough for now")

// subject is how the pieces of one kind of backup are read.
type subject interface {
	// read goes on at Round.Next and hands each piece to done; whole says that none is left. backup.ErrStale says that the backup
	// is another one by now.
	read(ctx context.Context, r *round) (whole bool, err error)
}

// round is the reading of one snapshot.
type round struct {
	*scrub
	snapshot *backup.Snapshot
	v        backup.Verification
	sums     sums
	saved    time.Time
	gone     bool // the index has the snapshot no more
}

func (r *round) subject() subject {
	switch r.snapshot.Kind {
	case backup.Tree:
		return directories{}
	case backup.Tar:
		return plainArchive{}
	default:
		return gzipArchive{}
	}
}

// wait returns when n more bytes may be read.
func (r *round) wait(ctx context.Context, n int64) error {
	for n > 0 {
		some := min(n, pieceSize)
		if err := r.limit.WaitN(ctx, int(some)); err != nil {
			return err
		}
		n -= some
	}
	return ctx.Err()
}

// done notes that a piece of n bytes was read and compared, and that the next one is next. The error is errStopped when that was
// enough.
func (r *round) done(ctx context.Context, next uint64, n int64) error {
	r.v.Round.Next = next
	r.v.Round.Read += n
	r.summary.Read += n
	r.Progress.Read(r.snapshot, r.summary.Read, r.total)
	if r.Now().Sub(r.saved) >= saveEvery {
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	if r.enough() || r.gone {
		return errStopped
	}
	return nil
}

// differs notes a difference. name is a path in the snapshot; "": that of the archive.
func (r *round) differs(name, what string) {
	text := what
	if name != "" {
		text = name + ": " + what
	}
	r.v.Round.Differences++
	if len(r.v.Round.First) < maxFirst {
		r.v.Round.First = append(r.v.Round.First, text)
	}
	if r.v.Round.Differences > r.v.Differences {
		r.v.Differences, r.v.First = r.v.Round.Differences, r.v.Round.First
	}
	r.v.At = time.Time{}
	r.summary.Differences++
	s := r.snapshot
	r.Log.Error("not what was indexed", "destination", r.Destination, "path", path.Join(s.Key(), name), "error", what)
	r.Progress.Differs(Difference{Origin: s.Origin, Account: s.Account, Snapshot: s.Name, Source: s.Key(), What: text})
}

// save keeps how far the reading came, also of one that is interrupted.
func (r *round) save(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := r.sums.flush(ctx); err != nil {
		return err
	}
	there, err := r.index.PutVerification(ctx, r.snapshot, r.v)
	r.saved, r.gone = r.Now(), !there
	return err
}

// finish ends the reading: all pieces were read.
func (r *round) finish(ctx context.Context) error {
	round := r.v.Round
	r.v.Round = backup.Round{}
	r.v.Read, r.v.Differences, r.v.First = round.Began, round.Differences, round.First
	switch {
	case round.Differences > 0:
		r.v.At = time.Time{}
		r.summary.Differing++
	case round.Noted > 0:
		r.v.Recorded, r.v.At = round.Began, time.Time{}
		r.summary.Noted++
	default:
		r.v.At = round.Began
		r.summary.Verified++
	}
	return r.save(ctx)
}

// skip gives the snapshot up until its turn comes again.
func (r *round) skip(ctx context.Context, reason error) error {
	r.summary.Skipped++
	r.Progress.Skipped(r.snapshot, reason.Error())
	r.v.Read, r.v.Round = r.Now().UTC(), backup.Round{}
	return r.save(ctx)
}

// fault sorts an error of reading: what ends the scrub or the snapshot comes back, everything else is a difference in words.
func fault(ctx context.Context, err error) (what string, _ error) {
	switch {
	case err == nil:
		return "", nil
	case ends(ctx, err):
		return "", err
	case isStale(err):
		return "", fmt.Errorf("%w: %w", backup.ErrStale, err)
	}
	return "cannot be read: " + err.Error(), nil
}
