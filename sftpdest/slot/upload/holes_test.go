package upload

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/source"
)

func TestOneRunHashesSoManyHoles(t *testing.T) {
	var b holeBudget
	file := func(size int64, data ...backup.Extent) *manifest.Entry {
		return &manifest.Entry{Entry: backup.Entry{Size: size, Sparse: data}}
	}
	for i, c := range []struct {
		e    *manifest.Entry
		want bool
	}{
		{file(1 << 60), true}, // no holes
		{file(mostHoles+1, backup.Extent{}), false},
		{file(mostHoles/2, backup.Extent{Length: 4096}), true},
		{file(mostHoles/2, backup.Extent{}), true},
		{file(mostHoles/2, backup.Extent{}), false},
		{file(fewHoles, backup.Extent{}), true},
		{file(1<<60, backup.Extent{Length: 1<<60 - fewHoles}), true},
	} {
		if got := b.take(c.e); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if progress.AddCapped(math.MaxInt64-1, 2) != math.MaxInt64 || progress.AddCapped(1, 2) != 3 {
		t.Error("sums are wrong")
	}
}

func TestHolesAreFoundWithoutReading(t *testing.T) {
	root := t.TempDir()
	const size, data = 1 << 42, 1 << 41
	f, err := os.Create(filepath.Join(root, "file"))
	if err == nil {
		_, err = f.WriteAt([]byte("data"), data)
	}
	if err := errors.Join(err, f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open(root, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for found, err := range src.Walk(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if found.IsDir() {
			continue
		}
		if budget := (holeBudget{}); budget.take(&found.Entry) {
			t.Errorf("it is to be hashed: %v", found.Sparse)
		}
		file, err := src.OpenFile(found.Path, &found.Entry)
		if err != nil {
			t.Fatal(err)
		}
		h := holes{file: file}
		if end, err := h.until(0, size); err != nil || end != data {
			t.Errorf("a hole to %d, %v", end, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
