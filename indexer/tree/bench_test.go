package tree

import (
	"context"
	"fmt"
	"math/rand"
	"testing"

	"github.com/klauspost/compress/zstd"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// siteSteps are the members of an account as they lie in an archive made by cPanel: sites with an
// application's files and uploads, and mailboxes. The names are as long and as alike as real ones.
func siteSteps(n int) []step {
	r := rand.New(rand.NewSource(42))
	var steps []step
	at := int64(0)
	add := func(path string, mode uint32, size int64) {
		at += int64(r.Intn(8)/7) * 2 * block // long names have extension headers
		mtime := 1.6e9 + float64(r.Int63n(1e8))
		steps = append(steps, step{path, backup.Entry{Mode: mode, UID: 1043, GID: 1045, Size: size, Offset: at + block,
			MTime: int64(mtime) * 1e9}, at})
		at += block + (size+block-1)&^(block-1)
	}
	words := []string{"class", "wp", "admin", "block", "editor", "post", "widget", "cache", "user", "meta", "query",
		"theme", "style", "image", "gallery", "comment", "session", "upgrade", "rest", "controller", "font", "icon"}
	word := func() string { return words[r.Intn(len(words))] }
	size := func() int64 { return int64(r.ExpFloat64() * 9000) }
	for len(steps) < n {
		site := fmt.Sprintf("homedir/site%d", len(steps))
		for d := range 60 {
			dir := fmt.Sprintf("%s/wp-content/plugins/%s-%s/%s%d", site, word(), word(), word(), d)
			add(dir, backup.ModeDir|0o755, 0)
			for i := range 1 + r.Intn(40) {
				add(fmt.Sprintf("%s/%s-%s-%s%d.php", dir, word(), word(), word(), i), backup.ModeRegular|0o644, size())
			}
		}
		for m := range 12 {
			dir := fmt.Sprintf("%s/wp-content/uploads/2024/%02d", site, m+1)
			add(dir, backup.ModeDir|0o755, 0)
			for i := range r.Intn(30) {
				for _, dim := range []string{"", "-150x150", "-300x200", "-768x512", "-1024x683"} {
					add(fmt.Sprintf("%s/IMG_%d%s%s.jpg", dir, 20240000+r.Intn(9999)*0+i, word(), dim), backup.ModeRegular|0o644, size()*10)
				}
			}
		}
		dir := fmt.Sprintf("homedir/mail/example%d.com/info/cur", len(steps))
		add(dir, backup.ModeDir|0o751, 0)
		t := 1600000000
		for range 500 + r.Intn(2000) {
			t += r.Intn(20000)
			s := size() * 4
			add(fmt.Sprintf("%s/%d.M%dP%d.server12.example.net,S=%d,W=%d:2,S", dir, t, r.Intn(1e6), r.Intn(1<<22), s, s+s/40),
				backup.ModeRegular|0o660, s)
		}
	}
	return steps
}

func BenchmarkBuild(b *testing.B) {
	steps := siteSteps(100000)
	for b.Loop() {
		buildSteps(b, treetest.NewStore(), steps)
	}
	perEntry(b, len(steps))
}

func perEntry(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
}

// BenchmarkSize tells how many bytes nodes take per entry, as they are and each compressed as the
// index does.
func BenchmarkSize(b *testing.B) {
	steps := siteSteps(100000)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	store := treetest.NewStore()
	root := buildSteps(b, store, steps)
	var raw, packed, names int
	for b.Loop() {
		raw, packed, names = 0, 0, 0
		for _, h := range store.Hashes() {
			data, err := store.Get(context.Background(), h)
			if err != nil {
				b.Fatal(err)
			}
			raw += len(data)
			packed += min(len(data), len(encoder.EncodeAll(data, nil))) + len(h)
		}
	}
	for i := range steps {
		_, name := splitPath(steps[i].path)
		names += len(name)
	}
	n := float64(root.Count)
	b.ReportMetric(float64(raw)/n, "raw-B/entry")
	b.ReportMetric(float64(packed)/n, "packed-B/entry")
	b.ReportMetric(float64(names)/n, "name-B/entry")
}

// benchTree is the tree of siteSteps with all of it in the cache.
func benchTree(b *testing.B, cache int64) (*Tree, *treetest.Store) {
	store := treetest.NewStore()
	root := buildSteps(b, store, siteSteps(100000))
	return New(store, root, NewCache(cache)), store
}

func BenchmarkList(b *testing.B) {
	t, _ := benchTree(b, 1<<30)
	for b.Loop() {
		if err := walkAll(t, t.Root()); err != nil {
			b.Fatal(err)
		}
	}
	perEntry(b, int(t.Root().Count))
}

func BenchmarkDecode(b *testing.B) {
	t, store := benchTree(b, 0)
	var nodes [][]byte
	for _, h := range store.Hashes() {
		data, err := store.Get(context.Background(), h)
		if err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, data)
	}
	for b.Loop() {
		for _, data := range nodes {
			if _, err := decode(data); err != nil {
				b.Fatal(err)
			}
		}
	}
	perEntry(b, int(t.Root().Count))
}

func BenchmarkLookup(b *testing.B) {
	store := treetest.NewStore()
	root := buildSteps(b, store, mailSteps(100000))
	t := New(store, root, NewCache(1<<30))
	dir, err := t.Resolve(context.Background(), "cur")
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for it, err := range t.List(context.Background(), dir, 0) {
		if err != nil {
			b.Fatal(err)
		}
		names = append(names, it.Name)
	}
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(names)
		if _, err := t.Lookup(context.Background(), dir, names[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkItem(b *testing.B) {
	t, _ := benchTree(b, 1<<30)
	n := t.Root().Count
	i := uint64(0)
	for b.Loop() {
		i = (i + 7919) % n
		if _, err := t.Item(context.Background(), i); err != nil {
			b.Fatal(err)
		}
	}
}

// countingStore counts what a Builder asks of its store.
type countingStore struct {
	*treetest.Store
	gets, puts, bytes int
}

func (s *countingStore) Get(ctx context.Context, h backup.Hash) ([]byte, error) {
	s.gets++
	return s.Store.Get(ctx, h)
}

func (s *countingStore) Put(ctx context.Context, h backup.Hash, data []byte) error {
	s.puts++
	s.bytes += len(data)
	return s.Store.Put(ctx, h, data)
}

// BenchmarkBuildRandomDirectories adds files to directories of one directory in no order.
func BenchmarkBuildRandomDirectories(b *testing.B) {
	const n = 250_000
	for b.Loop() {
		r := rand.New(rand.NewSource(1))
		store := &countingStore{Store: treetest.NewStore()}
		var memory Memory
		builder := NewBuilder(store, backup.Entry{})
		builder.Share(&memory)
		for i := range n {
			e := backup.Entry{Mode: backup.ModeRegular | 0o644, Nlink: 1, Offset: int64(i)*1024 + 512}
			if _, err := builder.Add(b.Context(), fmt.Sprintf("d/%07d/f%d", r.Intn(n), i), e, int64(i)*1024); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := builder.Finish(b.Context()); err != nil {
			b.Fatal(err)
		}
		builder.Release()
		b.ReportMetric(float64(store.gets)/n, "gets/file")
		b.ReportMetric(float64(store.puts)/n, "puts/file")
		b.ReportMetric(float64(store.bytes)/n, "bytes/file")
		b.ReportMetric(float64(builder.limit>>20), "limit-MiB")
	}
	perEntry(b, n)
}
