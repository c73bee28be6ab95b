package slot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// readAgain is how often a file is read again that changed while it was read.
const readAgain = 2

// racy is how shortly before a reading, in nanoseconds, a change makes another one possible that no time shows: file
// systems stamp coarsely, and some in whole seconds.
const racy = 2e9

// send reads a file and brings it to the server, unless it is there (compare).
func (j *job) send(ctx context.Context, s *step) error {
	if s.entry.Size > j.o.tune.small {
		if err := j.stated(ctx); err != nil { // marks of what is gone on with belong to a state
			return err
		}
		if err := j.large.Acquire(ctx, 1); err != nil {
			return err
		}
		defer j.large.Release(1)
	}
	for try := 0; ; try++ {
		unchanged, err := j.sendOnce(ctx, s, try == readAgain)
		switch {
		case errors.Is(err, source.ErrStalled):
			return err
		case errors.Is(err, errSource):
			return j.unread(s, err)
		case err != nil:
			return err
		case unchanged:
			return nil
		case try == readAgain:
			s.entry.Flags |= manifest.Changed
			j.sum.changed.Add(1)
			return nil
		}
	}
}

// errSource marks an error of the source: the file is left out, and the backup goes on.
var errSource = errors.New("source")

// unread keeps what the slot has of a file that cannot be read.
func (j *job) unread(s *step, err error) error {
	s.left = true
	gone := errors.Is(err, fs.ErrNotExist)
	if s.have == file && s.old != nil && s.old.IsRegular() && !j.plan.listed {
		// Gone may also mean replaced since the walk: the next run tells.
		s.entry, s.left = *s.old, false
		s.entry.Flags |= manifest.Stale
		if s.entry.Nlink > 1 {
			s.entry.Link = ""
		}
	} else if s.have != none {
		j.lose(s.at, false)
		j.touch(s.in)
	}
	if !gone {
		j.sum.frozen.Add(1)
		j.o.Log.Warn("read", "path", s.entry.Path, "error", err)
	}
	return nil
}

// sendOnce reads the file once. With last, what was read is taken even if the file changed meanwhile.
func (j *job) sendOnce(ctx context.Context, s *step, last bool) (unchanged bool, err error) {
	now := j.o.Now().UnixNano()
	f, err := j.src.OpenFile(s.entry.Path, &s.entry)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	defer f.Close()
	flagRacy(&s.entry, now)
	if s.entry.Size <= j.o.tune.small {
		return j.sendSmall(ctx, s, f, last)
	}
	if s.act == compare {
		return j.sendCompared(ctx, s, f, last)
	}
	return j.sendLarge(ctx, s, f, last)
}

// flagRacy flags a file that is about to be read, at now or later, if its times could not show another change.
func flagRacy(e *manifest.Entry, now int64) {
	e.Flags &^= manifest.Racy | manifest.Changed
	if max(e.MTime, e.CTime) > now-racy {
		e.Flags |= manifest.Racy
	}
}

// has reports whether the slot has that content, under that time, which is what readers compare.
func (s *step) has(hash string) bool {
	return s.act == compare && hash == s.claim.Hash && s.old != nil && clampTime(s.old.MTime) == clampTime(s.entry.MTime)
}

// settle asks whether the file is as it was. If it is not, and this is not the last try, s gets the new attributes.
func (j *job) settle(f *source.File, s *step, read int64, last bool) (bool, error) {
	e, now := s.entry, j.o.Now().UnixNano()
	unchanged, err := f.Unchanged(&e)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	if unchanged && read == s.entry.Size {
		return true, nil
	}
	if last {
		s.entry.Size, s.entry.Sparse = read, nil // the times are those from before: the next run reads it again
		return false, nil
	}
	e.Digest = manifest.Digest{}
	flagRacy(&e, now)
	s.entry = e
	return false, nil
}

func (j *job) sendSmall(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	size := s.entry.Size
	if err := j.room.Acquire(ctx, size); err != nil {
		return false, err
	}
	defer j.room.Release(size)
	content := make([]byte, size)
	n, err := f.ReadAt(content, 0)
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	content = content[:n]
	unchanged, err := j.settle(f, s, int64(n), last)
	if err != nil || !unchanged && !last {
		return false, err
	}
	sum := backup.NewSummer(int64(n))
	sum.Write(content)
	s.entry.Digest = manifest.DigestOf(sum, int64(n))
	if s.has(s.entry.Hash) {
		return unchanged, nil
	}
	if unchanged {
		s.settled() // the manifest need not wait for the server
	}
	// States and journals do not wait for their turn: they would come behind all files that are ready to be sent.
	if err := j.limit.wait(ctx, n); err != nil {
		return false, err
	}
	if s.nest != nil {
		err = j.nestle(ctx, s, content)
	} else {
		err = j.putPlaced(ctx, s, content)
	}
	if err != nil {
		return false, err
	}
	j.sum.uploaded.Add(1)
	j.sum.uploadedBytes.Add(int64(n))
	j.o.Progress.Sent(1, int64(n))
	return unchanged, nil
}

