package sftpdest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

// script, packet and regular are those of sshdtest, for short.
type script = sshdtest.Script

func packet(typ byte, id uint32, body ...any) []byte { return sshdtest.Packet(typ, id, body...) }

func regular(n int) []byte { return sshdtest.Regular(n) }

// hostile serves sessions by a script. Requests have the frame of replies.
func hostile(t *testing.T, answer script) *Destination {
	t.Helper()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, Serve: func(rw io.ReadWriteCloser) error {
		return sshdtest.Play(rw, answer)
	}})
	s := localSettings(l)
	s.Password, s.MaxConnections = secret, 1
	return newDest(t, s, Options{Backoff: time.Millisecond, Idle: 300 * time.Millisecond, KeepAlive: 50 * time.Millisecond})
}

func TestNamesThatLeadOutsideAreDropped(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent := false
	d := hostile(t, func(r wire.Reply) []byte {
		mu.Lock()
		defer mu.Unlock()
		switch r.Type {
		case wire.OpenDir:
			return packet(wire.Handle, r.ID, "h")
		case wire.ReadDir:
			if sent {
				return packet(wire.Status, r.ID, wire.StatusEOF, "", "")
			}
			sent = true
			body := []any{8}
			for _, name := range []string{"good", "../up", "/etc/passwd", "a/b", ".", "..", "", "nul\x00l"} {
				body = append(body, name, "long", regular(5))
			}
			return packet(wire.Name, r.ID, body...)
		}
		return packet(wire.Status, r.ID, wire.StatusOK, "", "")
	})
	list, err := d.List(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].Name != "good" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestReadDirsOutOfStep: a server that reads its place, lists and moves on without a lock repeats names when
// READDIRs are in flight together. Asked one by one it is right.
func TestReadDirsOutOfStep(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	place := map[string]int{}
	opened, owed := 0, 0
	const names = 40
	d := hostile(t, func(r wire.Reply) []byte {
		mu.Lock()
		defer mu.Unlock()
		switch r.Type {
		case wire.OpenDir:
			opened++
			return packet(wire.Handle, r.ID, fmt.Sprint(opened))
		case wire.ReadDir:
			handle, _ := wire.HandleOf(r.Body)
			at := place[handle]
			if handle == "1" && owed == 0 && at > 0 {
				at, owed = at-1, 1 // the first listing repeats once
			}
			if at >= names {
				return packet(wire.Status, r.ID, wire.StatusEOF, "", "")
			}
			place[handle] = at + 1
			return packet(wire.Name, r.ID, 1, fmt.Sprintf("n%d", at), "", regular(1))
		}
		return packet(wire.Status, r.ID, wire.StatusOK, "", "")
	})
	list, err := d.List(t.Context(), "")
	if err != nil || len(list) != names {
		t.Errorf("%d names, %v", len(list), err)
	}
	if opened != 2 {
		t.Errorf("listed %d times", opened)
	}
}

func TestListingWithoutAttributesIsCompleted(t *testing.T) {
	t.Parallel()
	var sent atomic.Bool
	d := hostile(t, func(r wire.Reply) []byte {
		switch r.Type {
		case wire.OpenDir:
			return packet(wire.Handle, r.ID, "h")
		case wire.ReadDir:
			if !sent.CompareAndSwap(false, true) {
				return packet(wire.Status, r.ID, wire.StatusEOF, "", "")
			}
			body := []any{100}
			for i := range 100 {
				body = append(body, fmt.Sprintf("n%d", i), "", 0)
			}
			return packet(wire.Name, r.ID, body...)
		case wire.Lstat:
			name, _ := wire.HandleOf(r.Body)
			if strings.HasSuffix(name, "/n7") {
				return packet(wire.Status, r.ID, wire.StatusNoSuchFile, "", "")
			}
			return packet(wire.Attrs, r.ID, regular(77))
		}
		return packet(wire.Status, r.ID, wire.StatusOK, "", "")
	})
	list, err := d.List(t.Context(), "")
	if err != nil || len(list) != 99 {
		t.Fatalf("%d names, %v", len(list), err)
	}
	for _, info := range list {
		if info.Size != 77 || info.Mode != 0o100644 {
			t.Fatalf("%+v", info)
		}
	}
}

func TestNonsenseEndsInAnError(t *testing.T) {
	t.Parallel()
	replies := map[string]script{
		"other type":     func(r wire.Reply) []byte { return packet(wire.Data, r.ID, "x") },
		"status OK":      func(r wire.Reply) []byte { return packet(wire.Status, r.ID, wire.StatusOK, "", "") },
		"unknown id":     func(r wire.Reply) []byte { return packet(wire.Handle, r.ID+1000, "h") },
		"answered twice": func(r wire.Reply) []byte { p := packet(wire.Handle, r.ID, ""); return append(p, p...) },
		"endless length": func(wire.Reply) []byte { return []byte{0xff, 0xff, 0xff, 0xff, wire.Data, 0, 0, 0, 1} },
		"empty packet":   func(wire.Reply) []byte { return []byte{0, 0, 0, 0} },
		"cut handle":     func(r wire.Reply) []byte { return packet(wire.Handle, r.ID, 200) },
		"negative size":  func(r wire.Reply) []byte { return packet(wire.Attrs, r.ID, 1, -1, -1) },
		"endless names":  func(r wire.Reply) []byte { return packet(wire.Name, r.ID, -1) },
		"too many attrs": func(r wire.Reply) []byte { return packet(wire.Attrs, r.ID, -0x80000000, -1) },
		"huge handle":    func(r wire.Reply) []byte { return packet(wire.Handle, r.ID, strings.Repeat("h", 5000)) },
		"status cut":     func(r wire.Reply) []byte { return packet(wire.Status, r.ID) },
		"odd words":      func(r wire.Reply) []byte { return packet(wire.Status, r.ID, 4, "\x1b[2J"+strings.Repeat("x", 9999)) },
		"silence":        func(wire.Reply) []byte { return nil },
	}
	for name, answer := range replies {
		t.Run(name, func(t *testing.T) {
			d := hostile(t, answer)
			calls := map[string]func() error{
				"List":     func() error { _, err := d.List(t.Context(), "x"); return err },
				"ReadLink": func() error { _, err := d.ReadLink(t.Context(), "x"); return err },
				"Open":     func() error { _, err := d.Open(t.Context(), "x"); return err },
			}
			for call, do := range calls {
				err := do()
				if err == nil {
					t.Errorf("%s succeeded", call)
				} else if strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 4000 {
					t.Errorf("%s: foreign bytes in the error", call)
				}
				if name == "silence" {
					return // each call takes a time-out
				}
			}
		})
	}
}

func TestReadsOfAHostileServer(t *testing.T) {
	t.Parallel()
	file := func(data func(off, n int) []any) script {
		return func(r wire.Reply) []byte {
			switch r.Type {
			case wire.Lstat, wire.Fstat:
				return packet(wire.Attrs, r.ID, regular(100_000))
			case wire.Open:
				return packet(wire.Handle, r.ID, "h")
			case wire.Read:
				off := binary.BigEndian.Uint64(r.Body[5:])
				n := binary.BigEndian.Uint32(r.Body[13:])
				return packet(wire.Data, r.ID, data(int(off), int(n))...)
			}
			return packet(wire.Status, r.ID, wire.StatusOK, "", "")
		}
	}
	content := desttest.Content(100_000)
	t.Run("short replies", func(t *testing.T) {
		d := hostile(t, file(func(off, n int) []any { return []any{string(content[off:min(off+n, off+777, 100_000)])} }))
		f, err := d.Open(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100_000)
		if n, err := f.ReadAt(t.Context(), p, 0); n != len(p) || err != nil || string(p) != string(content) {
			t.Errorf("%d, %v", n, err)
		}
	})
	for name, data := range map[string]func(off, n int) []any{
		"more than asked for": func(_, n int) []any { return []any{strings.Repeat("x", n+1)} },
		"nothing":             func(_, n int) []any { return []any{""} },
		"cut":                 func(_, n int) []any { return []any{n} },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := hostile(t, file(data)).Open(t.Context(), "x")
			if err != nil {
				t.Fatal(err)
			}
			if n, err := f.ReadAt(t.Context(), make([]byte, 5000), 0); n != 0 || err == nil || err == io.EOF {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
}

func TestSwappedFileIsNotRead(t *testing.T) {
	t.Parallel()
	d := hostile(t, func(r wire.Reply) []byte {
		switch r.Type {
		case wire.Lstat:
			return packet(wire.Attrs, r.ID, regular(10))
		case wire.Fstat: // OPEN followed a link that was put there in between
			return packet(wire.Attrs, r.ID, regular(1000))
		case wire.Open:
			return packet(wire.Handle, r.ID, "h")
		case wire.Read:
			return packet(wire.Data, r.ID, "0123456789")
		}
		return packet(wire.Status, r.ID, wire.StatusOK, "", "")
	})
	f, err := d.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.ReadAt(t.Context(), make([]byte, 10), 0); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestLinkToAFIFOHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{})
	s := settingsOf(server)
	s.Directory = t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(s.Directory, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	desttest.FreeFIFO(t, filepath.Join(s.Directory, "fifo"))
	if err := os.Symlink("fifo", filepath.Join(s.Directory, "link")); err != nil {
		t.Fatal(err)
	}
	d := newDest(t, s, Options{Idle: 300 * time.Millisecond, KeepAlive: 50 * time.Millisecond})
	for _, name := range []string{"fifo", "link"} {
		if _, err := d.Open(t.Context(), name); !errors.Is(err, dest.ErrNotRegular) {
			t.Errorf("Open %s: %v", name, err)
		}
		if list, err := d.List(t.Context(), ""); err != nil || len(list) != 2 {
			t.Errorf("List: %v, %v", list, err)
		}
	}
}
