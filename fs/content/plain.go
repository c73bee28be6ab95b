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

// plainSource reads the remote files of a snapshot as they are.
type plainSource struct {
	r      *Reader
	key    string
	id     uint64
	remote *remote
	size   int64
	unit   int64  // how many bytes are fetched at a time: a block
	proof  *proof // nil: nothing is known of the content
	disk   diskBlocks

	mu sync.Mutex
	// mu guards what follows.
	fetches map[int64]*blockFetch
}

var _ source = (*plainSource)(nil)

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

func (s *plainSource) block(ctx context.Context, off int64) ([]byte, error) {
	if off < 0 || off >= s.size {
		return nil, fmt.Errorf("byte %d of %d: %w", off, s.size, backup.ErrEnd)
	}
	start := off - off%s.unit
	b, err := s.whole(ctx, start)
	if err == nil && s.proof != nil {
		err = s.proof.may(start, b)
	}
	if err != nil {
		return nil, err
	}
	return b[off-start:], nil
}

// whole returns the block at start, from memory if it is there.
func (s *plainSource) whole(ctx context.Context, start int64) ([]byte, error) {
	s.mu.Lock()
	if b := s.r.cache.get(blockKey{s.id, start}); b != nil {
		s.mu.Unlock()
		return b, nil
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
	return f.data, nil
}

// leave ends waiting for a fetch. It is given up if nobody else wants it.
func (s *plainSource) leave(f *blockFetch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting--
	if f.waiting == 0 && !f.ahead {
		f.cancel()
		s.forget(f)
	}
}

func (s *plainSource) want(ctx context.Context, off, end int64, ahead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for start := off - off%s.unit; start < min(end, s.size); start += s.unit {
		if s.r.cache.has(blockKey{s.id, start}) {
			continue
		}
		if f := s.fetch(start); f != nil && ahead {
			f.ahead = true
		}
	}
}

// fetch returns the fetch of the block at start, begun unless there is one. It is nil if the Reader is closed. It needs s.mu.
func (s *plainSource) fetch(start int64) *blockFetch {
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

func (s *plainSource) run(ctx context.Context, f *blockFetch) {
	defer s.r.work.Done()
	defer f.cancel()
	var buf []byte
	err := contain.Do(func() (err error) {
		buf, err = s.get(ctx, f.start)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	f.err = err
	if err == nil {
		f.data = buf
		s.r.cache.put(blockKey{s.id, f.start}, buf)
	}
	s.forget(f)
	close(f.done)
}

// get gets the block at start from where it is to be had.
func (s *plainSource) get(ctx context.Context, start int64) ([]byte, error) {
	length := min(s.unit, s.size-start)
	if b := s.disk.get(start, length); b != nil && s.proof.check(start, b) == nil {
		return b, nil
	}
	b, err := s.remote.read(ctx, start, length)
	if length == s.size {
		s.remote.release() // all of it is here
	}
	if err != nil {
		return nil, err
	}
	if err := s.proof.check(start, b); err != nil {
		s.r.noteRotten(s, err)
		return nil, s.remote.otherContent(err)
	}
	s.disk.put(start, b)
	return b, nil
}

// drop takes the blocks that begin between from and to out of memory.
func (s *plainSource) drop(from, to int64) {
	for start := (from + s.unit - 1) / s.unit * s.unit; start < to; start += s.unit {
		s.r.cache.drop(blockKey{s.id, start})
	}
}

// forget takes a fetch from the list, so that the next one who wants the block begins anew. It needs s.mu.
func (s *plainSource) forget(f *blockFetch) {
	if s.fetches[f.start] == f {
		delete(s.fetches, f.start)
	}
}
