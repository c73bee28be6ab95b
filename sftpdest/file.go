package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// maxOpening is how many handles of a file are opened in the background side by side.
const maxOpening = 2

// minSizeForNewConn is the file size, in bytes, from which opening another connection pays off.
const minSizeForNewConn = 128 << 20

// file is an open remote file: a handle in each session that reads of it were sent to. A handle that is lost with
// its session is opened again, and then it must be the same file as far as size and time tell.
type file struct {
	d      *Destination
	path   string // below the destination's directory
	remote string
	first  wire.Attributes // when it was opened
	ctx    context.Context // of opening handles in the background; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	used atomic.Int64 // see openFiles.tick

	mu      sync.Mutex // guards what follows
	handles []*handle
	opening int                        // handles being opened in the background
	refused map[*pool.Session]struct{} // sessions that would not open it once more
	closed  bool
}

var (
	_ dest.File        = (*file)(nil)
	_ dest.Revalidator = (*file)(nil)
)

// handle is the file in one session.
type handle struct {
	s       *pool.Session
	id      string
	inUse   atomic.Int32  // requests and goroutines that use it
	checked chan struct{} // closed when err is there
	err     error         // why the handle is not the file that was asked for
}

// Open implements dest.Reader. SFTP cannot open without following a symbolic link: LSTAT, OPEN and FSTAT have to
// agree. LSTAT and OPEN travel together, and FSTAT with the first read, so that a cold read takes two round trips.
// Whoever can swap names on the server between LSTAT and OPEN, and set times, can still slip in another file
// that he could have written there himself, or one of the same size and second that the account may read.
func (d *Destination) Open(ctx context.Context, p string) (dest.File, error) {
	remote, err := d.remote(p)
	if err != nil {
		return nil, err
	}
	f := &file{d: d, path: p, remote: remote, refused: make(map[*pool.Session]struct{})}
	var h *handle
	err = d.doHandle(ctx, pool.Opening{Keep: true}, func(s *pool.Session) (err error) {
		h, f.first, err = d.openRegular(ctx, s, remote)
		return err
	})
	if err != nil {
		return nil, d.absent(ctx, "open", p, remote, err)
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.handles = []*handle{h}
	f.used.Store(d.files.tick())
	f.verify(h)
	d.files.add(f)
	d.pool.WakeWaiters() // it may be idle by now
	return f, nil
}

// openRegular opens a file in s. A server that was asked to open a link may wait for a FIFO that it leads to.
func (d *Destination) openRegular(ctx context.Context, s *pool.Session, remote string) (*handle, wire.Attributes, error) {
	id, a, err := s.OpenRegular(ctx, remote)
	if errors.Is(err, dest.ErrNotRegular) && a.Mode&backup.ModeType == backup.ModeSymlink {
		d.pool.CheckHealth(s)
	}
	if err != nil {
		return nil, a, err
	}
	return &handle{s: s, id: id, checked: make(chan struct{})}, a, nil
}

// verify asks what the handle is and compares it with f.first, in the background.
func (f *file) verify(h *handle) {
	r := h.s.SendString(wire.Fstat, h.id)
	h.inUse.Add(1)
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		defer f.release(h)
		defer close(h.checked)
		h.err = contain.Do(func() error { return f.compare(h.s, r) })
	}()
}

// compare tells whether the answer to r is about what was opened first.
func (f *file) compare(s *pool.Session, r *session.Request) error {
	reply, err := s.Wait(f.ctx, r, nil)
	if f.ctx.Err() != nil {
		return fs.ErrClosed
	}
	if err != nil {
		return err
	}
	a, err := session.AttributesOf(reply)
	if err == nil && !same(a, f.first) {
		err = backup.ErrStale
	}
	return err
}

// same reports whether two answers can be about one file that was not written to.
func same(a, b wire.Attributes) bool {
	return a.Mode&backup.ModeType == b.Mode&backup.ModeType && a.Size == b.Size && a.MTime == b.MTime
}

// Close implements dest.File. It does not wait for the network.
func (f *file) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return fmt.Errorf("close %s: %w", foreign.Show(f.path), fs.ErrClosed)
	}
	f.closed = true
	handles := f.handles
	f.handles = nil
	f.mu.Unlock()
	f.cancel()
	f.d.files.remove(f)
	for _, h := range handles {
		f.d.closeHandle(h.s, h.id)
	}
	f.wg.Wait()
	return nil
}

