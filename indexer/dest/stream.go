package dest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"slotfs/indexer/contain"
)

const (
	// streamChunk is one read of a Stream: large enough to be spread over requests, small enough that a few of
	// them in flight cost little memory.
	streamChunk = 1 << 20
	streamAhead = 8
)

// Stream reads a range of a File front to back with several reads in flight. It is for one goroutine; Close may
// be called from another one.
type Stream struct {
	ctx    context.Context
	cancel context.CancelFunc
	file   File
	next   int64 // where the next chunk starts
	end    int64
	ahead  int
	queue  []*chunk // in order of offset; the first one is being handed out
	err    error

	mu     sync.Mutex // guards what follows
	closed bool
	wg     sync.WaitGroup // of the reads in flight; none is added once closed is set
}

var _ io.ReadCloser = (*Stream)(nil)

type chunk struct {
	data []byte
	err  error
	done chan struct{} // closed when data and err are there
}

// NewStream reads size bytes of f from offset off on, with ahead chunks of 1 MiB in flight (0: 8), which is also
// about what it keeps in memory. A file that ends before that gives io.ErrUnexpectedEOF. The stream ends with ctx;
// f stays open.
func NewStream(ctx context.Context, f File, off, size int64, ahead int) *Stream {
	if ahead <= 0 {
		ahead = streamAhead
	}
	s := &Stream{file: f, next: off, end: off + size, ahead: ahead}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.err != nil {
		return 0, s.err
	}
	s.fill()
	if len(s.queue) == 0 {
		s.err = s.ctx.Err()
		if s.err == nil {
			s.err = io.EOF
		}
		return 0, s.err
	}
	head := s.queue[0]
	select {
	case <-head.done:
	case <-s.ctx.Done():
		s.err = s.ctx.Err()
		return 0, s.err
	}
	n := copy(p, head.data)
	head.data = head.data[n:]
	if len(head.data) > 0 {
		return n, nil
	}
	if head.err != nil {
		s.err = head.err
		return n, s.err
	}
	s.queue = s.queue[1:]
	s.fill()
	return n, nil
}

// fill starts reads until enough are in flight.
func (s *Stream) fill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) < s.ahead && s.next < s.end && !s.closed {
		n := min(streamChunk, s.end-s.next)
		c := &chunk{done: make(chan struct{})}
		s.queue = append(s.queue, c)
		s.wg.Add(1)
		go s.fetch(c, s.next, int(n))
		s.next += n
	}
}

func (s *Stream) fetch(c *chunk, off int64, n int) {
	defer s.wg.Done()
	defer close(c.done)
	p := make([]byte, n)
	var got int
	err := contain.Do(func() (err error) {
		got, err = s.file.ReadAt(s.ctx, p, off)
		return err
	})
	c.data = p[:got]
	if got == n {
		return
	}
	c.err = err
	if err == nil || err == io.EOF {
		c.err = io.ErrUnexpectedEOF
	}
}

// Close ends the reads in flight and waits for them, which takes no network.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

// Concat is the file that its pieces make when put one behind the other: a split archive. sizes are what a
// listing told of the pieces; a piece that is shorter gives io.ErrUnexpectedEOF. Close closes all pieces.
func Concat(files []File, sizes []int64) File {
	c := &concat{files: files, ends: make([]int64, len(sizes))}
	var end int64
	for i, size := range sizes {
		end += size
		c.ends[i] = end
	}
	return c
}

type concat struct {
	files []File
	ends  []int64 // offset behind each piece
}

var _ File = (*concat)(nil)

func (c *concat) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, fs.ErrInvalid)
	}
	total := 0
	var start int64
	for i, end := range c.ends {
		if len(p) == total {
			break
		}
		if at := off + int64(total); at < end {
			want := p[total:]
			want = want[:min(int64(len(want)), end-at)]
			n, err := c.files[i].ReadAt(ctx, want, at-start)
			total += n
			if n < len(want) {
				if err == io.EOF || err == nil {
					err = fmt.Errorf("piece %d is shorter than it was: %w", i+1, io.ErrUnexpectedEOF)
				}
				return total, err
			}
		}
		start = end
	}
	if total < len(p) {
		return total, io.EOF
	}
	return total, nil
}

// Stat sums the pieces up: the name, owner and mode of the first one, the latest time, all sizes.
func (c *concat) Stat(ctx context.Context) (Info, error) {
	var sum Info
	for i, f := range c.files {
		info, err := f.Stat(ctx)
		if err != nil {
			return Info{}, err
		}
		if i == 0 {
			sum = info
			continue
		}
		sum.Size += info.Size
		sum.MTime = max(sum.MTime, info.MTime)
	}
	return sum, nil
}

func (c *concat) Close() error {
	var first error
	for _, f := range c.files {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
