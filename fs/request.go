package fs

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

var (
	errDeadline    = errors.New("no answer in time")
	errInterrupted = errors.New("interrupted")
	// errBehind is the end of a read that stood behind another one, which was told of.
	errBehind = fmt.Errorf("%w for the read before it", errDeadline)
)

// request is one read that waits for a destination.
type request struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	limiter *destinationLimiter
	queued  *list.Element // in limiter
	watch   *time.Timer   // begins to watch: most reads are answered before
	done    chan struct{}
}

// unwatched is how long a read may take without being watched.
const unwatched = 2 * time.Millisecond

// request begins a read. Its context ends at the deadline, with the mount, when it should give way to other
// destinations, and some time after the kernel said that the reader was interrupted: any signal makes the kernel say
// so, and a reader that was not killed would rather have its bytes.
func (r *raw) request(f *openFile, want readRange, interrupted <-chan struct{}) (*request, error) {
	g := r.limiters.of(f.node.Snapshot.Destination)
	place, err := g.enter(want)
	if err != nil {
		return nil, err
	}
	q := &request{limiter: g, queued: place, done: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancelCause(r.ctx)
	onTimeout := func() { g.timeoutHit(want, r.opens.Load()) }
	deadline := g.deadline(f.deadline)
	q.watch = time.AfterFunc(min(unwatched, deadline), func() { q.guard(deadline, r.grace, interrupted, onTimeout) })
	return q, nil
}

// guard ends the context of a read that takes too long, which timedOut is told first.
func (q *request) guard(deadline, grace time.Duration, interrupted <-chan struct{}, timedOut func()) {
	late := time.NewTimer(deadline)
	defer late.Stop()
	check := time.NewTicker(q.limiter.patience/2 + 1)
	defer check.Stop()
	var given <-chan time.Time
	for {
		select {
		case <-q.done:
			return
		case <-late.C:
			timedOut()
			q.cancel(errDeadline)
			return
		case <-given:
			q.cancel(errInterrupted)
			return
		case <-check.C:
			if q.limiter.shouldYield(q.queued) {
				q.cancel(errSilent)
				return
			}
		case <-interrupted:
			interrupted = nil
			timer := time.NewTimer(grace)
			defer timer.Stop()
			given = timer.C
		}
	}
}

// end gives the place up.
func (q *request) end() {
	q.watch.Stop()
	close(q.done)
	q.limiter.leave(q.queued, q.ctx.Err() == nil)
	q.cancel(nil)
}

// failed tells an error to errors.log and the kernel. name is set when the error is about a name in the node.
func (r *raw) failed(node uint64, name string, err error) fuse.Status {
	status := statusOf(err)
	switch status {
	case fuse.EINTR, fuse.ENOENT:
		return status
	}
	if errors.Is(err, view.ErrGone) || errors.Is(err, errBehind) {
		return status
	}
	path := r.view.Path(r.ctx, node)
	if name != "" {
		path = fmt.Sprintf("%s/%s", path, name)
	}
	if r.view.Report(path, err) {
		r.c.Log.Warn("request failed", "path", path, "error", err)
		if stack := contain.Stack(err); stack != "" {
			r.c.Log.Error("request panicked", "path", path, "error", err, "stack", stack)
		}
	}
	return status
}

// statusOf chooses the errno for an error. That something is broken is never told as its absence.
func statusOf(err error) fuse.Status {
	switch {
	case errors.Is(err, errInterrupted):
		return fuse.EINTR
	case errors.Is(err, errDeadline), errors.Is(err, errSilent), errors.Is(err, backup.ErrCorrupt):
		return fuse.EIO
	case errors.Is(err, view.ErrGone), errors.Is(err, backup.ErrStale), errors.Is(err, iofs.ErrNotExist):
		return fuse.Status(syscall.ESTALE)
	case errors.Is(err, iofs.ErrPermission):
		return fuse.EACCES
	}
	return fuse.EIO
}
