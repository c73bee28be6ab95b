package source

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// File is an open regular file. Its methods may be called from several goroutines at once, but for Unchanged and Close.
type File struct {
	file *os.File
	tree *Tree
	st   unix.Stat_t // when it was opened, or when Unchanged last found it changed
}

// OpenFile opens the regular file at path for reading, fs.ErrNotExist if it vanished or is something else now. If it has changed
// since Walk found it, e is filled in anew: it tells of the file that was opened. It may be another one: programs replace
// their files by renaming, and some file systems number them anew all the time. One with several names has to be the one
// that Walk found, as the others are taken for names of it, and none may be on another device.
func (t *Tree) OpenFile(path string, e *manifest.Entry) (*File, error) {
	var f *File
	var opened error
	seen := *e
	if err := t.watch.call(func() { f, opened = t.openFile(path, &seen) }); err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	if opened == nil {
		*e = seen
	}
	return f, opened
}

func (t *Tree) openFile(path string, e *manifest.Entry) (*File, error) {
	f := &File{tree: t}
	root, below := t.locate(path)
	fd, err := openRegular(int(root.Fd()), below, &f.st, func(found *unix.Stat_t) bool {
		return uint64(found.Dev) == e.Device && (found.Ino == e.Inode || e.Nlink <= 1)
	})
	if gone(err) {
		return nil, fmt.Errorf("open %q: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	f.file = os.NewFile(uintptr(fd), path)
	if f.st.Ino != e.Inode || f.st.Size != e.Size || timeOf(f.st.Mtim) != e.Time() || nanos(f.st.Ctim) != e.CTime {
		f.fill(e)
	}
	return f, nil
}

// ReadAt reads the file. After ErrStalled p may still be written to, at any time.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if stalled := f.tree.watch.call(func() { n, err = f.file.ReadAt(p, off) }); stalled != nil {
		return 0, fmt.Errorf("read %q: %w", f.file.Name(), stalled)
	}
	return n, err
}

// Unchanged compares size, mtime and ctime with what they were when the file was opened, and fills in e anew if not.
// The next call compares with that.
func (f *File) Unchanged(e *manifest.Entry) (same bool, err error) {
	seen := *e
	if stalled := f.tree.watch.call(func() { same, err = f.unchanged(&seen) }); stalled != nil {
		return false, fmt.Errorf("stat %q: %w", f.file.Name(), stalled)
	}
	*e = seen
	return same, err
}

func (f *File) unchanged(e *manifest.Entry) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &st); err != nil {
		return false, fmt.Errorf("stat %q: %w", f.file.Name(), err)
	}
	if st.Size == f.st.Size && st.Mtim == f.st.Mtim && st.Ctim == f.st.Ctim {
		return true, nil
	}
	f.st = st
	f.fill(e)
	return false, nil
}

// fill makes e tell of the file as it is. Hard links and what else Walk alone can know stay.
func (f *File) fill(e *manifest.Entry) {
	fd := int(f.file.Fd())
	f.tree.attributes(e, &f.st)
	if attributes, err := newXattrs().readOpen(fd); err == nil {
		e.Xattrs = attributes
	}
	e.Sparse = sparseOf(fd, &f.st)
	e.Digest = manifest.Digest{}
}

// sparseOf tells the regions with data of an open file, nil if it has no holes or they cannot be told: holes read as
// zeros.
func sparseOf(fd int, st *unix.Stat_t) []backup.Extent {
	if !isSparse(st) {
		return nil
	}
	all, err := dataOf(fd, st.Size)
	if err != nil {
		return nil
	}
	return all
}

// Close closes the file.
func (f *File) Close() (err error) {
	if stalled := f.tree.watch.call(func() { err = f.file.Close() }); stalled != nil {
		return stalled
	}
	return err
}

// Data tells the first region at or behind off that holds data, of the first size bytes: both size if there is none. What
// is no region reads as zeros.
func (f *File) Data(off, size int64) (start, end int64, err error) {
	if !isSparse(&f.st) {
		return off, size, nil
	}
	if stalled := f.tree.watch.call(func() { start, end, err = f.data(off, size) }); stalled != nil {
		return off, off, fmt.Errorf("seek in %q: %w", f.file.Name(), stalled)
	}
	return start, end, err
}

func (f *File) data(off, size int64) (start, end int64, err error) {
	fd := int(f.file.Fd())
	start, err = unix.Seek(fd, off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO || err == nil && start >= size:
		return size, size, nil
	case err != nil:
		return off, size, nil // the file system cannot tell
	}
	if end, err = unix.Seek(fd, start, unix.SEEK_HOLE); err != nil || end <= start {
		end = size
	}
	return start, min(end, size), nil
}

// racy is how shortly before a reading, in nanoseconds, a change makes another one possible that no time shows: file
// systems stamp coarsely, and some in whole seconds.
const racy = 2e9

// FlagRacy flags a file that is about to be read, at now (in nanoseconds) or later, if its times could not show another change.
func FlagRacy(e *manifest.Entry, now int64) {
	e.Flags &^= manifest.Racy | manifest.Changed
	if max(e.MTime, e.CTime) > now-racy {
		e.Flags |= manifest.Racy
	}
}
