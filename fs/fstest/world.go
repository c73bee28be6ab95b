// Package fstest has a catalog with snapshots of made-up members and of local directories, for the tests of
// everything that shows them. It does not know how they are shown.
package fstest

import (
	"context"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// Time is when the snapshots of Source were made.
var Time = time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC)

// World is a catalog, its index and the content of its files. It is safe for concurrent use.
type World struct {
	Store *treetest.Store

	mu sync.Mutex
	// mu guards what follows.
	snapshots []*backup.Snapshot
	data      map[uint64]reader // by serial
	serial    uint64
}

// reader finds the content of a file by its path in the tree.
type reader func(path string) ([]byte, error)

// NewWorld makes an empty catalog.
func NewWorld() *World {
	return &World{Store: treetest.NewStore(), data: map[uint64]reader{}}
}

// Member is an entry of a tree with its content.
type Member struct {
	Path string
	backup.Entry
	Data string
}

// Dir, File, Link and Hard make members of common kinds, owned by 1001.
func Dir(path string) Member {
	return Member{Path: path, Entry: backup.Entry{Mode: backup.ModeDir | 0o755, UID: 1001, GID: 1001, MTime: 1e9}}
}

// File makes a regular file.
func File(path, data string) Member {
	return Member{Path: path, Data: data, Entry: backup.Entry{Mode: backup.ModeRegular | 0o644, UID: 1001, GID: 1001,
		Size: int64(len(data)), MTime: 1e9 + 5, Nlink: 1}}
}

// Link makes a symbolic link.
func Link(path, target string) Member {
	return Member{Path: path, Entry: backup.Entry{Mode: backup.ModeSymlink | 0o777, UID: 1001, GID: 1001, Target: target, MTime: 1e9}}
}

// Hard makes another name of a file.
func Hard(path, first string) Member {
	return Member{Path: path, Entry: backup.Entry{Mode: backup.ModeRegular | 0o644, Link: first}}
}

// Source describes a complete snapshot of an account, to be changed by the caller.
func Source(account, name string) backup.Snapshot {
	s := backup.Snapshot{Destination: "box", Status: backup.Complete, Indexed: Time.Add(time.Hour)}
	s.Account, s.Name, s.Kind, s.Time = account, name, backup.TarGzip, Time
	s.Files = []backup.File{{Path: name + "/accounts/" + account + ".tar.gz", Size: 1000, MTime: Time.Unix()}}
	return s
}

// Add puts a snapshot with these members into the catalog.
func (w *World) Add(t testing.TB, s backup.Snapshot, parts *backup.Parts, members ...Member) *backup.Snapshot {
	t.Helper()
	if parts != nil {
		var err error
		if s.Parts, err = w.putParts(t.Context(), parts); err != nil {
			t.Fatal(err)
		}
	}
	added, err := w.Build(t.Context(), s, members...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// Build is Add without parts, for goroutines of a test.
func (w *World) Build(ctx context.Context, s backup.Snapshot, members ...Member) (*backup.Snapshot, error) {
	data := map[string]string{}
	b := tree.NewBuilder(w.Store, backup.Entry{})
	for i, m := range members {
		e := m.Entry
		e.Name = filepath.Base(m.Path)
		if _, err := b.Add(ctx, m.Path, e, int64(i)*512); err != nil {
			return nil, err
		}
		data[m.Path] = m.Data
	}
	return w.finish(ctx, s, b, func(path string) ([]byte, error) {
		d, ok := data[path]
		if !ok {
			return nil, iofs.ErrNotExist
		}
		return []byte(d), nil
	})
}

// putParts stores a Parts blob.
func (w *World) putParts(ctx context.Context, parts *backup.Parts) (backup.Hash, error) {
	blob, err := parts.MarshalBinary()
	if err != nil {
		return backup.Hash{}, err
	}
	h := tree.Sum(blob)
	return h, w.Store.Put(ctx, h, blob)
}

// finish commits what a builder built.
func (w *World) finish(ctx context.Context, s backup.Snapshot, b *tree.Builder, data reader) (*backup.Snapshot, error) {
	root, err := b.Finish(ctx)
	if err != nil {
		return nil, err
	}
	s.Root = root
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	s.Serial = w.serial
	w.data[s.Serial] = data
	w.snapshots = append(w.snapshots, &s)
	return &s, nil
}

// AddBare puts a snapshot without a tree into the catalog.
func (w *World) AddBare(s backup.Snapshot) *backup.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	s.Serial = w.serial
	w.snapshots = append(w.snapshots, &s)
	return &s
}

// Remove takes a snapshot out of the catalog.
func (w *World) Remove(serial uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var rest []*backup.Snapshot
	for _, s := range w.snapshots {
		if s.Serial != serial {
			rest = append(rest, s)
		}
	}
	w.snapshots = rest
}

// Renumber gives the snapshot with one serial another one, in place of the snapshot that had it.
func (w *World) Renumber(from, to uint64) {
	w.Remove(to)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.snapshots {
		if s.Serial == from {
			changed := *s
			changed.Serial = to
			w.snapshots[i] = &changed
		}
	}
	w.data[to] = w.data[from]
}

// Snapshots is the catalog.
func (w *World) Snapshots(_ context.Context, destination string) ([]*backup.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*backup.Snapshot
	for _, s := range w.snapshots {
		if destination == "" || s.Destination == destination {
			all = append(all, s)
		}
	}
	return all, nil
}

// Read returns the content of a file, sparse ones expanded.
func (w *World) Read(s *backup.Snapshot, path string) ([]byte, error) {
	w.mu.Lock()
	read := w.data[s.Serial]
	w.mu.Unlock()
	if read == nil {
		return nil, fmt.Errorf("snapshot %d: %w", s.Serial, iofs.ErrNotExist)
	}
	return read(path)
}

// Bytes is an open file whose content is in memory.
type Bytes []byte

// ReadAt reads as io.ReaderAt does.
func (b Bytes) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close does nothing.
func (Bytes) Close() error { return nil }

// AddLocal puts a snapshot of a local directory, shown below prefix in its tree, into the catalog.
func (w *World) AddLocal(t testing.TB, s backup.Snapshot, parts *backup.Parts, dir, prefix string) *backup.Snapshot {
	t.Helper()
	b := tree.NewBuilder(w.Store, backup.Entry{})
	if err := addLocal(t.Context(), b, dir, prefix); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.Parts, err = w.putParts(t.Context(), parts); err != nil {
		t.Fatal(err)
	}
	added, err := w.finish(t.Context(), s, b, func(path string) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, strings.TrimPrefix(path, prefix)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return added
}
