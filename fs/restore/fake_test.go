package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
)

// item is something in a fake source.
type item struct {
	Entry
	data  string
	below []*item
	fails error                   // of reading
	read  func(path string) error // called before bytes are given
}

func dir(name string, below ...*item) *item {
	return &item{Entry: Entry{Name: name, Mode: backup.ModeDir | 0o750, UID: 1001, GID: 1002, MTime: backup.Nanoseconds(1_700_000_000_123_456_789)}, below: below}
}

func file(name, data string) *item {
	return &item{Entry: Entry{Name: name, Mode: backup.ModeRegular | 0o640, UID: 1001, GID: 1002, Size: int64(len(data)),
		MTime: backup.Nanoseconds(1_600_000_000_987_654_321)}, data: data}
}

func link(name, target string) *item {
	return &item{Entry: Entry{Name: name, Mode: backup.ModeSymlink | 0o777, UID: 1001, GID: 1002, Target: target, MTime: backup.Nanoseconds(1_500_000_000_000_000_001)}}
}

// with changes an item.
func (it *item) with(change func(*item)) *item {
	change(it)
	return it
}

// fake is a source in memory. It remembers the order in which files were opened.
type fake struct {
	mu     sync.Mutex
	opened []string
}

func (f *fake) List(_ context.Context, dir *Entry, yield func(*Entry) error) error {
	for _, it := range dir.Handle.(*item).below {
		e := it.entry()
		if err := yield(&e); err != nil {
			return err
		}
	}
	return nil
}

func (it *item) entry() Entry {
	e := it.Entry
	e.Handle = it
	return e
}

func (f *fake) Open(_ context.Context, e *Entry) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, e.Name)
	return openItem{e.Handle.(*item)}, nil
}

type openItem struct{ *item }

func (o openItem) Close() error { return nil }

func (o openItem) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if o.fails != nil {
		return 0, o.fails
	}
	if o.read != nil {
		if err := o.read(o.Name); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.data[min(off, int64(len(o.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// outcome is how a run ended.
type outcome struct {
	Summary
	failed map[string]error
	err    error
	source *fake
}

// place is a directory to restore into.
func place(t *testing.T, dir string) *Place {
	t.Helper()
	p, err := Locate(Destination{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// restored restores what is in top into dir.
func restored(t *testing.T, top *item, o Options) outcome {
	t.Helper()
	out := outcome{failed: map[string]error{}, source: &fake{}}
	o.Failed = func(path string, err error) { out.failed[path] = err }
	if o.Workers == 0 {
		o.Workers, o.Window = 3, 1<<20
	}
	out.Summary, out.err = Run(t.Context(), []Root{{Source: out.source, Entry: top.entry()}}, o)
	if int64(len(out.failed)) != out.Failed {
		t.Errorf("%d failed, told of %v", out.Failed, out.failed)
	}
	return out
}

// well is restored with everything going well.
func well(t *testing.T, top *item, o Options) outcome {
	t.Helper()
	out := restored(t, top, o)
	if out.err != nil || len(out.failed) > 0 {
		t.Fatalf("%v, failed %v", out.err, out.failed)
	}
	return out
}

// state is everything below dir that is not the file system's own business, by path.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if rel == "." {
			return nil
		}
		all[rel] = describe(t, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func describe(t *testing.T, p string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		t.Fatal(err)
	}
	text := "something else"
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, _ := os.Readlink(p)
		text = "-> " + target
	case unix.S_IFREG:
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if text = string(data); len(text) > 100 {
			text = fmt.Sprintf("%d bytes %x", len(text), sha256.Sum256(data))
		}
	case unix.S_IFDIR:
		text = "folder"
	case unix.S_IFIFO:
		text = "pipe"
	}
	return text
}

func wantState(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if got := state(t, dir); !maps.Equal(got, want) {
		t.Errorf("there is\n%q\nwant\n%q", got, want)
	}
}

// stat is what the kernel says of a path.
func stat(t *testing.T, p string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

var errLost = errors.New("connection lost")
