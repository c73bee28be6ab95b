package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// directory is a destination with one tree on it.
type directory struct {
	root   string
	fake   *desttest.Fake
	reader *content.Reader
	snap   *backup.Snapshot
	tree   *tree.Tree
	files  map[string][]byte
}

// plant writes files below "acct" and indexes them.
func plant(t testing.TB, files map[string][]byte, o content.Options) *directory {
	t.Helper()
	x := &directory{root: t.TempDir(), files: files}
	x.fake = desttest.Dir(x.root)
	x.snap = &backup.Snapshot{Source: backup.Source{Kind: backup.Tree, Files: []backup.File{{Path: "acct"}}}}
	store := treetest.NewStore()
	b := tree.NewBuilder(store, backup.Entry{})
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		path := filepath.Join(x.root, "acct", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := time.Unix(1_700_000_000, 123_456_789)
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		e := backup.Entry{Name: filepath.Base(name), Mode: backup.ModeRegular | 0o600, Size: int64(len(data)),
			MTime: stamp.UnixNano(), Nlink: 1}
		if _, err := b.Add(t.Context(), name, e, 0); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x.tree = tree.New(store, root, tree.NewCache(1<<20))
	x.reader = content.NewReader(x.fake, nil, o)
	t.Cleanup(func() {
		x.reader.Close()
		if n := x.fake.Counts().Handles; n != 0 {
			t.Errorf("%d handles left open", n)
		}
	})
	return x
}

func (x *directory) open(t *testing.T, name string) *content.File {
	t.Helper()
	it, err := x.tree.Resolve(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := x.reader.Open(t.Context(), x.snap, x.tree, it)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFilesOfATreeAreThoseOnTheDestination(t *testing.T) {
	files := map[string][]byte{"homedir/a": bytes.Repeat([]byte("abc"), 500_000), "mysql/\xffraw": []byte("x"), "empty": nil}
	x := plant(t, files, content.Options{})
	for name, want := range files {
		got, err := read(t.Context(), x.open(t, name), 100_000)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	checkRange(t, x.open(t, "homedir/a"), files["homedir/a"], 1_000_001, 600_000)
}

func TestSmallFileOfATreeCostsThreeCalls(t *testing.T) {
	x := plant(t, map[string][]byte{"a": []byte("hello")}, content.Options{})
	x.fake.Reset()
	f := x.open(t, "a")
	if n := x.fake.Counts().RoundTrips(); n != 0 {
		t.Errorf("opening took %d calls", n)
	}
	if _, err := read(t.Context(), f, 4096); err != nil {
		t.Fatal(err)
	}
	if c := x.fake.Counts(); c.Open != 1 || c.FileStat != 1 || c.Read != 1 {
		t.Errorf("%d opens, %d stats, %d reads", c.Open, c.FileStat, c.Read)
	}
}

func TestChangedFileOfATreeIsStaleAloneAmongOthers(t *testing.T) {
	x := plant(t, map[string][]byte{"a": []byte("hello"), "b": []byte("there")}, content.Options{})
	if err := os.Chtimes(filepath.Join(x.root, "acct", "a"), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t.Context(), x.open(t, "a"), 10); !errors.Is(err, backup.ErrStale) {
		t.Errorf("changed file: %v", err)
	}
	if got, err := read(t.Context(), x.open(t, "b"), 10); err != nil || string(got) != "there" {
		t.Errorf("other file: %q, %v", got, err)
	}
}

func TestHandlesStayBounded(t *testing.T) {
	files := map[string][]byte{}
	for i := range 40 {
		files[fmt.Sprintf("f%02d", i)] = make([]byte, 300<<10)
	}
	x := plant(t, files, content.Options{Handles: 5})
	for name := range files {
		if _, err := read(t.Context(), x.open(t, name), 100<<10); err != nil {
			t.Fatal(err)
		}
		// One more may be closing.
		if n := x.fake.Counts().Handles; n > 6 {
			t.Fatalf("%d handles open", n)
		}
	}
	x.open(t, "f00").Close()
}

func TestFilesThatFollowAreFetchedAhead(t *testing.T) {
	files := map[string][]byte{}
	for i := range 100 {
		files[fmt.Sprintf("d%d/f%02d", i/30, i)] = fmt.Appendf(nil, "content of %d", i)
	}
	files["d1/large"] = make([]byte, 1<<20)
	x := plant(t, files, content.Options{})
	waits := 0
	for i := range 100 {
		if i == 50 {
			// What was fetched ahead is there although nobody answers any more.
			waitFor(t, func() bool { return x.fake.Counts().Bytes >= int64(len("content of 10")*75) })
			x.fake.SetFault(func(ctx context.Context, c desttest.Call) error {
				if c.Op == desttest.OpOpen {
					return os.ErrDeadlineExceeded
				}
				return nil
			})
		}
		name := fmt.Sprintf("d%d/f%02d", i/30, i)
		f := x.open(t, name)
		got, err := read(t.Context(), f, 4096)
		f.Close()
		if i < 50 && (err != nil || !bytes.Equal(got, files[name])) || err == nil && !bytes.Equal(got, files[name]) {
			t.Fatalf("%s: %q, %v", name, got, err)
		}
		if i >= 50 && err != nil {
			waits++
		}
	}
	if waits > 30 {
		t.Errorf("%d files of 50 were not fetched ahead", waits)
	}
	x.fake.SetFault(nil)
	if _, err := read(t.Context(), x.open(t, "d3/f99"), 4096); err != nil {
		t.Errorf("what could not be fetched ahead: %v", err)
	}
}

// waitFor waits for what happens in the background.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 10_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it never happened")
}

func TestWhatWasReadInOrderMakesRoomInMemory(t *testing.T) {
	const size = 80 << 20
	x := plant(t, map[string][]byte{"dump": bytes.Repeat([]byte("0123456789abcdef"), size/16), "other": make([]byte, 1<<20)},
		content.Options{Memory: 60 << 20})
	// calls is how many calls it takes to read a MiB.
	calls := func(f *content.File, off int64) int64 {
		x.fake.Reset()
		if _, err := f.ReadAt(t.Context(), make([]byte, 1<<20), off); err != nil {
			t.Fatal(err)
		}
		return int64(x.fake.Counts().Read)
	}
	other, dump := x.open(t, "other"), x.open(t, "dump")
	calls(other, 0)
	if got, err := read(t.Context(), dump, 1<<20); err != nil || !bytes.Equal(got, x.files["dump"]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if n := calls(other, 0); n != 0 {
		t.Errorf("%d reads of what was in memory before", n)
	}
	if n := calls(dump, size-4<<20); n != 0 {
		t.Errorf("%d reads of what was read last", n)
	}
	if n := calls(dump, 0); n == 0 {
		t.Error("what was read long ago is still in memory")
	}
}

func TestTreeThatChangedIsToldOfOnce(t *testing.T) {
	told := make(chan *backup.Snapshot, 10)
	o := content.Options{Changed: func(_ context.Context, s *backup.Snapshot) { told <- s }}
	x := plant(t, map[string][]byte{"a": []byte("hello"), "b": []byte("there")}, o)
	if _, err := read(t.Context(), x.open(t, "b"), 10); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(x.root, "acct", "a"), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := read(t.Context(), x.open(t, "a"), 10); !errors.Is(err, backup.ErrStale) {
			t.Errorf("%v", err)
		}
	}
	x.reader.Close()
	if close(told); <-told != x.snap {
		t.Error("nobody was told: no pass would read it again")
	}
	if s := <-told; s != nil {
		t.Error("told twice")
	}
}
