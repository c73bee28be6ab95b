package indexer

import (
	"context"
	"io"

	"slotfs/indexer/archive"
	"slotfs/indexer/dest"
)

// readAhead is how many MiB of an archive are asked for before they are needed: several times what one SSH
// channel carries in a round trip.
const readAhead = 16

// stored reads an archive as it lies on the destination, front to back, and tells how far it came.
type stored struct {
	ctx    context.Context
	file   dest.File
	at     int64 // of the next byte
	size   int64
	stream *dest.Stream
	report func(done int64)
}

var (
	_ io.Reader       = (*stored)(nil)
	_ archive.Skipper = (*stored)(nil)
)

func newStored(ctx context.Context, file dest.File, at, size int64, report func(done int64)) *stored {
	return &stored{
		ctx: ctx, file: file, at: at, size: size, report: report,
		stream: dest.NewStream(ctx, file, at, size-at, readAhead),
	}
}

// Read implements io.Reader.
func (s *stored) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	s.at += int64(n)
	s.report(s.at)
	return n, err
}

// Skip passes over n bytes. What is asked for already is read and thrown away; more than that is worth a new
// stream behind it.
func (s *stored) Skip(ctx context.Context, n int64) error {
	if n <= readAhead<<20 {
		_, err := io.CopyN(io.Discard, s, n)
		return err
	}
	s.close()
	s.at += n
	s.stream = dest.NewStream(s.ctx, s.file, s.at, s.size-s.at, readAhead)
	s.report(s.at)
	return ctx.Err()
}

func (s *stored) close() { s.stream.Close() }
