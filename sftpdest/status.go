package sftpdest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"slotfs/sftpdest/wire"
)

// statusError is a server's refusal.
type statusError struct {
	code    uint32
	message string
}

// statuses are the codes that say what is wrong. Version 3 ends with 8; servers send those of later versions
// (draft-ietf-secsh-filexfer-13, 9.1) to any client.
var statuses = map[uint32]struct {
	text string
	is   []error
}{
	wire.StatusEOF:            {"end of file", nil},
	wire.StatusNoSuchFile:     {fs.ErrNotExist.Error(), []error{fs.ErrNotExist}},
	wire.StatusPermission:     {fs.ErrPermission.Error(), []error{fs.ErrPermission}},
	wire.StatusUnsupported:    {"the server does not support it", []error{errors.ErrUnsupported}},
	wire.StatusNoSuchPath:     {fs.ErrNotExist.Error(), []error{fs.ErrNotExist}},
	wire.StatusExists:         {fs.ErrExist.Error(), []error{fs.ErrExist}},
	wire.StatusWriteProtected: {"the file system is read-only", []error{fs.ErrPermission, syscall.EROFS}},
	wire.StatusNoSpace:        {"no space left on the server", []error{syscall.ENOSPC}},
	wire.StatusQuota:          {"the quota on the server is used up", []error{syscall.EDQUOT}},
	wire.StatusNotEmpty:       {"directory not empty", []error{syscall.ENOTEMPTY}},
	wire.StatusNotDirectory:   {"not a directory", []error{syscall.ENOTDIR, fs.ErrNotExist}},
	wire.StatusInvalidName:    {"the server takes no such name", []error{fs.ErrInvalid}},
	wire.StatusIsDirectory:    {"is a directory", []error{syscall.EISDIR}},
}

func (e *statusError) Error() string {
	if known, ok := statuses[e.code]; ok {
		return known.text
	}
	if e.message == "" {
		return fmt.Sprintf("the server answers with status %d", e.code)
	}
	return "the server says " + show(e.message)
}

func (e *statusError) Is(target error) bool { return slices.Contains(statuses[e.code].is, target) }

// statusOf makes an error of a Status reply; nil for OK.
func statusOf(reply wire.Reply) error {
	code, words, err := wire.StatusOf(reply.Body)
	if err != nil {
		return err
	}
	if code == wire.StatusOK {
		return nil
	}
	return &statusError{code: code, message: string(words)}
}

// unexpected is what a reply of another type than the wanted one means: the server's refusal, or nonsense.
func unexpected(reply wire.Reply) error {
	if reply.Type == wire.Status {
		if err := statusOf(reply); err != nil {
			return err
		}
	}
	return fmt.Errorf("reply of type %d: %w", reply.Type, wire.ErrMalformed)
}

// refusal is the server's status in err, if it has one.
func refusal(err error) (code uint32, ok bool) {
	var status *statusError
	if errors.As(err, &status) {
		return status.code, true
	}
	return 0, false
}

// unspecific reports whether err is a refusal that does not say why: FAILURE, or a code that nobody knows.
func unspecific(err error) bool {
	code, ok := refusal(err)
	_, known := statuses[code]
	return ok && !known && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist)
}

// explain adds to a refusal that does not say why what the names tell: version 3 has no status for a name that is taken, and
// some servers have none for one that is missing. The names in there have to be there, those in free must not.
func (d *Destination) explain(ctx context.Context, err error, there, free []string) error {
	if !unspecific(err) {
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
	err := d.do(ctx, func(s *session) error {
		_, err := s.attributes(ctx, wire.Lstat, remote)
		return err
	})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case !unspecific(err), above(remote) == remote:
		return false, err
	}
	list, listErr := d.listRemote(ctx, above(remote))
	if listErr == nil {
		return slices.ContainsFunc(list, func(e wire.Entry) bool { return e.Name == path.Base(remote) }), nil
	}
	if errors.Is(listErr, fs.ErrNotExist) {
		return false, nil
	}
	if found, aboveErr := d.exists(ctx, above(remote)); unspecific(listErr) && aboveErr == nil && !found {
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
		return &MissingError{Directory: dir, Address: d.settings.address()}
	case p == "" && errors.Is(err, fs.ErrPermission):
		return &PermissionError{Directory: dir, Username: d.settings.Username, Address: d.settings.address()}
	}
	if p == "" {
		return fmt.Errorf("%s %s: %w", op, d.settings.address(), err)
	}
	return fmt.Errorf("%s %s: %w", op, show(p), err)
}

// absent is fail for what was asked about a path that has to be there.
func (d *Destination) absent(ctx context.Context, op, p, remote string, err error) error {
	return d.fail(op, p, d.explain(ctx, err, []string{remote}, nil))
}

// taken is fail for what was to be made: the directory above has to be there, the path must not.
func (d *Destination) taken(ctx context.Context, op, p, remote string, err error) error {
	return d.fail(op, p, d.explain(ctx, err, []string{above(remote)}, []string{remote}))
}
