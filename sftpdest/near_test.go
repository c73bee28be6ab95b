package sftpdest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slotfs/sftpdest/pool"
)

// TestServerThatIsNearNeedsOneSession reads little where the channel's window is no bound: further sessions would compete for
// the same processors.
func TestServerThatIsNearNeedsOneSession(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 24<<20, 0)
	p := make([]byte, len(content))
	read := func() (connections int) {
		before := link.Dialed()
		d := newDest(t, s, Options{})
		defer d.Close()
		f := openFile(t, d)
		for range 5 {
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
				t.Fatalf("ReadAt: %v", err)
			}
		}
		return link.Dialed() - before
	}
	// On a busy machine a server that is near answers as late as one that is far away: once is enough.
	n := 0
	for range 30 {
		if n = read(); n == 1 {
			return
		}
	}
	t.Errorf("%d connections", n)
}

// TestLargeFileOfAServerThatIsNearIsReadOverTwoConnections pretends that one connection brings all that its ends can do.
func TestLargeFileOfAServerThatIsNearIsReadOverTwoConnections(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 1<<20, 0)
	for _, name := range []string{"large", "small"} {
		path := filepath.Join(s.Directory, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "large" {
			if err := os.Truncate(path, minSizeForNewConn); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := newDest(t, s, Options{Processors: 2})
	// However slowly this machine answers, the window is no bound, and one processor is.
	d.windowLimited = func(*pool.Session) bool { return false }
	d.cpuLimited = func(*pool.Session) bool { return true }
	reads := func(name string, handles int) *file {
		opened, err := d.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.Close() })
		f := opened.(*file)
		for n, round := 0, 0; n < handles || round < 100; round++ {
			h, err := f.handle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f.release(h)
			f.wg.Wait()
			f.mu.Lock()
			n = len(f.handles)
			f.mu.Unlock()
			time.Sleep(time.Millisecond) // a connection may be on its way
		}
		return f
	}
	reads("small", 1)
	if n := link.Dialed(); n != 1 {
		t.Errorf("%d connections for a small file", n)
	}
	f := reads("large", 2)
	if n := link.Dialed(); n != 2 {
		t.Errorf("%d connections for a large file", n)
	}
	if len(f.handles) != 2 || !f.handles[0].s.OnOtherConn(f.handles[1].s) {
		t.Errorf("the file is open by %d handles", len(f.handles))
	}
	p := make([]byte, len(content))
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
		t.Errorf("ReadAt: %v", err)
	}
}
