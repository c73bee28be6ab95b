package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slotfs/cache/index"
	"slotfs/fs"
	"slotfs/fs/content"
	"slotfs/indexer"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/cpanel"
	"slotfs/indexer/tree"
)

// brittle panics wherever "panic-" and the name of the place stand in a path.
type brittle struct {
	*desttest.Fake
	engine.Engine
	decoding atomic.Bool // decoders panic
}

func breakAt(place, path string) {
	if strings.Contains(path, "panic-"+place) {
		panic("broken " + place)
	}
}

func (b *brittle) List(ctx context.Context, dir string) ([]dest.Info, error) {
	breakAt("list", dir)
	return b.Fake.List(ctx, dir)
}

func (b *brittle) Open(ctx context.Context, path string) (dest.File, error) {
	breakAt("open", path)
	if b.decoding.Load() {
		panic("broken decoder") // decoders open what they read themselves
	}
	f, err := b.Fake.Open(ctx, path)
	return &brittleFile{File: f, path: path}, err
}

type brittleFile struct {
	dest.File
	path  string
	reads atomic.Int32
}

// ReadAt breaks behind the first read, which tells what the file is.
func (f *brittleFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if f.reads.Add(1) > 1 {
		breakAt("read", f.path)
	}
	return f.File.ReadAt(ctx, p, off)
}

func (b *brittle) Detect(dir engine.Dir) engine.Detected {
	breakAt("detect", dir.Path)
	return b.Engine.Detect(dir)
}

func (b *brittle) Wants(path string, size int64) backup.Excerpt {
	breakAt("member", path)
	return b.Engine.Wants(path, size)
}

func (b *brittle) Describe(ctx context.Context, s *backup.Source, t *tree.Tree, read engine.ReadFunc) (engine.Description, error) {
	if strings.HasPrefix(s.Account, "broken") {
		panic("broken description")
	}
	return b.Engine.Describe(ctx, s, t, read)
}

// shownWorld is a mount in this process, over a brittle destination.
type shownWorld struct {
	t       *testing.T
	root    string
	mnt     string
	brittle *brittle
	index   *index.Index
	server  *fs.Server
	log     lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newShownWorld(t *testing.T) *shownWorld {
	t.Helper()
	m := &shownWorld{t: t, root: t.TempDir(), mnt: t.TempDir()}
	m.brittle = &brittle{Fake: desttest.Dir(m.root), Engine: cpanel.New()}
	x, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	m.index = x
	log := slog.New(slog.NewTextHandler(&m.log, nil))
	reader := content.NewReader(m.brittle, x, content.Options{})
	t.Cleanup(func() { reader.Close() })
	m.server, err = fs.Mount(t.Context(), m.mnt, fs.Config{Catalog: x, Nodes: x, Log: log,
		Destinations: func() []string { return []string{"d"} },
		Content:      func(string) fs.Content { return readerContent{reader} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.server.Unmount() })
	return m
}

// readerContent reads through one Reader.
type readerContent struct{ r *content.Reader }

func (c readerContent) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (fs.File, error) {
	return c.r.Open(ctx, s, t, it)
}

func (c readerContent) OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (fs.File, error) {
	return c.r.OpenOriginal(ctx, s, n)
}

func (c readerContent) Deadline() time.Duration { return c.r.Deadline() }

// pack puts the archive of an account in a set, with a file of that name.
func (m *shownWorld) pack(set, account, file string) {
	m.t.Helper()
	top := filepath.Join(m.t.TempDir(), account)
	for name, text := range map[string]string{"cp/" + account: "USER=" + account, "homedir/" + file: "content"} {
		p := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	dir := filepath.Join(m.root, set)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", filepath.Dir(top), "-czf", filepath.Join(dir, account+".tar.gz"), account).CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
}

func (m *shownWorld) pass() indexer.Summary {
	m.t.Helper()
	log := slog.New(slog.NewTextHandler(&m.log, nil))
	sum, err := indexer.Pass(m.t.Context(), m.brittle, m.brittle, m.index, indexer.Options{Destination: "d", Log: log})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.server.Refresh(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	return sum
}

func TestAPanicOverOneBackupLeavesTheMountAndAllOthers(t *testing.T) {
	m := newShownWorld(t)
	const set = "2026-01-05/accounts"
	m.pack(set, "alice", "a.txt")
	m.pack(set, "broken", "a.txt")       // its description panics
	m.pack(set, "carol", "panic-member") // the handler of a member of its archive
	m.pack("panic-read/"+set, "dave", "a.txt")
	m.pack("panic-open/"+set, "erin", "a.txt")
	m.pack("panic-detect/"+set, "frank", "a.txt")
	m.pack("panic-list/"+set, "grace", "a.txt")
	sum := m.pass()
	if sum.Read != 5 || sum.Failed != 4 {
		t.Errorf("%+v", sum)
	}
	for path, want := range map[string]string{
		"d/accounts/alice/2026-01-05/files/a.txt":                        "content",
		"d/accounts/broken/2026-01-05.unreadable/snapshot.json":          "internal error: broken description",
		"d/accounts/carol/2026-01-05.unreadable/snapshot.json":           "internal error: broken member",
		"d/panic-read/accounts/dave/2026-01-05.unreadable/snapshot.json": "internal error: broken read",
		"d/panic-open/accounts/erin/2026-01-05.unreadable/snapshot.json": "internal error: broken open",
	} {
		got, err := os.ReadFile(filepath.Join(m.mnt, path))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %v\n%s", path, err, got)
		}
	}
	for _, place := range []string{"description", "member", "read", "open", "detect", "list"} {
		if log := m.log.String(); !strings.Contains(log, "broken "+place) || !strings.Contains(log, "panic_test.go") {
			t.Errorf("nothing in the log of what broke in %s", place)
		}
	}
}

func TestAPanicOfADecoderEndsOneReadOnly(t *testing.T) {
	m := newShownWorld(t)
	m.pack("2026-01-05/accounts", "alice", "a.txt")
	m.pass()
	file := filepath.Join(m.mnt, "d/accounts/alice/2026-01-05/files/a.txt")
	m.brittle.decoding.Store(true)
	if _, err := os.ReadFile(file); !errors.Is(err, syscall.EIO) {
		t.Errorf("read through a decoder that panics: %v", err)
	}
	if log := m.log.String(); !strings.Contains(log, "internal error: broken decoder") || !strings.Contains(log, "stack=") {
		t.Errorf("the log says\n%s", log)
	}
	m.brittle.decoding.Store(false)
	if got, err := os.ReadFile(file); err != nil || string(got) != "content" {
		t.Errorf("read after that: %q, %v", got, err)
	}
}
