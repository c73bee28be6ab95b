package asuser

import (
	"context"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/restore"
)

// Write restores what the Host at the other end of conn has, with the rights that it names: the process gives up its own for
// good. It is told by the Host how that went.
func Write(ctx context.Context, conn io.ReadWriteCloser) error {
	w := &writer{client: rpc.NewClient(conn)}
	defer w.client.Close()
	var o Order
	if err := w.call("Begin", None{}, &o); err != nil {
		return err
	}
	if err := o.Identity.assume(); err != nil {
		return err
	}
	end := w.run(ctx, &o)
	return w.call("Done", end, &None{})
}

// assume gives up all other rights. Go changes the identity of all threads. Because no program is executed after it, the
// kernel lets nobody but root look into the process or take it over.
func (id *Identity) assume() error {
	groups := make([]int, 0, len(id.Groups))
	for _, g := range id.Groups {
		groups = append(groups, int(g))
	}
	err := syscall.Setgroups(groups)
	if err == nil {
		err = syscall.Setresgid(int(id.GID), int(id.GID), int(id.GID))
	}
	if err == nil {
		err = syscall.Setresuid(int(id.UID), int(id.UID), int(id.UID))
	}
	if err == nil && (os.Geteuid() != int(id.UID) || os.Getegid() != int(id.GID)) {
		err = unix.EPERM
	}
	if err != nil {
		return fmt.Errorf("become %s: %w", id.Name, err)
	}
	return nil
}

// writer is the process that writes.
type writer struct {
	client *rpc.Client

	mu sync.Mutex
	// mu guards what follows.
	files, bytes int64 // not told yet
}

func (w *writer) call(name string, in, out any) error {
	if err := w.client.Call("Host."+name, in, out); err != nil {
		return fmt.Errorf("%w: %w", restore.ErrGone, err)
	}
	return nil
}

func (w *writer) run(ctx context.Context, q *Order) Ending {
	switch {
	case q.PutBack != "":
		s, err := restore.PutBack(ctx, q.PutBack, *q.Keep, w.failed)
		return Ending{Summary: s, Placed: true, Fault: newFault(err)}
	case len(q.Lines) > 0:
		s, err := restore.AddLines(ctx, q.Lines, *q.Keep, q.Destination.Rehearse, w.failed)
		return Ending{Summary: s, Placed: true, Fault: newFault(err)}
	case q.Discard != "":
		return Ending{Placed: true, Fault: newFault(restore.Discard(q.Keep.Home, q.Discard))}
	}
	var place *restore.Place
	if !q.Whole {
		var err error
		if place, err = restore.Locate(q.Destination); err != nil {
			return Ending{Fault: newFault(err)}
		}
		if q.Keep != nil { // the home's owner, or others whom he lets write there, may exchange what lies on the way
			if err := place.Enter(q.Keep.Below); err != nil {
				place.Close()
				return Ending{Fault: newFault(err)}
			}
		}
	}
	var roots []restore.Root
	for _, r := range q.Roots {
		roots = append(roots, restore.Root{Source: w, Entry: r.Entry.entry(), Name: r.Name, Path: r.Path})
	}
	ctx, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() { w.tell(ctx) })
	s, err := restoreAll(ctx, q.Whole, roots, restore.Options{Place: place, Overwrite: q.Overwrite, Partial: q.Partial, Maildir: q.Maildir, Rehearse: q.Destination.Rehearse, Workers: q.Workers,
		Window: q.Window, Security: q.Security, Keep: q.Keep, Progress: w, Failed: w.failed})
	cancel()
	telling.Wait()
	return Ending{Summary: s, Placed: true, Fault: newFault(err)}
}

func restoreAll(ctx context.Context, whole bool, roots []restore.Root, o restore.Options) (restore.Summary, error) {
	if whole {
		return restore.RunWhole(ctx, roots[0], o)
	}
	return restore.Run(ctx, roots, o)
}

// failed tells the host of something that failed. The next read tells that the host is gone.
func (w *writer) failed(path string, err error) {
	_ = w.call("Failed", Failure{path, newFault(err)}, &None{})
}

// tellEvery is the pause between two reports of how the restore gets on.
const tellEvery = 100 * time.Millisecond

// tell tells the host how the restore gets on, until it is over.
func (w *writer) tell(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
		w.mu.Lock()
		q := Sent{w.files, w.bytes}
		w.files, w.bytes = 0, 0
		w.mu.Unlock()
		if q != (Sent{}) && w.call("Progress", q, &None{}) != nil {
			return
		}
	}
}

var (
	_ restore.Source   = (*writer)(nil)
	_ restore.Progress = (*writer)(nil)
)

// Planned is not used: the host plans.
func (w *writer) Planned(int64, int64) {}

// Sent counts what was restored.
func (w *writer) Sent(files, bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files, w.bytes = w.files+files, w.bytes+bytes
}

// List lists a directory of the host.
func (w *writer) List(_ context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	var number uint64
	if err := w.call("List", dir.Handle.(uint64), &number); err != nil {
		return err
	}
	defer w.client.Go("Host.End", number, &None{}, nil)
	for {
		var next Batch
		if err := w.call("Next", number, &next); err != nil {
			return err
		}
		for i := range next.Entries {
			e := next.Entries[i].entry()
			if err := yield(&e); err != nil {
				return err
			}
		}
		if next.End {
			return next.Fault.err()
		}
	}
}

// Open opens a file of the host.
func (w *writer) Open(_ context.Context, e *restore.Entry) (restore.File, error) {
	var out Opened
	if err := w.call("Open", e.Handle.(uint64), &out); err != nil {
		return nil, err
	}
	if out.Fault != nil {
		return nil, out.Fault
	}
	full := out.Entry.entry()
	e.Xattrs, e.Extents = full.Xattrs, full.Extents
	return &hostFile{w, out.File}, nil
}

// hostFile is an open file of the host.
type hostFile struct {
	w    *writer
	file uint64
}

// ReadAt reads. Who gives up leaves p to an answer that may still come.
func (f *hostFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	out := Bytes{Data: p[:0]}
	call := f.w.client.Go("Host.Read", Reading{f.file, off, len(p)}, &out, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if call.Error != nil {
		return 0, fmt.Errorf("%w: %w", restore.ErrGone, call.Error)
	}
	n := copy(p, out.Data)
	if out.Fault == nil && n < len(p) {
		return n, io.EOF
	}
	return n, out.Fault.err()
}

// Close does not wait.
func (f *hostFile) Close() error {
	f.w.client.Go("Host.Close", f.file, &None{}, nil)
	return nil
}
