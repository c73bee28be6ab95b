package gzseek

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"testing"
)

// smallFile is a file of a few hundred bytes with stored, fixed and dynamic blocks and two members.
func smallFile(t testing.TB) (gz, data []byte) {
	a, b := mix(5, 1400)[900:], []byte("hello hello hello")
	gz = append(compress(t, "pigz -9 -b 128 -R", a), compress(t, "gzip", b)...)
	gz = append(gz, compress(t, "pigz -0", b)...)
	return gz, append(append(append(data, a...), b...), b...)
}

//check:without needs pigz
func TestTruncationAnywhereIsReported(t *testing.T) {
	gz, data := smallFile(t)
	ends := map[int]bool{}
	for i := range gz[:len(gz)-2] {
		if gz[i] == 0x1f && gz[i+1] == 0x8b {
			ends[i] = true
		}
	}
	for n := range len(gz) {
		rec, err := scan(t, gz[:n], nil)
		if n > 0 && ends[n] {
			if err != nil {
				t.Fatalf("%d bytes, whole members: %v", n, err)
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(gz), err)
		}
		if !bytes.HasPrefix(data, rec.data) {
			t.Fatalf("%d bytes: wrong output", n)
		}
		checkPointsOwn(t, gz[:n], rec)
		if want := gzipOutput(gz[:n]); !bytes.HasPrefix(rec.data, want) {
			t.Fatalf("%d bytes: %d bytes of output, gzip has %d", n, len(rec.data), len(want))
		}
	}
}

// gzipOutput is what gzip makes of a stream, whatever is wrong with it.
func gzipOutput(gz []byte) []byte {
	c := exec.Command("gzip", "-dc")
	c.Stdin = bytes.NewReader(gz)
	out, _ := c.Output()
	return out
}

func TestTailsOfAnotherMemberTakeNothingAway(t *testing.T) {
	data := mix(8, 5000)
	gz := compress(t, "gzip", data)
	for _, tail := range []string{"\x1f", "\x1f\x8b", "\x1f\x8b\x08", "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\x03\xff", "\x1f\x8b\x07\x00\x00"} {
		bad := append(bytes.Clone(gz), tail...)
		rec, err := scan(t, bad, nil)
		if err == nil || !bytes.Equal(rec.data, data) {
			t.Errorf("tail %x: %d of %d bytes, %v", tail, len(rec.data), len(data), err)
		}
		checkPointsOwn(t, bad, rec)
	}
}

//check:without needs pigz
func TestTruncatedBigFileStaysReadable(t *testing.T) {
	data := mix(6, 600_000)
	gz := compress(t, cpanel, data)
	for n := len(gz) / 2; n < len(gz)/2+40; n++ {
		rec, err := scan(t, gz[:n], nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, rec.data) || len(rec.data) < 100_000 {
			t.Fatalf("%d bytes: %d bytes of output", n, len(rec.data))
		}
		checkPoints(t, gz[:n], rec)
	}
}

//check:without needs pigz
func TestFlippedBitsAreErrorsOrHarmless(t *testing.T) {
	gz, data := smallFile(t)
	for i := range gz {
		for bit := range 8 {
			bad := bytes.Clone(gz)
			bad[i] ^= 1 << bit
			rec, err := scan(t, bad, nil)
			if err == nil && !bytes.Equal(rec.data, data) && !bytes.HasPrefix(data, rec.data) {
				t.Fatalf("bit %d of byte %d: other output without an error", bit, i)
			}
			// A damaged magic number behind the first member makes the rest garbage, which gzip ignores.
			if err == nil && len(rec.data) < len(data) && gz[i] != 0x1f && gz[i] != 0x8b {
				t.Fatalf("bit %d of byte %d: lost output without an error", bit, i)
			}
			decodeAll(rec, bad)
		}
	}
}

// decodeAll must come back, whatever it finds.
func decodeAll(rec *record, gz []byte) {
	for _, p := range rec.points {
		src := bytes.NewReader(gz[min(int(p.Bit/8), len(gz)):])
		_ = p.Decode(context.Background(), src, func(int64, []byte) bool { return true })
	}
}

func TestDamageNamesItsByte(t *testing.T) {
	gz := compress(t, "gzip", []byte("some text"))
	gz[len(gz)-8] ^= 1
	_, err := scan(t, gz, nil)
	if !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	want := "decode gzip: byte 21: wrong checksum or length of a member: corrupt gzip data"
	if err.Error() != want {
		t.Fatalf("%q, want %q", err, want)
	}
}

