package exports

import (
	"crypto/rand"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/exit"
	"slotfs/indexer/durable"
)

// File is a file that gets its name when it is whole. Until then it has none, where the file system can do that: nothing is left of it
// whatever becomes of the process.
type File struct {
	*os.File
	path      string
	overwrite bool
	temp      string // its name meanwhile; "": none
}

// Create begins a file that only its owner may read.
func Create(path string, overwrite bool) (*File, error) {
	f := &File{path: path, overwrite: overwrite}
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, exit.Usagef("export to %s: is a directory", path)
	case err == nil && !overwrite:
		return nil, f.exists()
	case err == nil && !info.Mode().IsRegular():
		return nil, exit.Usagef("export to %s: something else than a regular file is there", path)
	case err != nil && !errors.Is(err, iofs.ErrNotExist):
		return nil, fmt.Errorf("export to %w", err)
	}
	dir := filepath.Dir(path)
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600); err == nil {
		f.File = os.NewFile(uintptr(fd), path)
		return f, nil
	}
	f.temp = f.tempName()
	if f.File, err = os.OpenFile(f.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("export to %s: %w", path, cause(err))
	}
	return f, nil
}

func (f *File) exists() error {
	return exit.Hinted(fmt.Errorf("export to %s: %w", f.path, iofs.ErrExist), "--overwrite replaces it")
}

func (f *File) tempName() string {
	return filepath.Join(filepath.Dir(f.path), ".slotfs-export-"+rand.Text())
}

// cause is an error without the path, which the message has already.
func cause(err error) error {
	var at *iofs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// Commit makes the file durable and gives it its name.
func (f *File) Commit() error {
	err := f.Sync()
	if err == nil {
		err = f.name()
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(f.path))
	}
	if err != nil && !errors.Is(err, iofs.ErrExist) {
		err = fmt.Errorf("export to %s: %w", f.path, cause(err))
	}
	return errors.Join(err, f.Close())
}

func (f *File) name() error {
	if f.temp == "" {
		to := f.path
		if f.overwrite {
			to = f.tempName()
		}
		if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW); err != nil {
			if errors.Is(err, iofs.ErrExist) {
				return f.exists()
			}
			return err
		}
		if !f.overwrite {
			return nil
		}
		f.temp = to
	}
	flags := uint(unix.RENAME_NOREPLACE)
	if f.overwrite {
		flags = 0
	}
	err := unix.Renameat2(unix.AT_FDCWD, f.temp, unix.AT_FDCWD, f.path, flags)
	if errors.Is(err, unix.EINVAL) && flags != 0 { // the file system cannot do that at once
		err = os.Link(f.temp, f.path)
	} else if err == nil {
		f.temp = ""
	}
	if errors.Is(err, iofs.ErrExist) {
		return f.exists()
	}
	return err
}

// Close gives the file up, if it has no name yet.
func (f *File) Close() error {
	err := f.File.Close()
	if f.temp != "" {
		err = errors.Join(err, os.Remove(f.temp))
		f.temp = ""
	}
	return err
}
