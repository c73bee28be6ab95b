package gzseek

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

func FuzzInflate(f *testing.F) {
	r := rand.New(rand.NewPCG(41, 42))
	for range 30 {
		_, deflated := randomStream(r, f)
		f.Add(deflated[:min(len(deflated), 3000)])
	}
	var w bitWriter
	w.alignTo(7)
	f.Add(w.b)
	f.Fuzz(func(t *testing.T, deflated []byte) {
		if len(deflated) < 20_000 {
			compareInflate(t, deflated)
		}
	})
}

//check:without needs pigz
func FuzzGzip(f *testing.F) {
	gz, _ := smallFile(f)
	f.Add(gz)
	f.Add(append(bytes.Clone(gz), 0, 0, 0))
	f.Add([]byte("\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\x03\x02\x00xxname\x00comment\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, gz []byte) {
		if len(gz) > 20_000 {
			return
		}
		rec, err := scan(t, gz, nil)
		want, wantErr := gunzip(gz)
		if wantErr == nil && err != nil {
			t.Fatalf("compress/gzip takes it: %v", err)
		}
		if err == nil && wantErr != nil && !errors.Is(wantErr, gzip.ErrHeader) && !errors.Is(wantErr, io.ErrUnexpectedEOF) {
			t.Fatalf("compress/gzip does not take it: %v", wantErr)
		}
		if n := min(len(want), len(rec.data)); wantErr == nil && !bytes.Equal(rec.data, want) || !bytes.Equal(rec.data[:n], want[:n]) {
			t.Fatal("other bytes than compress/gzip")
		}
		if len(rec.data) < 4<<20 {
			decodeAll(rec, gz)
		}
		checkPointsOwn(t, gz, rec)
	})
}

// gunzip knows nothing of long names: compress/gzip takes at most 512 bytes.
func gunzip(gz []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func checkPointsOwn(t *testing.T, gz []byte, rec *record) {
	t.Helper()
	at := int64(0)
	for _, p := range rec.points {
		if p.End > int64(len(gz)) {
			t.Fatalf("span at %d ends at byte %d of %d", p.Out, p.End, len(gz))
		}
		err := p.Decode(context.Background(), bytes.NewReader(gz[p.Bit/8:p.End]), func(off int64, b []byte) bool {
			if off != at || !bytes.Equal(b, rec.data[at:at+int64(len(b))]) {
				t.Fatalf("wrong bytes at %d", off)
			}
			at += int64(len(b))
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if at != int64(len(rec.data)) {
		t.Fatalf("points cover %d of %d bytes", at, len(rec.data))
	}
}

// FuzzPoint takes bytes without the checksum, which would keep everything out.
//
//check:without needs pigz
func FuzzPoint(f *testing.F) {
	gz := compress(f, cpanel, mix(5, 200_000))
	rec, err := scan(f, gz, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range rec.points {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Point
		_ = p.UnmarshalBinary(data)
		if err := p.UnmarshalBinary(seal(bytes.Clone(data))); err != nil {
			return
		}
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var q Point
		if err := q.UnmarshalBinary(b); err != nil || q.Out != p.Out || q.Length != p.Length || len(q.Sums) != len(p.Sums) {
			t.Fatalf("%+v became %+v: %v", p, q, err)
		}
		src := io.LimitReader(bytes.NewReader(gz[min(p.Bit/8, int64(len(gz))):]), 1<<20)
		_ = p.Decode(context.Background(), src, func(int64, []byte) bool { return true })
	})
}

// FuzzState takes bytes without the checksum, too.
//
//check:without needs pigz
func FuzzState(f *testing.F) {
	gz := compress(f, cpanel, mix(5, 120_000))
	_, states, err := resumable(gz, 9000, 70_000)
	if err != nil {
		f.Fatal(err)
	}
	if len(states) == 0 {
		f.Fatal("no states")
	}
	for _, st := range states {
		f.Add(st.state[:len(st.state)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		state := seal(bytes.Clone(data))
		in, _, err := Start(state)
		if err != nil {
			return
		}
		s := NewScanner(&record{})
		s.chunk = 8 << 10
		_ = s.Run(context.Background(), bytes.NewReader(gz[min(in, int64(len(gz))):]), state)
	})
}
