package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

const (
	// pauseLimit is how long a decoder that nobody wants more of is kept for who reads on.
	pauseLimit = 10 * time.Second
	// maxPaused is how many such decoders a Reader keeps.
	maxPaused = 8
)

var (
	// errUnwanted ends a decoder whose blocks nobody waits for any more.
	errUnwanted = errors.New("not wanted any more")
	// errDeadline ends work that makes no progress.
	errDeadline = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
)

// decodeJob is one decoder running through a span.
type decodeJob struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer   // cancels when there is no progress
	wake   chan struct{} // has room for one
	// The source's mu guards what follows.
	pos    int64 // decoded so far
	handle *handle
	fetch  *fetch
}

// poke makes a paused job look at its target.
func (r *decodeJob) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// reach lets the job fetch what it needs for the span's target. It needs the source's mu.
func (r *decodeJob) reach(s *span) {
	if r.fetch != nil {
		r.fetch.reach(s.compressed(s.target))
	}
}

// passed reports whether those who wait all wait for blocks that the run is past, and that have left the cache: then
// it has to begin again. It needs the source's mu.
func (r *decodeJob) passed(s *span) bool {
	for _, w := range s.waiters {
		if w.off >= r.pos {
			return false
		}
	}
	return len(s.waiters) > 0
}

// compressed guesses up to which byte of the stored archive one has to read to decode up to out: blocks
// are about equally dense, and a little more than that costs less than asking twice.
func (s *span) compressed(out int64) int64 {
	p := s.point
	first := p.Bit / 8
	if out >= s.end() {
		return p.End
	}
	share := float64(out-p.Out) / float64(p.Length)
	return min(p.End, first+int64(share*float64(p.End-first))+fetchSize/2)
}

// start begins a run. It needs the source's mu.
func (s *span) start() {
	r := s.src.r
	if !r.begin() {
		s.fail(errReader)
		return
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	s.job = &decodeJob{cancel: cancel, wake: make(chan struct{}, 1), pos: s.point.Out}
	s.job.timer = time.AfterFunc(r.o.Deadline, func() { cancel(errDeadline) })
	s.src.running++
	go s.decode(ctx, s.job)
}

// decode is the life of a run.
func (s *span) decode(ctx context.Context, r *decodeJob) {
	defer s.src.r.work.Done()
	err := contain.Do(func() error { return s.decodeFrom(ctx, r) })
	r.timer.Stop()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	err = s.classifyDecodeError(err)
	r.cancel(nil)

	s.src.mu.Lock()
	defer s.src.mu.Unlock()
	s.job = nil
	s.src.running--
	// Who came while the run ended is no concern of its errors.
	if err != nil && !errors.Is(err, errUnwanted) {
		s.fail(err)
	}
	s.ahead, s.target = false, 0
	for _, w := range s.waiters {
		s.target = max(s.target, w.off+1)
	}
	if s.target > 0 {
		s.start()
	}
}

func (s *span) decodeFrom(ctx context.Context, r *decodeJob) error {
	h, err := s.src.remote.acquire(ctx)
	if err != nil {
		return err
	}
	defer h.done()
	// Earlier versions recorded points of truncated archives that end behind the archive.
	f := newFetch(ctx, s.src.r, h.File, s.point.Bit/8, min(s.point.End, s.src.remote.size()))
	defer f.close()
	s.src.mu.Lock()
	r.handle, r.fetch, r.pos = h, f, s.point.Out
	f.reach(s.compressed(s.target))
	s.src.mu.Unlock()

	err = s.src.remote.unchanged(ctx, h)
	if err == nil {
		d := s.src.r.decoder()
		err = d.Decode(ctx, s.point, f, func(off int64, block []byte) bool { return s.emit(ctx, r, off, block) })
		s.src.r.decoders.Put(d)
	}
	if err != nil && ctx.Err() == nil {
		h.retire()
	}
	return err
}

// decoder returns one that is not in use: they have large buffers.
func (r *Reader) decoder() *gzseek.Decoder {
	if d, ok := r.decoders.Get().(*gzseek.Decoder); ok {
		return d
	}
	return new(gzseek.Decoder)
}

// emit takes a block from the decoder. It returns false when the run shall end.
func (s *span) emit(ctx context.Context, r *decodeJob, off int64, block []byte) bool {
	kept := slices.Clone(block)
	s.src.mu.Lock()
	defer s.src.mu.Unlock()
	s.src.r.cache.put(blockKey{s.src.id, off}, kept)
	s.src.disk.put(off, kept)
	s.deliver(off, kept)
	r.pos = off + int64(len(kept))
	r.timer.Reset(s.src.r.o.Deadline)
	for ctx.Err() == nil && !r.passed(s) {
		if r.pos < s.target || r.pos >= s.end() {
			return true
		}
		s.ahead = false
		if !s.pause(ctx, r) && r.pos >= s.target {
			return false
		}
		if s.src.remote.aged(r.handle) {
			return false // to begin again with a handle that is compared anew
		}
	}
	return false
}

// pause waits until somebody wants more; false means that nobody did for too long. It needs the source's mu, which it gives
// away meanwhile.
func (s *span) pause(ctx context.Context, r *decodeJob) bool {
	r.timer.Stop()
	s.src.mu.Unlock()
	defer s.src.mu.Lock()
	s.src.r.paused.add(r)
	defer s.src.r.paused.drop(r)
	idle := time.NewTimer(pauseLimit)
	defer idle.Stop()
	select {
	case <-r.wake:
		r.timer.Reset(s.src.r.o.Deadline)
		return true
	case <-ctx.Done():
	case <-idle.C:
	}
	return false
}

// classifyDecodeError tells damage from a remote file that was replaced: it compares the file with the index before it calls
// bytes corrupt.
func (s *span) classifyDecodeError(err error) error {
	bad := errors.Is(err, gzseek.ErrCorrupt) || errors.Is(err, gzseek.ErrFormat) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	if !bad || errors.Is(err, backup.ErrStale) {
		return err
	}
	ctx, cancel := context.WithTimeout(s.src.r.ctx, s.src.r.o.Deadline)
	defer cancel()
	if fault := s.src.remote.compare(ctx); fault != nil {
		return fault
	}
	return fmt.Errorf("span at %d: %w: %w", s.point.Out, backup.ErrCorrupt, err)
}

// pausedDecoders bounds the number of paused decoders.
type pausedDecoders struct {
	mu sync.Mutex
	// mu guards what follows.
	runs []*decodeJob // the one paused longest in front
}

func (p *pausedDecoders) add(r *decodeJob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = append(p.runs, r)
	if len(p.runs) > maxPaused {
		p.runs[0].cancel(errUnwanted)
		p.runs = p.runs[1:]
	}
}

func (p *pausedDecoders) drop(r *decodeJob) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = slices.DeleteFunc(p.runs, func(q *decodeJob) bool { return q == r })
}
