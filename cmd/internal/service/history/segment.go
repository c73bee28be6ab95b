package history

import (
	"errors"
	"fmt"
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

// maxSize bounds all months together.
var maxSize int64 = 256 << 20

// segments are the names of the months in dir, oldest first.
func segments(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("history: %w", err)
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

// Prune removes months that are too old, or too much.
func (s *Store) Prune() error {
	names, err := segments(s.Dir)
	if err != nil {
		return err
	}
	oldest := s.Now().Add(-Retention)
	sizes := make([]int64, len(names))
	total := int64(0)
	for i, name := range names {
		if info, err := os.Stat(filepath.Join(s.Dir, name)); err == nil {
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
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("history: %w", err)
		}
		total -= sizes[i]
	}
	return nil
}
