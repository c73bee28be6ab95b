package slot

import (
	"context"

	"slotfs/sftpdest/slot/plan"
)

// symlink makes a symbolic link where the server can; the manifest has its text in any case.
func (j *job) symlink(ctx context.Context, s *step) error {
	temp, err := j.SymlinkTemp(ctx, j.slot, s.Entry.Target)
	if err == nil {
		j.markChanged(s.in)
		err = j.Rename(ctx, temp, s.target())
	}
	switch {
	case err == nil:
		return nil
	case !refusal(ctx, err): // without the lease nothing may be left out
		return err
	}
	j.o.Log.Debug("make link", "path", s.Entry.Path, "error", err)
	if s.Have == plan.File { // what is there is something else
		j.deleteLater(s.at, false)
		j.markChanged(s.in)
	}
	return nil
}
