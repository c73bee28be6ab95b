package content

import (
	"context"
	"io"
	"sync"
	"time"

	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
)

// fetchSize is one read of compressed bytes, one request of OpenSSH's. Those of a span are in flight side by side.
const fetchSize = 240 << 10

// fetch reads the stored bytes of a span in order, as many of them ahead as reach was told. Read is for one
// goroutine.
type fetch struct {
	ctx    context.Context
	cancel context.CancelFunc
	r      *Reader
	file   dest.File
	end    int64
	work   sync.WaitGroup

	mu sync.Mutex
	// mu guards what follows.
	next   int64 // where the next piece begins that was not asked for
	pieces []*piece
	closed bool
}

var _ io.Reader = (*fetch)(nil)

// piece is one read in flight, or what came of it.
type piece struct {
	data []byte
	err  error
	done chan struct{}
}

func newFetch(ctx context.Context, r *Reader, file dest.File, first, end int64) *fetch {
	f := &fetch{r: r, file: file, end: end, next: first}
	f.ctx, f.cancel = context.WithCancel(ctx)
	return f
}

// reach asks for everything up to the byte limit, in whole pieces.
func (f *fetch) reach(limit int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.next < min(limit, f.end) && !f.closed {
		size := min(fetchSize, f.end-f.next)
		p := &piece{done: make(chan struct{})}
		f.pieces = append(f.pieces, p)
		f.work.Add(1)
		go f.get(p, f.next, int(size))
		f.next += size
	}
}

func (f *fetch) get(p *piece, off int64, size int) {
	defer f.work.Done()
	defer close(p.done)
	asked := time.Now()
	err := contain.Do(func() (err error) {
		p.data, err = f.read(off, size)
		return err
	})
	if len(p.data) == size {
		f.r.streams.link.took(asked, time.Now())
		return
	}
	p.err = err
	if err == nil || err == io.EOF {
		p.err = io.ErrUnexpectedEOF
	}
}

// read reads size bytes at off. Checksums tell whether they are those that were indexed.
func (f *fetch) read(off int64, size int) ([]byte, error) {
	if s, ok := f.file.(dest.Revalidator); ok {
		return s.ReadBlock(f.ctx, off, size, false)
	}
	data := make([]byte, size)
	n, err := f.file.ReadAt(f.ctx, data, off)
	return data[:n], err
}

// Read implements io.Reader. It returns io.EOF behind the span.
func (f *fetch) Read(p []byte) (int, error) {
	f.mu.Lock()
	if len(f.pieces) == 0 {
		limit := f.next + fetchSize
		f.mu.Unlock()
		f.reach(limit)
		f.mu.Lock()
	}
	if len(f.pieces) == 0 {
		f.mu.Unlock()
		return 0, io.EOF
	}
	head := f.pieces[0]
	f.mu.Unlock()
	select {
	case <-head.done:
	case <-f.ctx.Done():
		return 0, context.Cause(f.ctx)
	}
	n := copy(p, head.data)
	head.data = head.data[n:]
	if len(head.data) > 0 {
		return n, nil
	}
	if head.err != nil {
		return n, head.err
	}
	f.mu.Lock()
	f.pieces = f.pieces[1:]
	f.mu.Unlock()
	return n, nil
}

// close ends what is in flight and waits for it, which a destination does not make long.
func (f *fetch) close() {
	f.cancel()
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.work.Wait()
}
