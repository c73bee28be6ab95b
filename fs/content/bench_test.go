package content_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
)

// BenchmarkArchiveInOrder reads all members of a tar.gz one after the other, as `cp -a` does.
func BenchmarkArchiveInOrder(b *testing.B) {
	plain := makeTar(b, members(3000, 40_000))
	stored := compress(b, plain)
	for name, latency := range map[string]time.Duration{"local": 0, "20ms": 20 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			x := serve(b, stored, backup.TarGzip, 1, content.Options{})
			x.fake.SetLatency(latency)
			b.SetBytes(int64(len(plain)))
			buf := make([]byte, 128<<10)
			for b.Loop() {
				r := content.NewReader(x.fake, &x.scan.points, content.Options{})
				for _, it := range x.scan.items {
					f, err := r.Open(b.Context(), x.snap, nil, it)
					if err != nil {
						b.Fatal(err)
					}
					for off := int64(0); off < it.Size; {
						n, err := f.ReadAt(b.Context(), buf, off)
						if err != nil && err != io.EOF {
							b.Fatal(err)
						}
						off += int64(n)
					}
					f.Close()
				}
				r.Close()
			}
		})
	}
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			z, err := gzip.NewReader(bytes.NewReader(stored))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, z); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkColdRead reads 64 KiB from the middle of a tar.gz.
func BenchmarkColdRead(b *testing.B) {
	x := serve(b, compress(b, makeTar(b, members(3, 20<<20))), backup.TarGzip, 1, content.Options{})
	x.fake.SetLatency(20 * time.Millisecond)
	buf := make([]byte, 64<<10)
	for i := 0; b.Loop(); i++ {
		r := content.NewReader(x.fake, &x.scan.points, content.Options{})
		f, err := r.Open(b.Context(), x.snap, nil, x.scan.items[1])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.ReadAt(b.Context(), buf, int64(i*777_777%(9<<20))); err != nil {
			b.Fatal(err)
		}
		f.Close()
		r.Close()
	}
}

// BenchmarkSmallFiles reads the small files of a tree one after the other, as `cp -a` does.
func BenchmarkSmallFiles(b *testing.B) {
	files := map[string][]byte{}
	for i := range 2000 {
		files[fmt.Sprintf("homedir/mail/%05d", i)] = make([]byte, 4096)
	}
	for name, latency := range map[string]time.Duration{"local": 0, "20ms": 20 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			x := plant(b, files, content.Options{})
			x.fake.SetLatency(latency)
			buf := make([]byte, 4096)
			for b.Loop() {
				r := content.NewReader(x.fake, nil, content.Options{})
				for _, name := range slices.Sorted(maps.Keys(files)) {
					it, err := x.tree.Resolve(b.Context(), name)
					if err != nil {
						b.Fatal(err)
					}
					f, err := r.Open(b.Context(), x.snap, x.tree, it)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := f.ReadAt(b.Context(), buf, 0); err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
				r.Close()
			}
			b.ReportMetric(float64(len(files)*b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