func TestWhatIsNotGzipIsNot(t *testing.T) {
	for _, s := range []string{"BZh91AY", "hello world", "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x1f\x9d\x90", "\x00"} {
		if _, err := scan(t, []byte(s), nil); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "\x1f", "\x1f\x8b", "\x1f\x8b\x08"} {
		if _, err := scan(t, []byte(s), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestGarbageBehindTheLastMemberIsIgnored(t *testing.T) {
	data := mix(8, 5000)
	gz := compress(t, "gzip", data)
	for _, tail := range []string{"\x00", string(make([]byte, 100_000)), "garbage", "\x1f\x00", "\x00\x1f\x8b\x08"} {
		rec, err := scan(t, append(bytes.Clone(gz), tail...), nil)
		if err != nil || !bytes.Equal(rec.data, data) {
			t.Errorf("tail of %d bytes: %v", len(tail), err)
		}
	}
}

//check:without needs pigz
func TestDamagedSpansAreNotEmitted(t *testing.T) {
	data := mix(9, 400_000)
	gz := compress(t, cpanel, data)
	rec, err := scan(t, gz, func(s *Scanner, _ *record) { s.Spacing, s.InputSpacing = 1<<20, 1<<20 })
	if err != nil {
		t.Fatal(err)
	}
	p := rec.points[0]
	if len(p.Sums) != 4 {
		t.Fatalf("%d sums", len(p.Sums))
	}
	for i := range int(p.End) / 997 {
		bad := bytes.Clone(gz)
		bad[10+i*997] ^= 4
		n := 0
		err := p.Decode(context.Background(), bytes.NewReader(bad), func(off int64, b []byte) bool {
			if !bytes.Equal(b, data[off:off+int64(len(b))]) {
				t.Fatalf("byte %d changed: wrong bytes emitted at %d", 10+i*997, off)
			}
			n += len(b)
			return true
		})
		if err == nil || n == len(data) {
			t.Fatalf("byte %d changed: no error", 10+i*997)
		}
	}
	checkSpanFaults(t, gz, p)
}

func checkSpanFaults(t *testing.T, gz []byte, p *Point) {
	t.Helper()
	all := func(int64, []byte) bool { return true }
	err := p.Decode(context.Background(), bytes.NewReader(gz[:p.End-9]), all)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short source: %v", err)
	}
	short := *p
	short.Length, short.Sums = 1000, sums([]byte("x"))
	if err := short.Decode(context.Background(), bytes.NewReader(gz), all); !errors.Is(err, ErrCorrupt) {
		t.Errorf("span that goes on: %v", err)
	}
	if err := p.Decode(context.Background(), bytes.NewReader([]byte("no gzip at all")), all); !errors.Is(err, ErrCorrupt) {
		t.Errorf("foreign source: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	blocks := 0
	err = p.Decode(ctx, bytes.NewReader(gz), func(int64, []byte) bool { blocks++; cancel(); return true })
	if !errors.Is(err, context.Canceled) || blocks != 1 {
		t.Errorf("cancelled: %v after %d blocks", err, blocks)
	}
	blocks = 0
	err = p.Decode(context.Background(), bytes.NewReader(gz), func(int64, []byte) bool { blocks++; return blocks < 2 })
	if err != nil || blocks != 2 {
		t.Errorf("stopped: %v after %d blocks", err, blocks)
	}
}

// TestFlagsThatGzipRefusesAreRefused sets each flag of a first and of a second member and asks gzip.
func TestFlagsThatGzipRefusesAreRefused(t *testing.T) {
	one := compress(t, "gzip -n", []byte("content"))
	for bit := range 8 {
		if bit >= 1 && bit <= 4 {
			continue // what these announce would have to follow
		}
		odd := bytes.Clone(one)
		odd[3] |= 1 << bit
		for name, c := range map[string]struct {
			data []byte
			want error
		}{"first": {odd, ErrFormat}, "second": {append(bytes.Clone(one), odd...), ErrCorrupt}} {
			peer := exec.Command("gzip", "-dc")
			peer.Stdin = bytes.NewReader(c.data)
			refused := peer.Run() != nil
			if _, err := scan(t, c.data, nil); refused != errors.Is(err, c.want) || !refused && err != nil {
				t.Errorf("bit %d of the %s member: %v, gzip refuses it: %v", bit, name, err, refused)
			}
		}
	}
}
