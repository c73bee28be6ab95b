package slot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
)

// readAgain is how often a file is read again that changed while it was read.
const readAgain = 2

// send reads a file and brings it to the server, unless it is there (compare).
func (j *job) send(ctx context.Context, s *step) error {
	if s.Entry.Size > j.o.tune.small {
		if err := j.waitStateDurable(ctx); err != nil { // marks of what is gone on with belong to a state
			return err
		}
		release, err := j.AcquireLarge(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	for try := 0; ; try++ {
		unchanged, err := j.sendOnce(ctx, s, try == readAgain)
		switch {
		case errors.Is(err, source.ErrStalled):
			return err
		case errors.Is(err, errSource):
			return j.keepUnreadable(s, err)
		case err != nil:
			return err
		case unchanged:
			return nil
		case try == readAgain:
			s.Entry.Flags |= manifest.Changed
			j.count.Changed.Add(1)
			return nil
		}
	}
}

// errSource marks an error of the source: the file is left out, and the backup goes on.
var errSource = errors.New("source")

// keepUnreadable keeps what the slot has of a file that cannot be read.
func (j *job) keepUnreadable(s *step, err error) error {
	s.left = true
	gone := errors.Is(err, fs.ErrNotExist)
	if s.Have == plan.File && s.Old != nil && s.Old.IsRegular() && !j.plan.Listed {
		// Gone may also mean replaced since the walk: the next run tells.
		s.Entry, s.left = *s.Old, false
		s.Entry.Flags |= manifest.Stale
		if s.Entry.Nlink > 1 {
			s.Entry.Link = ""
		}
	} else if s.Have != plan.None {
		j.deleteLater(s.at, false)
		j.markChanged(s.in)
	}
	if !gone {
		j.count.Frozen.Add(1)
		j.o.Log.Warn("read", "path", s.Entry.Path, "error", err)
	}
	return nil
}

// sendOnce reads the file once. With last, what was read is taken even if the file changed meanwhile.
func (j *job) sendOnce(ctx context.Context, s *step, last bool) (unchanged bool, err error) {
	now := j.o.Now().UnixNano()
	f, err := j.src.OpenFile(s.Entry.Path, &s.Entry)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	defer f.Close()
	source.FlagRacy(&s.Entry, now)
	if s.Entry.Size <= j.o.tune.small {
		return j.sendSmall(ctx, s, f, last)
	}
	if s.Do == plan.Compare {
		return j.sendCompared(ctx, s, f, last)
	}
	return j.sendLarge(ctx, s, f, last)
}

// hasContent reports whether the slot has that content, under that time, which is what readers compare.
func (s *step) hasContent(hash string) bool {
	return s.Do == plan.Compare && hash == s.Claim.Hash && s.Old != nil && manifest.Seconds(s.Old.MTime) == manifest.Seconds(s.Entry.MTime)
}

// checkUnchanged asks whether the file is as it was. If it is not, and this is not the last try, s gets the new attributes.
func (j *job) checkUnchanged(f *source.File, s *step, read int64, last bool) (bool, error) {
	e, now := s.Entry, j.o.Now().UnixNano()
	unchanged, err := f.Unchanged(&e)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	if unchanged && read == s.Entry.Size {
		return true, nil
	}
	if last {
		s.Entry.Size, s.Entry.Sparse = read, nil // the times are those from before: the next run reads it again
		return false, nil
	}
	e.Digest = manifest.Digest{}
	source.FlagRacy(&e, now)
	s.Entry = e
	return false, nil
}

func (j *job) sendSmall(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	size := s.Entry.Size
	release, err := j.AcquireMemory(ctx, size)
	if err != nil {
		return false, err
	}
	defer release()
	content := make([]byte, size)
	n, err := f.ReadAt(content, 0)
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	content = content[:n]
	unchanged, err := j.checkUnchanged(f, s, int64(n), last)
	if err != nil || !unchanged && !last {
		return false, err
	}
	sum := backup.NewSummer(int64(n))
	sum.Write(content)
	s.Entry.Digest = manifest.DigestOf(sum, int64(n))
	if s.hasContent(s.Entry.Hash) {
		return unchanged, nil
	}
	if unchanged {
		s.markFinal() // the manifest need not wait for the server
	}
	// States and journals do not wait for their turn: they would come behind all files that are ready to be sent.
	if err := j.Wait(ctx, n); err != nil {
		return false, err
	}
	if s.staged != nil {
		err = j.putInStagedDir(ctx, s, content)
	} else {
		err = j.putPlaced(ctx, s, content)
	}
	if err != nil {
		return false, err
	}
	j.count.Uploaded.Add(1)
	j.count.UploadedBytes.Add(int64(n))
	j.count.Sent(1, int64(n))
	return unchanged, nil
}

// putPlaced uploads a small file and moves it to its name.
func (j *job) putPlaced(ctx context.Context, s *step, content []byte) error {
	temp, durable, err := j.PutTemp(ctx, j.slot, content, store.Attributes(s.Entry.Mode, 0o600, s.Entry.MTime))
	if err != nil {
		return j.refuse(ctx, s, err)
	}
	return j.install(ctx, s, temp, durable)
}

// install moves a finished temporary file to its name and notes it.
func (j *job) install(ctx context.Context, s *step, temp string, durable bool) error {
	if err := j.waitPlaceable(ctx, s); err != nil {
		return err
	}
	j.markChanged(s.in)
	at, err := j.offer(ctx, s, func(at string) error { return j.Rename(ctx, temp, at) })
	if err != nil {
		return err
	}
	return j.journal.Add(s.storedAt(at), durable)
}

// fillFromDonor copies or links a file that the donor has. It reports false if the file has to be sent.
func (j *job) fillFromDonor(ctx context.Context, s *step) (done bool, err error) {
	if j.copies.donorCorrupt.Load() {
		return false, nil
	}
	from := j.donorAt + "/data/" + s.From
	temp, durable, linked, err := j.duplicate(ctx, from, &s.Entry)
	if err != nil {
		if ends(ctx, err) {
			return false, err
		}
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, store.ErrManyRanges) {
			j.o.Log.Warn("copy on the server", "path", s.Entry.Path, "error", err)
		}
		return false, nil // send it
	}
	if !linked {
		if sound, err := j.verifyCopy(ctx, temp, s); !sound || err != nil {
			return false, err
		}
	}
	s.Entry.Digest = s.Claim
	if linked {
		j.count.Linked.Add(1)
	} else {
		j.count.Copied.Add(1)
	}
	j.count.Sent(1, s.Entry.Size)
	return true, j.install(ctx, s, temp, durable)
}

// ends reports whether an error leaves no other way to go.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, syscall.ENOSPC)
}

