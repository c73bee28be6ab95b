package content_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// The sizes at which a file is proven in another way: whole, by blocks, and at its end without those.
var provenSizes = map[string]int{"one byte": 1, "one block": 100_000, "several blocks, whole": 1 << 20, "blocks": 3<<20 + 17, "long": 20<<20 + 1}

// checksumsOf are what a manifest has of content, without checksums of blocks as old ones have it.
func checksumsOf(data []byte, blocks bool) backup.Checksums {
	s := backup.NewSummer(int64(len(data)))
	s.Write(data)
	sum := s.SHA256()
	sums := backup.Checksums(sum[:])
	if blocks {
		sums += backup.Checksums(s.Blocks(int64(len(data))))
	}
	return sums
}

// plantProven makes a slot of one file "f" with checksums.
func plantProven(t *testing.T, data []byte, blocks bool, o content.Options) *directory {
	t.Helper()
	x := plant(t, map[string][]byte{"f": data}, o)
	x.snap.Kind = backup.Slot
	it, err := x.tree.Resolve(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	it.Checksums = checksumsOf(data, blocks)
	store := treetest.NewStore()
	b := tree.NewBuilder(store, backup.Entry{})
	if added, err := b.Add(t.Context(), "f", it.Entry, 0); err != nil || !added.OK {
		t.Fatal(added, err)
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x.tree = tree.New(store, root, tree.NewCache(1<<20))
	return x
}

// rot changes a byte of "f" and leaves its time as it was, or gives it another one.
func (x *directory) rot(t *testing.T, at int, stamp time.Time) {
	t.Helper()
	path := filepath.Join(x.root, "acct", "f")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stamp.IsZero() {
		stamp = info.ModTime()
	}
	data := x.files["f"]
	if at >= 0 {
		data = bytes.Clone(data)
		data[at] ^= 1
	}
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, stamp, stamp)); err != nil {
		t.Fatal(err)
	}
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(data)
	return data
}

func TestRottenByteEndsReadingInOrder(t *testing.T) {
	for name, size := range provenSizes {
		for _, blocks := range []bool{true, false} {
			data := randomBytes(size)
			for _, at := range []int{0, size / 2, size - 1} {
				x := plantProven(t, data, blocks, content.Options{})
				if got, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s, blocks %v: sound content: %v", name, blocks, err)
				}
				x = plantProven(t, data, blocks, content.Options{})
				x.rot(t, at, time.Time{})
				for try := range 2 {
					if got, err := read(t.Context(), x.open(t, "f"), 128<<10); !errors.Is(err, backup.ErrCorrupt) || len(got) >= size {
						t.Errorf("%s, blocks %v, byte %d, try %d: %d of %d bytes, %v", name, blocks, at, try, len(got), size, err)
					}
				}
			}
		}
	}
}

func TestRottenByteIsNoticedByWhoReadsOnlyThere(t *testing.T) {
	for name, size := range provenSizes {
		data := randomBytes(size)
		for _, at := range []int{0, size / 2, size - 1} {
			x := plantProven(t, data, true, content.Options{})
			x.rot(t, at, time.Time{})
			f := x.open(t, "f")
			if _, err := f.ReadAt(t.Context(), make([]byte, 1), int64(at)); !errors.Is(err, backup.ErrCorrupt) {
				t.Errorf("%s: byte %d: %v", name, at, err)
			}
			far := (at + size/2) % size // in another block of a long file
			got := make([]byte, 1)
			if _, err := f.ReadAt(t.Context(), got, int64(far)); size > 2<<20 && (err != nil || got[0] != data[far]) {
				t.Errorf("%s: byte %d beside the rotten %d: %v", name, far, at, err)
			}
		}
	}
}

func TestContentDecidesWhereTimesAreOthers(t *testing.T) {
	for name, size := range provenSizes {
		for _, blocks := range []bool{true, false} {
			data := randomBytes(size)
			for what, stamp := range map[string]time.Time{"lost": time.Now(), "an hour late": time.Unix(1_700_003_600, 0), "rounded": time.Unix(1_699_999_999, 0)} {
				x := plantProven(t, data, blocks, content.Options{})
				x.rot(t, -1, stamp)
				if got, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s, blocks %v, time %s: %d bytes, %v", name, blocks, what, len(got), err)
				}
			}
			x := plantProven(t, data, blocks, content.Options{})
			x.rot(t, size-1, time.Now())
			if got, err := read(t.Context(), x.open(t, "f"), 128<<10); err == nil || err == io.EOF {
				t.Errorf("%s, blocks %v: %d wrong bytes under another time", name, blocks, len(got))
			}
		}
	}
}

