package desttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

func (b *bench) open(t *testing.T, name string) dest.File {
	t.Helper()
	f, err := b.d.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func testReadAt(t *testing.T, b *bench) {
	const size = 3<<20 + 17
	content := b.write(t, "file", size)
	f := b.open(t, "file")
	if info, err := f.Stat(t.Context()); err != nil || info.Size != size || info.Name != "file" {
		t.Errorf("Stat: %+v, %v", info, err)
	}
	reads := []struct{ off, n, want int }{
		{0, 1, 1}, {0, 32 << 10, 32 << 10}, {1, 32<<10 + 1, 32<<10 + 1}, {size - 1, 1, 1}, {0, size, size},
		{777, 1<<20 + 5, 1<<20 + 5}, {255<<10 - 1, 2, 2}, {size - 10, 11, 10}, {size - 300_000, 1 << 20, 300_000},
		{0, size + 1, size}, {0, 8 << 20, size}, {size, 1, 0}, {size + 1<<30, 100, 0}, {size, 0, 0}, {5, 0, 0},
	}
	for _, r := range reads {
		p := bytes.Repeat([]byte{0xa5}, r.n)
		n, err := f.ReadAt(t.Context(), p, int64(r.off))
		if n != r.want {
			t.Errorf("ReadAt %d at %d: %d bytes, want %d", r.n, r.off, n, r.want)
			continue
		}
		if r.want < r.n && err != io.EOF || r.want == r.n && err != nil {
			t.Errorf("ReadAt %d at %d: %v", r.n, r.off, err)
		}
		if n > 0 && !bytes.Equal(p[:n], content[r.off:r.off+n]) {
			t.Errorf("ReadAt %d at %d: wrong bytes", r.n, r.off)
		}
	}
	if _, err := f.ReadAt(t.Context(), make([]byte, 1), -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt -1: %v", err)
	}
	b.write(t, "empty", 0)
	if n, err := b.open(t, "empty").ReadAt(t.Context(), make([]byte, 10), 0); n != 0 || err != io.EOF {
		t.Errorf("ReadAt of an empty file: %d, %v", n, err)
	}
}

func testSideBySide(t *testing.T, b *bench) {
	content := b.write(t, "file", 2<<20)
	f := b.open(t, "file")
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 8 {
				off := (i*65_537 + j*300_007) % (2 << 20)
				p := make([]byte, min(100_000, 2<<20-off))
				n, err := f.ReadAt(t.Context(), p, int64(off))
				if n != len(p) || err != nil || !bytes.Equal(p, content[off:off+n]) {
					t.Errorf("ReadAt at %d: %d, %v", off, n, err)
				}
			}
		}()
	}
	wg.Wait()
}

// testReplaced: whatever a reader gets of a file that is replaced under it is of one version, or ErrStale.
func testReplaced(t *testing.T, b *bench) {
	content := b.write(t, "file", 1<<20)
	f := b.open(t, "file")
	p := make([]byte, 1<<20)
	if _, err := f.ReadAt(t.Context(), p[:1000], 0); err != nil {
		t.Fatal(err)
	}
	b.write(t, "new", 2<<20)
	if err := os.Rename(filepath.Join(b.root, "new"), filepath.Join(b.root, "file")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(t.Context(), p, 0); err == nil && !bytes.Equal(p, content) {
		t.Error("bytes of another version")
	} else if err != nil && !errors.Is(err, backup.ErrStale) {
		t.Errorf("ReadAt: %v", err)
	}
	if info, err := b.open(t, "file").Stat(t.Context()); err != nil || info.Size != 2<<20 {
		t.Errorf("opened anew: %+v, %v", info, err)
	}
}

func testLargeDirectory(t *testing.T, b *bench) {
	const entries = 5_000
	dir := filepath.Join(b.root, "large")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(t, "message", 1)
	for i := range entries {
		name := filepath.Join(dir, fmt.Sprintf("1700000000.M%dP1.host,S=%d:2,S", i, i))
		if err := os.Link(filepath.Join(b.root, "message"), name); err != nil {
			t.Fatal(err)
		}
	}
	list := b.list(t, "large")
	if len(list) != entries {
		t.Errorf("%d names, want %d", len(list), entries)
	}
	for i := range entries {
		if _, ok := list[fmt.Sprintf("1700000000.M%dP1.host,S=%d:2,S", i, i)]; !ok {
			t.Fatalf("number %d is missing", i)
		}
	}
}

func testCancel(t *testing.T, b *bench) {
	b.write(t, "file", 1<<20)
	f := b.open(t, "file")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"List":     func() error { _, err := b.d.List(ctx, ""); return err },
		"Open":     func() error { _, err := b.d.Open(ctx, "file"); return err },
		"Stat":     func() error { _, err := b.d.Stat(ctx, "file"); return err },
		"ReadLink": func() error { _, err := b.d.ReadLink(ctx, "file"); return err },
		"ReadAt":   func() error { _, err := f.ReadAt(ctx, make([]byte, 1<<20), 0); return err },
		"FileStat": func() error { _, err := f.Stat(ctx); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	// Calls that are cut off at some moment leave the destination in working order.
	for i := range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Microsecond)
		if g, err := b.d.Open(ctx, "file"); err == nil {
			_, _ = g.ReadAt(ctx, make([]byte, 1<<20), 0)
			g.Close()
		}
		_, _ = b.d.List(ctx, "")
		cancel()
	}
	p := make([]byte, 1<<20)
	if n, err := f.ReadAt(t.Context(), p, 0); n != len(p) || err != nil || !bytes.Equal(p, Content(1<<20)) {
		t.Errorf("ReadAt afterwards: %d, %v", n, err)
	}
}

func testConcurrent(t *testing.T, b *bench) {
	for i := range 50 {
		b.write(t, fmt.Sprintf("f%d", i), 1000+i)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			name := fmt.Sprintf("f%d", i)
			if list, err := b.d.List(t.Context(), ""); err != nil || len(list) != 50 {
				t.Errorf("List: %d, %v", len(list), err)
			}
			f, err := b.d.Open(t.Context(), name)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			p := make([]byte, 1000+i)
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, Content(1000+i)) {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
	wg.Wait()
}

func testClose(t *testing.T, b *bench) {
	b.write(t, "file", 10)
	f := b.open(t, "file")
	if err := f.Close(); err != nil {
		t.Errorf("Close of the file: %v", err)
	}
	if _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAt of a closed file: %v, want fs.ErrClosed", err)
	}
	if err := b.d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := b.d.List(context.Background(), ""); !errors.Is(err, dest.ErrClosed) {
		t.Errorf("List after Close: %v, want dest.ErrClosed", err)
	}
	if _, err := b.d.Open(context.Background(), "file"); !errors.Is(err, dest.ErrClosed) {
		t.Errorf("Open after Close: %v, want dest.ErrClosed", err)
	}
}
