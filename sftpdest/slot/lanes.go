package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"

	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/upload"
)

// maxEarly is how many files are uploaded before the state of the slot is durable at most: what they take must not keep it
// waiting.
const maxEarly = 512

// lanes do what steps say on the server, as many at once as there are callers.
type lanes struct {
	upload   *upload.Uploader
	place    *place.Placer
	staged   stager
	suspects *store.Suspects
	counts   *progress.Counts
	log      *slog.Logger
	small    int64                           // bytes of a file that is read at once
	noRoom   bool                            // what earlier runs left may take the room that this one needs
	updating func(ctx context.Context) error // waits until names below data/ may change
	early    atomic.Int64                    // uploads begun, whether or not the state was durable
}

// perform does what a step says on the server. What the server refuses of an entry is left out.
func (l *lanes) perform(ctx context.Context, s *step) error {
	if s.seal {
		return l.staged.release(ctx, s.staged)
	}
	err := l.execute(ctx, s)
	if s.Self != nil && s.build == nil {
		s.Self.Ready(err)
	}
	if err != nil && !errors.Is(err, place.ErrLeft) {
		return fmt.Errorf("%s: %w", show(s.Entry.Path), err) // nobody may take the entry for done
	}
	s.markFinal()
	return nil
}

func (l *lanes) execute(ctx context.Context, s *step) error {
	if err := l.suspects.Calm(ctx); err != nil {
		return err
	}
	if err := l.awaitTurn(ctx, s); err != nil {
		return err
	}
	switch s.Do {
	case plan.Mkdir:
		if s.build != nil {
			return l.staged.start(ctx, s.build)
		}
		return l.place.MakeDir(ctx, &s.Item)
	case plan.Symlink:
		return l.place.Symlink(ctx, &s.Item)
	case plan.Fill:
		if c, err := l.upload.Fill(ctx, &s.Action); err != nil {
			return err
		} else if c != nil {
			return l.place.Install(ctx, &s.Item, c.Temp, c.Durable)
		}
	case plan.Reread:
		if same, err := l.upload.Verify(ctx, &s.Action, s.At); err != nil {
			return err
		} else if same {
			return l.place.Note(&s.Entry, true)
		}
	}
	err := l.send(ctx, s)
	if s.staged == nil || err != nil && !errors.Is(err, place.ErrLeft) {
		return err
	}
	return errors.Join(err, l.staged.release(ctx, s.staged))
}

// awaitTurn waits until a step may begin.
func (l *lanes) awaitTurn(ctx context.Context, s *step) error {
	if s.build != nil || s.early(l.small) { // tmp/ comes first
		if l.noRoom || s.Self == nil && l.early.Add(1) > maxEarly {
			return l.updating(ctx)
		}
		return nil
	}
	return l.place.Await(ctx, &s.Item)
}

// send reads a file, brings it to the server unless the slot has that content, and has it put into place.
func (l *lanes) send(ctx context.Context, s *step) error {
	c, err := l.upload.Read(ctx, &s.Action)
	if err != nil {
		return l.unsent(ctx, s, err)
	}
	defer c.Release()
	switch {
	case c.Same:
		return nil
	case !c.InMemory() && s.staged != nil: // it grew too large for the staged directory, and comes when that has its name
		s.staged.follow(func(ctx context.Context) error { return l.install(ctx, s, c) })
		return nil
	case !c.InMemory():
		return l.install(ctx, s, c)
	}
	if c.Stable {
		s.markFinal() // the manifest need not wait for the server
	}
	return l.sendContent(ctx, s, c)
}

// sendContent sends what was read of a small file.
func (l *lanes) sendContent(ctx context.Context, s *step, c *upload.Content) error {
	if s.staged != nil {
		err := l.upload.Put(ctx, c, func(content []byte) (string, bool, error) { return l.staged.put(ctx, s, content) })
		if err != nil {
			return err
		}
		return l.upload.Placed(ctx, c)
	}
	if err := l.upload.PutTemp(ctx, &s.Action, c); err != nil {
		return l.place.Refuse(ctx, &s.Item, err)
	}
	return l.install(ctx, s, c)
}

// install has an uploaded file put into place.
func (l *lanes) install(ctx context.Context, s *step, c *upload.Content) error {
	if err := l.place.Install(ctx, &s.Item, c.Temp, c.Durable); err != nil {
		return err
	}
	return l.upload.Placed(ctx, c)
}

// unsent enters what becomes of a file that could not be sent.
func (l *lanes) unsent(ctx context.Context, s *step, err error) error {
	var transfer upload.TransferError
	switch {
	case errors.Is(err, source.ErrStalled):
		return err
	case !errors.Is(err, upload.ErrSource):
		if errors.As(err, &transfer) {
			return l.place.Refuse(ctx, &s.Item, err)
		}
		return err
	}
	s.left = !l.place.KeepUnreadable(&s.Item)
	if !errors.Is(err, fs.ErrNotExist) {
		l.counts.Frozen.Add(1)
		l.log.Warn("read", "path", s.Entry.Path, "error", err)
	}
	return nil
}
