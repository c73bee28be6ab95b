package gzseek

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// collect inflates src with windows, as a consumer of the flat buffer does.
func collect(src io.Reader, size int) ([]byte, error) {
	z := &inflater{out: make([]byte, historySize+size+outputSlack)}
	z.input.reset(src, 0, 1<<10)
	z.wp, z.low = historySize, historySize
	var all []byte
	for {
		ended, err := z.block()
		for err == nil && !ended {
			ended, err = z.body(historySize + size)
			if n := z.wp - historySize; n >= size {
				all = append(all, z.out[historySize:z.wp]...)
				copy(z.out, z.out[n:z.wp])
				z.wp, z.low = historySize, max(0, z.low-n)
			}
		}
		if err != nil || z.final {
			return append(all, z.out[historySize:z.wp]...), err
		}
	}
}

// randomStream is data with runs, repeats and noise in random proportions, deflated at a random level with flushes.
func randomStream(r *rand.Rand, t testing.TB) (data, deflated []byte) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, r.IntN(12)-2)
	if err != nil {
		t.Fatal(err)
	}
	symbols := 1 + r.IntN(256)
	for range r.IntN(40) {
		var p []byte
		switch n := r.IntN(3000); r.IntN(4) {
		case 0:
			p = bytes.Repeat([]byte{byte(r.IntN(symbols))}, n)
		case 1:
			if len(data) > 0 {
				from := r.IntN(len(data))
				p = bytes.Clone(data[from:min(len(data), from+n)])
			}
		default:
			for range n {
				p = append(p, byte(min(r.IntN(symbols), r.IntN(symbols))))
			}
		}
		data = append(data, p...)
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if r.IntN(5) == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return data, b.Bytes()
}

//check:without it takes seconds
func TestInflateRandomStreams(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for i := range 1000 {
		data, deflated := randomStream(r, t)
		got, err := collect(&shortReads{bytes.NewReader(deflated), 1 + r.IntN(3000)}, 600+r.IntN(9000))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("stream %d: %d of %d bytes right, %v", i, common(got, data), len(data), err)
		}
	}
}

//check:without it takes seconds
func TestInflateDamagedRandomStreamsLikeCompressFlate(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for range 1500 {
		_, deflated := randomStream(r, t)
		deflated = deflated[:min(len(deflated), 1+r.IntN(2000))]
		for range 1 + r.IntN(3) {
			deflated[r.IntN(len(deflated))] ^= 1 << r.IntN(8)
		}
		compareInflate(t, deflated)
	}
}

// compareInflate checks that both decoders give the same bytes and agree on whether all is well.
func compareInflate(t testing.TB, deflated []byte) {
	t.Helper()
	got, err := collect(bytes.NewReader(deflated), 4096)
	want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(deflated)), 64<<20))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, want %v: %x", err, wantErr, deflated)
	}
	if err == nil && !bytes.Equal(got, want) {
		t.Fatalf("other bytes than compress/flate: %x", deflated)
	}
	if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
		t.Fatalf("other bytes before the fault: %x", deflated)
	}
}

// TestTrackerFindsTheBytesThatAreReferredTo changes every byte of the window that is not tracked, and a few that are.
//
//check:without needs pigz
func TestTrackerFindsTheBytesThatAreReferredTo(t *testing.T) {
	for _, command := range []string{"gzip -6", "gzip -1", cpanel, "pigz -i -b 32"} {
		gz := compress(t, command, mix(31, 500_000))
		rec, err := scan(t, gz, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rec.points {
			if !p.Header {
				checkTracked(t, gz, rec, p)
			}
		}
	}
}

func checkTracked(t *testing.T, gz []byte, rec *record, p *Point) {
	t.Helper()
	n := int(min(historySize, int64(len(rec.data))-p.Out))
	window := bytes.Clone(rec.data[max(0, p.Out-historySize):p.Out])
	used := new(usage)
	var tr tracker
	if !tr.track(used, len(window), n, gz, p.Bit) {
		t.Fatalf("point at %d: not tracked", p.Out)
	}
	want := inflateFrom(t, gz, p.Bit, window, n)
	mutated := bytes.Clone(window)
	count := 0
	for i := range mutated {
		if at := i + historySize - len(window); used[at>>6]>>(at&63)&1 == 0 {
			mutated[i] ^= 0xff
		} else {
			count++
		}
	}
	if !bytes.Equal(inflateFrom(t, gz, p.Bit, mutated, n), want) {
		t.Fatalf("point at %d: a byte is missing", p.Out)
	}
	// Each tracked byte must matter.
	for i := 0; i < len(window); i += 61 {
		at := i + historySize - len(window)
		if used[at>>6]>>(at&63)&1 == 0 {
			continue
		}
		mutated := bytes.Clone(window)
		mutated[i] ^= 0xff
		if bytes.Equal(inflateFrom(t, gz, p.Bit, mutated, n), want) {
			t.Fatalf("point at %d: byte %d is tracked but not used", p.Out, i)
		}
	}
}

func inflateFrom(t testing.TB, gz []byte, bit int64, window []byte, n int) []byte {
	t.Helper()
	var s stream
	s.out = make([]byte, historySize+n+outputSlack)
	s.wp = historySize
	s.low = s.wp - len(window)
	copy(s.out[s.low:], window)
	if err := s.reset(bytes.NewReader(gz[bit>>3:]), bit, false, 64<<10); err != nil {
		t.Fatal(err)
	}
	for s.wp < historySize+n {
		if ev, err := s.step(historySize + n); err != nil || ev == streamEnds {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	return s.out[historySize : historySize+n]
}
