package source

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

func TestSparseFilesHaveMaps(t *testing.T) {
	root := plant(t, "dense", "holes", "empty")
	file, err := os.OpenFile(filepath.Join(root, "holes"), os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1 << 20, 1 << 30} {
		if _, err := file.WriteAt(make([]byte, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(file.Truncate(1<<31), file.Sync(), file.Close(), os.Truncate(filepath.Join(root, "empty"), 0),
		os.Truncate(filepath.Join(root, "empty"), 1<<25)); err != nil {
		t.Fatal(err)
	}
	all := walk(t, open(t, root, Options{}))
	if got := find(t, all, "holes"); !reflect.DeepEqual(got.Sparse, []backup.Extent{{Offset: 1 << 20, Length: 4096}, {Offset: 1 << 30, Length: 4096}}) {
		t.Errorf("%+v", got.Sparse)
	}
	if got := find(t, all, "empty"); got.Sparse == nil || len(got.Sparse) != 0 {
		t.Errorf("nothing but a hole: %+v", got.Sparse)
	}
	if got := find(t, all, "dense"); got.Sparse != nil {
		t.Errorf("dense: %+v", got.Sparse)
	}
}

func TestManyHolesMakeABoundedMap(t *testing.T) {
	all := []backup.Extent{}
	for i := range int64(4 * manifest.MaxExtents) {
		all = appendExtent(all, backup.Extent{Offset: i * 1 << 20, Length: 4096 + i%100*4096})
	}
	end := int64(-1)
	for _, x := range all {
		if x.Offset <= end {
			t.Fatalf("extent at %d behind %d", x.Offset, end)
		}
		end = x.Offset + x.Length
	}
	last := int64(4*manifest.MaxExtents - 1)
	if len(all) > manifest.MaxExtents || all[0].Offset != 0 || end != last<<20+4096+last%100*4096 {
		t.Errorf("%d extents from %d to %d", len(all), all[0].Offset, end)
	}
}

// TestTooManyRegionsTakeNoLargeHolesForData has holes of one size, and then a large one behind each thousand regions.
func TestTooManyRegionsTakeNoLargeHolesForData(t *testing.T) {
	for name, hole := range map[string]func(i int64) int64{
		"equal":   func(int64) int64 { return 1 << 20 },
		"some":    func(i int64) int64 { return 4096 + (i%1000/999)<<30 },
		"growing": func(i int64) int64 { return 4096 * (i + 1) },
	} {
		all, at := []backup.Extent{}, int64(0)
		holes := []int64{}
		for i := range int64(manifest.MaxExtents + 10) {
			all = appendExtent(all, backup.Extent{Offset: at, Length: 4096})
			holes = append(holes, hole(i))
			at += 4096 + hole(i)
		}
		data := int64(0)
		for _, x := range all {
			data += x.Length
		}
		slices.Sort(holes)
		most := int64(4096 * (manifest.MaxExtents + 10))
		for _, h := range holes[:manifest.MaxExtents/2+20] {
			most += h
		}
		if len(all) < manifest.MaxExtents/2 || len(all) > manifest.MaxExtents || data > most {
			t.Errorf("%s: %d regions with %d bytes, want at most %d", name, len(all), data, most)
		}
	}
}

func TestFilesScatteredOverTerabytesAreNotRead(t *testing.T) {
	all := make([]backup.Extent, manifest.MaxExtents/2)
	for i := range all {
		all[i] = backup.Extent{Offset: int64(i) << 27, Length: 1 << 26}
	}
	st := unix.Stat_t{Blocks: 1 << 20}
	if !scattered(all, &st) || scattered(all[:100], &st) || scattered(nil, &st) {
		t.Error("scattered files are not told from others")
	}
	if st.Blocks = 1 << 32; scattered(all, &st) {
		t.Error("a file that has all that data is scattered")
	}
}

// TestDataIsFoundRegionByRegion asks as whoever reads a file from front to back.
func TestDataIsFoundRegionByRegion(t *testing.T) {
	root := plant(t, "dense", "holes")
	file, err := os.OpenFile(filepath.Join(root, "holes"), os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 8192), 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Truncate(1<<30), file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
	tree := open(t, root, Options{})
	all := walk(t, tree)
	for _, c := range []struct {
		name            string
		off, start, end int64
	}{
		{"holes", 0, 1 << 20, 1<<20 + 8192}, {"holes", 1<<20 + 4096, 1<<20 + 4096, 1<<20 + 8192},
		{"holes", 1<<20 + 8192, 1 << 30, 1 << 30}, {"dense", 0, 0, 5}, {"dense", 2, 2, 5},
	} {
		found := find(t, all, c.name)
		f, err := tree.OpenFile(c.name, &found.Entry)
		if err != nil {
			t.Fatal(err)
		}
		if start, end, err := f.Data(c.off, found.Size); err != nil || start != c.start || end != c.end {
			t.Errorf("%s at %d: %d to %d, %v; want %d to %d", c.name, c.off, start, end, err, c.start, c.end)
		}
		f.Close()
	}
}
