package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

func open(t testing.TB, dir string) *Index {
	t.Helper()
	x, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func put(t testing.TB, x *Index, data []byte) backup.Hash {
	t.Helper()
	h := tree.Sum(data)
	if err := x.Put(t.Context(), h, data); err != nil {
		t.Fatal(err)
	}
	return h
}

// sample is a compressible blob that differs for each n.
func sample(n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "entry %d of a listing; ", n), 20)
}

// noise is a blob that cannot be compressed.
func noise(n, size int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// settle writes everything that was put.
func settle(t testing.TB, x *Index) {
	t.Helper()
	if err := x.batch.flush(); err != nil {
		t.Fatal(err)
	}
}

// image copies the files of an open index as a kill of the process would leave them.
func image(t testing.TB, x *Index) string {
	t.Helper()
	dir := t.TempDir()
	err := eachFile(x.dir, func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNodesComeBackAtOnceAndAfterReopening(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	var hashes []backup.Hash
	var blobs [][]byte
	for i := range 500 {
		blobs = append(blobs, sample(i), noise(i, 1+i*7))
	}
	blobs = append(blobs, []byte{}, noise(1, 3<<20), bytes.Repeat([]byte("x"), 5<<20))
	for _, b := range blobs {
		hashes = append(hashes, put(t, x, b))
	}
	check := func(x *Index) {
		t.Helper()
		for i, h := range hashes {
			got, err := x.Get(t.Context(), h)
			if err != nil || !bytes.Equal(got, blobs[i]) {
				t.Fatalf("blob %d: %d bytes, %v; want %d", i, len(got), err, len(blobs[i]))
			}
		}
	}
	check(x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir))
}

func TestPutOfWhatIsStoredWritesNothing(t *testing.T) {
	x := open(t, t.TempDir())
	h := put(t, x, sample(1))
	settle(t, x)
	x.recent.clear()
	put(t, x, sample(1))
	if _, pending := x.batch.node(h); pending {
		t.Error("a stored node is written again")
	}
}

func TestMissingNodeIsDamageNotAbsence(t *testing.T) {
	x := open(t, t.TempDir())
	_, err := x.Get(t.Context(), tree.Sum([]byte("never stored")))
	if !errors.Is(err, ErrDamaged) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	var h interface{ Hint() string }
	if !errors.As(err, &h) || !strings.Contains(h.Hint(), "--rebuild") {
		t.Errorf("no cure in %v", err)
	}
}

func TestBitFlipInANodeIsNoticed(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	blob := noise(7, 5000)
	h := put(t, x, blob)
	put(t, x, noise(8, 9000))
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	flipped := false
	eachFile(dir, func(path string) error {
		data, _ := os.ReadFile(path)
		if i := bytes.Index(data, blob); i >= 0 {
			data[i+2500] ^= 4
			flipped = true
			return os.WriteFile(path, data, 0o600)
		}
		return nil
	})
	if !flipped {
		t.Fatal("the node is in no file")
	}
	x, err := Open(dir, Options{})
	if err == nil {
		defer x.Close()
		_, err = x.Get(t.Context(), h)
	}
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("error is %v", err)
	}
}

func TestStoredNodeThatDoesNotMatchItsHashIsNoticed(t *testing.T) {
	x := open(t, t.TempDir())
	h := tree.Sum([]byte("one"))
	for name, value := range map[string][]byte{
		"other":   x.packer.pack(nil, []byte("two")),
		"empty":   {},
		"tag":     {9, 1, 2},
		"no zstd": {tagZstd, 1, 2, 3},
	} {
		err := x.db.Update(func(tx *badger.Txn) error { return tx.Set(nodeKey(h), value) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Get(t.Context(), h); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestSecondOwnerIsRefused(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrBusy) {
		t.Errorf("second Open: %v", err)
	}
	if err := Remove(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("Remove: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("Remove left %v", names)
	}
	open(t, dir)
}

func TestOtherVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	err := x.commit(roomToPut, func(tx *badger.Txn) error {
		return tx.Set(versionKey(), sealPlain([]byte("0.12345678")))
	})
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	_, err = Open(dir, Options{})
	var h interface{ Hint() string }
	if !errors.Is(err, ErrVersion) || !errors.As(err, &h) || h.Hint() == "" {
		t.Errorf("error is %v", err)
	}
	if err := Remove(dir); err != nil {
		t.Errorf("cure: %v", err)
	}
	open(t, dir)
}

func TestIndexIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "index")
	x := open(t, dir)
	put(t, x, noise(1, 1000))
	x.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	eachFile(dir, func(path string) error {
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return nil
	})
}

func TestCallsAfterCloseAreRefused(t *testing.T) {
	x := open(t, t.TempDir())
	x.Close()
	if _, err := x.Get(t.Context(), backup.Hash{1}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, t.TempDir()).Get(ctx, backup.Hash{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a context that ended: %v", err)
	}
}
