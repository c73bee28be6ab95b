package slot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
)

const (
	handles = 8 // that one file is written by at most
)

// upload is a large file on its way to a temporary name.
type upload struct {
	j      *job
	s      *step
	f      *source.File
	temp   string
	start  offset // what an earlier try has brought there
	used   bool   // an earlier try may have made the temporary file
	outs   []dest.WriteFile
	sum    *backup.Summer
	next   int64        // to be read
	summed bool         // sum is computed: there are not too many holes
	sent   atomic.Int64 // bytes
	since  int64        // bytes handed out since the last handle was opened
	narrow bool         // no more handles can be opened
	tail   bool         // what was read last was not written: it is zeros

	durable bool // all of it is on the server's disk

	mu   sync.Mutex       // guards what follows
	done map[int64]offset // written beyond head: by offset, where it ends
	head offset           // everything before is written
	mark int64            // everything before is in a mark
}

// offset is a place in a file, and the hash of everything before it.
type offset struct {
	at  int64
	sum [sha256.Size]byte
}

var (
	// errOther says that a file has other content than what an earlier try read of it, whatever its times say.
	errOther = errors.New("the file has other content than before")
	// errUnusable says that the server does not let an earlier try's file be written to.
	errUnusable = errors.New("what is there cannot be gone on with")
)

// sendCompared reads a large file for its hash alone, and sends it only if that is another one.
func (j *job) sendCompared(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	if !j.holes.take(&s.Entry) {
		s.Do = plan.Send
		return j.sendLarge(ctx, s, f, last)
	}
	sum, n, err := sumSource(ctx, f, s.Entry.Size)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	e := s.Entry
	unchanged, err := j.checkUnchanged(f, s, n, false)
	if err != nil {
		return false, err
	}
	if found := manifest.DigestOf(sum, n); unchanged && s.hasContent(found.Hash) {
		s.Entry.Digest = found
		return true, nil
	}
	s.Do = plan.Send
	if unchanged {
		s.Entry = e
	}
	return j.sendLarge(ctx, s, f, last)
}

// sendLarge uploads a file in chunks by several handles. If the connection is lost, it goes on behind what is written.
func (j *job) sendLarge(ctx context.Context, s *step, f *source.File, last bool) (bool, error) {
	u := &upload{j: j, s: s, f: f, temp: j.Temp(j.slot), done: make(map[int64]offset)}
	u.summed = j.holes.take(&s.Entry)
	if p := j.marks.adopt(&s.Entry); p != nil && u.summed {
		u.temp, u.head = p.Temp, offset{p.Done, p.sum}
		u.start, u.mark, u.used = u.head, p.Done, true
		j.o.Log.Info("go on inside a file", "path", s.Entry.Path, "from", p.Done)
	}
	err := u.all(ctx)
	if errors.Is(err, dest.ErrUnreachable) && j.Alive(ctx) == nil {
		err = fmt.Errorf("%w: %v", store.ErrKillsSession, err)
	}
	if err != nil {
		return false, j.refuse(ctx, s, err)
	}
	read := u.next
	unchanged, err := j.checkUnchanged(f, s, read, last)
	if err != nil || !unchanged && !last {
		return false, errors.Join(err, j.forget(ctx, u.temp))
	}
	if u.summed {
		s.Entry.Digest = manifest.DigestOf(u.sum, read)
	}
	j.count.Uploaded.Add(1)
	j.count.UploadedBytes.Add(u.sent.Load())
	j.count.Sent(1, 0)
	if err := j.install(ctx, s, u.temp, u.durable); err != nil {
		return false, err
	}
	return unchanged, j.marks.clear(ctx, u.temp)
}

// forget removes a temporary file and what is noted about it.
func (j *job) forget(ctx context.Context, temp string) error {
	if err := j.marks.clear(ctx, temp); err != nil {
		return err
	}
	return j.Remove(ctx, temp)
}

// errRestarted says that an upload is begun anew.
var errRestarted = errors.New("begun anew")

// all writes the file, and goes on with what is there when the connection is lost, as long as that brings it forward.
func (u *upload) all(ctx context.Context) error {
	policy, best := retry.Default, u.head.at
	policy.Lost = func(err error) bool { return errors.Is(err, dest.ErrUnreachable) || errors.Is(err, errRestarted) }
	return policy.DoParts(ctx, func(progress func()) error {
		err := u.try(ctx)
		if err == nil {
			u.durable, err = u.finish(ctx, u.next)
		}
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, errOther), errors.Is(err, errUnusable):
			u.j.o.Log.Warn("start again", "path", u.s.Entry.Path, "error", err)
			return errors.Join(cmp.Or(u.restart(ctx), errRestarted), err)
		case errors.Is(err, dest.ErrUnreachable):
			if u.head.at > best {
				best = u.head.at
				progress()
			}
			u.start, u.used = u.head, true
			clear(u.done)
		}
		return err
	})
}

