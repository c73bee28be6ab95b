package data

import (
	"bytes"
	"os"
	"testing"
)

// FuzzScan gives the scan segments that nobody wrote.
func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	c := open(f, dir, Options{})
	fill(c, 0, 3, 60)
	c.Close()
	whole, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-30])
	f.Add([]byte(segmentMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		last := int64(segmentHead)
		end, err := scanSegment(bytes.NewReader(data), 1, int64(len(data)), func(h head, off int64) bool {
			if off != last || h.length == 0 || off+recordHead+int64(h.length) > int64(len(data)) {
				t.Fatalf("record of %d bytes at %d, the last one ended at %d of %d", h.length, off, last, len(data))
			}
			last = off + recordHead + int64(h.length)
			return true
		})
		if err != nil || end != last && end != 0 {
			t.Fatalf("ended at %d, the last record at %d: %v", end, last, err)
		}
	})
}