// Stat implements dest.File.
func (f *file) Stat(ctx context.Context) (dest.Info, error) {
	var a wire.Attributes
	err := f.do(ctx, func(h *handle) (err error) {
		a, err = h.s.Attributes(ctx, wire.Fstat, h.id)
		return err
	})
	if err != nil {
		return dest.Info{}, f.d.fail("stat", f.path, err)
	}
	return info(base(f.path), a), nil
}

// do runs g with a handle, and again with another one if its session is lost.
func (f *file) do(ctx context.Context, g func(h *handle) error) error {
	return f.d.repeat(ctx, func(func()) error {
		h, err := f.handle(ctx)
		if err != nil {
			return err
		}
		defer f.release(h)
		if err = g(h); err == nil {
			err = h.check(ctx)
		}
		return f.d.drop(h.s, err)
	})
}

// check waits until the handle is known to be the file.
func (h *handle) check(ctx context.Context) error {
	select {
	case <-h.checked:
		return h.err
	default:
	}
	select {
	case <-h.checked:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handle returns the one whose session has the least to do, opening the file again if there is none. It counts as
// in use until the caller releases it.
func (f *file) handle(ctx context.Context) (*handle, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, fs.ErrClosed
	}
	h := f.leastLoaded()
	switch {
	case h == nil || f.opening >= maxOpening:
	case f.d.windowLimited(h.s):
		f.openOnOtherSession(h, false)
	case f.first.Size >= minSizeForNewConn && f.d.options.Processors > 1 && f.d.cpuLimited(h.s):
		f.openOnOtherSession(h, true)
	}
	f.used.Store(f.d.files.tick())
	if h != nil {
		h.inUse.Add(1)
		f.mu.Unlock()
		return h, nil
	}
	f.mu.Unlock()
	err := f.d.doHandle(ctx, pool.Opening{Keep: true}, func(s *pool.Session) error {
		var err error
		h, err = f.reopen(ctx, s, 1)
		return err
	})
	return h, err
}

// leastLoaded drops the handles that were lost and returns the one with the least to do, or nil. It needs f.mu.
func (f *file) leastLoaded() *handle {
	var best *handle
	kept := f.handles[:0]
	for _, h := range f.handles {
		if !h.s.Alive() {
			continue
		}
		kept = append(kept, h)
		if best == nil || h.s.Load() < best.s.Load() {
			best = h
		}
	}
	clear(f.handles[len(kept):])
	f.handles = kept
	return best
}

// reopen opens the file in s and keeps the handle if it still is the file that was opened first. users is how many
// use it from the start.
func (f *file) reopen(ctx context.Context, s *pool.Session, users int32) (*handle, error) {
	h, a, err := f.d.openRegular(ctx, s, f.remote)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) || err == nil && !same(a, f.first) {
		if h != nil {
			s.Close(h.id)
		}
		return nil, backup.ErrStale
	}
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		s.Close(h.id)
		return nil, fs.ErrClosed
	}
	h.inUse.Add(users)
	f.handles = append(f.handles, h)
	f.verify(h)
	return h, nil
}

// openOnOtherSession opens the file in one more session in the background, so that further reads go there; onOtherConn says that it has to
// be one of another connection. It needs f.mu.
func (f *file) openOnOtherSession(from *handle, onOtherConn bool) {
	s := f.d.pool.Other(from.s.Load(), onOtherConn, func(s *pool.Session) bool {
		_, refused := f.refused[s]
		for _, h := range f.handles {
			refused = refused || h.s == s || onOtherConn && !h.s.OnOtherConn(s)
		}
		return refused
	})
	if s == nil {
		return
	}
	f.refused[s] = struct{}{} // not again, whatever comes of it
	f.opening++
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		var h *handle
		err := contain.Do(func() (err error) {
			h, err = f.reopen(f.ctx, s, 0)
			return err
		})
		if err != nil || h == nil {
			f.d.pool.FreeHandle(s)
		}
		f.mu.Lock()
		f.opening--
		if err == nil && h != nil {
			delete(f.refused, s)
		}
		f.mu.Unlock()
		f.d.pool.WakeWaiters() // it may be idle by now
	}()
}
