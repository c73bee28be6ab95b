package indexer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine/slots/slottest"
	"slotfs/indexer/manifest"
)

func archived() []slottest.Member {
	return []slottest.Member{slottest.Dir("", 1001), slottest.File("a.txt", "hello", 1001), slottest.Dir("b", 1001), slottest.File("b/c.txt", "world!", 1001)}
}

// readArchives are the archives that passes opened since the last Reset.
func (w *world) readArchives() (names []string) {
	for _, name := range w.dest.Counts().Opened {
		if strings.HasSuffix(name, ".tar.gz") {
			names = append(names, name)
		}
	}
	return names
}

func TestArchiveThatItsWriterDescribedIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := archived()
	state := slottest.Archive(t, w.slot("slot-01"), slottest.State(1, 3), members...)
	w.slotPass()
	s := w.only()
	if s.Status != backup.Complete || s.Kind != backup.TarGzip || s.Content != state.Archive.Content || len(w.readArchives()) > 0 {
		t.Fatalf("%+v, read %q", s, w.readArchives())
	}
	for _, m := range members {
		if it := w.resolve(s, m.Path); m.IsRegular() && (it.Offset != m.Offset || it.Size != m.Size) {
			t.Errorf("%s: %+v, want offset %d", m.Path, it.Entry, m.Offset)
		}
	}
}

func TestArchiveWithDamagedNotesIsRead(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, directory string, s *manifest.State){
		"members gone": func(t *testing.T, directory string, s *manifest.State) {
			if err := os.Remove(filepath.Join(directory, "meta", s.Archive.Members.Name)); err != nil {
				t.Error(err)
			}
		},
		"members damaged": func(t *testing.T, directory string, s *manifest.State) {
			slottest.About(t, filepath.Join(directory, "meta"), s.Archive.Members.Name, make([]byte, s.Archive.Members.Size))
		},
		"members of another archive": func(t *testing.T, directory string, s *manifest.State) {
			var list manifest.Members
			list.Add(manifest.Member{Size: s.Archive.Size, Length: 5, Sums: manifest.Sums([]byte("other"))})
			text, err := list.Encode()
			if err != nil {
				t.Error(err)
			}
			s.Archive.Members = slottest.About(t, filepath.Join(directory, "meta"), s.Archive.Members.Name, text)
		},
		"manifest damaged": func(t *testing.T, directory string, s *manifest.State) {
			slottest.About(t, filepath.Join(directory, "meta"), s.Manifest.Name, make([]byte, s.Manifest.Size))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			directory := w.slot("slot-01")
			state := slottest.Archive(t, directory, slottest.State(1, 3), archived()...)
			spoil(t, directory, &state)
			slottest.Put(t, directory, state)
			w.slotPass()
			if s := w.only(); s.Status != backup.Complete || len(w.readArchives()) == 0 {
				t.Fatalf("%s: %s, read %q", s.Status, s.Detail, w.readArchives())
			}
			if it := w.resolve(w.only(), "b/c.txt"); it.Size != 6 {
				t.Errorf("%+v", it.Entry)
			}
		})
	}
}

func TestArchiveThatNoStateNamesIsNeitherShownAsCompleteNorRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	directory := w.slot("slot-01")
	state := slottest.Archive(t, directory, slottest.State(1, 3), archived()...)
	if err := os.Rename(filepath.Join(directory, "archive", state.Archive.Name), filepath.Join(directory, "archive", "alice.g000002.tar.gz")); err != nil {
		t.Fatal(err)
	}
	w.slotPass()
	if s := w.only(); s.Status != backup.Incomplete || s.Readable() || len(w.readArchives()) > 0 {
		t.Errorf("%s: %s, read %q", s.Status, s.Detail, w.readArchives())
	}
}
