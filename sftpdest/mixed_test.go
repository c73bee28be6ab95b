package sftpdest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest"
)

func TestProFTPDGetsTheBytesOfOneSessionOnAConnection(t *testing.T) {
	t.Parallel()
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
	growTo(t, d, 2)
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
	if conns, sessions := d.pool.Counts(); sessions > conns {
		t.Errorf("%d sessions on %d connections", sessions, conns)
	}
	for i := range 8 {
		got, err := os.ReadFile(filepath.Join(root, fmt.Sprint(i)))
		if err != nil || !bytes.Equal(got, content(i)) {
			t.Errorf("file %d is not what was written: %d bytes, %v", i, len(got), err)
		}
	}
}

// growTo keeps d busy until it has n connections.
func growTo(t *testing.T, d *Destination, n int) {
	t.Helper()
	out, err := d.Create(t.Context(), "busy", dest.Create{})
	if err != nil {
		t.Fatal(err)
	}
	for d.Connections() < n {
		g, ctx := errgroup.WithContext(t.Context())
		g.Go(func() error {
			_, err := out.WriteAt(ctx, make([]byte, 8<<20), 0)
			return err
		})
		for range 8 {
			g.Go(func() error {
				_, err := d.Stat(ctx, "")
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
