package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
)

// shelf keeps all blocks that it gets.
type shelf struct {
	mu sync.Mutex
	// mu guards what follows.
	kept  map[[16]byte][]byte
	bytes int64
}

func newShelf() *shelf { return &shelf{kept: map[[16]byte][]byte{}} }

func (s *shelf) Get(key [16]byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key]
}

func (s *shelf) Has(key [16]byte) bool { return s.Get(key) != nil }

func (s *shelf) Put(key [16]byte, block []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[key] == nil {
		s.kept[key] = block
		s.bytes += int64(len(block))
	}
}

var _ content.Blocks = (*shelf)(nil)

// again opens the fixture's snapshot with a new Reader, as after a restart.
func (x *fixture) again(t *testing.T, o content.Options) {
	t.Helper()
	x.reader.Close()
	x.reader = content.NewReader(x.fake, &x.scan.points, o)
	t.Cleanup(func() { x.reader.Close() })
}

func TestSecondReadNeedsNoDestination(t *testing.T) {
	all := members(20, 300_000)
	kept := newShelf()
	o := content.Options{Blocks: kept, Origin: "here"}
	for name, x := range sorts(t, makeTar(t, all), o) {
		t.Run(name, func(t *testing.T) {
			for _, it := range x.scan.items {
				if _, err := read(t.Context(), x.open(t, it.Name), 100_000); err != nil {
					t.Fatal(err)
				}
			}
			x.again(t, o)
			x.fake.Reset()
			x.fake.SetFault(func(context.Context, desttest.Call) error { return errors.New("no network") })
			for _, it := range x.scan.items {
				got, err := read(t.Context(), x.open(t, it.Name), 70_000)
				if err != nil || !bytes.Equal(got, all["alice/"+it.Name]) {
					t.Fatalf("%s: %d bytes, %v", it.Name, len(got), err)
				}
			}
			if n := x.fake.Counts().RoundTrips(); n != 0 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func TestKeptBlocksOfOneDestinationAreNotThoseOfAnother(t *testing.T) {
	kept := newShelf()
	files := func(text string) map[string][]byte { return map[string][]byte{"a": bytes.Repeat([]byte(text), 1000)} }
	for _, text := range []string{"one", "two"} {
		x := plant(t, files(text), content.Options{Blocks: kept, Origin: text})
		if got, err := read(t.Context(), x.open(t, "a"), 5000); err != nil || !bytes.Equal(got, x.files["a"]) {
			t.Errorf("%s: %.10q, %v", text, got, err)
		}
	}
}

func TestKeptBlocksOfOneVersionAreNotThoseOfAnother(t *testing.T) {
	kept := newShelf()
	x := serve(t, compress(t, makeTar(t, members(3, 50_000))), backup.TarGzip, 1, content.Options{Blocks: kept})
	if _, err := read(t.Context(), x.open(t, "file0001"), 50_000); err != nil {
		t.Fatal(err)
	}
	snap := *x.snap
	snap.Serial++
	x.snap = &snap
	x.again(t, content.Options{Blocks: kept})
	x.fake.Reset()
	if _, err := read(t.Context(), x.open(t, "file0001"), 50_000); err != nil {
		t.Fatal(err)
	}
	if x.fake.Counts().Read == 0 {
		t.Error("another serial was served from what was kept")
	}
}

func TestOneLongReadDoesNotFillWhatIsKept(t *testing.T) {
	kept := newShelf()
	x := plant(t, map[string][]byte{"dump": make([]byte, 12<<20), "small": make([]byte, 1000)},
		content.Options{Blocks: kept, Admit: 2 << 20})
	if _, err := read(t.Context(), x.open(t, "dump"), 128<<10); err != nil {
		t.Fatal(err)
	}
	if kept.bytes < 1<<20 || kept.bytes > 3<<20 {
		t.Errorf("%d bytes kept", kept.bytes)
	}
	before := kept.bytes
	if _, err := read(t.Context(), x.open(t, "small"), 1000); err != nil || kept.bytes != before+1000 {
		t.Errorf("%d bytes kept after a small file, %v", kept.bytes-before, err)
	}
}

// TestFileWrittenToWhileReadGivesNoMixture changes a file between the answer to a READ and the moment when it arrives.
func TestFileWrittenToWhileReadGivesNoMixture(t *testing.T) {
	for _, size := range []int{1000, 3 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			old := bytes.Repeat([]byte("o"), size)
			x := plant(t, map[string][]byte{"a": old}, content.Options{})
			path := filepath.Join(x.root, "acct", "a")
			var reads int
			var mu sync.Mutex
			x.fake.SetFault(func(_ context.Context, c desttest.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if c.Op != desttest.OpRead {
					return nil
				}
				if reads++; reads == min(3, (size+128<<10-1)/(128<<10)) {
					if err := os.WriteFile(path, bytes.Repeat([]byte("n"), size), 0o600); err != nil {
						return err
					}
					return os.Chtimes(path, time.Unix(1_700_000_001, 0), time.Unix(1_700_000_001, 0))
				}
				return nil
			})
			got, err := read(t.Context(), x.open(t, "a"), 100_000)
			if !errors.Is(err, backup.ErrStale) {
				t.Errorf("error is %v", err)
			}
			if bytes.ContainsRune(got, 'n') {
				t.Error("bytes of the new file")
			}
		})
	}
}
