package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Update changes the file at path by edit, atomically: a reader sees the old document or the new one. Two
// processes that change it at once do so one after the other. Mode and owner of the file stay; a new one gets 0600.
func Update(path string, edit func(data []byte) ([]byte, error)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("configuration: lock %s: %w", dir.Name(), err)
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration: %w", err)
	}
	data, err := edit(old)
	if err != nil || bytes.Equal(old, data) {
		return err
	}
	if err := replace(dir, path, data); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// WriteFile replaces a file atomically and durably. A new file has mode 0600, an old one keeps mode and owner.
func WriteFile(path string, data []byte) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir.Name(), err)
	}
	return replace(dir, path, data)
}

// replace writes a file of dir, which is locked: what earlier writers that were killed left there belongs to nobody.
func replace(dir *os.File, path string, data []byte) (err error) {
	if err := sweep(dir.Name()); err != nil {
		return err
	}
	f, name, err := create(dir.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	if err := keepAttributes(f, path); err != nil {
		return errors.Join(err, removeTemp(name))
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err == nil && name == "" { // it gets a name for the moment between two calls only
		name = tempName(dir.Name())
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	}
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		return errors.Join(err, removeTemp(name))
	}
	return dir.Sync()
}

const tempPrefix = ".slotfs-"

func tempName(dir string) string {
	return filepath.Join(dir, tempPrefix+strconv.FormatUint(rand.Uint64(), 10))
}

// create makes a file in dir that has no name yet, so that nothing of it is left after a kill; where the file system cannot, one
// with a name.
func create(dir string) (f *os.File, name string, err error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), "", nil
	}
	name = tempName(dir)
	f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}

func removeTemp(name string) error {
	if name == "" {
		return nil
	}
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes the temporary files in dir.
func sweep(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range names {
		number, ours := strings.CutPrefix(entry.Name(), tempPrefix)
		if _, err := strconv.ParseUint(number, 10, 64); !ours || err != nil {
			continue
		}
		if err := removeTemp(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// keepAttributes gives f mode and owner of the file at path, if there is one.
func keepAttributes(f *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil // a new file: 0600
	}
	if err := f.Chmod(fs.FileMode(st.Mode & 0o777)); err != nil {
		return err
	}
	if int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}
