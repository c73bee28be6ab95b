package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/store"
)

// overwrite writes a small file, whether it is there or not.
func overwrite(ctx context.Context, s *store.Store, name string, text []byte) error {
	d := s.Raw()
	err := write(ctx, d, name, text, dest.Create{Existing: true})
	if err == nil || ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Some servers open nothing for writing that is there, and let it be replaced.
	temp := clockName(s, dest.Parent(name))
	if tempErr := write(ctx, d, temp, text, dest.Create{}); tempErr != nil {
		return err
	}
	if moveErr := d.Rename(ctx, temp, name); moveErr != nil {
		_ = d.Remove(ctx, temp)
		return err
	}
	return nil
}

func write(ctx context.Context, d dest.ReadWriter, name string, text []byte, how dest.Create) error {
	out, err := d.Create(ctx, name, how)
	if err != nil {
		return err
	}
	return fill(ctx, out, text)
}

// fill writes a file that was opened for it, and closes it.
func fill(ctx context.Context, out dest.WriteFile, text []byte) error {
	_, err := out.WriteAt(ctx, text, 0)
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// ServerTime is the server's clock: the time of a file that was just made.
func ServerTime(ctx context.Context, s *store.Store, dir string) (int64, error) {
	name := clockName(s, dir)
	if err := write(ctx, s.Raw(), name, nil, dest.Create{}); err != nil {
		return 0, err
	}
	info, err := s.Stat(ctx, name)
	if removeErr := s.Remove(ctx, name); err == nil {
		err = removeErr
	}
	return info.MTime, err
}

// clockName is a new name for a file whose time is looked at.
func clockName(s *store.Store, dir string) string {
	return fmt.Sprintf("%s/%s%s-%d", dir, ClockPrefix, s.Run, s.Next())
}
