package sftpdest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
)

func TestProFTPDGetsTheBytesOfOneSessionOnAConnection(t *testing.T) {
	s := startProFTPD(t)
	root, err := os.MkdirTemp("", "mixed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	s.Directory = root
	d := newDest(t, s, Options{})
	grown(t, d.pool, 4)
	g, ctx := errgroup.WithContext(t.Context())
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 3<<20) }
	for i := range 8 {
		g.Go(func() error {
			out, err := d.Create(ctx, fmt.Sprint(i), dest.Create{})
			if err != nil {
				return err
			}
			if _, err := out.WriteAt(ctx, content(i), 0); err != nil {
				return err
			}
			return out.Close(ctx)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	d.pool.mu.Lock()
	for _, c := range d.pool.conns {
		if c.sessions > 1 {
			t.Errorf("%d sessions on a connection", c.sessions)
		}
	}
	d.pool.mu.Unlock()
	for i := range 8 {
		got, err := os.ReadFile(filepath.Join(root, fmt.Sprint(i)))
		if err != nil || !bytes.Equal(got, content(i)) {
			t.Errorf("file %d is not what was written: %d bytes, %v", i, len(got), err)
		}
	}
}

// grown has the pool open as many sessions as it may, n at most.
func grown(t *testing.T, l *pool, n int) {
	t.Helper()
	if _, err := l.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.sessions) < n {
		l.grow()
		if l.opening == 0 {
			return
		}
		if err := l.await(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
}
