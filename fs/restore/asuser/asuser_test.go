package asuser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// item is something in a fake source.
type item struct {
	restore.Entry
	data  string
	below []*item
	fails error
}

func dir(name string, below ...*item) *item {
	return &item{Entry: restore.Entry{Name: name, Mode: backup.ModeDir | 0o750}, below: below}
}

func file(name, data string) *item {
	return &item{Entry: restore.Entry{Name: name, Mode: backup.ModeRegular | 0o640, Size: int64(len(data)), MTime: backup.Nanoseconds(1e18)}, data: data}
}

// fake is a source in memory, which counts what is open.
type fake struct{ files atomic.Int64 }

type handle struct {
	*fake
	it *item
}

func (f *fake) entry(it *item) restore.Entry {
	e := it.Entry
	e.Handle = handle{f, it}
	return e
}

func (f *fake) List(_ context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	for _, it := range dir.Handle.(handle).it.below {
		e := f.entry(it)
		if err := yield(&e); err != nil {
			return err
		}
	}
	return dir.Handle.(handle).it.fails
}

func (f *fake) Open(_ context.Context, e *restore.Entry) (restore.File, error) {
	f.files.Add(1)
	return openItem{e.Handle.(handle)}, nil
}

type openItem struct{ handle }

func (o openItem) Close() error { o.files.Add(-1); return nil }

func (o openItem) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if o.it.fails != nil {
		return 0, o.it.fails
	}
	n := copy(p, o.it.data[min(off, int64(len(o.it.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// restored restores by way of a writer that keeps the rights of the test.
func restored(t *testing.T, top *item, to string, failed map[string]error) (restore.Summary, bool, error) {
	t.Helper()
	src := &fake{}
	h := &Host{Identity: Identity{Name: "root", UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}, Destination: restore.Destination{Path: to},
		Roots:   []restore.Root{{Source: src, Entry: src.entry(top)}},
		Options: restore.Options{Workers: 3, Window: 1 << 20, Failed: func(path string, err error) { failed[path] = err }}}
	ours, theirs := net.Pipe()
	wrote := make(chan error)
	go func() { wrote <- Write(t.Context(), theirs) }()
	s, placed, err := h.Serve(t.Context(), ours)
	if writeErr := <-wrote; writeErr != nil {
		t.Errorf("write: %v", writeErr)
	}
	if open := src.files.Load(); open != 0 {
		t.Errorf("%d files stay open", open)
	}
	return s, placed, err
}

func TestWhatTheWriterMakesIsWhatTheHostHas(t *testing.T) {
	to := filepath.Join(t.TempDir(), "to")
	many := dir("many")
	for i := range 3*batchSize + 7 {
		many.below = append(many.below, file(fmt.Sprint(i), fmt.Sprint("data ", i)))
	}
	long := strings.Repeat("0123456789abcdef", 200_000)
	hole := &item{Entry: restore.Entry{Name: "hole", Mode: backup.ModeRegular | 0o600, Size: 1 << 20, Extents: []backup.Extent{}}}
	odd := &item{Entry: restore.Entry{Name: "odd", Fault: errors.New("no attributes")}}
	link := &item{Entry: restore.Entry{Name: "l\xff", Mode: backup.ModeSymlink | 0o777, Target: "\xfe"}}
	attributed := file("x", "x")
	attributed.Xattrs = []backup.Xattr{{Name: "user.a", Value: "\x00b"}}
	failed := map[string]error{}
	s, placed, err := restored(t, dir("top", many, dir("deep", dir("er", file("long", long))), hole, odd, link, attributed, dir("empty")), to, failed)
	if err != nil || !placed || len(failed) != 1 || failed["odd"] == nil || failed["odd"].Error() != "no attributes" {
		t.Fatalf("%+v, %v, failed %v", s, err, failed)
	}
	for i := range many.below {
		data, err := os.ReadFile(filepath.Join(to, "many", fmt.Sprint(i)))
		if err != nil || string(data) != fmt.Sprint("data ", i) {
			t.Fatalf("%d: %q, %v", i, data, err)
		}
	}
	data, err := os.ReadFile(to + "/deep/er/long")
	if err != nil || string(data) != long {
		t.Errorf("long: %d bytes, %v", len(data), err)
	}
	var st unix.Stat_t
	if err := unix.Stat(to+"/hole", &st); err != nil || st.Size != 1<<20 || st.Blocks != 0 {
		t.Errorf("hole: %d bytes in %d blocks, %v", st.Size, st.Blocks, err)
	}
	if target, err := os.Readlink(to + "/l\xff"); err != nil || target != "\xfe" {
		t.Errorf("link: %q, %v", target, err)
	}
	buf := make([]byte, 10)
	if n, err := unix.Getxattr(to+"/x", "user.a", buf); err != nil || string(buf[:n]) != "\x00b" {
		t.Errorf("attribute: %v", err)
	}
}

func TestErrorsMeanTheSameInBothProcesses(t *testing.T) {
	to := t.TempDir()
	lost := file("lost", "data")
	lost.fails = fmt.Errorf("read: %w", dest.ErrUnreachable)
	failed := map[string]error{}
	if _, placed, err := restored(t, dir("top", lost), to, failed); !errors.Is(err, dest.ErrUnreachable) || !placed || err != lost.fails {
		t.Errorf("%v", err)
	}
	bad := dir("bad")
	bad.fails = errors.New("damaged")
	if err := os.WriteFile(to+"/there", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := restored(t, dir("top", bad, file("there", "else"), file("good", "y")), to, failed)
	if err != nil || s.Files != 1 || s.Failed != 2 || !errors.Is(failed["there"], restore.ErrExists) || failed["bad"].Error() != "damaged" {
		t.Errorf("%+v, %v, failed %v", s, err, failed)
	}
	if _, placed, err := restored(t, dir("top"), to+"/none/at/all", failed); placed || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, %v", placed, err)
	}
	full := newFault(fmt.Errorf("outer: %w", &restore.TargetError{Op: "write", Err: unix.ENOSPC})).err()
	if !restore.Full(full) || !restore.Fatal(full) || restore.Full(newFault(unix.ENOSPC).err()) || full.Error() != "outer: write: no space left on device" {
		t.Errorf("%v", full)
	}
}

func TestAWriterThatDiesIsToldOf(t *testing.T) {
	ours, theirs := net.Pipe()
	theirs.Close()
	if _, _, err := (&Host{}).Serve(t.Context(), ours); !errors.Is(err, ErrWriter) {
		t.Errorf("%v", err)
	}
}

func TestAHostThatDiesEndsTheWriter(t *testing.T) {
	ours, theirs := net.Pipe()
	ours.Close()
	if err := Write(t.Context(), theirs); !errors.Is(err, restore.ErrGone) {
		t.Errorf("%v", err)
	}
}
