package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frameText is how much text goes into a frame, in bytes. A frame ends with a line.
const frameText = 1 << 20

// The first lines.
const (
	manifestHead = `{"slotfs":"manifest","format":1}` + "\n"
	journalHead  = `{"slotfs":"journal","format":1}` + "\n"
)

// Writer writes a manifest. Entries come sorted by Path in byte order of the path's elements
// (a directory before what is below it).
type Writer struct {
	to      io.Writer
	encoder *zstd.Encoder
	text    []byte // of the frame to come
	frame   []byte
	lines   hash.Hash // of all text in frames
	file    hash.Hash // of all frames
	size    int64     // bytes of all frames
	order   order
	err     error // of the destination, or after Close
}

var errClosed = errors.New("the manifest is closed")

// NewWriter writes to w.
func NewWriter(w io.Writer) (*Writer, error) { return newWriter(w, true) }

// NewJournalWriter writes a segment of a journal to w: its entries come in any order, and a path may come again.
func NewJournalWriter(w io.Writer) (*Writer, error) { return newWriter(w, false) }

func newWriter(to io.Writer, sorted bool) (*Writer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameText),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	w := &Writer{to: to, encoder: encoder, lines: sha256.New(), file: sha256.New(), order: order{sorted: sorted}}
	head := journalHead
	if sorted {
		head = manifestHead
	}
	w.text = append(w.text, head...)
	return w, nil
}

// Write adds an entry; one out of order is an error. An entry that is refused does not spoil what is written.
func (w *Writer) Write(e *Entry) error {
	if w.err != nil {
		return w.err
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := w.order.next(e); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	w.text = appendEntry(w.text, e)
	if len(w.text) < frameText {
		return nil
	}
	w.lines.Write(w.text)
	return w.flush()
}

// flush writes the text as a frame.
func (w *Writer) flush() error {
	w.frame = w.encoder.EncodeAll(w.text, w.frame[:0])
	w.text = w.text[:0]
	w.file.Write(w.frame)
	w.size += int64(len(w.frame))
	if _, err := w.to.Write(w.frame); err != nil {
		w.err = fmt.Errorf("write manifest: %w", err)
	}
	return w.err
}

// Close finishes the frame and tells what was written: size, hash and counts, without a name.
func (w *Writer) Close() (File, error) {
	if w.err != nil {
		return File{}, w.err
	}
	w.lines.Write(w.text)
	w.text = appendEnd(w.text, &w.order, w.lines.Sum(nil))
	if err := w.flush(); err != nil {
		return File{}, err
	}
	w.err = errClosed
	w.text, w.frame, w.encoder = nil, nil, nil
	return File{Size: w.size, SHA256: hex.EncodeToString(w.file.Sum(nil)), Entries: w.order.entries, Bytes: w.order.bytes}, nil
}

// appendEnd appends the last line.
func appendEnd(out []byte, o *order, sum []byte) []byte {
	return fmt.Appendf(out, `%s"entries":%d,"bytes":%d,"sha256":"%x"}`+"\n", endPrefix, o.entries, o.bytes, sum)
}

// endPrefix begins the last line.
const endPrefix = `{"end":true,`
