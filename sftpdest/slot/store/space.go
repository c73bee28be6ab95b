package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"slotfs/indexer/dest"
)

// ErrFull says that the server has no room.
var ErrFull = errors.New("no space left on the destination")

// ClassifyNoSpace adds ErrFull to an error whose cause is that the server has no room: SFTP has no status for it, and of quotas
// servers tell nothing at all. dir is where the server is tried.
func (s *Store) ClassifyNoSpace(ctx context.Context, dir string, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrFull) || saysItself(err):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	space, spaceErr := s.Space(ctx, "")
	if spaceErr == nil && (space.Bytes < 4<<20 || space.Files >= 0 && space.Files < 100) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	if info, statErr := s.Stat(ctx, dir); statErr == nil && !IsDir(info.Mode) {
		return err // a file lies there: servers do not say so
	}
	if probeErr := s.probe(ctx, dir); probeErr != nil && !saysItself(probeErr) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// saysItself reports whether an error says what its cause is.
func saysItself(err error) bool {
	for _, cause := range []error{
		context.Canceled, context.DeadlineExceeded, dest.ErrUnreachable, dest.ErrAuth, fs.ErrNotExist, fs.ErrExist, fs.ErrPermission,
		fs.ErrInvalid, errors.ErrUnsupported,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// Ends reports whether an error leaves no other way to go.
func Ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, syscall.ENOSPC)
}

// probe looks whether the server takes a small file.
func (s *Store) probe(ctx context.Context, dir string) error {
	name := dir + "/probe." + s.Run
	out, err := s.raw.Create(ctx, name, dest.Create{})
	if err != nil {
		return err
	}
	_, err = out.WriteAt(ctx, make([]byte, 64<<10), 0)
	err = errors.Join(err, out.Close(ctx))
	if removeErr := s.raw.Remove(ctx, name); err == nil {
		err = removeErr
	}
	return err
}
