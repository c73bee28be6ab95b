package browse

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"slotfs/fs"
	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// rereadContent serves the snapshot with one serial only, as a destination does whose archive was read again.
type rereadContent struct{ serial uint64 }

func (c *rereadContent) Open(_ context.Context, s *backup.Snapshot, _ *tree.Tree, _ tree.Item) (fs.File, error) {
	return &rereadFile{c, s.Serial}, nil
}

func (c *rereadContent) OpenOriginal(context.Context, *backup.Snapshot, int) (fs.File, error) {
	return nil, errors.New("not asked for")
}

func (c *rereadContent) Deadline() time.Duration { return time.Hour }

type rereadFile struct {
	c      *rereadContent
	serial uint64
}

func (f *rereadFile) ReadAt(_ context.Context, p []byte, _ int64) (int, error) {
	if f.serial != f.c.serial {
		return 0, backup.ErrStale
	}
	return copy(p, "x"), io.EOF
}

func (f *rereadFile) Close() error { return nil }

func TestWhoReadsASnapshotGoesOnWithTheIdenticalOneThatReplacesIt(t *testing.T) {
	w := fstest.NewWorld()
	old := w.Add(t, fstest.Source("alice", "2026-01-04"), nil, fstest.Dir("sub"), fstest.File("sub/file", "x"))
	v := view.New(view.Options{Nodes: w.Store})
	v.Update([]string{"box"}, []*backup.Snapshot{old})
	content := &rereadContent{serial: old.Serial}
	l := &Local{View: v, Content: func(string) fs.Content { return content }}
	ctx, path := t.Context(), "box/accounts/alice/2026-01-04/full/sub"
	dir, err := Resolve(ctx, l, path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.Lookup(ctx, dir.ID, "file")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := l.Open(ctx, &file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for range 3 { // read again, and again
		again := *old
		again.Serial = content.serial + 7
		content.serial = again.Serial
		v.Update([]string{"box"}, []*backup.Snapshot{&again})
		if n, err := l.Lookup(ctx, dir.ID, "file"); err != nil || n.Attr.Size != 1 {
			t.Errorf("lookup: %+v, %v", n, err)
		}
		if _, err := l.Node(ctx, file.ID); err != nil {
			t.Errorf("node: %v", err)
		}
		names := 0
		if err := l.List(ctx, dir.ID, func(*Node) error { names++; return nil }); err != nil || names != 1 {
			t.Errorf("list: %d names, %v", names, err)
		}
		if n, err := opened.ReadAt(ctx, make([]byte, 1), 0); n != 1 || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("read on: %d bytes, %v", n, err)
		}
	}
	other := w.Add(t, fstest.Source("alice", "2026-01-04"), nil, fstest.File("else", "y"))
	v.Update([]string{"box"}, []*backup.Snapshot{other})
	if _, err := l.Node(ctx, file.ID); !errors.Is(err, view.ErrGone) {
		t.Errorf("of a snapshot that another one replaced: %v", err)
	}
}
