package content_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/archive"
	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/tree"
)

// points keeps the seek points of one archive.
type points struct {
	mu  sync.Mutex
	all []*gzseek.Point
}

func (p *points) Point(_ context.Context, _ uint64, out int64) (*gzseek.Point, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.all), func(i int) bool { return p.all[i].Out > out })
	if i == 0 {
		return nil, backup.ErrStale
	}
	return p.all[i-1], nil
}

// scanned collects what a scan finds.
type scanned struct {
	points
	items []tree.Item
}

func (s *scanned) Member(m *archive.Member) (backup.Excerpt, error) {
	if m.IsRegular() && m.Link == "" {
		s.items = append(s.items, tree.Item{Entry: m.Entry})
	}
	return backup.Excerpt{}, nil
}

func (s *scanned) Content([]byte, bool) error { return nil }

func (s *scanned) Point(p *gzseek.Point) error {
	if p.Length > 0 {
		q := *p
		q.Sums = slices.Clone(p.Sums)
		s.points.all = append(s.points.all, &q)
	}
	return nil
}

// members of an archive by name; compressible, but not much.
func members(n, size int) map[string][]byte {
	r := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	all := map[string][]byte{}
	for i := range n {
		data := make([]byte, size/2+r.IntN(size))
		for j := 0; j+8 <= len(data); j += 8 {
			binary.LittleEndian.PutUint64(data[j:], r.Uint64()&0x0f0f0f0f0f0f0f0f+0x6161616161616161)
		}
		all[fmt.Sprintf("alice/file%04d", i)] = data
	}
	all["alice/empty"] = nil
	return all
}

