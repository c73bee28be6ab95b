package indexer_test

import (
	"path/filepath"
	"testing"

	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
)

// TestWhatAnEarlierReaderTookWrongIsReadOnceMore makes the records of a pass look like those of earlier programs.
func TestWhatAnEarlierReaderTookWrongIsReadOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", nil)
	w.archive(parent, "alice", "2026-01-01")
	w.archive(parent, "alice", "2026-01-02")
	w.sh(`mkdir -p "$2"; tar -C "$1" -cf "$2/alice.tar" alice`, parent, filepath.Join(w.root, "2026-01-03", "accounts"))
	w.mustPass()
	aged := func(edit func(*backup.Snapshot)) {
		for _, s := range w.snapshots() {
			edit(s)
			if err := w.index.PutSnapshot(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		edit func(*backup.Snapshot)
		read int
	}{
		"none":                        {func(*backup.Snapshot) {}, 0},
		"compressed, complete":        {func(s *backup.Snapshot) { s.Reader = map[backup.Kind]uint64{backup.TarGzip: 0, backup.Tar: 2}[s.Kind] }, 0},
		"not compressed, before ends": {func(s *backup.Snapshot) { s.Reader = 1 }, 1},
		"times that were bounded":     {func(s *backup.Snapshot) { s.Reader, s.Notes = 2, backup.Notes{{Kind: archive.NoteTime, Count: 1}} }, 3},
		"truncated":                   {func(s *backup.Snapshot) { s.Reader, s.Status = 2, backup.Truncated }, 3},
	} {
		aged(c.edit)
		if sum := w.mustPass(); sum.Read != c.read || sum.Found != 3 {
			t.Errorf("%s: %d of %d read, want %d", name, sum.Read, sum.Found, c.read)
		}
		if sum := w.mustPass(); sum.Read != 0 {
			t.Errorf("%s: %d read again by every pass", name, sum.Read)
		}
	}
}
