package desttest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// LossMaker makes a destination whose directory is the local one root, and lose: the server drops the connections of the next n requests
// instead of answering them.
type LossMaker func(t testing.TB, root string) (d dest.ReadWriter, lose func(n int))

// LossSuite holds a destination to what package dest says about lost connections and about files that changed.
func LossSuite(t *testing.T, make LossMaker) {
	tests := []struct {
		name string
		run  func(*testing.T, *lossBench)
	}{
		{"WhatCanBeAskedTwiceIsRepeated", testRepeated},
		{"WhatMayHaveBeenDoneIsNotRepeated", testNotRepeated},
		{"RequestThatIsAlwaysLostEnds", testAlwaysLost},
		{"FileThatChangedIsStale", testChanged},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &lossBench{}
			b.writeBench = newWriteBench(t, func(t testing.TB, root string) dest.ReadWriter {
				var d dest.ReadWriter
				d, b.lose = make(t, root)
				return d
			})
			test.run(t, b)
		})
	}
}

type lossBench struct {
	*writeBench
	lose func(n int)
}

func testRepeated(t *testing.T, b *lossBench) {
	b.put(t, "file", dest.Create{}, 0, Content(100_000))
	if err := os.Symlink("file", filepath.Join(b.root, "link")); err != nil {
		t.Fatal(err)
	}
	f, err := b.d.Open(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls := map[string]func(ctx context.Context) error{
		"List":     func(ctx context.Context) error { _, err := b.d.List(ctx, ""); return err },
		"Stat":     func(ctx context.Context) error { _, err := b.d.Stat(ctx, "file"); return err },
		"ReadLink": func(ctx context.Context) error { _, err := b.d.ReadLink(ctx, "link"); return err },
		"ReadAt":   func(ctx context.Context) error { _, err := f.ReadAt(ctx, make([]byte, 100_000), 0); return err },
		"FileStat": func(ctx context.Context) error { _, err := f.Stat(ctx); return err },
		"SetAttributes": func(ctx context.Context) error {
			return b.d.SetAttributes(ctx, "file", attributesForTests())
		},
		"Open": func(ctx context.Context) error {
			g, err := b.d.Open(ctx, "file")
			if err == nil {
				err = g.Close()
			}
			return err
		},
	}
	for name, call := range calls {
		b.lose(2)
		if name == "SetAttributes" {
			defer func() { b.hasAttributes(t, "file") }()
		}
		if err := call(t.Context()); err != nil && !errors.Is(err, backup.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
		b.prove(t)
	}
}

// prove ends the losses, and has the server answer so much that it counts as well: one that only loses connections is given up.
func (b *lossBench) prove(t *testing.T) {
	t.Helper()
	b.lose(0)
	for range 20 {
		if _, err := b.d.Stat(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
}

func testNotRepeated(t *testing.T, b *lossBench) {
	b.put(t, "file", dest.Create{}, 0, []byte("x"))
	for _, name := range []string{"empty", "dir"} {
		if err := b.d.Mkdir(t.Context(), name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	calls := map[string]func() error{
		"Mkdir":     func() error { return b.d.Mkdir(t.Context(), "new", 0o700) },
		"Rename":    func() error { return b.d.Rename(t.Context(), "file", "moved") },
		"Remove":    func() error { return b.d.Remove(t.Context(), "file") },
		"RemoveDir": func() error { return b.d.RemoveDir(t.Context(), "empty") },
		"Create":    func() error { _, err := b.d.Create(t.Context(), "created", dest.Create{}); return err },
	}
	for name, call := range calls {
		b.lose(1)
		if err := call(); !errors.Is(err, dest.ErrConnectionLost) || !errors.Is(err, dest.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrConnectionLost and ErrUnreachable", name, err)
		}
		b.prove(t)
	}
}

func testAlwaysLost(t *testing.T, b *lossBench) {
	b.lose(1 << 20)
	if _, err := b.d.List(t.Context(), ""); !errors.Is(err, dest.ErrUnreachable) || errors.Is(err, dest.ErrConnectionLost) {
		t.Errorf("List: %v, want ErrUnreachable, which nobody repeats", err)
	}
	b.lose(0)
	var err error
	for range 1000 {
		if _, err = b.d.List(t.Context(), ""); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // until the next attempt is due
	}
	t.Errorf("it does not work again: %v", err)
}

func testChanged(t *testing.T, b *lossBench) {
	b.put(t, "file", dest.Create{}, 0, Content(5000))
	f, err := b.d.Open(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, ok := f.(dest.Revalidator)
	if !ok {
		return
	}
	if info := r.Opened(); info.Size != 5000 || info.Name != "file" {
		t.Errorf("opened %+v", info)
	}
	if p, err := r.ReadBlock(t.Context(), 0, 5000, true); err != nil || len(p) != 5000 {
		t.Fatalf("ReadBlock: %d bytes, %v", len(p), err)
	}
	if err := os.Truncate(filepath.Join(b.root, "file"), 6000); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadBlock(t.Context(), 0, 100, true); !errors.Is(err, backup.ErrStale) {
		t.Errorf("ReadBlock of a file that changed in place: %v, want ErrStale", err)
	}
	b.lose(1) // whoever opens it again finds out too
	if _, err := f.ReadAt(t.Context(), make([]byte, 100), 0); !errors.Is(err, backup.ErrStale) {
		t.Errorf("ReadAt behind a lost connection: %v, want ErrStale", err)
	}
}
