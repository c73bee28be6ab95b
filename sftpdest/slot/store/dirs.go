package store

import (
	"context"
	"errors"
	"io/fs"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// maker is where directories are made.
type maker interface {
	dest.Stater
	Mkdir(ctx context.Context, p string, permissions uint32) error
}

// MakeDir makes a directory unless it is there.
func MakeDir(ctx context.Context, d maker, p string, permissions uint32) error {
	err := d.Mkdir(ctx, p, permissions)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// MakeDirIfMissing is MakeDir for a directory that most likely is there: looking takes one round trip, being refused two.
func MakeDirIfMissing(ctx context.Context, d maker, p string) error {
	if info, err := d.Stat(ctx, p); err == nil && IsDir(info.Mode) {
		return nil
	}
	return MakeDir(ctx, d, p, 0o700)
}

// MakeDirs makes a directory that most likely is not there, and those above it. Their names are not durable yet.
func MakeDirs(ctx context.Context, d maker, p string) error {
	err := MakeDir(ctx, d, p, 0o700)
	if errors.Is(err, fs.ErrNotExist) && dest.Parent(p) != "" {
		if err := MakeDirs(ctx, d, dest.Parent(p)); err != nil {
			return err
		}
		err = MakeDir(ctx, d, p, 0o700)
	}
	return err
}

// MakeNewDir makes a directory, and reports whether it certainly was not there before.
func (s *Store) MakeNewDir(ctx context.Context, p string) (made bool, err error) {
	switch err := s.raw.Mkdir(ctx, p, 0o700); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case errors.Is(err, dest.ErrUnreachable): // it may have been made
		return false, MakeDir(ctx, s, p, 0o700)
	default:
		return false, err
	}
}

// IsDir reports whether a mode is that of a directory.
func IsDir(mode uint32) bool { return mode&backup.ModeType == backup.ModeDir }