// putPlaced uploads a small file and moves it to its name.
func (j *job) putPlaced(ctx context.Context, s *step, content []byte) error {
	temp, durable, err := j.put(ctx, j.slot, content, attributes(s.entry.Mode, 0o600, s.entry.MTime))
	if err != nil {
		return j.refuse(ctx, s, err)
	}
	return j.place(ctx, s, temp, durable)
}

// place moves a finished temporary file to its name and notes it.
func (j *job) place(ctx context.Context, s *step, temp string, durable bool) error {
	if err := j.placeable(ctx, s); err != nil {
		return err
	}
	j.touch(s.in)
	at, err := j.offer(ctx, s, func(at string) error { return j.move(ctx, temp, at) })
	if err != nil {
		return err
	}
	return j.journal.add(s.storedAt(at), durable)
}

// take copies or links a file that the donor has. It reports false if the file has to be sent.
func (j *job) take(ctx context.Context, s *step) (done bool, err error) {
	if j.scrub.rotten.Load() {
		return false, nil
	}
	from, temp := j.donorAt+"/data/"+s.from, j.temp(j.slot)
	var durable, linked bool
	if l, ok := j.Store.(dest.Linker); ok && j.o.Fill == FillLink && !j.unlinked.Load() {
		err = again(ctx, func() error {
			temp = j.temp(j.slot)
			return l.Link(ctx, from, temp)
		})
		linked, durable = err == nil, !j.unsynced.Load()
		if errors.Is(err, errors.ErrUnsupported) {
			j.unlinked.Store(true)
		}
	}
	if !linked {
		temp, durable, err = j.copy(ctx, from, s)
	}
	if err != nil {
		if ends(ctx, err) {
			return false, err
		}
		if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, errManyRanges) {
			j.o.Log.Warn("copy on the server", "path", s.entry.Path, "error", err)
		}
		return false, nil // send it
	}
	if !linked {
		if sound, err := j.sound(ctx, temp, s); !sound || err != nil {
			return false, err
		}
	}
	s.entry.Digest = s.claim
	if linked {
		j.sum.linked.Add(1)
	} else {
		j.sum.copied.Add(1)
	}
	j.o.Progress.Sent(1, s.entry.Size)
	return true, j.place(ctx, s, temp, durable)
}

// ends reports whether an error leaves no other way to go.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, syscall.ENOSPC)
}

func (j *job) copy(ctx context.Context, from string, s *step) (temp string, durable bool, err error) {
	c, ok := j.Store.(dest.Copier)
	if !ok || j.uncopied.Load() {
		return "", false, errors.ErrUnsupported
	}
	a := attributes(s.entry.Mode, 0o600, s.entry.MTime)
	err = j.lenient(a, func(a dest.Attributes) error {
		return again(ctx, func() (err error) {
			temp = j.temp(j.slot)
			if s.entry.Sparse != nil {
				durable, err = j.copyRanges(ctx, from, temp, &s.entry, a)
				return err
			}
			durable, err = c.Copy(ctx, from, temp, s.entry.Size, a, true)
			return err
		})
	})
	if errors.Is(err, errors.ErrUnsupported) {
		j.uncopied.Store(true)
	}
	if err == nil && !durable {
		j.unsynced.Store(true)
	}
	return temp, durable, err
}

// rereads looks whether the server has what the slot is said to have: it may have lost what it took without making it durable,
// or show another time. It gets its time and permissions then.
func (j *job) rereads(ctx context.Context, s *step) (same bool, err error) {
	weight := min(s.entry.Size, readBackAhead<<20)
	if err := j.room.Acquire(ctx, weight); err != nil {
		return false, err
	}
	defer j.room.Release(weight)
	hash, err := j.remoteHashOf(ctx, s.at, &s.entry)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) {
			return false, err
		}
		return false, nil
	}
	if hash != s.claim.Hash {
		return false, nil
	}
	err = j.lenient(attributes(s.entry.Mode, 0o600, s.entry.MTime), func(a dest.Attributes) error {
		return j.SetAttributes(ctx, s.at, a)
	})
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	s.entry.Digest = s.claim
	return true, j.journal.add(&s.entry, true)
}

// readBackAhead is how many chunks of 1 MiB of a file are on their way at once while it is read back.
const readBackAhead = 4

// remoteHash reads size bytes of a file on the server.
func (r *remote) remoteHash(ctx context.Context, p string, size int64) (string, error) {
	f, err := r.Open(ctx, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	stream := dest.NewStream(ctx, f, 0, size, readBackAhead)
	defer stream.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, stream); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
