package content

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// gzipSource reads what a gzip stream unpacks to, span by span. Every span that is wanted has a decoder of its own,
// which stops where nobody wants more and goes on from there when somebody does.
type gzipSource struct {
	r      *Reader
	id     uint64
	serial uint64
	remote *remote
	disk   diskBlocks

	mu sync.Mutex
	// mu guards what follows.
	spans   []*span // by offset
	running int     // decoders
	end     int64   // of what the archive unpacks to, once somebody looked behind it
}

var _ source = (*gzipSource)(nil)

// maxRunning is how many decoders of a source may run before no more are begun that nobody waits for: some archives
// have a point for every member.
const maxRunning = 12

// maxSpans is how many idle spans, with their points, a source remembers.
const maxSpans = 48

// span is what lies between two seek points.
type span struct {
	src   *gzipSource
	point *gzseek.Point
	// The source's mu guards what follows.
	target  int64 // decode as far as this
	ahead   bool  // although nobody waits
	waiters []*waiter
	job     *decodeJob // nil: no decoder
}

func (s *span) end() int64 { return s.point.Out + s.point.Length }

// waiter waits for the block at off.
type waiter struct {
	off int64
	got chan result // has room for one
}

type result struct {
	block []byte
	err   error
}

func (a *gzipSource) block(ctx context.Context, off int64) ([]byte, error) {
	s, err := a.span(ctx, off)
	if err != nil {
		return nil, err
	}
	start := off - (off-s.point.Out)%gzseek.BlockSize
	if b := a.stored(s, start); b != nil {
		return b[off-start:], nil
	}
	a.mu.Lock()
	if b := a.r.cache.get(blockKey{a.id, start}); b != nil {
		a.mu.Unlock()
		return b[off-start:], nil
	}
	w := &waiter{off: start, got: make(chan result, 1)}
	s.waiters = append(s.waiters, w)
	s.want(start + 1)
	a.mu.Unlock()
	select {
	case got := <-w.got:
		if got.err != nil {
			return nil, got.err
		}
		return got.block[off-start:], nil
	case <-ctx.Done():
		s.leave(w)
		return nil, ctx.Err()
	}
}

// stored returns the block at start if there is no need for decoding it, or nil.
func (a *gzipSource) stored(s *span, start int64) []byte {
	if b := a.r.cache.get(blockKey{a.id, start}); b != nil {
		return b
	}
	b := a.disk.get(start, min(gzseek.BlockSize, s.end()-start))
	if b != nil {
		a.r.cache.put(blockKey{a.id, start}, b)
	}
	return b
}

func (a *gzipSource) want(ctx context.Context, off, end int64, ahead bool) {
	a.mu.Lock()
	if a.end > 0 {
		end = min(end, a.end)
	}
	a.mu.Unlock()
	for off < end {
		s, err := a.span(ctx, off)
		if err != nil {
			return // whoever reads there will be told
		}
		a.mu.Lock()
		if ahead && s.job == nil && a.running >= maxRunning {
			a.mu.Unlock()
			return
		}
		if upTo := min(end, s.end()); !s.cached(off, upTo) {
			s.ahead = s.ahead || ahead
			s.want(upTo)
		}
		a.mu.Unlock()
		off = s.end()
	}
}

// span finds the span that off lies in.
func (a *gzipSource) span(ctx context.Context, off int64) (*span, error) {
	a.mu.Lock()
	i, known := slices.BinarySearchFunc(a.spans, off, compareSpan)
	if known {
		defer a.mu.Unlock()
		return a.spans[i], nil
	}
	a.mu.Unlock()
	p, err := a.r.points.Point(ctx, a.serial, off)
	if err != nil {
		return nil, fmt.Errorf("find seek point: %w", err)
	}
	if p.Out > off || off >= p.Out+p.Length {
		a.mu.Lock()
		a.end = max(a.end, p.Out+p.Length)
		a.mu.Unlock()
		return nil, fmt.Errorf("byte %d of the uncompressed archive: %w", off, backup.ErrEnd)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i, known = slices.BinarySearchFunc(a.spans, off, compareSpan)
	if !known {
		a.forget()
		i, _ = slices.BinarySearchFunc(a.spans, off, compareSpan)
		a.spans = slices.Insert(a.spans, i, &span{src: a, point: p})
	}
	return a.spans[i], nil
}

func compareSpan(s *span, off int64) int {
	switch {
	case s.end() <= off:
		return -1
	case s.point.Out > off:
		return 1
	}
	return 0
}

// forget makes room for a span by leaving out those that nobody works on. It needs a.mu.
func (a *gzipSource) forget() {
	if len(a.spans) < maxSpans {
		return
	}
	a.spans = slices.DeleteFunc(a.spans, func(s *span) bool { return s.job == nil && len(s.waiters) == 0 })
}

// cached reports whether all blocks from off to end are there already.
func (s *span) cached(off, end int64) bool {
	for start := off - (off-s.point.Out)%gzseek.BlockSize; start < end; start += gzseek.BlockSize {
		if !s.src.r.cache.has(blockKey{s.src.id, start}) && !s.src.disk.has(start) {
			return false
		}
	}
	return true
}

// want has the span decoded up to target. It needs the source's mu.
func (s *span) want(target int64) {
	s.target = max(s.target, target)
	if s.job == nil {
		s.start()
		return
	}
	s.job.reach(s)
	s.job.poke()
}

// leave ends waiting. A decoder that nobody wants anything of is stopped.
func (s *span) leave(w *waiter) {
	s.src.mu.Lock()
	defer s.src.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(v *waiter) bool { return v == w })
	if len(s.waiters) == 0 && !s.ahead && s.job != nil {
		s.target = 0
		s.job.cancel(errUnwanted)
	}
}

// deliver hands a block to those who wait for it. It needs the source's mu.
func (s *span) deliver(off int64, block []byte) {
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		if w.off != off {
			return false
		}
		w.got <- result{block: block}
		return true
	})
}

// fail ends all waits with err. It needs the source's mu.
func (s *span) fail(err error) {
	for _, w := range s.waiters {
		w.got <- result{err: err}
	}
	s.waiters = nil
}
