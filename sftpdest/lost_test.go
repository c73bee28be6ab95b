package sftpdest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
)

func proxy(t testing.TB, target string, rtt time.Duration) *sshdtest.Link {
	t.Helper()
	k, err := sshdtest.Proxy(target, rtt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// remoteFile makes a directory with one file of n bytes and settings that lead there through a proxy.
func remoteFile(t testing.TB, n int, rtt time.Duration) (Settings, *sshdtest.Server, *sshdtest.Link, []byte) {
	t.Helper()
	server := startSSHD(t, sshdtest.Options{})
	link := proxy(t, server.Address(), rtt)
	s := settingsOf(server)
	s.Host, s.Port, s.Directory = link.Host, link.Port, t.TempDir()
	content := desttest.Content(n)
	if err := os.WriteFile(filepath.Join(s.Directory, "file"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return s, server, link, content
}

func openFile(t testing.TB, d *Destination) dest.File {
	t.Helper()
	f, err := d.Open(t.Context(), "file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestReadGoesOnWhereTheServerWasKilled(t *testing.T) {
	t.Parallel()
	s, server, _, content := remoteFile(t, 40<<20, 0)
	s.MaxRetries = 0
	d := newDest(t, s, Options{Backoff: 5 * time.Millisecond})
	stream := dest.NewStream(t.Context(), openFile(t, d), 0, int64(len(content)), 4)
	defer stream.Close()
	got := make([]byte, 0, len(content))
	p := make([]byte, 1<<20)
	for _, accident := range []func() error{
		func() error { server.KillSessions(); return nil }, server.Restart, func() error { return nil },
	} {
		for until := min(len(got)+12<<20, len(content)); len(got) < until; {
			n, err := stream.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				t.Fatalf("after %d bytes: %v", len(got), err)
			}
		}
		if err := accident(); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, rest...), content) {
		t.Error("bytes differ")
	}
}

func TestCallsAreAskedAgainWhenTheirConnectionIsCut(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 1<<20, 2*time.Millisecond)
	s.MaxRetries = 0
	d := newDest(t, s, Options{Backoff: 5 * time.Millisecond})
	f := openFile(t, d)
	for range 5 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if list, err := d.List(t.Context(), ""); err != nil || len(list) != 1 {
					t.Errorf("List: %v, %v", list, err)
				}
				p := make([]byte, 1<<20)
				if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
					t.Errorf("ReadAt: %v", err)
				}
			}()
		}
		link.Cut()
		wg.Wait()
	}
}

func TestFileThatChangedWhileTheConnectionWasLostIsStale(t *testing.T) {
	t.Parallel()
	changes := map[string]func(path string) error{
		"size":    func(path string) error { return os.Truncate(path, 1000) },
		"time":    func(path string) error { return os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)) },
		"removed": os.Remove,
		"link": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("/etc/passwd", path)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s, _, link, _ := remoteFile(t, 5000, 0)
			d := newDest(t, s, Options{Backoff: time.Millisecond})
			f := openFile(t, d)
			p := make([]byte, 100)
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(s.Directory, "file")); err != nil {
				t.Fatal(err)
			}
			link.Cut()
			for range 2 {
				if _, err := f.ReadAt(t.Context(), p, 0); errors.Is(err, backup.ErrStale) {
					return
				}
			}
			_, err := f.ReadAt(t.Context(), p, 0)
			if !errors.Is(err, backup.ErrStale) {
				t.Errorf("ReadAt: %v, want ErrStale", err)
			}
		})
	}
}

func TestDeadNetworkIsLeftAtOnceByCancelledCallsAndClose(t *testing.T) {
	t.Parallel()
	s, _, link, _ := remoteFile(t, 1<<20, 0)
	d := newDest(t, s, Options{})
	f := openFile(t, d)
	link.Stall()
	calls := map[string]func(context.Context) error{
		"List":   func(ctx context.Context) error { _, err := d.List(ctx, ""); return err },
		"Open":   func(ctx context.Context) error { _, err := d.Open(ctx, "file"); return err },
		"Stat":   func(ctx context.Context) error { _, err := d.Stat(ctx, "file"); return err },
		"ReadAt": func(ctx context.Context) error { _, err := f.ReadAt(ctx, make([]byte, 1<<20), 0); return err },
	}
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	waits := make(chan error)
	go func() { _, err := d.List(t.Context(), ""); waits <- err }()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waits; err == nil {
		t.Error("List succeeded on a dead network")
	}
}

