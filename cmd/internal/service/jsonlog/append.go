package jsonlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Log is a directory of records.
type Log[R any] struct {
	What string // in errors: "history"
	Dir  string // is made with the first record
	Now  func() time.Time
	// Time is when what a record is of ended; zero says that it is no record.
	Time    func(*R) time.Time
	MaxSize int64 // of all months together in bytes; 0: 256 MiB
}

func (l *Log[R]) fault(err error) error { return fmt.Errorf("%s: %w", l.What, err) }

// Add appends a record, durably.
func (l *Log[R]) Add(r *R) error {
	line, err := json.Marshal(r)
	if err != nil {
		return l.fault(err)
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return l.fault(err)
	}
	path := filepath.Join(l.Dir, segmentOf(l.Time(r)))
	began, err := appendLine(path, append(line, '\n'))
	if err != nil {
		return l.fault(err)
	}
	if began {
		return l.prune()
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
