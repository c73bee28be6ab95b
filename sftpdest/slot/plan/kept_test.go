package plan

import (
	"fmt"
	"reflect"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/source"
)

// A source with more entries than fit in memory is not walked again: what was kept of it is the same.
func TestALargeSourceIsKeptAsItWasWalked(t *testing.T) {
	entry := func(path string, mode uint32) manifest.Entry {
		return manifest.Entry{Path: path, Entry: backup.Entry{Name: manifest.Base(path), Mode: mode, UID: 7, MTime: 5}}
	}
	all := []*source.Found{
		{Entry: entry("", backup.ModeDir|0o755)},
		{Entry: entry("a", 0), Frozen: true},
		{Entry: entry("b", backup.ModeDir), Frozen: true},
		{Entry: entry("c", backup.ModeDir|0o700)},
	}
	for i := range inMemory {
		f := &source.Found{Entry: entry(fmt.Sprintf("c/%06d", i), backup.ModeRegular|0o644)}
		f.Size, f.CTime, f.Inode = int64(i), 6, uint64(i)
		all = append(all, f)
	}
	var k kept
	defer k.close()
	for _, f := range all {
		if err := k.add(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.end(); err != nil || k.file == nil || len(k.found) != 0 {
		t.Fatalf("%d entries are in memory, %v", len(k.found), err)
	}
	n := 0
	for f, err := range k.all(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		want := *all[n]
		if want.Frozen && !want.IsDir() {
			want.Entry = manifest.Entry{Path: want.Path, Entry: backup.Entry{Name: want.Name}}
		}
		if !reflect.DeepEqual(f, &want) {
			t.Fatalf("%+v, want %+v", f, &want)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("%d entries, want %d", n, len(all))
	}
}