// restart gives up what was written.
func (u *upload) restart(ctx context.Context) error {
	err := u.j.forget(ctx, u.temp)
	u.temp, u.start, u.head, u.mark, u.used = u.j.Temp(u.j.slot), offset{}, offset{}, 0, false
	clear(u.done)
	return err
}

// try writes what is behind start.
func (u *upload) try(ctx context.Context) (err error) {
	u.sum, u.next = backup.NewSummer(u.s.Entry.Size), 0
	if err := u.open(ctx); err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	ready := make(chan piece)
	writers := func(out dest.WriteFile) {
		for range 2 {
			g.Go(func() error { return u.write(inner, out, ready) })
		}
	}
	writers(u.outs[0])
	g.Go(func() error {
		defer close(ready)
		return u.read(inner, ready, writers)
	})
	err = g.Wait()
	for i, out := range u.outs {
		if i == 0 && err == nil {
			continue // finish closes it
		}
		if closeErr := out.Close(ctx); err == nil {
			err = closeErr
		}
	}
	if err == nil {
		u.outs = u.outs[:1]
	}
	return err
}

// open opens the temporary file.
func (u *upload) open(ctx context.Context) error {
	u.outs, u.since = nil, 0
	out, err := u.j.CreateContent(ctx, u.temp, dest.Create{Existing: u.used, LongLived: true})
	if err != nil {
		if u.used && ctx.Err() == nil && !errors.Is(err, dest.ErrUnreachable) {
			return fmt.Errorf("%w: %w", errUnusable, err)
		}
		return err
	}
	u.outs = append(u.outs, out)
	if !u.used {
		u.used = true
		return nil
	}
	if err := u.cut(ctx); err != nil {
		return errors.Join(err, u.close(ctx))
	}
	return nil
}

// widen opens a file that is large once more when n more bytes are on their way: the destination opens sessions when
// there is much to do, and puts a handle where there is the least, so handles that come one by one are spread.
func (u *upload) widen(ctx context.Context, n int, writers func(dest.WriteFile)) error {
	u.since += int64(n)
	if wide := u.j.o.tune.wide; u.s.Entry.Size < wide || u.since < wide/4 || len(u.outs) == handles || u.narrow {
		return nil
	}
	u.since = 0
	out, err := u.j.CreateContent(dest.NoWait(ctx), u.temp, dest.Create{Existing: true, LongLived: true})
	switch {
	case err == nil:
		u.outs = append(u.outs, out)
		writers(out)
		return nil
	case ctx.Err() != nil, errors.Is(err, dest.ErrUnreachable):
		return err
	}
	// Some servers open nothing for writing that is there, or have no room for handles: what is open has to do.
	u.j.o.Log.Debug("write by fewer handles", "path", u.s.Entry.Path, "handles", len(u.outs), "error", err)
	u.narrow = true
	return nil
}

// close gives all handles back.
func (u *upload) close(ctx context.Context) (err error) {
	for _, out := range u.outs {
		err = errors.Join(err, out.Close(ctx))
	}
	u.outs = nil
	return err
}

// cut takes away what an earlier try wrote behind start: where the file has zeros there, nothing is written.
func (u *upload) cut(ctx context.Context) error {
	err := u.j.Truncate(ctx, u.temp, u.start.at)
	if store.Refused(err) {
		return fmt.Errorf("%w: %w", errUnusable, err)
	}
	return err
}

// finish sets the length and attributes and makes the file durable. Where a hole ends the file, its last byte gives it its
// length: not all servers set one that they are told.
func (u *upload) finish(ctx context.Context, size int64) (durable bool, err error) {
	if u.tail && size > 0 {
		_, err = u.outs[0].WriteAt(ctx, []byte{0}, size-1)
	}
	if err == nil {
		a := store.Attributes(u.s.Entry.Mode, 0o600, u.s.Entry.MTime)
		err = u.j.SetAttributes(ctx, u.temp, a)
	}
	if durable, err = u.j.Finish(ctx, u.outs[0], err); err != nil {
		return false, err
	}
	info, err := u.j.Stat(ctx, u.temp)
	if err == nil && info.Size != size {
		err = fmt.Errorf("%d bytes on the server, %d were written: %w", info.Size, size, io.ErrUnexpectedEOF)
	}
	return durable, err
}
