package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"slotfs/indexer/backup"
	"testing"

	"slotfs/indexer/archive/gzseek"
)

// silent is a Handler that wants nothing.
type silent struct{ members int }

func (s *silent) Member(*Member) (backup.Excerpt, error) { s.members++; return backup.Excerpt{}, nil }
func (*silent) Content([]byte, bool) error               { return nil }
func (*silent) Point(*gzseek.Point) error                { return nil }

// shapes are archives of 64 MiB: files of one size each, in two dialects.
func shapes() map[string][]byte {
	out := map[string][]byte{}
	for name, size := range map[string]int{"1K": 1 << 10, "8K": 8 << 10, "1M": 1 << 20, "32M": 32 << 20} {
		var plain, extended bytes.Buffer
		body := padded(bytes.Repeat([]byte("x"), size))
		for i := 0; plain.Len() < 64<<20; i++ {
			path := fmt.Sprintf("alice/homedir/mail/example.com/info/cur/%08d.M1.host,S=1000:2,S", i)
			plain.Write(makeHeader(path, '0', int64(size)))
			plain.Write(body)
			extended.Write(pax("mtime", "1700000000.123456789", "path", path))
			extended.Write(makeHeader(path, '0', int64(size)))
			extended.Write(body)
		}
		end := make([]byte, 1024)
		out["ustar/"+name] = append(plain.Bytes(), end...)
		out["pax/"+name] = append(extended.Bytes(), end...)
	}
	return out
}

// BenchmarkWalker measures the walker alone, fed as gzseek feeds it.
func BenchmarkWalker(b *testing.B) {
	for name, data := range shapes() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			h := &silent{}
			for b.Loop() {
				h.members = 0
				w := newWalker(h, nil)
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 128<<10)
					if _, err := w.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(h.members), "ns/member")
		})
	}
}

// BenchmarkStandardLibrary is archive/tar on the same archives.
func BenchmarkStandardLibrary(b *testing.B) {
	for name, data := range shapes() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r := tar.NewReader(bytes.NewReader(data))
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkPlain measures a whole scan of a plain archive in memory, its copies included.
func BenchmarkPlain(b *testing.B) {
	for name, data := range shapes() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Scan(context.Background(), bytes.NewReader(data), &silent{}, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