func makeTar(t testing.TB, all map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(all[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(all[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compress(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fixture is a destination with one archive on it.
type fixture struct {
	root   string
	fake   *desttest.Fake
	reader *content.Reader
	snap   *backup.Snapshot
	scan   *scanned
	stored []byte
}

// serve writes the stored archive in pieces and scans it.
func serve(t testing.TB, stored []byte, kind backup.Kind, pieces int, o content.Options) *fixture {
	t.Helper()
	x := &fixture{root: t.TempDir(), scan: &scanned{}, stored: stored}
	x.fake = desttest.Dir(x.root)
	x.snap = &backup.Snapshot{Source: backup.Source{Kind: kind}, Serial: 7}
	step := (len(stored) + pieces - 1) / pieces
	for i := range pieces {
		name := fmt.Sprintf("alice.%03d", i)
		data := stored[i*step : min(len(stored), (i+1)*step)]
		if err := os.WriteFile(filepath.Join(x.root, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := time.Unix(1_700_000_000, 0)
		if err := os.Chtimes(filepath.Join(x.root, name), stamp, stamp); err != nil {
			t.Fatal(err)
		}
		x.snap.Files = append(x.snap.Files, backup.File{Path: name, Size: int64(len(data)), MTime: stamp.Unix()})
	}
	result, err := archive.Scan(t.Context(), bytes.NewReader(stored), x.scan,
		archive.Options{Gzip: kind == backup.TarGzip, Size: int64(len(stored))})
	if err != nil || result.Status != backup.Complete {
		t.Fatalf("scan: %+v, %v", result, err)
	}
	x.reader = content.NewReader(x.fake, &x.scan.points, o)
	t.Cleanup(func() {
		x.reader.Close()
		if n := x.fake.Counts().Handles; n != 0 {
			t.Errorf("%d handles left open", n)
		}
	})
	return x
}

func (x *fixture) open(t testing.TB, name string) *content.File {
	t.Helper()
	for _, it := range x.scan.items {
		if it.Name == name {
			f, err := x.reader.Open(t.Context(), x.snap, nil, it)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}
	}
	t.Fatalf("no member %s", name)
	return nil
}

// read reads a file as programs do: in order, a piece at a time.
func read(ctx context.Context, f *content.File, piece int) ([]byte, error) {
	var all []byte
	for {
		buf := make([]byte, piece)
		n, err := f.ReadAt(ctx, buf, int64(len(all)))
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// sorts are the ways in which an archive can lie on a destination.
func sorts(t testing.TB, plain []byte, o content.Options) map[string]*fixture {
	return map[string]*fixture{
		"tar":          serve(t, plain, backup.Tar, 1, o),
		"split tar":    serve(t, plain, backup.Tar, 3, o),
		"tar.gz":       serve(t, compress(t, plain), backup.TarGzip, 1, o),
		"split tar.gz": serve(t, compress(t, plain), backup.TarGzip, 4, o),
		"gzip members": serve(t, append(compress(t, plain[:len(plain)/3]), compress(t, plain[len(plain)/3:])...),
			backup.TarGzip, 1, o),
	}
}

func TestMembersReadTheSameInOrderAndAtRandom(t *testing.T) {
	all := members(24, 500_000)
	for name, x := range sorts(t, makeTar(t, all), content.Options{}) {
		t.Run(name, func(t *testing.T) {
			for _, it := range x.scan.items {
				want := all["alice/"+it.Name]
				got, err := read(t.Context(), x.open(t, it.Name), 64<<10)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s: %d bytes, %v; want %d", it.Name, len(got), err, len(want))
				}
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 100 {
				it := x.scan.items[r.IntN(len(x.scan.items))]
				want := all["alice/"+it.Name]
				off, n := r.IntN(len(want)+10), 1+r.IntN(300<<10)
				checkRange(t, x.open(t, it.Name), want, off, n)
			}
		})
	}
}

// checkRange reads n bytes at off and compares them, and how the read ends.
func checkRange(t testing.TB, f *content.File, want []byte, off, n int) {
	t.Helper()
	buf := make([]byte, n)
	got, err := f.ReadAt(t.Context(), buf, int64(off))
	rest := want[min(off, len(want)):]
	rest = rest[:min(n, len(rest))]
	if !bytes.Equal(buf[:got], rest) {
		t.Fatalf("%d bytes at %d: got %d, want %d", n, off, got, len(rest))
	}
	if short := len(rest) < n; (err != nil) != short || short && err != io.EOF {
		t.Fatalf("%d bytes at %d: error is %v", n, off, err)
	}
}

func TestManyReadersAtOnceWithLittleMemory(t *testing.T) {
	all := members(12, 500_000)
	for name, x := range sorts(t, makeTar(t, all), content.Options{Memory: 1 << 20}) {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(i), 2))
					for range 15 {
						it := x.scan.items[r.IntN(len(x.scan.items))]
						want := all["alice/"+it.Name]
						buf := make([]byte, 1+r.IntN(200<<10))
						off := r.IntN(len(want) + 1)
						f, err := x.reader.Open(t.Context(), x.snap, nil, it)
						if err != nil {
							t.Error(err)
							return
						}
						n, err := f.ReadAt(t.Context(), buf, int64(off))
						if err != nil && err != io.EOF || !bytes.Equal(buf[:n], want[off:off+n]) {
							t.Errorf("%s at %d: %d bytes, %v", it.Name, off, n, err)
						}
						f.Close()
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestSparseFilesHaveTheirHoles(t *testing.T) {
	packed := bytes.Repeat([]byte("0123456789"), 100_000)
	x := serve(t, makeTar(t, map[string][]byte{"alice/packed": packed}), backup.Tar, 1, content.Options{})
	it := x.scan.items[0]
	it.Size = 3_000_000
	it.Sparse = []backup.Extent{{Offset: 100, Length: 300_000}, {Offset: 400_000, Length: 0},
		{Offset: 1_000_000, Length: 700_000}}
	want := make([]byte, it.Size)
	copy(want[100:], packed[:300_000])
	copy(want[1_000_000:], packed[300_000:])
	f, err := x.reader.Open(t.Context(), x.snap, nil, it)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := read(t.Context(), f, 77_777)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		checkRange(t, f, want, r.IntN(len(want)), 1+r.IntN(400_000))
	}
	it.Sparse = []backup.Extent{}
	hole, err := x.reader.Open(t.Context(), x.snap, nil, it)
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	checkRange(t, hole, make([]byte, it.Size), 5, 100_000)
}

func TestOriginalIsByteForByte(t *testing.T) {
	stored := compress(t, makeTar(t, members(5, 300_000)))
	x := serve(t, stored, backup.TarGzip, 2, content.Options{})
	var got []byte
	for i := range x.snap.Files {
		f, err := x.reader.OpenOriginal(t.Context(), x.snap, i)
		if err != nil {
			t.Fatal(err)
		}
		piece, err := read(t.Context(), f, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		got = append(got, piece...)
	}
	if !bytes.Equal(got, stored) {
		t.Errorf("%d bytes, want %d", len(got), len(stored))
	}
	if _, err := x.reader.OpenOriginal(t.Context(), x.snap, 2); err == nil {
		t.Error("a piece that does not exist was opened")
	}
}
