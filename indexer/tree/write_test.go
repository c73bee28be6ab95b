package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

func TestWriteRefusesWhatIsNoDirectory(t *testing.T) {
	file := backup.Entry{Name: "a", Mode: backup.ModeRegular, Nlink: 1}
	with := func(change func(*backup.Entry)) []backup.Entry {
		e := file
		change(&e)
		return []backup.Entry{e}
	}
	cases := map[string][]backup.Entry{
		"empty name":         with(func(e *backup.Entry) { e.Name = "" }),
		"slash":              with(func(e *backup.Entry) { e.Name = "a/b" }),
		"dot":                with(func(e *backup.Entry) { e.Name = "." }),
		"dot dot":            with(func(e *backup.Entry) { e.Name = ".." }),
		"long name":          with(func(e *backup.Entry) { e.Name = strings.Repeat("a", maxName+1) }),
		"far away":           with(func(e *backup.Entry) { e.Offset = 1 << 60 }),
		"count without node": with(func(e *backup.Entry) { e.Mode, e.Count = backup.ModeDir, 1 }),
		"node without count": with(func(e *backup.Entry) { e.Mode, e.Child = backup.ModeDir, backup.Hash{1} }),
		"too many":           with(func(e *backup.Entry) { e.Mode, e.Child, e.Count = backup.ModeDir, backup.Hash{1}, 1<<49 }),
		"attributes nowhere": with(func(e *backup.Entry) { e.Mode, e.Attributed = backup.ModeDir, true }),
		"half a checksum":    with(func(e *backup.Entry) { e.Checksums = "half" }),
		"sparse backwards":   with(func(e *backup.Entry) { e.Sparse = []backup.Extent{{Offset: 5, Length: 5}, {Offset: 9, Length: 1}} }),
		"twice":              {file, file},
	}
	for name, entries := range cases {
		t.Run(name, func(t *testing.T) {
			store := treetest.NewStore()
			if _, err := Write(context.Background(), store, entries); err == nil {
				t.Error("written")
			}
			if err := Check(&entries[0]); (err == nil) != (name == "twice") {
				t.Errorf("checked: %v", err)
			}
		})
	}
}

func TestWriteAndBuilderMakeTheSameNodes(t *testing.T) {
	store := treetest.NewStore()
	var entries []backup.Entry
	b := NewBuilder(store, backup.Entry{})
	for i := range 2000 {
		e := backup.Entry{Name: fmt.Sprintf("file %d", i), Mode: backup.ModeRegular | 0o644, Size: int64(i), MTime: int64(i) * 1e9, Nlink: 1}
		entries = append(entries, e)
		if _, err := b.Add(context.Background(), e.Name, e, 0); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := Write(context.Background(), store, entries)
	if err != nil {
		t.Fatal(err)
	}
	if root := finish(t, b); root.Child != dir.Child || root.Count != dir.Count || dir.Count != 2000 || dir.Dirs != 0 {
		t.Errorf("builder: %s with %d entries; Write: %+v", root.Child, root.Count, dir)
	}
	empty, err := Write(context.Background(), store, nil)
	if err != nil || empty != (Dir{}) {
		t.Errorf("empty directory: %+v, %v", empty, err)
	}
	root := backup.Entry{Mode: backup.ModeDir, Nlink: 2, Child: dir.Child, Count: dir.Count}
	var got []backup.Entry
	tr := New(store, root, NewCache(1<<20))
	for it, err := range tr.List(context.Background(), tr.Root(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, it.Entry)
	}
	if !slices.EqualFunc(got, entries, func(a, b backup.Entry) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Error("entries do not come back as they were written")
	}
}

func TestWriterMakesTheNodesOfWrite(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 700, 1023, 1024, 1025, 1100, 2048, 5000} {
		store := treetest.NewStore()
		var entries []backup.Entry
		w := NewWriter(store)
		for i := range n {
			e := backup.Entry{Name: fmt.Sprintf("file %05d", i), Mode: backup.ModeRegular | 0o644, Size: int64(i), Nlink: 1}
			if i%7 == 0 {
				e.Xattrs = []backup.Xattr{{Name: "user.x", Value: strings.Repeat("v", i%500)}}
			}
			entries = append(entries, e)
			if err := w.Add(t.Context(), &e); err != nil {
				t.Fatal(err)
			}
		}
		want, err := Write(t.Context(), store, entries)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.Close(t.Context()); err != nil || got != want {
			t.Errorf("%d entries: %+v, %v, not %+v", n, got, err, want)
		}
	}
}

func TestWriterRefusesWhatComesInNoOrder(t *testing.T) {
	for name, names := range map[string][]string{"twice": {"a", "a"}, "backwards": {"b", "a"}, "no name": {""}, "a path": {"a/b"}} {
		w := NewWriter(treetest.NewStore())
		var err error
		for _, n := range names {
			err = w.Add(t.Context(), &backup.Entry{Name: n, Mode: backup.ModeRegular})
		}
		if err == nil {
			t.Errorf("%s: added", name)
		}
	}
}
