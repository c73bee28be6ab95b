package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Store is a directory of records.
type Store struct {
	Dir string
	Now func() time.Time
}

// New is the store in dir, which is made with the first record.
func New(dir string) *Store { return &Store{Dir: dir, Now: time.Now} }

// Add appends a record, durably.
func (s *Store) Add(r Record) error {
	r = r.bounded()
	line, err := json.Marshal(&r)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	path := filepath.Join(s.Dir, segmentOf(r.Ended))
	began, err := appendLine(path, append(line, '\n'))
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	if began {
		return s.Prune()
	}
	return nil
}

// segmentOf is the file of a time.
func segmentOf(t time.Time) string { return t.UTC().Format(monthLayout) + extension }

// appendLine adds a line to the file at path and tells whether it is the first one. What cannot be written whole is taken back.
func appendLine(path string, line []byte) (first bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size()
	if torn, err := endsTorn(f, size); err != nil {
		return false, err
	} else if torn {
		line = append([]byte("\n"), line...)
	}
	if _, err := f.Write(line); err != nil {
		return false, errors.Join(err, f.Truncate(size))
	}
	return size == 0, f.Sync()
}

// endsTorn reports whether the last line of f has no end.
func endsTorn(f *os.File, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}
