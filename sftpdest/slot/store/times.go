package store

import (
	"context"

	"slotfs/indexer/manifest"
)

// KeepsTimes reports whether times of files on the server are those that it was told, as far as is known.
func (s *Store) KeepsTimes() bool { return !s.attrs.untimed.Load() }

// NoTimes notes whether they are known to mean nothing.
func (s *Store) NoTimes(meaningless bool) { s.attrs.untimed.Store(meaningless) }

// Times is what the state of a slot says about that.
func (s *Store) Times() string {
	if !s.KeepsTimes() {
		return manifest.NoTimes
	}
	return ""
}

// TryTimes looks whether the server keeps a time that it is told: some refuse it, and some say yes and do not. The file that
// tells is removed with all temporary ones.
func (t Temps) TryTimes(ctx context.Context) error {
	const long = 1_000_000_000 // ago
	temp, _, err := t.Put(ctx, nil, Attributes(0, 0o600, long*1e9))
	if err != nil {
		return err
	}
	info, err := t.s.Stat(ctx, temp)
	if err != nil {
		return err
	}
	if info.MTime != long {
		t.s.NoTimes(true)
	}
	return nil
}
