package gzseek

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"
)

//check:without needs pigz
func TestPointsOfEveryCompressorDecodeToTheRightBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	contents := map[string][]byte{
		"mix": mix(1, 1<<20), "text": phpLike(r, 400_000), "zeros": make([]byte, 3<<20), "random": randomBytes(r, 300_000),
		"base64": mailLike(r, 300_000), "one": {'x'}, "empty": nil,
	}
	commands := []string{
		"gzip -1", "gzip -6", "gzip -9", "pigz", "pigz -i -b 32", "pigz -0", "pigz -b 64 -p 2", cpanel, "pigz -11 -I 1 -b 128",
	}
	for name, data := range contents {
		for _, command := range commands {
			if command == "pigz -11 -I 1 -b 128" && len(data) > 500_000 {
				continue
			}
			t.Run(name+"/"+command, func(t *testing.T) {
				gz := compress(t, command, data)
				rec, err := scan(t, gz, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(rec.data, data) {
					t.Fatalf("decoded %d of %d bytes right", common(rec.data, data), len(data))
				}
				checkPoints(t, gz, rec)
			})
		}
	}
}

//check:without needs pigz
func TestHintsPlaceAPointAtTheLastBoundaryBeforeThem(t *testing.T) {
	data := mix(51, 2<<20)
	gz := compress(t, cpanel, data)
	marks := boundaries(t, gz)
	hints := []int64{3, 99_999, 300_000, 300_001, 777_777, 1_500_000, 1_500_000 + 16<<10, 2<<20 - 1}
	rec, err := scan(t, gz, func(s *Scanner, rec *record) {
		s.Spacing, s.InputSpacing = 1<<30, 1<<30
		rec.write = func(from int64, p []byte) {
			for i, h := range hints {
				// Every other hint comes long before its place, the others with it.
				if h >= from && h < from+int64(len(p)) && i%2 == 0 || from == 0 && i%2 == 1 {
					s.Hint(h)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{0}
	for _, h := range hints {
		last := int64(0)
		for _, m := range marks {
			if m <= h {
				last = m
			}
		}
		if last != want[len(want)-1] {
			want = append(want, last)
		}
	}
	var got []int64
	for _, p := range rec.points {
		got = append(got, p.Out)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("points at %v, want %v", got, want)
	}
	checkPoints(t, gz, rec)
}

// boundaries lists where blocks begin.
func boundaries(t testing.TB, gz []byte) (all []int64) {
	t.Helper()
	p := newPump(chunkSize)
	go p.run(context.Background(), bytes.NewReader(gz), mark{header: true}, nil)
	for k := range p.full {
		for _, m := range k.marks {
			all = append(all, m.out)
		}
		if k.err == nil {
			p.free <- k
		} else if k.err != io.EOF {
			t.Fatal(k.err)
		}
	}
	return all
}

//check:without needs pigz
func TestPointsAreWithinTheSpacing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, data := range map[string][]byte{"mix": mix(52, 2<<20), "random": randomBytes(r, 2<<20)} {
		for _, command := range []string{cpanel, "gzip -6"} {
			gz := compress(t, command, data)
			rec, err := scan(t, gz, func(s *Scanner, _ *record) { s.Spacing, s.InputSpacing = 300_000, 200_000 })
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range rec.points {
				if p.Length > 300_000 || p.End-p.Bit/8 > 200_100 {
					t.Errorf("%s, %s: span at %d of %d bytes, %d stored", name, command, p.Out, p.Length, p.End-p.Bit/8)
				}
			}
			if len(rec.points) > 16 {
				t.Errorf("%s, %s: %d points", name, command, len(rec.points))
			}
		}
	}
}

func TestEmptyBlocksDoNotMakePoints(t *testing.T) {
	// A member of 4 MiB of empty stored blocks around every byte of its text.
	text := "abc"
	gz := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	for _, c := range []byte(text) {
		gz = append(gz, bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 800_000)...)
		gz = append(gz, 0, 1, 0, 0xfe, 0xff, c)
	}
	gz = append(gz, 1, 0, 0, 0xff, 0xff)
	gz = binary.LittleEndian.AppendUint32(gz, crc32.ChecksumIEEE([]byte(text)))
	gz = binary.LittleEndian.AppendUint32(gz, uint32(len(text)))
	rec, err := scan(t, gz, nil)
	if err != nil || string(rec.data) != text {
		t.Fatalf("%q, %v", rec.data, err)
	}
	if len(rec.points) != len(text) {
		t.Errorf("%d points for %d bytes", len(rec.points), len(text))
	}
	checkPoints(t, gz, rec)
}

//check:without needs pigz
func TestShortReadsGiveTheSamePoints(t *testing.T) {
	gz := compress(t, cpanel, mix(53, 300_000))
	want, err := scan(t, gz, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 7, 4096} {
		got := &record{}
		s := NewScanner(got)
		s.chunk, s.Spacing, s.InputSpacing = 16<<10, 64<<10, 48<<10
		if err := s.Run(context.Background(), &shortReads{bytes.NewReader(gz), n}, nil); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.points, want.points) {
			t.Errorf("reads of %d bytes: other points", n)
		}
	}
}

func TestHeaderFieldsAreSkipped(t *testing.T) {
	data := mix(54, 3000)
	gz := compress(t, "gzip", data)
	head := []byte("\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\x03\x05\x00extraname\x00")
	head = append(append(head, bytes.Repeat([]byte("comment "), 10_000)...), 0)
	whole := binary.LittleEndian.AppendUint16(bytes.Clone(head), uint16(crc32.ChecksumIEEE(head)))
	rec, err := scan(t, append(whole, gz[10:]...), nil)
	if err != nil || !bytes.Equal(rec.data, data) {
		t.Fatalf("all fields: %v", err)
	}
	bad := binary.LittleEndian.AppendUint16(bytes.Clone(head), uint16(crc32.ChecksumIEEE(head))^1)
	if _, err := scan(t, append(bad, gz[10:]...), nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("wrong checksum of the header: %v", err)
	}
}

// failing is a Sink whose methods fail.
type failing struct {
	record
	write, point error
}

func (f *failing) Write(p []byte) (int, error) { return len(p), f.write }
func (f *failing) Point(*Point) error          { return f.point }

//check:without needs pigz
func TestErrorsOfOthersEndThePass(t *testing.T) {
	gz := compress(t, cpanel, mix(55, 2<<20))
	run := func(ctx context.Context, sink Sink, r io.Reader, save func([]byte) error) error {
		s := NewScanner(sink)
		s.Every, s.Save, s.Spacing = 1<<20, save, 512<<10
		return s.Run(ctx, r, nil)
	}
	bg := context.Background()
	if err := run(bg, &failing{write: errBoom}, bytes.NewReader(gz), nil); err != errBoom {
		t.Errorf("write: %v", err)
	}
	if err := run(bg, &failing{point: errBoom}, bytes.NewReader(gz), nil); err != errBoom {
		t.Errorf("point: %v", err)
	}
	if err := run(bg, &record{}, bytes.NewReader(gz), func([]byte) error { return errBoom }); err != errBoom {
		t.Errorf("save: %v", err)
	}
	rec := &record{}
	broken := io.MultiReader(bytes.NewReader(gz[:len(gz)/2]), iotest.ErrReader(errBoom))
	if err := run(bg, rec, broken, nil); err != errBoom {
		t.Errorf("read: %v", err)
	}
	ctx, cancel := context.WithCancel(bg)
	rec = &record{write: func(int64, []byte) { cancel() }}
	if err := run(ctx, rec, bytes.NewReader(gz), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
