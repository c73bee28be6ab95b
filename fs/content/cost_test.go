package content_test

import (
	"testing"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
)

func TestColdReadOfALittleFetchesLittle(t *testing.T) {
	x := serve(t, compress(t, makeTar(t, members(3, 8<<20))), backup.TarGzip, 1, content.Options{})
	for off := int64(1 << 20); off < 4<<20; off += 1_300_000 {
		r := content.NewReader(x.fake, &x.scan.points, content.Options{})
		f, err := r.Open(t.Context(), x.snap, nil, x.scan.items[2])
		if err != nil {
			t.Fatal(err)
		}
		x.fake.Reset()
		if _, err := f.ReadAt(t.Context(), make([]byte, 64<<10), off); err != nil {
			t.Fatal(err)
		}
		f.Close()
		r.Close()
		c := x.fake.Counts()
		if c.Bytes > 2_500_000 || c.Open != 1 || c.FileStat != 1 || c.Read > 10 {
			t.Errorf("at %d: %d bytes in %d reads, %d opens, %d stats", off, c.Bytes, c.Read, c.Open, c.FileStat)
		}
	}
}

func TestReadingInOrderFetchesEverythingOnce(t *testing.T) {
	all := members(150, 50_000)
	for name, x := range sorts(t, makeTar(t, all), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			x.fake.Reset()
			for _, it := range x.scan.items {
				f := x.open(t, it.Name)
				if _, err := read(t.Context(), f, 16<<10); err != nil {
					t.Fatal(err)
				}
			}
			x.reader.Close()
			c := x.fake.Counts()
			if limit := int64(len(x.stored)) * 11 / 10; c.Bytes > limit {
				t.Errorf("%d bytes fetched, archive has %d", c.Bytes, len(x.stored))
			}
			if c.Open != len(x.snap.Files) || c.FileStat > (c.Read+1)*len(x.snap.Files) {
				t.Errorf("%d opens, %d stats, %d reads", c.Open, c.FileStat, c.Read)
			}
		})
	}
}
