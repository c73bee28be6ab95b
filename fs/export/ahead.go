package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// chunk is what is read at once: large enough to be spread over many requests.
const chunk = 1 << 20

// queued is a member on its way to the archive.
type queued struct {
	Member
	links  string
	held   int64 // bytes of the window
	chunks chan piece
	more   chan struct{} // closed when it is its turn: from then on it reads all
}

// piece is the next bytes of a file, or why there are none.
type piece struct {
	data []byte
	err  error
}

// reader reads members ahead of whoever writes them.
type reader struct {
	o       Options
	members Members
	queue   chan *queued
	files   *semaphore.Weighted // files that are open
	window  *semaphore.Weighted // bytes that were read ahead
	cancel  context.CancelCauseFunc
	reading sync.WaitGroup
	buffers sync.Pool
}

// run has an encoder write all members.
func run(ctx context.Context, members Members, o Options, to encoder) (s Summary, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	files := max(o.Files, 1)
	r := &reader{o: o, members: members, queue: make(chan *queued, files), files: semaphore.NewWeighted(int64(files)),
		window: semaphore.NewWeighted(max(o.Window, chunk)), cancel: cancel}
	r.buffers.New = func() any { return new([chunk]byte) }
	r.reading.Go(func() { r.walk(ctx) })
	for q := range r.queue {
		if err == nil {
			err = r.write(ctx, q, to, &s)
		}
		if err != nil {
			cancel(err)
		}
		r.release(q)
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	r.reading.Wait()
	return s, err
}

// write has a member written.
func (r *reader) write(ctx context.Context, q *queued, to encoder, s *Summary) error {
	if !r.o.Format.holds(&q.Member) {
		s.LeftOut++
		if r.o.LeftOut != nil {
			r.o.LeftOut(&q.Member)
		}
		return nil
	}
	if err := to.add(&q.Member, q.links); err != nil {
		return err
	}
	if q.chunks != nil {
		if err := r.copy(ctx, q, to, s); err != nil {
			return err
		}
	}
	s.count(&q.Member, q.links)
	return nil
}

// copy has the content of a file written.
func (r *reader) copy(ctx context.Context, q *queued, to encoder, s *Summary) error {
	close(q.more)
	for p := range q.chunks {
		if p.err != nil {
			return failed(ctx, &q.Member, p.err)
		}
		if err := to.content(p.data); err != nil {
			return err
		}
		n := int64(len(p.data))
		s.Bytes += n
		if r.o.Progress != nil {
			r.o.Progress.Sent(0, n)
		}
		r.free(p.data)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if r.o.Progress != nil {
		r.o.Progress.Sent(1, 0)
	}
	return to.end()
}

// walk queues the members, and has the beginning of each file read.
func (r *reader) walk(ctx context.Context) {
	defer close(r.queue)
	first := names{}
	err := r.members(ctx, func(m *Member) error {
		if err := check(m); err != nil {
			return err
		}
		q := &queued{Member: *m}
		if r.o.Format != Zip {
			q.links = first.of(m)
		}
		if isRegular(m) && q.links == "" && stored(&m.Entry, r.o.Format) > 0 {
			if err := r.begin(ctx, q); err != nil {
				return err
			}
		}
		select {
		case r.queue <- q:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if err != nil {
		r.cancel(err)
	}
}

// begin begins to read a file, once there is room.
func (r *reader) begin(ctx context.Context, q *queued) error {
	if err := r.files.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	q.held = min(q.Entry.Size, chunk)
	if err := r.window.Acquire(ctx, q.held); err != nil {
		r.files.Release(1)
		return context.Cause(ctx)
	}
	q.chunks, q.more = make(chan piece, 1), make(chan struct{})
	r.reading.Go(func() {
		defer close(q.chunks)
		if err := r.read(ctx, q); err != nil {
			select {
			case q.chunks <- piece{err: err}:
			case <-ctx.Done():
			}
		}
	})
	return nil
}

// release gives back what a member holds.
func (r *reader) release(q *queued) {
	if q.chunks == nil {
		return
	}
	for p := range q.chunks { // left of a file that is not read to its end, as its context tells it
		r.free(p.data)
	}
	r.window.Release(q.held)
	r.files.Release(1)
}

func (r *reader) free(data []byte) {
	if cap(data) == chunk {
		r.buffers.Put((*[chunk]byte)(data[:chunk]))
	}
}

// read reads a file: its first chunk at once, the rest when it is its turn.
func (r *reader) read(ctx context.Context, q *queued) error {
	f, err := q.Source.Open(ctx, &q.Entry)
	if err != nil {
		return err
	}
	defer f.Close()
	c := contentOf(f, &q.Entry, r.o.Format == Zip)
	for first := true; c.left > 0; first = false {
		buf := make([]byte, min(c.left, chunk))
		if c.left >= chunk {
			buf = r.buffers.Get().(*[chunk]byte)[:]
		}
		if err := c.read(ctx, buf); err != nil {
			return err
		}
		select {
		case q.chunks <- piece{data: buf}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if first {
			select {
			case <-q.more:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// content is what of a file is still to be read, from front to back.
type content struct {
	file   restore.File
	ranges []stretch
	left   int64
}

// stretch is a part of a file.
type stretch struct {
	backup.Extent
	hole bool
}

// contentOf is the content of a file as an archive has it: dense with zeros for its holes.
func contentOf(f restore.File, e *restore.Entry, dense bool) *content {
	c := &content{file: f}
	add := func(from, to int64, hole bool) {
		if from < to {
			c.ranges = append(c.ranges, stretch{backup.Extent{Offset: from, Length: to - from}, hole})
			c.left += to - from
		}
	}
	if e.Extents == nil {
		add(0, e.Size, false)
		return c
	}
	at := int64(0)
	for _, x := range e.Extents {
		if dense {
			add(at, x.Offset, true)
		}
		add(x.Offset, x.Offset+x.Length, false)
		at = x.Offset + x.Length
	}
	if dense {
		add(at, e.Size, true)
	}
	return c
}

// errShort says that a file ended before the size that it is known to have.
var errShort = errors.New("ends early")

// read reads all of p, which is not more than what is left.
func (c *content) read(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		at := &c.ranges[0]
		n := min(int64(len(p)), at.Length)
		if at.hole {
			clear(p[:n])
		} else if err := readAll(ctx, c.file, p[:n], at.Offset); err != nil {
			return err
		}
		p, c.left = p[n:], c.left-n
		at.Offset, at.Length = at.Offset+n, at.Length-n
		if at.Length == 0 {
			c.ranges = c.ranges[1:]
		}
	}
	return nil
}

func readAll(ctx context.Context, f restore.File, p []byte, off int64) error {
	n, err := f.ReadAt(ctx, p, off)
	switch {
	case n == len(p):
		return nil
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case err == nil || err == io.EOF: // a lost connection may have an EOF in its chain
		err = fmt.Errorf("at %d: %w", off+int64(n), errShort)
	}
	return err
}
