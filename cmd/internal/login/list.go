package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/config"
)

// list is what a file keeps as a JSON array. Its methods may be called side by side, and by several processes.
type list[T any] struct {
	mu sync.Mutex
	// mu guards what follows.
	known []T         // what the file says
	file  os.FileInfo // at that time; nil: it was not read
}

// read gives the list, which is the caller's; nil if there is no file. It is read again where it was replaced.
func (l *list[T]) read(path string) ([]T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && l.file != nil && os.SameFile(info, l.file) && info.ModTime().Equal(l.file.ModTime()) {
		return slices.Clone(l.known), nil
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	var all []T
	if err == nil {
		if err = json.Unmarshal(text, &all); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, err
	}
	l.known, l.file = all, info
	return slices.Clone(all), nil
}

// change replaces the list by what edit makes of it. One process does that at a time.
func (l *list[T]) change(path string, edit func([]T) ([]T, error)) error {
	release, err := lock(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer release()
	all, err := l.read(path)
	if err == nil {
		all, err = edit(all)
	}
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return config.WriteFile(path, append(text, '\n'))
}

// lock makes the directory and keeps others from changing what is in it until release is called.
func lock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}
