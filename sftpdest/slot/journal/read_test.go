package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
)

// segmentOf writes a segment of a journal with files of that size.
func segmentOf(t *testing.T, dir string, seq uint64, size int64, paths ...string) string {
	t.Helper()
	name := filepath.Join(dir, "s/meta", manifest.JournalName(7, seq))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := manifest.NewJournalWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		e := manifest.Entry{Path: p, Entry: backup.Entry{Name: p, Mode: backup.ModeRegular | 0o644, Size: size, MTime: 1e9}}
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return "s/meta/" + filepath.Base(name)
}

func TestTheLastNoteOfAPathHolds(t *testing.T) {
	dir := t.TempDir()
	segmentOf(t, dir, 1, 1, "a", "b")
	segmentOf(t, dir, 2, 2, "b", "c", "b")
	segmentOf(t, dir, 10, 3, "c")
	all, last, err := Read(t.Context(), desttest.Dir(dir), "s", 7, func(name string, err error) { t.Error(name, err) })
	if err != nil || last != 10 || len(all) != 3 {
		t.Fatalf("%d notes, %d, %v", len(all), last, err)
	}
	for path, size := range map[string]int64{"a": 1, "b": 2, "c": 3} {
		if n := all.Find(path); n == nil || n.Size != size {
			t.Errorf("%s: %+v, want size %d", path, n, size)
		}
	}
}

func TestASegmentThatDoesNotFitInMemoryIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf("file %d", i))
	}
	name := segmentOf(t, dir, 1, 1, paths...)
	server := desttest.Dir(dir)
	info, err := server.Stat(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	room := int64(100 * notedBytes)
	if part, err := readSegment(t.Context(), server, name, info.Size, &room); !errors.Is(err, errNotes) || part != nil || room != 100*notedBytes {
		t.Errorf("%d notes, room for %d bytes, %v", len(part), room, err)
	}
	room = mostNoted
	if part, err := readSegment(t.Context(), server, name, info.Size, &room); err != nil || len(part) != 1000 || room > mostNoted-1000*notedBytes {
		t.Errorf("%d notes, room for %d bytes, %v", len(part), room, err)
	}
}
