package indexer_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine/slots"
	"slotfs/indexer/engine/slots/slottest"
	"slotfs/indexer/manifest"
	"slotfs/indexer/tree"
)

// slotPass indexes the destination as one of slots.
func (w *world) slotPass() indexer.Summary {
	w.t.Helper()
	sum, err := indexer.Pass(context.Background(), w.dest, slots.New(), w.index, w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	return sum
}

func (w *world) slot(name string) string { return filepath.Join(w.root, "nightly", "alice", name) }

// alices are the members of a slot with everything that a server does not hold.
func alices() []slottest.Member {
	first := slottest.File("a.txt", "hello", 1001)
	first.Nlink = 2
	second := slottest.File("b/c.txt", "hello", 1001)
	second.Nlink, second.Link = 2, "a.txt"
	sparse := slottest.File("b/sparse", "....data....", 1001)
	sparse.Sparse = []backup.Extent{{Offset: 4, Length: 4}}
	xattrs := slottest.File("b/x", "x", 0)
	xattrs.Mode, xattrs.Xattrs = backup.ModeRegular|0o4711, []backup.Xattr{{Name: "user.a", Value: "1\x00"}}
	device := slottest.File("dev", "", 0)
	device.Mode, device.Rdev = backup.ModeChar|0o600, 0x103
	return []slottest.Member{slottest.Dir("", 1001), first, slottest.Dir("b", 1001), second, sparse, xattrs, device,
		slottest.Dir("empty", 1002), slottest.Link("link", "a.txt", 1001), slottest.File("old", "1", 1001)}
}

func TestCompleteSlotIsWhatItsManifestSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := alices()
	members[9].MTime = -5_500_000_000 // before 1970
	members[5].Flags, members[9].Flags = manifest.Changed, manifest.Stale|manifest.Changed
	slottest.Write(t, w.slot("slot-01"), slottest.State(1, 3), members...)
	if sum := w.slotPass(); sum.Read != 1 || sum.Failed != 0 {
		t.Fatalf("%+v", sum)
	}
	s := w.only()
	if s.Status != backup.Complete || s.Name != "2026-01-07T020000" || s.Account != "alice" || s.Origin != "nightly" ||
		s.Kind != backup.Slot || s.Key() != "nightly/alice/slot-01/data" || s.Content != 5+12+1+1 {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(s.Detail, "2 files changed") || !strings.Contains(s.Detail, "1 entries could not") {
		t.Errorf("detail %q", s.Detail)
	}
	at := tree.New(w.index, s.Root, tree.NewCache(1<<20))
	for _, m := range members {
		it, err := at.Resolve(t.Context(), m.Path)
		if err != nil {
			t.Fatalf("%s: %v", m.Path, err)
		}
		if it.Mode != m.Mode || it.UID != m.UID || it.MTime != m.MTime || it.Size != m.Size || it.Target != m.Target ||
			it.Link != m.Link || it.Rdev != m.Rdev || !slices.Equal(it.Xattrs, m.Xattrs) || !slices.Equal(it.Sparse, m.Sparse) {
			t.Errorf("%s: %+v, want %+v", m.Path, it.Entry, m.Entry.Entry)
		}
		if m.IsRegular() && it.Nlink != m.Nlink {
			t.Errorf("%s: %d links, want %d", m.Path, it.Nlink, m.Nlink)
		}
	}
	if s.Owner == nil || s.Owner.UID != 1001 || s.Counts[backup.Files] != len(members)-1 {
		t.Errorf("owner %v, counts %v", s.Owner, s.Counts)
	}
}

func TestCompleteSlotIsIndexedWithoutListingItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), alices()...)
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if strings.Contains(c.Path, "slot-01/data") {
			t.Errorf("%s of %s", c.Op, c.Path)
		}
		return nil
	})
	w.slotPass()
}

func TestSlotThatDidNotChangeIsReadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), alices()...)
	w.slotPass()
	serial := w.only().Serial
	read := func() (manifests, states int) {
		w.dest.Reset()
		w.slotPass()
		for _, name := range w.dest.Counts().Opened {
			if strings.HasSuffix(name, ".zst") {
				manifests++
			}
			if strings.HasSuffix(name, "state.json") {
				states++
			}
		}
		return manifests, states
	}
	if m, s := read(); m != 0 || s != 1 {
		t.Errorf("second pass read %d manifests and %d states, want the state alone", m, s)
	}
	if m, s := read(); m != 0 || s != 0 {
		t.Errorf("third pass read %d manifests and %d states", m, s)
	}
	state.Pinned = true
	slottest.Put(t, w.slot("slot-01"), state)
	if m, _ := read(); m != 0 {
		t.Errorf("after pinning %d manifests were read", m)
	}
	if s := w.only(); s.Serial != serial || s.Status != backup.Complete {
		t.Errorf("pinning made serial %d of %d, %s", s.Serial, serial, s.Status)
	}
}

func TestNewBackupInASlotTakesThePlaceOfTheOldOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), slottest.Dir("", 1001), slottest.File("a", "1", 1001))
	w.slotPass()
	slottest.Write(t, w.slot("slot-01"), slottest.State(1, 4), slottest.Dir("", 1001), slottest.File("a", "22", 1001))
	w.slotPass()
	s := w.only()
	if it := w.resolve(s, "a"); it.Size != 2 || s.Name != "2026-01-08T020000" || s.Status != backup.Complete {
		t.Errorf("%d bytes, %s, %s", it.Size, s.Name, s.Status)
	}
}

func TestSlotBeingWrittenShowsWhatItHoldsWithTheOwnersThatAreKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	members := alices()
	state := slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), members...)
	changed := slottest.File("old", "22", 1005)
	unknown := slottest.File("z", "?", 1005)
	slottest.Data(t, w.slot("slot-01"), changed, unknown, slottest.File("b/x", "other", 1005))
	slottest.Journal(t, w.slot("slot-01"), "journal.g000004.000001", changed)
	state.Phase, state.BaseGen, state.Gen = manifest.Updating, 1, 4
	slottest.Put(t, w.slot("slot-01"), state)
	if sum := w.slotPass(); sum.Failed != 1 {
		t.Fatalf("%+v", sum)
	}
	s := w.only()
	if s.Status != backup.Incomplete || s.Name != slottest.Finished.Add(-time.Hour).Format("2006-01-02T150405") {
		t.Errorf("%s, %s: %s", s.Name, s.Status, s.Detail)
	}
	for path, want := range map[string]struct {
		uid  uint32
		size int64
		ns   bool
	}{"a.txt": {1001, 5, true}, "b/c.txt": {1001, 5, true}, "b": {1001, 0, true}, "old": {1005, 2, true}, "z": {0, 1, false},
		"b/x": {0, 5, false}} {
		it := w.resolve(s, path)
		if it.UID != want.uid || it.Size != want.size || (it.MTime%1e9 != 0) != want.ns {
			t.Errorf("%s: owner %d, %d bytes, time %d", path, it.UID, it.Size, it.MTime)
		}
	}
	state.Phase = manifest.Complete
	slottest.Write(t, w.slot("slot-01"), state, members...)
	if sum := w.slotPass(); sum.Failed != 0 || w.only().Status != backup.Complete {
		t.Errorf("%+v, %s", sum, w.only().Status)
	}
}

