package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/wire"
)

// explain adds to a refusal that does not say why what the names tell: version 3 has no status for a name that is taken, and
// some servers have none for one that is missing. The names in there have to be there, those in free must not.
func (d *Destination) explain(ctx context.Context, err error, there, free []string) error {
	if !session.Unspecific(err) {
		return err
	}
	for _, name := range free {
		if found, lookErr := d.exists(ctx, name); lookErr == nil && found {
			return fmt.Errorf("%w (%w)", fs.ErrExist, err)
		}
	}
	for _, name := range there {
		if found, lookErr := d.exists(ctx, name); lookErr == nil && !found {
			return fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
		}
	}
	return err
}

// exists reports whether a remote path is there. Where the server does not tell by its status, the listing of the directory
// above does.
func (d *Destination) exists(ctx context.Context, remote string) (bool, error) {
	err := d.do(ctx, func(s *pool.Session) error {
		_, err := s.Attributes(ctx, wire.Lstat, remote)
		return err
	})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case !session.Unspecific(err), above(remote) == remote:
		return false, err
	}
	list, listErr := d.listRemote(ctx, above(remote))
	if listErr == nil {
		return slices.ContainsFunc(list, func(e wire.Entry) bool { return e.Name == path.Base(remote) }), nil
	}
	if errors.Is(listErr, fs.ErrNotExist) {
		return false, nil
	}
	if found, aboveErr := d.exists(ctx, above(remote)); session.Unspecific(listErr) && aboveErr == nil && !found {
		return false, nil
	}
	return false, err
}

// above is the directory that a remote path is in.
func above(remote string) string { return path.Dir(remote) }

// fail names what was asked for. What concerns the destination's own directory is told apart.
func (d *Destination) fail(op, p string, err error) error {
	dir := d.settings.Directory
	if dir == "" {
		dir = "."
	}
	switch {
	case p == "" && errors.Is(err, fs.ErrNotExist):
		return &MissingError{Directory: dir, Address: d.settings.Address()}
	case p == "" && errors.Is(err, fs.ErrPermission):
		return &PermissionError{Directory: dir, Username: d.settings.Username, Address: d.settings.Address()}
	}
	if p == "" {
		return fmt.Errorf("%s %s: %w", op, d.settings.Address(), err)
	}
	return fmt.Errorf("%s %s: %w", op, foreign.Show(p), err)
}

// absent is fail for what was asked about a path that has to be there.
func (d *Destination) absent(ctx context.Context, op, p, remote string, err error) error {
	return d.fail(op, p, d.explain(ctx, err, []string{remote}, nil))
}

// taken is fail for what was to be made: the directory above has to be there, the path must not.
func (d *Destination) taken(ctx context.Context, op, p, remote string, err error) error {
	return d.fail(op, p, d.explain(ctx, err, []string{above(remote)}, []string{remote}))
}
