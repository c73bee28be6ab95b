package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// disk is a source that reads a directory of this machine.
type disk struct {
	root  string
	fails map[string]error // of reading a path
}

func (d *disk) List(context.Context, *restore.Entry, func(*restore.Entry) error) error {
	return errors.New("nobody lists")
}

func (d *disk) Open(_ context.Context, e *restore.Entry) (restore.File, error) {
	p := e.Handle.(string)
	f, err := os.Open(filepath.Join(d.root, p))
	return &diskFile{f, d.fails[p]}, err
}

type diskFile struct {
	*os.File
	fails error
}

func (f *diskFile) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if f.fails != nil && off+int64(len(p)) > chunk {
		return 0, f.fails
	}
	return f.File.ReadAt(p, off)
}

// members are all that is in the directory.
func (d *disk) members(ctx context.Context, yield func(*Member) error) error {
	return filepath.WalkDir(d.root, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p, d.root), "/")
		e, err := entryAt(p)
		if err != nil {
			return err
		}
		e.Handle = rel
		return yield(&Member{Path: rel, Entry: *e, Source: d, Origin: rel})
	})
}

// entryAt is what is at a path.
func entryAt(p string) (*restore.Entry, error) {
	var st unix.Stat_t
	if err := unix.Lstat(p, &st); err != nil {
		return nil, err
	}
	e := &restore.Entry{Name: path.Base(p), Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, MTime: backup.Time{Sec: st.Mtim.Sec, Nsec: int32(st.Mtim.Nsec)}}
	if st.Nlink > 1 && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		e.Link = st.Ino
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		e.Target, err = os.Readlink(p)
		return e, err
	case unix.S_IFREG:
		if e.Extents, err = extents(p, st.Size); err != nil {
			return nil, err
		}
	}
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(p, names)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:max(n, 0)]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(p, name, value)
		if err != nil {
			return nil, err
		}
		e.Xattrs = append(e.Xattrs, backup.Xattr{Name: name, Value: string(value[:n])})
	}
	return e, err
}

// extents are the data of a sparse file; nil: everything.
func extents(p string, size int64) (all []backup.Extent, err error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for at := int64(0); at < size; {
		from, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err != nil {
			break
		}
		to, err := unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE)
		if err != nil {
			return nil, err
		}
		all, at = append(all, backup.Extent{Offset: from, Length: to - from}), to
	}
	if len(all) == 1 && all[0].Length == size {
		return nil, nil
	}
	if all == nil {
		all = []backup.Extent{}
	}
	return all, nil
}

// archived is an archive of a directory in a file. Its length must be what was told before.
func archived(t *testing.T, d *disk, f Format) (file string, s Summary) {
	t.Helper()
	want, err := Length(t.Context(), d.members, f)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s, err = Write(t.Context(), &out, d.members, Options{Format: f, Files: 4, Window: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if want >= 0 && int64(out.Len()) != want {
		t.Errorf("%s: %d bytes, and %d were told", f, out.Len(), want)
	}
	file = filepath.Join(t.TempDir(), "a."+string(f))
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, s
}

// must runs a program, which must say nothing.
func must(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, p string, data []byte) {
	t.Helper()
	if err := os.WriteFile(p, data, 0o640); err != nil {
		t.Fatal(err)
	}
}

// nothing is a source of zeros.
type nothing struct{}

func (nothing) List(context.Context, *restore.Entry, func(*restore.Entry) error) error { return nil }

func (nothing) Open(context.Context, *restore.Entry) (restore.File, error) { return nothing{}, nil }

func (nothing) ReadAt(_ context.Context, p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func (nothing) Close() error { return nil }

// zeros are files of these sizes.
func zeros(sizes []int64) Members {
	return func(_ context.Context, yield func(*Member) error) error {
		for i, size := range sizes {
			m := &Member{Path: fmt.Sprintf("f%d", i), Source: nothing{}, Entry: restore.Entry{Mode: backup.ModeRegular | 0o644, Size: size}}
			if err := yield(m); err != nil {
				return err
			}
		}
		return nil
	}
}

func sum(sizes []int64) string {
	n := int64(0)
	for _, size := range sizes {
		n += size
	}
	return fmt.Sprint(n)
}

// holes writes what is not zero, so that a large archive takes no room.
type holes struct {
	*os.File
	at int64
}

var zero [zipBlock]byte

func (h *holes) Write(p []byte) (int, error) {
	var err error
	if !bytes.Equal(p, zero[:min(len(p), len(zero))]) {
		_, err = h.WriteAt(p, h.at)
	}
	h.at += int64(len(p))
	return len(p), err
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