func TestDeadPeerIsNoticed(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 1<<20, 0)
	d := newDest(t, s, Options{KeepAlive: 20 * time.Millisecond, Idle: 200 * time.Millisecond, Backoff: time.Millisecond})
	f := openFile(t, d)
	if _, err := f.ReadAt(t.Context(), make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	link.Stall()
	got := make(chan error)
	p := make([]byte, 1<<20)
	go func() { _, err := f.ReadAt(t.Context(), p, 0); got <- err }()
	for link.Dialed() < 2 { // the dead connection was given up
		time.Sleep(time.Millisecond)
	}
	link.Resume()
	if err := <-got; err != nil || !bytes.Equal(p, content) {
		t.Errorf("ReadAt: %v", err)
	}
}

func TestRetriesEndAndStartAgain(t *testing.T) {
	t.Parallel()
	s, server, _, _ := remoteFile(t, 10, 0)
	server.Kill()
	s.MaxRetries = 2
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	hinted(t, d.Connect(t.Context()), dest.ErrUnreachable)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 10_000 {
		if err = d.Connect(t.Context()); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("still unreachable: %v", err)
}

func TestCallThatTimesOutDuringRetriesSaysWhy(t *testing.T) {
	t.Parallel()
	s, server, _, _ := remoteFile(t, 10, 0)
	server.Kill()
	s.MaxRetries = 0
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := d.Connect(ctx)
	hinted(t, err, dest.ErrUnreachable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no time-out", err)
	}
}

func TestTroubleIsToldUntilItIsOver(t *testing.T) {
	t.Parallel()
	s, server, _, _ := remoteFile(t, 10, 0)
	server.Kill()
	s.MaxRetries = 1
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	if err := d.Trouble(); err != nil {
		t.Errorf("before anything was tried: %v", err)
	}
	hinted(t, d.Connect(t.Context()), dest.ErrUnreachable)
	hinted(t, d.Trouble(), dest.ErrUnreachable)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for d.Connect(t.Context()) != nil {
		time.Sleep(time.Millisecond)
	}
	if err := d.Trouble(); err != nil {
		t.Errorf("when it is over: %v", err)
	}
}

func TestFewerConnectionsThanAllowedByTheSettings(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{MaxSessions: 1})
	link := proxy(t, server.Address(), 100*time.Millisecond)
	link.Limit(2)
	s := settingsOf(server)
	s.Host, s.Port, s.Directory, s.MaxConnections = link.Host, link.Port, t.TempDir(), 0
	content := desttest.Content(24 << 20)
	if err := os.WriteFile(filepath.Join(s.Directory, "file"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDest(t, s, Options{})
	f := openFile(t, d)
	for range 3 {
		p := make([]byte, len(content))
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
			t.Fatalf("ReadAt: %v", err)
		}
	}
	if n := link.Open(); n > 2 {
		t.Errorf("%d connections", n)
	}
	if n := link.Dialed(); n > 5 {
		t.Errorf("%d connections were tried though the third was refused", n)
	}
}

func TestSettingsBoundConnections(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 24<<20, time.Millisecond)
	s.MaxConnections = 1
	d := newDest(t, s, Options{})
	f := openFile(t, d)
	p := make([]byte, len(content))
	for range 3 {
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
			t.Fatalf("ReadAt: %v", err)
		}
	}
	if n := link.Dialed(); n != 1 {
		t.Errorf("%d connections, 1 is allowed", n)
	}
}

func TestConnectionsThatAreNotNeededAreReleased(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{MaxSessions: 1})
	// So far away that what one connection carries is less than what any machine takes.
	link := proxy(t, server.Address(), 100*time.Millisecond)
	s := settingsOf(server)
	s.Host, s.Port, s.Directory = link.Host, link.Port, t.TempDir()
	content := desttest.Content(24 << 20)
	if err := os.WriteFile(filepath.Join(s.Directory, "file"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	d := newDest(t, s, Options{Release: 200 * time.Millisecond})
	f := openFile(t, d)
	p := make([]byte, len(content))
	for link.Dialed() < 2 {
		if _, err := f.ReadAt(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		}
	}
	for link.Open() > 1 {
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
		t.Errorf("ReadAt afterwards: %v", err)
	}
}
