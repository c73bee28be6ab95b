package scrub

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"slotfs/indexer/dest"
)

// readAhead is how many MiB of an archive are asked for before they are needed: little, because who restores goes first.
const readAhead = 4

// sections reads ascending sections of a file in one stream. The last byte of one may be the first of the next: seek points count bits.
type sections struct {
	ctx  context.Context
	file dest.File
	size int64
	wait func(ctx context.Context, n int64) error

	stream *dest.Stream // nil: none is open
	in     *bufio.Reader
	at     int64 // of the next byte of in
	last   byte  // the one before it
}

// section reads the bytes from first up to end.
func (s *sections) section(first, end int64) io.Reader {
	if s.stream == nil || first < s.at-1 {
		s.close()
		s.stream = dest.NewStream(s.ctx, s.file, first, s.size-first, readAhead)
		s.in, s.at = bufio.NewReaderSize(s.stream, 256<<10), first
	}
	out := &section{of: s, end: end}
	if first == s.at-1 {
		return io.MultiReader(bytes.NewReader([]byte{s.last}), out)
	}
	out.skip = first - s.at
	return out
}

func (s *sections) close() {
	if s.stream != nil {
		s.stream.Close()
		s.stream = nil
	}
}

// section is the rest of one.
type section struct {
	of   *sections
	skip int64
	end  int64
}

var _ io.Reader = (*section)(nil)

// Read implements io.Reader.
func (r *section) Read(p []byte) (int, error) {
	s := r.of
	for r.skip > 0 {
		n, err := s.in.Discard(int(min(r.skip, 1<<20)))
		s.at += int64(n)
		r.skip -= int64(n)
		if err != nil {
			return 0, err
		}
	}
	if s.at >= r.end {
		return 0, io.EOF
	}
	n, err := s.in.Read(p[:min(int64(len(p)), r.end-s.at)])
	if n > 0 {
		s.at += int64(n)
		s.last = p[n-1]
		if err := s.wait(s.ctx, int64(n)); err != nil {
			return n, err
		}
	}
	return n, err
}
