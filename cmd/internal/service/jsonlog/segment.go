// Package jsonlog keeps records as lines of JSON that are only appended, for 400 days, by as many processes as there are. It
// must not know what the records are of.
//
// The records of a month (UTC) are one file, DIR/2026-01.jsonl. Each writer holds a lock (flock(2)) on the file for the time of
// its write. A process that is killed while it writes leaves a line that has no end; the next one to append ends it, and readers
// skip and count it. Whole months are removed when they are older than 400 days, or when all of them together are too large; the
// newest 14 are never removed for their age, so that a clock that was wrong for a while costs nothing.
package jsonlog

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	monthLayout = "2006-01"
	extension   = ".jsonl"
	// Retention is how long records are kept at least.
	Retention = 400 * 24 * time.Hour
	// keptMonths are never removed for their age.
	keptMonths = 14
)

// defaultMaxSize bounds all months together where a log says nothing else.
const defaultMaxSize = 256 << 20

// segments are the names of the months in dir, oldest first.
func segments(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, ok := monthOf(e.Name()); ok {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func monthOf(name string) (time.Time, bool) {
	month, ok := strings.CutSuffix(name, extension)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(monthLayout, month)
	return t, err == nil
}

// prune removes months that are too old, or too much.
func (l *Log[R]) prune() error {
	names, err := segments(l.Dir)
	if err != nil {
		return l.fault(err)
	}
	maxSize := cmp.Or(l.MaxSize, defaultMaxSize)
	oldest := l.Now().Add(-Retention)
	sizes := make([]int64, len(names))
	total := int64(0)
	for i, name := range names {
		if info, err := os.Stat(filepath.Join(l.Dir, name)); err == nil {
			sizes[i] = info.Size()
			total += sizes[i]
		}
	}
	for i, name := range names {
		month, _ := monthOf(name)
		expired := month.AddDate(0, 1, 0).Before(oldest) && len(names)-i > keptMonths
		if !expired && (total <= maxSize || i == len(names)-1) {
			continue
		}
		if err := os.Remove(filepath.Join(l.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return l.fault(err)
		}
		total -= sizes[i]
	}
	return nil
}
