package sftpdest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestServerThatIsNearNeedsOneSession reads little where the channel's window is no bound: further sessions would compete for
// the same processors.
func TestServerThatIsNearNeedsOneSession(t *testing.T) {
	s, _, link, content := remoteFile(t, 24<<20, 0)
	d := newDest(t, s, Options{})
	f := openFile(t, d)
	p := make([]byte, len(content))
	for range 5 {
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
			t.Fatalf("ReadAt: %v", err)
		}
	}
	if n := link.Dialed(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestLargeFileOfAServerThatIsNearIsReadOverTwoConnections pretends that one connection brings all that its ends can do.
func TestLargeFileOfAServerThatIsNearIsReadOverTwoConnections(t *testing.T) {
	s, _, link, content := remoteFile(t, 1<<20, 0)
	for _, name := range []string{"large", "small"} {
		path := filepath.Join(s.Directory, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "large" {
			if err := os.Truncate(path, worthLogIn); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := newDest(t, s, Options{Processors: 2})
	d.pool.shortest.Store(1) // however slowly this machine answers, the window is no bound
	spreads := func(name string) *file {
		opened, err := d.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		f := opened.(*file)
		for range 100 {
			h, err := f.handle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			load := h.s.load.Load()
			h.s.load.Store(2 * busy)
			h.s.pace.rate.Store(2 * fast)
			again, err := f.handle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h.s.load.Store(load)
			f.free(h)
			f.free(again)
			settle(t, d.pool)
			f.wg.Wait()
		}
		return f
	}
	spreads("small")
	if n := link.Dialed(); n != 1 {
		t.Errorf("%d connections for a small file", n)
	}
	f := spreads("large")
	if n := link.Dialed(); n != sideBySide {
		t.Errorf("%d connections for a large file", n)
	}
	conns := map[*conn]bool{}
	for _, h := range f.handles {
		conns[h.s.conn] = true
	}
	if len(conns) != sideBySide {
		t.Errorf("the file is open on %d connections", len(conns))
	}
	p := make([]byte, len(content))
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
		t.Errorf("ReadAt: %v", err)
	}
}

// settle waits until no session is being opened.
func settle(t *testing.T, l *pool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.opening > 0 {
		if err := l.await(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}
