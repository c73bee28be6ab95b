package gzseek

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// body cuts the deflate stream out of a file with a bare header.
func body(gz []byte) []byte { return gz[10 : len(gz)-8] }

func inflateAll(z *inflater, src io.Reader, low int) (int64, error) {
	total := int64(0)
	z.input.reset(src, 0, inputSize)
	z.wp, z.low = historySize, low
	limit := len(z.out) - outputSlack
	for {
		empty, err := z.block()
		if err != nil {
			return total, err
		}
		for ended := empty; !ended; {
			before := z.wp
			ended, err = z.body(limit)
			total += int64(z.wp - before)
			if err != nil {
				return total, err
			}
			if z.wp >= limit {
				n := z.wp - historySize
				copy(z.out, z.out[n:z.wp])
				z.wp, z.low = historySize, max(0, z.low-n)
			}
		}
		if z.final {
			return total, nil
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	data := mix(7, 32<<20)
	for _, command := range []string{cpanel, "gzip -6"} {
		deflated := body(compress(b, command, data))
		b.Run(command+"/own", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			z := &inflater{out: make([]byte, historySize+chunkSize+outputSlack)}
			for b.Loop() {
				if n, err := inflateAll(z, bytes.NewReader(deflated), historySize); err != nil || n != int64(len(data)) {
					b.Fatal(n, err)
				}
			}
		})
		b.Run(command+"/compress-flate", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := io.Copy(io.Discard, flate.NewReader(bytes.NewReader(deflated))); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(command+"/klauspost-flate", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := io.Copy(io.Discard, kflate.NewReader(bytes.NewReader(deflated))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{ points, bytes int }

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *discard) Point(p *Point) error {
	b, err := p.MarshalBinary()
	d.points++
	d.bytes += len(b)
	return err
}

// BenchmarkScan measures a whole pass, and the bytes of index it makes.
func BenchmarkScan(b *testing.B) {
	data := mix(7, 64<<20)
	gz := compress(b, cpanel, data)
	b.SetBytes(int64(len(data)))
	var d discard
	for b.Loop() {
		d = discard{}
		if err := NewScanner(&d).Run(context.Background(), bytes.NewReader(gz), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(d.bytes)/float64(len(data))*1e3, "index-MB/GB")
	b.ReportMetric(float64(d.points), "points")
}

func BenchmarkDecodePoint(b *testing.B) {
	data := mix(7, 16<<20)
	gz := compress(b, cpanel, data)
	rec := &record{}
	if err := NewScanner(rec).Run(context.Background(), bytes.NewReader(gz), nil); err != nil {
		b.Fatal(err)
	}
	p := rec.points[len(rec.points)/2]
	b.SetBytes(p.Length)
	var d Decoder
	for b.Loop() {
		err := d.Decode(context.Background(), p, bytes.NewReader(gz[p.Bit/8:p.End]), func(int64, []byte) bool { return true })
		if err != nil {
			b.Fatal(err)
		}
	}
}
