// Package packed finds the beginning and the end of what gzip or zstd packed into a file, while its bytes pass. It must not know
// what the file is, nor where its bytes come from.
package packed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
)

// ErrDamaged says that a file begins as gzip and zstd do, and does not unpack to its end.
var ErrDamaged = errors.New("does not unpack to its end")

// The reasons why nothing can be told of a file.
var (
	errForeign = errors.New("packed by neither gzip nor zstd")
	errClosed  = errors.New("given up")
	errBomb    = errors.New("unpacks to more than any text does")
)

const (
	// maxWindow bounds the memory that zstd data can ask for, in bytes: what zstd -19 takes.
	maxWindow = 8 << 20
	// From free bytes of output on no file may unpack to more than ratio times its size.
	free  = 1 << 30
	ratio = 250
)

// Ends are those of one file that is being unpacked.
type Ends struct {
	in   *io.PipeWriter
	done chan struct{}

	// What follows is of the goroutine that unpacks until done is closed.
	want  backup.Excerpt
	first []byte
	last  []byte
	size  int64 // bytes of output
	err   error
}

// Begin waits for the bytes of a file. Close or Finish has to follow.
func Begin(want backup.Excerpt) *Ends {
	r, w := io.Pipe()
	e := &Ends{in: w, done: make(chan struct{}), want: want}
	go func() {
		defer close(e.done)
		e.err = contain.Do(func() error { return e.unpack(r) })
		r.CloseWithError(errClosed) // what is still written goes nowhere
	}()
	return e
}

// Write takes the next bytes of the file.
func (e *Ends) Write(p []byte) {
	_, _ = e.in.Write(p) // what unpacks says in Finish why it takes no more
}

// Finish returns what is wanted of the unpacked content, all of it where that is no longer than both ends. ErrDamaged comes with what
// was found before the damage.
func (e *Ends) Finish() ([]byte, error) {
	e.in.Close()
	<-e.done
	if e.err != nil && !errors.Is(e.err, ErrDamaged) {
		return nil, e.err
	}
	return append(e.first, e.last...), e.err
}

// Close gives up a file that does not come to its end.
func (e *Ends) Close() {
	e.in.CloseWithError(errClosed)
	<-e.done
}

// unpack reads the file to its end.
func (e *Ends) unpack(r io.Reader) error {
	in := &counted{r: r}
	out, err := open(bufio.NewReader(in))
	if err != nil {
		return err
	}
	defer out.Close()
	buf := make([]byte, 128<<10)
	for {
		n, err := out.Read(buf)
		e.keep(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errClosed), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case e.size > free && e.size/ratio > in.n:
			return errBomb
		}
	}
}

// keep takes the next bytes of the output.
func (e *Ends) keep(p []byte) {
	e.size += int64(len(p))
	n := min(e.want.First-int64(len(e.first)), int64(len(p)))
	e.first, p = append(e.first, p[:n]...), p[n:]
	e.last = append(e.last, p[max(0, int64(len(p))-e.want.Last):]...)
	if over := int64(len(e.last)) - e.want.Last; over > 0 {
		e.last = append(e.last[:0], e.last[over:]...)
	}
}

// open begins with a file by what its first bytes say.
func open(b *bufio.Reader) (io.ReadCloser, error) {
	magic, err := b.Peek(4)
	switch {
	case errors.Is(err, errClosed):
		return nil, err
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return z, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, errForeign
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
