package gzseek

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"testing"
)

// bitWriter writes bits, lowest first.
type bitWriter struct {
	b []byte
	n uint
}

func (w *bitWriter) write(v, n uint) {
	for ; n > 0; n-- {
		if w.n&7 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v&1) << (w.n & 7)
		v >>= 1
		w.n++
	}
}

// alignTo writes empty blocks until the position is bit modulo 8, so that any inflater can go on there.
func (w *bitWriter) alignTo(bit uint) {
	if bit&1 != 0 {
		w.emptyDynamic()
	}
	for w.n&7 != bit&7 {
		w.write(0b010, 3) // fixed
		w.write(0, 7)
	}
}

// emptyDynamic writes an empty block of an odd number of bits.
func (w *bitWriter) emptyDynamic() {
	w.write(0b100, 3)
	w.write(0, 5)
	w.write(0, 5)
	w.write(14, 4)
	for _, sym := range lengthsOrder[:18] {
		if sym == 1 || sym == 18 {
			w.write(1, 3)
		} else {
			w.write(0, 3)
		}
	}
	// Code: 1 is "0", 18 is "1". 255 zeros, two codes of one bit, one distance of one bit.
	w.write(1, 1)
	w.write(138-11, 7)
	w.write(1, 1)
	w.write(117-11, 7)
	w.write(0, 3)
	w.write(1, 1) // 256 is the second code
}

// checkForeign decodes the span with compress/flate, which knows nothing of points.
func checkForeign(t testing.TB, gz []byte, p *Point, want []byte) {
	t.Helper()
	if p.Header {
		z, err := gzip.NewReader(bytes.NewReader(gz[p.Bit/8:]))
		if err != nil {
			t.Fatal(err)
		}
		compareStream(t, p, z, want)
		return
	}
	var w bitWriter
	w.alignTo(uint(p.Bit & 7))
	src := append([]byte(nil), gz[p.Bit/8:]...)
	if p.Bit&7 != 0 {
		src[0] = src[0]>>(p.Bit&7)<<(p.Bit&7) | w.b[len(w.b)-1]
		w.b = w.b[:len(w.b)-1]
	}
	window := make([]byte, historySize)
	if _, err := p.Window.unpack(window); err != nil {
		t.Fatal(err)
	}
	whole := bytes.NewReader(append(w.b, src...))
	z := flate.NewReaderDict(whole, window)
	got, err := io.ReadAll(io.LimitReader(z, int64(len(want))))
	if !bytes.Equal(got, want[:len(got)]) {
		t.Fatalf("span at %d: compress/flate finds other bytes: %d of %d right", p.Out, common(got, want), len(got))
	}
	if len(got) == len(want) {
		return
	}
	// The member ended (or the file): the rest is one or more members.
	if err != nil {
		t.Fatalf("span at %d: compress/flate: %v", p.Out, err)
	}
	rest := whole.Len() - 8
	next, err := gzip.NewReader(bytes.NewReader(gz[len(gz)-rest:]))
	if err != nil {
		t.Fatalf("span at %d: next member: %v", p.Out, err)
	}
	compareStream(t, p, next, want[len(got):])
}

func compareStream(t testing.TB, p *Point, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r, got)
	if !bytes.Equal(got[:n], want) {
		t.Fatalf("span at %d: compress/gzip: %d of %d bytes right, err %v", p.Out, common(got[:n], want), len(want), err)
	}
}
