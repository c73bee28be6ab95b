package source

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

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
