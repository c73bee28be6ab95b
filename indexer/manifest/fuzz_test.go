package manifest

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

func FuzzLine(f *testing.F) {
	for _, e := range oneOfEach() {
		f.Add(appendEntry(nil, e))
	}
	f.Add([]byte(`{"path":"a","type":"none","mode":"0000","uid":0,"gid":0,"flags":["removed","durable"]}` + "\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEntry(line, &intern{})
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Errorf("%q is no JSON", line)
		}
		if e.check() != nil {
			return
		}
		if again := appendEntry(nil, e); !bytes.Equal(again, line) {
			t.Errorf("%q\nbecomes %q", line, again)
		}
	})
}

func FuzzReader(f *testing.F) {
	var small bytes.Buffer
	w, err := NewWriter(&small)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range oneOfEach() {
		if err := w.Write(e); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for i := 1; i < len(all); i++ {
			if Compare(all[i-1].Path, all[i].Path) >= 0 {
				// Journals have no order.
				if r, err := NewReader(bytes.NewReader(data)); err != nil || !r.Journal() {
					t.Fatalf("%q before %q", all[i-1].Path, all[i].Path)
				}
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	entries := many(50000)
	var size int64
	for b.Loop() {
		_, file := write(b, entries)
		size = file.Size
	}
	b.ReportMetric(float64(b.N)*float64(len(entries))/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(size)/float64(len(entries)), "B/entry")
}

func BenchmarkRead(b *testing.B) {
	entries := many(50000)
	data, _ := write(b, entries)
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N)*float64(len(entries))/b.Elapsed().Seconds(), "entries/s")
}
