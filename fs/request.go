package fs

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

var (
	errDeadline    = errors.New("no answer in time")
	errInterrupted = errors.New("interrupted")
)

// request makes the context of one read. It ends at the deadline, with the mount, and some time after the
// kernel said that the reader was interrupted: any signal makes the kernel say so, and a reader that was not
// killed would rather have its bytes.
func (r *raw) request(cancel <-chan struct{}) (context.Context, func()) {
	ctx, stop := context.WithTimeoutCause(r.ctx, r.c.Deadline, errDeadline)
	ctx, interrupt := context.WithCancelCause(ctx)
	finished := make(chan struct{})
	go func() {
		select {
		case <-finished:
			return
		case <-cancel:
		}
		grace := time.NewTimer(r.grace)
		defer grace.Stop()
		select {
		case <-finished:
		case <-grace.C:
			interrupt(errInterrupted)
		}
	}()
	return ctx, func() {
		close(finished)
		interrupt(nil)
		stop()
	}
}

// failed tells an error to errors.log and the kernel. name is set when the error is about a name in the node.
func (r *raw) failed(node uint64, name string, err error) fuse.Status {
	status := statusOf(err)
	switch status {
	case fuse.EINTR, fuse.ENOENT:
		return status
	}
	if errors.Is(err, view.ErrGone) {
		return status
	}
	path := r.view.Path(r.ctx, node)
	if name != "" {
		path = fmt.Sprintf("%s/%s", path, name)
	}
	if r.view.Report(path, err) {
		r.c.Log.Warn("request failed", "path", path, "error", err)
	}
	return status
}

// statusOf chooses the errno for an error. That something is broken is never told as its absence.
func statusOf(err error) fuse.Status {
	switch {
	case errors.Is(err, errInterrupted):
		return fuse.EINTR
	case errors.Is(err, errDeadline), errors.Is(err, backup.ErrCorrupt):
		return fuse.EIO
	case errors.Is(err, view.ErrGone), errors.Is(err, backup.ErrStale), errors.Is(err, iofs.ErrNotExist):
		return fuse.Status(syscall.ESTALE)
	case errors.Is(err, iofs.ErrPermission):
		return fuse.EACCES
	}
	return fuse.EIO
}
