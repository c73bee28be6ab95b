package content_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/fs/content"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// telling is a destination whose files tell what they were when they were opened.
type telling struct{ dest.Reader }

func (d telling) Open(ctx context.Context, path string) (dest.File, error) {
	f, err := d.Reader.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat(ctx)
	return steadyFile{f, info}, err
}

type steadyFile struct {
	dest.File
	info dest.Info
}

func (f steadyFile) Opened() dest.Info { return f.info }

func (f steadyFile) ReadBlock(ctx context.Context, off int64, n int, _ bool) ([]byte, error) {
	p := make([]byte, n)
	n, err := f.ReadAt(ctx, p, off)
	return p[:n], err
}

func TestBlocksOfAFileThatChangedShareOpenings(t *testing.T) {
	const blocks = 100
	for change, do := range map[string]func(path string) error{
		"deleted": os.Remove,
		"touched": func(path string) error { return os.Chtimes(path, time.Now(), time.Now()) },
	} {
		t.Run(change, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := plant(t, map[string][]byte{"large": bytes.Repeat([]byte("A"), blocks*128<<10)}, content.Options{})
				r := content.NewReader(telling{x.fake}, nil, content.Options{})
				defer r.Close()
				it, err := x.tree.Resolve(t.Context(), "large")
				if err != nil {
					t.Fatal(err)
				}
				f, err := r.Open(t.Context(), x.snap, x.tree, it)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := do(filepath.Join(x.root, "acct", "large")); err != nil {
					t.Fatal(err)
				}
				x.fake.SetLatency(100 * time.Millisecond)
				_, err = f.ReadAt(t.Context(), make([]byte, blocks*128<<10), 0)
				if !errors.Is(err, backup.ErrStale) {
					t.Errorf("error is %v", err)
				}
				time.Sleep(time.Minute) // until nothing is on its way any more
				// One, and one for all who asked when that one was under way already.
				if n := x.fake.Counts().Open; n > 2 {
					t.Errorf("%d openings for %d blocks", n, blocks)
				}
			})
		})
	}
}
