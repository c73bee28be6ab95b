package dump

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// input is what is left of a dump, and which line it is at.
type input struct {
	src      io.Reader
	buf      []byte
	pos, end int
	before   int64 // bytes before buf
	line     int   // at buf[counted]
	counted  int
	err      error
}

const inputSize = 256 << 10

func newInput(src io.Reader) *input { return &input{src: src, buf: make([]byte, inputSize), line: 1} }

// need reads until n bytes are at hand; false if there are not that many.
func (in *input) need(n int) bool {
	if in.end-in.pos >= n {
		return true
	}
	in.count()
	copy(in.buf, in.buf[in.pos:in.end])
	in.before += int64(in.pos)
	in.end, in.pos, in.counted = in.end-in.pos, 0, 0
	for empty := 0; in.end < n && in.err == nil; {
		var got int
		got, in.err = in.src.Read(in.buf[in.end:])
		in.end += got
		empty++
		if got > 0 {
			empty = 0
		}
		if in.err == nil && empty > 100 {
			in.err = io.ErrNoProgress
		}
	}
	return in.end >= n
}

// count brings line up to where the input is.
func (in *input) count() {
	in.line += bytes.Count(in.buf[in.counted:in.pos], []byte{'\n'})
	in.counted = in.pos
}

// at is the line that comes next.
func (in *input) at() int {
	in.count()
	return in.line
}

// offset is how many bytes were taken.
func (in *input) offset() int64 { return in.before + int64(in.pos) }

// failure is why no more can be read; nil at the end.
func (in *input) failure() error {
	if errors.Is(in.err, io.EOF) {
		return nil
	}
	return in.err
}

// peek is the byte i bytes ahead; 0 behind the end.
func (in *input) peek(i int) byte {
	if !in.need(i + 1) {
		return 0
	}
	return in.buf[in.pos+i]
}

// has reports whether text comes next.
func (in *input) has(text string) bool {
	return in.need(len(text)) && string(in.buf[in.pos:in.pos+len(text)]) == text
}

// Magic numbers of compressed data.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// Compressed reports whether a dump that begins so is compressed in a way that Decompress knows.
func Compressed(begin []byte) bool {
	return bytes.HasPrefix(begin, gzipMagic) || bytes.HasPrefix(begin, zstdMagic)
}

// maxWindow bounds the memory that a compressed dump can ask for: zstd's own limit without --long.
const maxWindow = 128 << 20

// Decompress reads a dump that is compressed with gzip or zstd, or not at all, as its first bytes tell.
func Decompress(src io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(src, inputSize)
	magic, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		return gzip.NewReader(b)
	case bytes.Equal(magic, zstdMagic):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}
