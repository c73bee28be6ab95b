package slot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"slotfs/indexer/dest"
)

// full adds ErrFull to an error whose cause is that the server has no room: SFTP has no status for it, and of quotas
// servers tell nothing at all.
func (r *remote) full(ctx context.Context, folder string, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrFull) || known(err):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if m, ok := r.Store.(dest.StatFS); ok {
		space, measureErr := m.Space(ctx, "")
		if measureErr == nil && (space.Bytes < 4<<20 || space.Files >= 0 && space.Files < 100) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	if probeErr := r.probe(ctx, folder); probeErr != nil && !known(probeErr) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// known reports whether an error says itself what it is.
func known(err error) bool {
	for _, cause := range []error{
		context.Canceled, context.DeadlineExceeded, dest.ErrUnreachable, dest.ErrAuth, fs.ErrNotExist, fs.ErrExist, fs.ErrPermission,
		fs.ErrInvalid, ErrBusy, ErrMassChange, ErrForeign, errAllKept, errors.ErrUnsupported,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// probe looks whether the server takes a small file.
func (r *remote) probe(ctx context.Context, folder string) error {
	name := folder + "/probe." + r.run
	out, err := r.Create(ctx, name, dest.Create{})
	if err != nil {
		return err
	}
	_, err = out.WriteAt(ctx, make([]byte, 64<<10), 0)
	err = errors.Join(err, out.Close(ctx))
	if removeErr := r.Remove(ctx, name); err == nil {
		err = removeErr
	}
	return err
}

// farewell is how long a run that ends early takes to leave things in order.
const farewell = 5 * time.Second

// leave notes, after a failure, what can still be noted, and gives back the room of what the next run could not go on
// with. It returns the failure, and whether room was its cause.
func (j *job) leave(ctx context.Context, failure error) error {
	j.journal.halt()
	if ctx.Err() == nil {
		failure = j.full(ctx, j.o.Folder, failure)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	steps := []func(context.Context) error{j.flush, j.dropUnmarked}
	switch {
	case errors.Is(failure, ErrFull):
		steps = []func(context.Context) error{j.dropUnmarked, j.flush, j.dropUnmarked} // the journal may not fit either
	case errors.Is(failure, ErrBusy):
		steps = steps[1:] // the journal is that of another run
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			j.o.Log.Debug("leave the slot", "slot", j.slot, "error", err)
		}
	}
	return failure
}

// flush writes what is left of the journal, if there is a state that it belongs to.
func (j *job) flush(ctx context.Context) error {
	select {
	case <-j.begun:
		return j.journal.flush(ctx)
	default:
		return nil
	}
}

// marked reports whether a mark tells of a temporary file.
func (p *parts) marked(temp string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.named[temp]
}
