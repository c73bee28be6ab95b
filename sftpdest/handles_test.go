package sftpdest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

// fewHandles are settings for a server that lets n files be open on a connection.
func fewHandles(t testing.TB, n, connections int) Settings {
	t.Helper()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, MaxSessions: 1, Serve: sshdtest.FewHandles(n, "/")})
	s := localSettings(l)
	s.Password, s.MaxConnections = secret, connections
	return s
}

func TestServerWithOneOpenFileIsADestination(t *testing.T) {
	t.Parallel()
	s := fewHandles(t, 1, 1)
	desttest.Suite(t, func(t testing.TB, root string) dest.Destination {
		s := s
		s.Directory = root
		return newDest(t, s, Options{})
	}, desttest.AsRoot)
}

func TestMoreFilesAreOpenThanTheServerAllows(t *testing.T) {
	t.Parallel()
	s := fewHandles(t, 3, 2)
	s.Directory = t.TempDir()
	d := newDest(t, s, Options{})
	var files []dest.File
	for i := range 20 {
		name := fmt.Sprintf("f%d", i)
		if err := os.WriteFile(filepath.Join(s.Directory, name), desttest.Content(1000+i), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := d.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	for range 2 {
		for i, f := range files {
			p := make([]byte, 1000+i)
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, desttest.Content(1000+i)) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
	// A file that cannot be opened for another reason is no limit.
	if err := os.Mkdir(filepath.Join(s.Directory, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := d.List(t.Context(), "f0"); err == nil {
		t.Error("a file was listed")
	}
	if list, err := d.List(t.Context(), "dir"); err != nil || len(list) != 0 {
		t.Errorf("List: %v, %v", list, err)
	}
}

// TestFilesAreReadWhileHandlesAreSought has one goroutine read a file and another look for a handle to give back.
func TestFilesAreReadWhileHandlesAreSought(t *testing.T) {
	t.Parallel()
	s, _, _, content := remoteFile(t, 4<<10, 0)
	d := newDest(t, s, Options{})
	f := openFile(t, d).(*file)
	held, err := f.handle(t.Context()) // so that there is none to give back
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200_000 {
			if h, err := f.handle(t.Context()); err == nil {
				h.inUse.Add(-1)
			}
		}
	}()
	for sought := false; !sought; {
		if d.files.evict() {
			t.Fatal("gave a handle back that is in use")
		}
		select {
		case <-done:
			sought = true
		default:
		}
	}
	f.release(held)
	p := make([]byte, len(content))
	if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
		t.Errorf("ReadAt: %v", err)
	}
}

// TestRefusalThatIsOldIsAskedAgain has the server refuse a listing while another directory is open, which is closed when the refusal
// arrives: by the time of looking there is room.
func TestRefusalThatIsOldIsAskedAgain(t *testing.T) {
	t.Parallel()
	open, refused := "", []byte(nil)
	second := make(chan struct{})
	asked := sync.OnceFunc(func() { close(second) })
	var held []byte // the answer to the READDIR of the first one
	d := hostile(t, func(r wire.Reply) []byte {
		switch r.Type {
		case wire.OpenDir:
			name := string(r.Body[4:])
			if open != "" {
				refused = packet(wire.Status, r.ID, 4, "Failure", "")
				out := held
				held = nil
				return append(out, []byte{}...)
			}
			open = name
			if name == "first" {
				asked()
			}
			return packet(wire.Handle, r.ID, name)
		case wire.ReadDir:
			end := packet(wire.Status, r.ID, 1, "", "")
			if open == "first" && refused == nil {
				held = append(held, end...)
				return nil
			}
			return end
		case wire.Close:
			open = ""
			out := append(packet(wire.Status, r.ID, wire.StatusOK, "", ""), refused...)
			refused = nil
			return out
		}
		return packet(wire.Attrs, r.ID, regular(5))
	})
	first := make(chan error, 1)
	go func() {
		_, err := d.List(t.Context(), "first")
		first <- err
	}()
	<-second
	if _, err := d.List(t.Context(), "second"); err != nil {
		t.Errorf("List: %v", err)
	}
	if err := <-first; err != nil {
		t.Errorf("the other List: %v", err)
	}
}
