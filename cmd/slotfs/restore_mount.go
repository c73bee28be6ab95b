package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/restore"
	"slotfs/cmd/internal/restore/asuser"
	"slotfs/indexer/backup"
)

// mountRestorer restores through the mount: its process has the index.
type mountRestorer struct {
	mountBrowser
	partial bool
}

var _ restorer = mountRestorer{}

// mounted is where an entry of the mount is: a name in an open directory.
type mounted struct {
	dir  *keptDir
	name string
}

// keptDir is an open directory that is closed when nobody uses it any more.
type keptDir struct {
	*os.File
	users atomic.Int64
}

func keepDir(f *os.File) *keptDir {
	d := &keptDir{File: f}
	d.Keep()
	return d
}

var _ asuser.Keeper = mounted{}

// Keep keeps the directory open.
func (m mounted) Keep() (release func()) { return m.dir.Keep() }

// Keep is one more use of the directory.
func (d *keptDir) Keep() (release func()) {
	d.users.Add(1)
	return d.release
}

func (d *keptDir) release() {
	if d.users.Add(-1) == 0 {
		d.Close()
	}
}

func (m mounted) open(flags int) (*os.File, error) {
	fd, err := unix.Openat(int(m.dir.Fd()), m.name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), m.name), nil
}

// find leaves the folder that the path is in open: the command ends soon after its last use.
func (b mountRestorer) find(_ context.Context, p string) (restore.Entry, error) {
	if p != "" && !withinSnapshot(p) {
		// A link above the snapshots is one of the mount's own, such as `latest`.
		if to, err := b.root.Readlink(p); err == nil {
			p = path.Join(path.Dir(p), to)
		}
	}
	dir, err := b.root.Open(or(path.Dir(p), "."))
	if err != nil {
		return restore.Entry{}, explain("restore", p, err)
	}
	e, err := mounted{keepDir(dir), or(path.Base(or(p, ".")), ".")}.entry()
	if err != nil {
		return restore.Entry{}, explain("restore", p, err)
	}
	return e, nil
}

// withinSnapshot reports whether a path leads to something in a snapshot.
func withinSnapshot(p string) bool {
	_, _, err := splitVersioned(p)
	return err == nil
}

func (b mountRestorer) window(*restore.Entry) (int64, int) { return archiveWindow, treeFiles }

// List lists a folder of the mount in its order.
func (b mountRestorer) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	f, err := dir.Handle.(mounted).open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	d := keepDir(f)
	defer d.release()
	for ctx.Err() == nil {
		entries, err := f.ReadDir(1000)
		for _, child := range entries {
			e, err := mounted{d, child.Name()}.entry()
			if err != nil {
				e = restore.Entry{Name: child.Name(), Fault: err} // the others are there
			}
			if err := yield(&e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// entry looks at what has the name.
func (m mounted) entry() (restore.Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(m.dir.Fd()), m.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return restore.Entry{}, err
	}
	e := restore.Entry{Name: m.name, Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, MTime: st.Mtim.Sec*1e9 + st.Mtim.Nsec, Handle: m}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		e.Target, err = m.target(st.Size)
		return e, err
	case unix.S_IFREG:
		if st.Nlink > 1 {
			e.Link = st.Ino
		}
		if st.Blocks*512 < st.Size {
			e.Extents, err = m.extents(st.Size)
		}
	}
	if err == nil {
		e.Xattrs, err = m.xattrs()
	}
	return e, err
}

func (m mounted) target(size int64) (string, error) {
	buf := make([]byte, max(size, unix.PathMax)+1)
	n, err := unix.Readlinkat(int(m.dir.Fd()), m.name, buf)
	return string(buf[:max(n, 0)]), err
}

// extents are the regions of a sparse file that hold data.
func (m mounted) extents(size int64) ([]backup.Extent, error) {
	f, err := m.open(unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := []backup.Extent{}
	for end := int64(0); end < size; {
		start, err := unix.Seek(int(f.Fd()), end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		if err == nil {
			end, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, backup.Extent{Offset: start, Length: end - start})
	}
	return all, nil
}

// xattrs reads the extended attributes. The open folder's name in /proc leads to it whatever path it has.
func (m mounted) xattrs() ([]backup.Xattr, error) {
	at := "/proc/self/fd/" + strconv.Itoa(int(m.dir.Fd())) + "/" + m.name
	names, err := sized(func(buf []byte) (int, error) { return unix.Listxattr(at, buf) })
	if errors.Is(err, unix.EOPNOTSUPP) { // nothing in the mount has any
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	var all []backup.Xattr
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value, err := sized(func(buf []byte) (int, error) { return unix.Getxattr(at, string(name), buf) })
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		all = append(all, backup.Xattr{Name: string(name), Value: string(value)})
	}
	return all, nil
}

// sized asks for the size of an answer and then for the answer. What is in the mount does not change in between.
func sized(ask func([]byte) (int, error)) ([]byte, error) {
	n, err := ask(nil)
	if err != nil || n == 0 {
		return nil, err
	}
	buf := make([]byte, n)
	n, err = ask(buf)
	return buf[:max(n, 0)], err
}

// Open opens a file of the mount.
func (b mountRestorer) Open(_ context.Context, e *restore.Entry) (restore.File, error) {
	f, err := e.Handle.(mounted).open(unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return mountFile{f, b.partial}, nil
}

// mountFile reads through the mount, which knows how long a read may take.
type mountFile struct {
	*os.File
	partial bool // bytes before a fault are wanted
}

// ReadAt reads from the mount. The kernel does not hear of ctx: who gives up leaves the read behind.
func (f mountFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	type result struct {
		n   int
		err error
	}
	got := make(chan result, 1)
	own := p
	if ctx.Done() != nil {
		own = make([]byte, len(p)) // nobody touches p when we are gone
	}
	go func() {
		n, err := f.File.ReadAt(own, off)
		if f.partial && errors.Is(err, unix.EIO) {
			n = f.beginning(own, off)
		}
		got <- result{n, err}
	}()
	select {
	case r := <-got:
		var at *os.PathError
		if errors.As(r.err, &at) {
			r.err = fmt.Errorf("read: %w", at.Err)
		}
		return copy(p, own[:r.n]), r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// beginning reads the bytes that come before what cannot be read, and tells how many there are. The kernel reads whole pages
// unless it is told not to keep them.
func (f mountFile) beginning(p []byte, off int64) int {
	direct, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), unix.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return 0
	}
	defer direct.Close()
	done := 0
	for step := len(p); step > 0; {
		n, err := direct.ReadAt(p[done:min(done+step, len(p))], off+int64(done))
		done += n
		if err != nil {
			step /= 2
		}
	}
	return done
}