// duplicate links or copies a file on the server to a temporary name.
func (j *job) duplicate(ctx context.Context, from string, e *manifest.Entry) (temp string, durable, linked bool, err error) {
	if j.o.Fill == FillLink {
		if temp, err = j.LinkTemp(ctx, j.slot, from); err == nil {
			return temp, j.Durable(), true, nil
		}
	}
	temp, durable, err = j.CopyTemp(ctx, j.slot, from, e)
	return temp, durable, false, err
}

// verifyStored looks whether the server has what the slot is said to have: it may have lost what it took without making it durable,
// or show another time. It gets its time and permissions then.
func (j *job) verifyStored(ctx context.Context, s *step) (same bool, err error) {
	weight := min(s.Entry.Size, store.HashAhead<<20)
	release, err := j.AcquireMemory(ctx, weight)
	if err != nil {
		return false, err
	}
	defer release()
	hash, err := store.HashEntry(ctx, j, s.at, &s.Entry)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) {
			return false, err
		}
		return false, nil
	}
	if hash != s.Claim.Hash {
		return false, nil
	}
	err = j.SetAttributes(ctx, s.at, store.Attributes(s.Entry.Mode, 0o600, s.Entry.MTime))
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	s.Entry.Digest = s.Claim
	return true, j.journal.Add(&s.Entry, true)
}