func TestDamagedSlotIsNeverComplete(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, slot string, state manifest.State){
		"manifest missing": func(t *testing.T, slot string, state manifest.State) {
			os.Remove(filepath.Join(slot, "meta", state.Manifest.Name))
		},
		"manifest cut": func(t *testing.T, slot string, state manifest.State) {
			os.Truncate(filepath.Join(slot, "meta", state.Manifest.Name), state.Manifest.Size/2)
		},
		"manifest of others": func(t *testing.T, slot string, state manifest.State) {
			slottest.Manifest(t, slot, state.Gen, slottest.Dir("", 0), slottest.File("a", "1", 0))
		},
		"manifest flipped": func(t *testing.T, slot string, state manifest.State) {
			name := filepath.Join(slot, "meta", state.Manifest.Name)
			all, _ := os.ReadFile(name)
			all[len(all)/2] ^= 1
			os.WriteFile(name, all, 0o600)
		},
		"no manifest named": func(t *testing.T, slot string, state manifest.State) {
			state.Phase, state.Manifest = manifest.Damaged, nil
			slottest.Put(t, slot, state)
		},
		"verification failed": func(t *testing.T, slot string, state manifest.State) {
			state.Phase = manifest.Damaged
			slottest.Put(t, slot, state)
		},
		"state damaged": func(t *testing.T, slot string, _ manifest.State) {
			os.WriteFile(filepath.Join(slot, "state.json"), []byte("{}"), 0o600)
		},
		"state too long": func(t *testing.T, slot string, _ manifest.State) {
			os.WriteFile(filepath.Join(slot, "state.json"), make([]byte, 1<<20), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			state := slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), slottest.Dir("", 1001), slottest.File("a", "1", 1001))
			damage(t, w.slot("slot-01"), state)
			for range 2 {
				w.slotPass()
				s := w.only()
				if s.Status != backup.Corrupt || s.Detail == "" || !s.Readable() {
					t.Fatalf("%s: %q", s.Status, s.Detail)
				}
				if it := w.resolve(s, "a"); it.Size != 1 {
					t.Errorf("%+v", it)
				}
			}
		})
	}
}

func TestSlotThatChangesWhileItIsReadIsLeftForTheNextPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	state := slottest.Write(t, w.slot("slot-01"), slottest.State(1, 1), slottest.Dir("", 1001), slottest.File("a", "1", 1001))
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpOpen && strings.HasSuffix(c.Path, ".zst") {
			state.Phase, state.Gen, state.BaseGen = manifest.Updating, 2, 1
			slottest.Put(t, w.slot("slot-01"), state)
		}
		return nil
	})
	w.slotPass()
	if s := w.only(); s.Status != backup.Growing {
		t.Errorf("%s: %s", s.Status, s.Detail)
	}
	w.slotPass()
	if s := w.only(); s.Status != backup.Incomplete {
		t.Errorf("%s: %s", s.Status, s.Detail)
	}
}

//check:without needs xz and pigz
func TestCompressedSlotIsItsArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	directory := w.slot("slot-02")
	state := slottest.State(2, 5)
	state.Mode = manifest.Compressed
	parent := w.account("alice", nil)
	if err := os.MkdirAll(filepath.Join(directory, "archive"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.sh(`cd "$1"; { tar -cf - alice | split -b 4k --filter 'gzip -9' -; } >"$2/archive/alice.tar.gz"`, parent, directory)
	state.Manifest = slottest.Manifest(t, directory, 5, slottest.Dir("", 1001))
	slottest.Put(t, directory, state)
	w.slotPass()
	s := w.only()
	if s.Status != backup.Complete || s.Kind != backup.TarGzip || s.Name != "2026-01-09T020000" || s.Account != "alice" {
		t.Fatalf("%+v", s)
	}
	w.resolve(s, "alice/homedir/a.txt")
	state.Phase = manifest.Updating
	slottest.Put(t, directory, state)
	w.dest.Reset()
	w.slotPass()
	if s := w.only(); s.Status != backup.Incomplete {
		t.Errorf("%s: %s", s.Status, s.Detail)
	}
	for _, name := range w.dest.Counts().Opened {
		if strings.HasSuffix(name, ".tar.gz") {
			t.Error("an archive that did not change was read again")
		}
	}
}
