package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

var (
	// errOther says that a file has other content than what an earlier try read of it, whatever its times say.
	errOther = errors.New("the file has other content than before")
	// errRestarted says that a transfer begins anew.
	errRestarted = errors.New("the transfer was started again")
)

// transfer is a large file on its way to a temporary name.
type transfer struct {
	u *Uploader
	a *plan.Action
	f *source.File
	handles
	written
	start  offset // what an earlier try has brought there
	sum    *backup.Summer
	summed bool         // sum is computed: there are not too many holes
	next   int64        // to be read
	tail   bool         // what was read last was not written: it is zeros
	sent   atomic.Int64 // bytes
}

// readLarge brings a file to the server in chunks by several handles, unless the slot has its content. If the connection is lost, it
// goes on behind what is written.
func (u *Uploader) readLarge(ctx context.Context, a *plan.Action, f *source.File, c *Content, last bool) (err error) {
	if err := u.o.StateDurable(ctx); err != nil {
		return err
	}
	if c.release, err = u.s.AcquireLarge(ctx); err != nil {
		return err
	}
	if a.Do == plan.Compare {
		if c.Same, err = u.compare(ctx, a, f); c.Same || err != nil {
			c.Stable = c.Same
			return err
		}
		a.Do = plan.Send
	}
	t := u.newTransfer(a, f)
	durable, err := t.all(ctx)
	if errors.Is(err, dest.ErrUnreachable) && u.s.Alive(ctx) == nil {
		err = fmt.Errorf("%w: %v", store.ErrKillsSession, err)
	}
	if err != nil {
		return TransferError{err}
	}
	read := t.next
	if c.Stable, err = u.checkUnchanged(f, a, read, last); err != nil || !c.Stable && !last {
		return errors.Join(err, u.forget(ctx, t.temp))
	}
	if t.summed {
		a.Entry.Digest = manifest.DigestOf(t.sum, read)
	}
	c.Temp, c.Durable, c.sent = t.temp, durable, t.sent.Load()
	return nil
}

// newTransfer begins the transfer of a file, or goes on with that of an earlier run.
func (u *Uploader) newTransfer(a *plan.Action, f *source.File) *transfer {
	t := &transfer{u: u, a: a, f: f, written: written{done: make(map[int64]offset)}, summed: u.holes.take(&a.Entry)}
	t.handles = handles{s: u.s, log: u.o.Log, temp: u.s.Temps(u.slot).Name(), wide: a.Entry.Size >= u.o.Wide, every: u.o.Wide / 4}
	if m := u.marks.adopt(&a.Entry); m != nil && t.summed {
		t.temp, t.head = m.Temp, offset{m.Done, m.sum}
		t.start, t.mark, t.used = t.head, m.Done, true
		u.o.Log.Info("go on inside a file", "path", a.Entry.Path, "from", m.Done)
	}
	return t
}

// compare reads a large file for its hash alone, and reports whether the slot has that content. The file may have to be sent although
// it did not change, with its attributes as they are then.
func (u *Uploader) compare(ctx context.Context, a *plan.Action, f *source.File) (same bool, err error) {
	if !u.holes.take(&a.Entry) {
		return false, nil
	}
	sum, n, err := sumSource(ctx, f, a.Entry.Size)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return false, sourceError(err)
	}
	unchanged, err := u.checkUnchanged(f, a, n, false)
	if err != nil || !unchanged {
		return false, err
	}
	if found := manifest.DigestOf(sum, n); hasContent(a, found.Hash) {
		a.Entry.Digest = found
		return true, nil
	}
	return false, nil
}

// forget removes a temporary file and what is noted about it.
func (u *Uploader) forget(ctx context.Context, temp string) error {
	if err := u.marks.clear(ctx, temp); err != nil {
		return err
	}
	return u.s.Remove(ctx, temp)
}

// all writes the file, and goes on with what is there when the connection is lost, as long as that brings it forward.
func (t *transfer) all(ctx context.Context) (durable bool, err error) {
	policy, best := retry.Default, t.head.at
	policy.Lost = func(err error) bool { return errors.Is(err, dest.ErrUnreachable) || errors.Is(err, errRestarted) }
	err = policy.DoParts(ctx, func(progress func()) error {
		err := t.try(ctx)
		if err == nil {
			durable, err = t.finish(ctx, &t.a.Entry, t.next, t.tail)
		}
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, errOther), errors.Is(err, errUnusable):
			t.u.o.Log.Warn("start again", "path", t.a.Entry.Path, "error", err)
			return errors.Join(cmp.Or(t.restart(ctx), errRestarted), err)
		case errors.Is(err, dest.ErrUnreachable):
			t.start, t.used = t.reset(), true
			if t.start.at > best {
				best = t.start.at
				progress()
			}
		}
		return err
	})
	return durable, err
}

// restart gives up what was written.
func (t *transfer) restart(ctx context.Context) error {
	err := t.u.forget(ctx, t.temp)
	t.reset()
	t.temp, t.start, t.head, t.mark, t.used = t.u.s.Temps(t.u.slot).Name(), offset{}, offset{}, 0, false
	return err
}

// try writes what is behind start.
func (t *transfer) try(ctx context.Context) (err error) {
	t.sum, t.next = backup.NewSummer(t.a.Entry.Size), 0
	if err := t.open(ctx, t.start.at); err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	ready := make(chan piece)
	writers := func(out dest.WriteFile) {
		for range 2 {
			g.Go(func() error { return t.write(inner, out, ready) })
		}
	}
	writers(t.outs[0])
	g.Go(func() error {
		defer close(ready)
		return t.read(inner, ready, writers)
	})
	return t.close(ctx, g.Wait())
}
