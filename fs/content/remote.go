package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/lru"
)

// remote is the remote file of a source, or the pieces of a split archive as one file. It is opened when it is
// needed, and compared with what was indexed: whenever it is opened, and then again after a while. For that it is
// opened anew, because an open handle goes on showing a file that was replaced or deleted long ago.
type remote struct {
	r     *Reader
	files []backup.File
	state *state // of the slot that it is in; nil if it is in none
	proof *proof // nil: size and time have to tell

	begun atomic.Uint64 // openings that were begun

	lock chan struct{} // one token: held while the file is opened, by who can stop waiting
	// lock guards what follows.
	handle *handle
	stale  error  // the last opening that met another file; nil: there was none
	met    uint64 // which opening that was, counted by begun
}

func newRemote(r *Reader, files []backup.File) *remote {
	return &remote{r: r, files: files, lock: make(chan struct{}, 1)}
}

func (m *remote) size() (total int64) {
	for _, f := range m.files {
		total += f.Size
	}
	return total
}

// handle is an open remote. It is closed when it is given up and nobody uses it.
type handle struct {
	dest.File
	pieces []dest.File
	opened time.Time
	looks  coalescer // at what the pieces are by then

	mu sync.Mutex
	// mu guards what follows.
	users   int
	retired bool
}

// read reads n bytes at off. What comes back is what was indexed, as far as size and time tell. A handle that fails is
// given up.
func (m *remote) read(ctx context.Context, off, n int64) ([]byte, error) {
	asked := time.Now()
	h, err := m.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer h.done()
	b, err, fault := m.readUnchanged(ctx, h, off, n)
	if fault != nil {
		h.retire()
		return nil, fault
	}
	if int64(len(b)) == n {
		m.r.streams.link.took(asked, time.Now())
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	h.retire()
	return nil, fmt.Errorf("read %s at %d: %w", m.files[0].Path, off+int64(len(b)), err)
}

// readUnchanged reads n bytes, fewer with err. fault says that they are not known to be those of the indexed version.
func (m *remote) readUnchanged(ctx context.Context, h *handle, off, n int64) (b []byte, err, fault error) {
	f, ok := h.File.(dest.Revalidator)
	if !ok {
		b = make([]byte, n)
		got, err := h.ReadAt(ctx, b, off)
		return b[:got], err, m.unchanged(ctx, h)
	}
	if b, err = f.ReadBlock(ctx, off, int(n), true); errors.Is(err, backup.ErrStale) {
		return nil, nil, err
	}
	return b, err, nil
}

// why adds the destination's outage to the error of a read that timed out.
func (r *Reader) why(ctx context.Context, err error) error {
	if d, ok := r.dest.(dest.Troubled); ok && ctx.Err() != nil {
		if trouble := d.Trouble(); trouble != nil && !errors.Is(err, trouble) {
			return fmt.Errorf("%w: %w", err, trouble)
		}
	}
	return err
}

// compare opens the remote anew and compares it with the index, after something was wrong with its bytes.
func (m *remote) compare(ctx context.Context) error {
	m.release()
	h, err := m.acquire(ctx)
	if err != nil {
		return err
	}
	defer h.done()
	return m.unchanged(ctx, h)
}

// acquire returns the open remote, which the caller must be done with. Who waited for an opening that was begun meanwhile
// and met another file shares what it found: all that was read ahead of a file that changed asks at once, and would
// stand in line for as many openings.
func (m *remote) acquire(ctx context.Context) (*handle, error) {
	asked := m.begun.Load()
	select {
	case m.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-m.lock }()
	if h := m.handle; h != nil && m.aged(h) {
		h.retire()
	}
	if m.handle == nil || !m.handle.use() {
		if m.stale != nil && m.met > asked {
			return nil, m.stale
		}
		h, err := m.open(ctx)
		if errors.Is(err, backup.ErrStale) {
			m.stale, m.met = err, m.begun.Load()
		}
		if err != nil {
			return nil, err
		}
		h.use()
		m.handle = h
	}
	m.r.handles.used(m)
	return m.handle, nil
}

// aged reports whether it is time to compare anew.
func (m *remote) aged(h *handle) bool {
	recheck := m.r.o.Recheck
	if m.state != nil {
		recheck = min(recheck, stateRecheck)
	}
	return m.r.o.Now().Sub(h.opened) >= recheck
}

// open opens all pieces. It needs the lock.
func (m *remote) open(ctx context.Context) (*handle, error) {
	m.begun.Add(1)
	h := &handle{pieces: make([]dest.File, len(m.files)), opened: m.r.o.Now()}
	h.looks = m.comparisons(h)
	group, gctx := errgroup.WithContext(ctx)
	sizes := make([]int64, len(m.files))
	for i, f := range m.files {
		sizes[i] = f.Size
		group.Go(func() (err error) {
			defer contain.Recover(&err)
			file, err := m.r.dest.Open(gctx, f.Path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, dest.ErrNotRegular) {
				return fmt.Errorf("open %s: %w: %w", f.Path, backup.ErrStale, err)
			}
			if err != nil {
				return fmt.Errorf("open %s: %w", f.Path, err)
			}
			h.pieces[i] = file
			if s, ok := file.(dest.Revalidator); ok && !m.accepts(&f, s.Opened()) {
				return fmt.Errorf("open %s: %w", f.Path, backup.ErrStale)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil && m.state != nil {
		err = m.state.check(ctx) // behind opening: what is open then belongs to the backup that was indexed
	}
	if err != nil {
		h.closePieces()
		return nil, err
	}
	h.File = h.pieces[0]
	if len(h.pieces) > 1 {
		h.File = dest.Concat(h.pieces, sizes)
	}
	return h, nil
}

// release closes the remote, unless somebody is opening it at this moment.
func (m *remote) release() {
	select {
	case m.lock <- struct{}{}:
	default:
		return
	}
	defer func() { <-m.lock }()
	if m.handle != nil {
		m.handle.retire()
		m.handle = nil
		m.r.handles.closed(m)
	}
}

// use begins a use; false means that the handle was given up.
func (h *handle) use() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.retired {
		return false
	}
	h.users++
	return true
}

// done ends one use.
func (h *handle) done() {
	h.mu.Lock()
	h.users--
	last := h.users == 0 && h.retired
	h.mu.Unlock()
	if last {
		h.closePieces()
	}
}

// retire lets the last user close the handle.
func (h *handle) retire() {
	h.mu.Lock()
	idle := h.users == 0 && !h.retired
	h.retired = true
	h.mu.Unlock()
	if idle {
		h.closePieces()
	}
}

func (h *handle) closePieces() {
	for _, f := range h.pieces {
		if f != nil {
			f.Close() // nothing was written: there is nothing to lose
		}
	}
}

// handles keeps the number of open remotes bounded.
type handles struct {
	limit int

	mu sync.Mutex
	// mu guards what follows.
	order lru.Map[*remote, *remote]
}

// used says that m is open, and closes what was not used for longest.
func (s *handles) used(m *remote) {
	s.mu.Lock()
	s.order.Put(m, m, 1)
	var over []*remote
	s.order.Shrink(int64(s.limit), func(old *remote) bool {
		over = append(over, old)
		return true
	})
	s.mu.Unlock()
	for _, old := range over {
		if old != m {
			old.release()
		}
	}
}

// closed says that m is open no more.
func (s *handles) closed(m *remote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order.Delete(m)
}

func (s *handles) closeAll() {
	s.mu.Lock()
	all := s.order.Clear()
	s.mu.Unlock()
	for _, m := range all {
		m.release()
	}
}
