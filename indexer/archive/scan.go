package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
)

// defaultEvery is how much uncompressed archive passes between two states.
const defaultEvery = 256 << 20

// chunkSize is how much of a plain archive is read at once.
const chunkSize = 256 << 10

// leastSkip is from how many bytes on it pays to begin to read elsewhere.
const leastSkip = 4 << 20

// maxIdle is how many times in a row a reader may give nothing.
const maxIdle = 100

// scan is one pass.
type scan struct {
	*walker
	o     Options
	in    *counter
	gzip  *gzseek.Scanner // nil for a plain archive
	saved int64           // offset in the uncompressed archive of the last state
	own   error           // of the handler, Save or the walker, as opposed to those of the archive
}

// counter counts what a reader gives and remembers how it failed.
type counter struct {
	r    io.Reader
	read int64
	head []byte // the first bytes
	err  error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.read < headSize {
		c.head = keepHead(c.head, p[:n])
	}
	c.read += int64(n)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		c.err = err
	}
	return n, err
}

// newScan prepares a pass, from the beginning or from a state.
func newScan(r io.Reader, h Handler, o Options) (*scan, []byte, error) {
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	s := &scan{walker: newWalker(h, o.Nested), o: o, in: &counter{r: r}}
	var inflater []byte
	if o.Resume != nil {
		st, err := parseState(o.Resume)
		if err == nil && st.gzip != o.Gzip {
			err = errState
		}
		if err == nil {
			err = st.restore(s.walker)
		}
		if err != nil {
			return nil, nil, err
		}
		inflater = st.inflater
	}
	s.saved = s.top.pos
	return s, inflater, nil
}

// run feeds the walker until the archive ends. The error tells how.
func (s *scan) run(ctx context.Context, inflater []byte) error {
	if !s.o.Gzip {
		return s.plain(ctx)
	}
	s.gzip = gzseek.NewScanner(s)
	s.hint = s.gzip.Hint
	if s.o.Save != nil {
		// A state may have to wait until a wanted member is over, so there are more chances than states.
		s.gzip.Every = max(1, s.o.Every/16)
		s.gzip.Save = s.save
	}
	return s.gzip.Run(ctx, s.in, inflater)
}

// plain reads an archive that is not compressed.
func (s *scan) plain(ctx context.Context) error {
	buf := make([]byte, chunkSize)
	for idle := 0; ; idle++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.in.Read(buf)
		if n > 0 {
			idle = 0
			if _, err := s.Write(buf[:n]); err != nil {
				return err
			}
			if err := s.after(ctx); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		case idle == maxIdle:
			return io.ErrNoProgress
		}
	}
}

// after saves and skips, where that is due.
func (s *scan) after(ctx context.Context) error {
	if s.o.Save != nil {
		if err := s.save(nil); err != nil {
			return err
		}
	}
	skipper, ok := s.in.r.(Skipper)
	// The last byte is always read: that the archive is as long as it claims is not taken on trust.
	n := min(s.top.skippable(), s.o.Size-s.top.pos-1)
	if !ok || n < leastSkip {
		return nil
	}
	if err := skipper.Skip(ctx, n); err != nil {
		s.in.err = err
		return err
	}
	s.top.leap(n)
	return nil
}

// Write takes uncompressed bytes.
func (s *scan) Write(p []byte) (int, error) {
	n, err := s.walker.Write(p)
	if err != nil {
		s.own = err
	}
	return n, err
}

// Point hands on a seek point.
func (s *scan) Point(p *gzseek.Point) error {
	if err := s.h.Point(p); err != nil {
		s.own = err
		return err
	}
	return nil
}

var _ gzseek.Sink = (*scan)(nil)

// save hands out a state if one is due and the walker has nothing half delivered.
func (s *scan) save(inflater []byte) error {
	if s.top.pos-s.saved < s.o.Every || !s.settled() {
		return nil
	}
	s.saved = s.top.pos
	if err := s.o.Save(appendState(nil, s.walker, s.o.Gzip, inflater)); err != nil {
		s.own = err
		return err
	}
	return nil
}

// outcome turns the end of a pass into a Result.
func (s *scan) outcome(ctx context.Context, err error) (Result, error) {
	r := s.result()
	switch {
	case errors.Is(s.own, errNoArchive):
		return r, nil
	case s.own != nil:
		err = s.own
	case s.in.err != nil:
		err = s.in.err
	case ctx.Err() != nil && err != nil:
		err = ctx.Err()
	case err == nil:
		s.measure(&r)
		return r, nil
	case errors.Is(err, gzseek.ErrFormat), errors.Is(err, gzseek.ErrCorrupt), errors.Is(err, io.ErrUnexpectedEOF):
		return s.damaged(r, err), nil
	}
	return r, fmt.Errorf("scan archive at byte %d: %w", s.top.pos, err)
}

// measure makes an archive truncated that ends before the end it should have. Of a plain one where content was skipped nothing
// else shows it. Of a compressed one what is damaged may look like the garbage that gzip ignores behind its data: that is the
// end only if the archive says so.
func (s *scan) measure(r *Result) {
	switch {
	case r.Status != backup.Complete:
	case s.gzip == nil && s.top.pos < s.o.Size:
		r.Status = backup.Truncated
		r.Detail = fmt.Sprintf("tar archive ends early at byte %d of %d", s.top.pos, s.o.Size)
	case s.gzip != nil && s.top.unmarked() && s.gzip.In() < s.o.Size:
		r.Status, r.Notes = backup.Truncated, s.notes
		r.Detail = fmt.Sprintf("no end-of-archive marker, and what follows the gzip data that end at byte %d is none", s.gzip.In())
	}
}

// lateBy is how many bytes of output a decoder may go on before it notices that the compressed data are damaged. Wrong bits
// seldom make sense for longer; where they do to the end of the member, its checksum tells.
const lateBy = 1 << 20

// damaged is the Result for an archive whose gzip stream is at fault.
func (s *scan) damaged(r Result, err error) Result {
	in, out := s.gzip.In(), s.gzip.Out()
	r.Notes = s.notes
	switch {
	case errors.Is(err, gzseek.ErrCorrupt) && !errors.Is(err, gzseek.ErrChecksum):
		r.Sound = min(r.Sound, max(s.gzip.Proven(), out-lateBy))
	default: // also where the data end early: a wrong bit may have hidden the end of the member, and with it the checksum
		r.Sound = min(r.Sound, s.gzip.Proven())
	}
	switch {
	case s.fault != "": // the earlier fault counts
		return r
	case s.in.read == 0 && s.o.Resume == nil:
		r.Status, r.Detail = backup.Unreadable, "empty file"
	case errors.Is(err, gzseek.ErrFormat) && out == 0:
		r.Status, r.Detail = backup.Unreadable, foreignContent(s.in.head, gzseek.ErrFormat.Error())
	case s.top.step == stepDead && !errors.Is(err, gzseek.ErrCorrupt): // r says that it is no archive
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.Status = backup.Truncated
		r.Detail = fmt.Sprintf("gzip data ends early at byte %d (of the uncompressed archive: %d)", in, out)
	case errors.Is(err, gzseek.ErrChecksum):
		r.Status = backup.Corrupt
		r.Detail = fmt.Sprintf("the checksum of the gzip data that end at byte %d is wrong: any file in them may be", in)
	default:
		r.Status = backup.Corrupt
		r.Detail = fmt.Sprintf("gzip data damaged at byte %d (of the uncompressed archive: %d)", in, out)
	}
	return r
}