func TestLongFileUnderAnotherTimeIsReadFromItsBeginningOnly(t *testing.T) {
	data := randomBytes(100 << 20)
	x := plantProven(t, data, false, content.Options{})
	x.rot(t, -1, time.Now())
	if _, err := x.open(t, "f").ReadAt(t.Context(), make([]byte, 4096), 90<<20); !errors.Is(err, backup.ErrStale) {
		t.Errorf("nothing tells whether it is what was backed up: %v", err)
	}
	if got, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil || !bytes.Equal(got, data) {
		t.Errorf("from its beginning: %d bytes, %v", len(got), err)
	}
	x.rot(t, 90<<20+1, time.Now())
	x.reader.Close()
	x.reader = content.NewReader(x.fake, nil, content.Options{})
	f := x.open(t, "f")
	if !f.ProvenAtEnd() {
		t.Error("its beginning is taken for proven")
	}
	for range 2 {
		for _, off := range []int64{90 << 20, 95 << 20, 0} {
			f.ReadAt(t.Context(), make([]byte, 4096), off)
		}
		if got, err := read(t.Context(), f, 128<<10); err == nil {
			t.Errorf("from its beginning, after other reads: %d wrong bytes", len(got))
		}
	}
}

func TestNoUnprovenByteIsServedFromBlocks(t *testing.T) {
	data := randomBytes(3 << 20)
	kept := newShelf()
	o := content.Options{Blocks: kept, Origin: "here"}
	x := plantProven(t, data, true, o)
	if _, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil {
		t.Fatal(err)
	}
	if kept.bytes != int64(len(data)) {
		t.Fatalf("%d bytes are kept", kept.bytes)
	}
	for key, block := range kept.kept { // as an earlier program may have kept it, which proved nothing
		kept.kept[key] = bytes.Clone(block)
		kept.kept[key][len(block)/2] ^= 1
	}
	x.reader.Close()
	x.reader = content.NewReader(x.fake, nil, o)
	if got, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v: the destination has it right", err)
	}
	x = plantProven(t, randomBytes(10<<20), false, o)
	before := kept.bytes
	if _, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil || kept.bytes != before {
		t.Errorf("%v: %d bytes are kept that are proven at the end only", err, kept.bytes-before)
	}
}

func TestContentIsKeptOnceForAllItsBackups(t *testing.T) {
	data := randomBytes(3 << 20)
	o := content.Options{Blocks: newShelf(), Origin: "here"}
	x := plantProven(t, data, true, o)
	if _, err := read(t.Context(), x.open(t, "f"), 128<<10); err != nil {
		t.Fatal(err)
	}
	other := plantProven(t, data, true, o)
	other.fake.Reset()
	if got, err := read(t.Context(), other.open(t, "f"), 128<<10); err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
		t.Fatal(err)
	}
	if n := other.fake.Counts().RoundTrips(); n != 0 {
		t.Errorf("%d calls for what is kept", n)
	}
}

func TestOriginalThatARecordHasAChecksumOfIsProven(t *testing.T) {
	for _, size := range []int{100_000, 20 << 20} {
		data := randomBytes(size)
		x := plant(t, map[string][]byte{"f": data}, content.Options{})
		info, err := os.Stat(filepath.Join(x.root, "acct", "f"))
		if err != nil {
			t.Fatal(err)
		}
		x.snap.Kind = backup.TarGzip
		x.snap.Files = []backup.File{{Path: "acct/f", Size: int64(size), MTime: info.ModTime().Unix(), Checksums: checksumsOf(data, false)}}
		for _, rotten := range []bool{false, true} {
			if rotten {
				x.rot(t, size/2, time.Time{})
				x.reader.Close()
				x.reader = content.NewReader(x.fake, nil, content.Options{})
			}
			f, err := x.reader.OpenOriginal(t.Context(), x.snap, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := read(t.Context(), f, 128<<10); rotten != errors.Is(err, backup.ErrCorrupt) {
				t.Errorf("%d bytes, rotten %v: %v", size, rotten, err)
			}
			f.Close()
		}
	}
}
