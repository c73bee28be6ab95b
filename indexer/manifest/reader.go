package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// What a frame of repeated lines unpacks to has no end. An entry that is not one of those takes several bytes: more than
// maxDense for each byte, besides the first freeEntries, are no manifest.
const (
	freeEntries = 1 << 16
	maxDense    = 2
)

// maxWindow bounds what a frame makes a reader hold, in bytes. Writers stay far below.
const maxWindow = 8 << 20

// Reader reads a manifest or journal, in order.
type Reader struct {
	decoder *zstd.Decoder
	lines   *bufio.Reader
	long    []byte // a line that is longer than the buffer of lines
	sum     hash.Hash
	order   order
	names   intern
	input   *input
	want    *File
	err     error // that ended it
}

// NewReader reads from r. Damage is an error that is never io.EOF.
func NewReader(r io.Reader) (*Reader, error) { return newReader(r, nil) }

// NewCheckedReader is NewReader for the file that a state names: where Next would give io.EOF, the size, hash and
// counts must be those of want.
func NewCheckedReader(r io.Reader, want File) (*Reader, error) { return newReader(r, &want) }

func newReader(from io.Reader, want *File) (*Reader, error) {
	r := &Reader{sum: sha256.New(), input: &input{from: from}, want: want}
	if want != nil {
		r.input.sum = sha256.New()
	}
	decoder, err := zstd.NewReader(r.input, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	r.decoder = decoder
	r.lines = bufio.NewReaderSize(decoder, 64<<10)
	head, err := r.line()
	if err == nil {
		switch string(head) {
		case manifestHead:
			r.order.sorted = true
		case journalHead:
		default:
			err = fmt.Errorf("%w: it begins with %.60q", errDamaged, head)
		}
	}
	if err != nil {
		decoder.Close()
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	r.sum.Write(head)
	return r, nil
}

// Journal reports whether it is a journal: its entries are in the order of their writing, and the last one of a path
// holds.
func (r *Reader) Journal() bool { return !r.order.sorted }

// Next returns the next entry, which is the caller's; io.EOF behind the last one.
func (r *Reader) Next() (*Entry, error) {
	if r.err != nil {
		return nil, r.err
	}
	e, err := r.next()
	if err == nil {
		return e, nil
	}
	if err != io.EOF {
		err = fmt.Errorf("read manifest behind %.80q: %w", r.order.last, err)
	}
	r.err = err
	return nil, err
}

func (r *Reader) next() (*Entry, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(line, []byte(endPrefix)) {
		return nil, r.end(line)
	}
	r.sum.Write(line)
	e, err := parseEntry(line, &r.names)
	if err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err := r.order.next(e); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if r.order.entries > freeEntries+maxDense*r.input.size {
		return nil, fmt.Errorf("%w: %d bytes unpack to more than %d entries", errDamaged, r.input.size, r.order.entries-1)
	}
	return e, nil
}

// line returns the next line with its end, valid until the next call. The end of the file is an error like any other:
// it comes behind the last line only.
func (r *Reader) line() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.longLine(line)
	}
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it ends early: %w", errDamaged, io.ErrUnexpectedEOF)
	case r.input.err != nil:
		return nil, r.input.err // of the source: the bytes may be good
	}
	return nil, fmt.Errorf("%w: %w", errDamaged, err)
}

// longLine reads on from the beginning of a line.
func (r *Reader) longLine(part []byte) ([]byte, error) {
	r.long = append(r.long[:0], part...)
	for {
		part, err := r.lines.ReadSlice('\n')
		if len(r.long)+len(part) > maxLine {
			return nil, fmt.Errorf("line of more than %d bytes", maxLine)
		}
		r.long = append(r.long, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.long, err
		}
	}
}

// end checks the last line and that nothing follows it.
func (r *Reader) end(line []byte) error {
	if want := appendEnd(nil, &r.order, r.sum.Sum(nil)); !bytes.Equal(line, want) {
		return fmt.Errorf("%w: counts or hash of its last line do not match", errDamaged)
	}
	_, err := r.lines.ReadByte()
	switch {
	case err == nil:
		return fmt.Errorf("%w: something follows its last line", errDamaged)
	case r.input.err != nil:
		return r.input.err
	case err != io.EOF:
		return fmt.Errorf("%w: %w", errDamaged, err)
	case r.want == nil:
		return io.EOF
	}
	if r.input.size != r.want.Size || hex.EncodeToString(r.input.sum.Sum(nil)) != r.want.SHA256 ||
		r.order.entries != r.want.Entries || r.order.bytes != r.want.Bytes {
		return fmt.Errorf("%w: it is not the file that the state names", errDamaged)
	}
	return io.EOF
}

// Close gives memory back.
func (r *Reader) Close() {
	r.decoder.Close()
	r.long = nil
	if r.err == nil {
		r.err = errClosed
	}
}

// input is the compressed file. It remembers the source's own errors: they are no damage.
type input struct {
	from io.Reader
	sum  hash.Hash // may be nil
	size int64
	err  error
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.from.Read(p)
	in.size += int64(n)
	if in.sum != nil {
		in.sum.Write(p[:n])
	}
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}
