package content

import (
	"context"
	"fmt"
	"sync"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

// plainBlock is the unit in which uncompressed bytes are fetched: what comes with one request of OpenSSH's, which answers
// up to 255 KiB. Both sides do more for a request than for its bytes.
const plainBlock = 240 << 10

// plain reads the remote files of a snapshot as they are.
type plain struct {
	r      *Reader
	id     uint64
	remote *remote
	size   int64
	small  bool // one block is all of it
	stock  stock

	mu sync.Mutex
	// mu guards what follows.
	fetches map[int64]*blockFetch
}

var _ source = (*plain)(nil)

// blockFetch is one block on its way.
type blockFetch struct {
	start   int64
	waiting int  // who waits; guarded by the source's mu
	ahead   bool // wanted without anybody waiting; likewise
	cancel  context.CancelFunc
	done    chan struct{} // closed when data and err are there
	data    []byte
	err     error
}

func (s *plain) block(ctx context.Context, off int64) ([]byte, error) {
	if off < 0 || off >= s.size {
		return nil, fmt.Errorf("byte %d of %d: %w", off, s.size, backup.ErrEnd)
	}
	start := off - off%plainBlock
	s.mu.Lock()
	if b := s.r.cache.get(blockKey{s.id, start}); b != nil {
		s.mu.Unlock()
		return b[off-start:], nil
	}
	f := s.fetch(start)
	if f == nil {
		s.mu.Unlock()
		return nil, errReader
	}
	f.waiting++
	s.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		s.leave(f)
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.data[off-start:], nil
}

// leave ends waiting for a fetch. It is given up if nobody else wants it.
func (s *plain) leave(f *blockFetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting--
	if f.waiting == 0 && !f.ahead {
		f.cancel()
		s.forget(f)
	}
}

func (s *plain) want(ctx context.Context, off, end int64, ahead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for start := off - off%plainBlock; start < min(end, s.size); start += plainBlock {
		if s.r.cache.has(blockKey{s.id, start}) {
			continue
		}
		if f := s.fetch(start); f != nil && ahead {
			f.ahead = true
		}
	}
}

// fetch returns the fetch of the block at start, begun unless there is one. It is nil if the Reader is closed. It needs s.mu.
func (s *plain) fetch(start int64) *blockFetch {
	if f := s.fetches[start]; f != nil {
		return f
	}
	if !s.r.begin() {
		return nil
	}
	f := &blockFetch{start: start, done: make(chan struct{})}
	var ctx context.Context
	ctx, f.cancel = context.WithTimeout(s.r.ctx, s.r.o.Deadline)
	if s.fetches == nil {
		s.fetches = map[int64]*blockFetch{}
	}
	s.fetches[start] = f
	go s.run(ctx, f)
	return f
}

func (s *plain) run(ctx context.Context, f *blockFetch) {
	defer s.r.work.Done()
	defer f.cancel()
	var buf []byte
	err := contain.Do(func() (err error) {
		buf, err = s.get(ctx, f.start)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.err = err; err == nil {
		f.data = buf
		s.r.cache.put(blockKey{s.id, f.start}, buf)
	}
	s.forget(f)
	close(f.done)
}

// get gets the block at start from where it is to be had.
func (s *plain) get(ctx context.Context, start int64) ([]byte, error) {
	length := min(plainBlock, s.size-start)
	if b := s.stock.get(start, length); b != nil {
		return b, nil
	}
	b, err := s.remote.read(ctx, start, length)
	if s.small {
		s.remote.release() // all of it is here
	}
	if err == nil {
		s.stock.put(start, b)
	}
	return b, err
}

// drop takes the blocks that begin between from and to out of memory.
func (s *plain) drop(from, to int64) {
	for start := (from + plainBlock - 1) / plainBlock * plainBlock; start < to; start += plainBlock {
		s.r.cache.drop(blockKey{s.id, start})
	}
}

// forget takes a fetch from the list, so that the next one who wants the block begins anew. It needs s.mu.
func (s *plain) forget(f *blockFetch) {
	if s.fetches[f.start] == f {
		delete(s.fetches, f.start)
	}
}
