package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	if err := WriteFile(path, data); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// WriteFile replaces a file atomically and durably. A new file has mode 0600, an old one keeps mode and owner.
func WriteFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".slotfs-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := keepAttributes(f, path); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// keepAttributes gives f mode and owner of the file at path, if there is one.
func keepAttributes(f *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil // a new file: 0600 by CreateTemp
	}
	if err := f.Chmod(fs.FileMode(st.Mode & 0o777)); err != nil {
		return err
	}
	if int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
