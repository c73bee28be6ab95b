package gzseek

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// joinGap is how many unused bytes between two used ranges are kept because they cost less than another range.
const joinGap = 2

// maxRanges is how many ranges a window can have that are more than joinGap apart.
const maxRanges = historySize/(joinGap+2) + 1

// usage is a set of the bytes of a window.
type usage [historySize / 64]uint64

// add adds the bytes [from, to).
func (u *usage) add(from, to int) {
	for from < to {
		n := min(64-from&63, to-from)
		u[from>>6] |= (^uint64(0) >> (64 - n)) << (from & 63)
		from += n
	}
}

// next finds the first byte at or after i that is in the set (or not, if in is false), at most historySize.
func (u *usage) next(i int, in bool) int {
	for i < historySize {
		word := u[i>>6]
		if !in {
			word = ^word
		}
		word >>= i & 63
		if word != 0 {
			return i + bits.TrailingZeros64(word)
		}
		i = i&^63 + 64
	}
	return historySize
}

// A packed window is a byte that counts what follows it in deflate form, or is nothing if no byte is used:
//
//	uvarint  length of the window
//	uvarint  number of ranges
//	ranges   uvarint unused bytes since the last range, uvarint used bytes
//	bytes    of all ranges
type packer struct {
	w   *flate.Writer
	raw []byte
	buf bytes.Buffer
}

// pack keeps of the window, which ends at the point, the bytes in used, or all if that is nil. Bytes of usage count
// from historySize before the point.
func (p *packer) pack(window []byte, used *usage) (Window, error) {
	skip := historySize - len(window)
	if used == nil {
		used = new(usage)
		used.add(skip, historySize)
	}
	var head, body []byte
	n, last := 0, skip
	for from := used.next(skip, true); from < historySize; n++ {
		to := used.next(from, false)
		next := used.next(to, true)
		for next < historySize && next-to <= joinGap {
			to = used.next(next, false)
			next = used.next(to, true)
		}
		head = binary.AppendUvarint(head, uint64(from-last))
		head = binary.AppendUvarint(head, uint64(to-from))
		body = append(body, window[from-skip:to-skip]...)
		last, from = to, next
	}
	if n == 0 {
		return Window{}, nil
	}
	p.raw = binary.AppendUvarint(p.raw[:0], uint64(len(window)))
	p.raw = binary.AppendUvarint(p.raw, uint64(n))
	p.raw = append(append(p.raw, head...), body...)
	return p.deflate()
}

func (p *packer) deflate() (Window, error) {
	p.buf.Reset()
	if p.w == nil {
		w, err := flate.NewWriter(&p.buf, flate.BestCompression)
		if err != nil {
			return Window{}, fmt.Errorf("pack window: %w", err)
		}
		p.w = w
	} else {
		p.w.Reset(&p.buf)
	}
	if _, err := p.w.Write(p.raw); err != nil {
		return Window{}, fmt.Errorf("pack window: %w", err)
	}
	if err := p.w.Close(); err != nil {
		return Window{}, fmt.Errorf("pack window: %w", err)
	}
	return Window{packed: bytes.Clone(p.buf.Bytes())}, nil
}

// unpack writes the window to the end of to, with zeros for what was left out, and returns its length.
func (w Window) unpack(to []byte) (int, error) {
	clear(to)
	if len(w.packed) == 0 {
		return 0, nil
	}
	const most = 2*3 + maxRanges*2*3 + historySize
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(w.packed)), most+1))
	if err != nil {
		return 0, fmt.Errorf("unpack window: %w: %w", ErrCorrupt, err)
	}
	f := fields{data: raw}
	size, ranges := f.uint(historySize), f.uint(maxRanges)
	at := historySize - int(size)
	spans := make([][2]int, 0, min(ranges, uint64(len(raw))))
	for range ranges {
		at += int(f.uint(historySize))
		n := int(f.uint(historySize))
		if f.bad || at+n > historySize {
			return 0, fmt.Errorf("unpack window: %w", ErrCorrupt)
		}
		spans = append(spans, [2]int{at, at + n})
		at += n
	}
	for _, s := range spans {
		copy(to[s[0]:s[1]], f.bytes(s[1]-s[0]))
	}
	if f.bad || len(f.data) != 0 {
		return 0, fmt.Errorf("unpack window: %w", ErrCorrupt)
	}
	return int(size), nil
}
