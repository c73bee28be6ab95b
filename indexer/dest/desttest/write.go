package desttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/indexer/dest"
)

// The operations of dest.Writer that a Fault hears of.
const (
	OpCreate        Op = "create"
	OpMkdir         Op = "mkdir"
	OpSetAttributes Op = "set attributes"
	OpRename        Op = "rename"
	OpRemove        Op = "remove"
	OpRemoveDir     Op = "remove directory"
	OpWrite         Op = "write" // Output.WriteAt
	OpSync          Op = "sync"
	OpClose         Op = "close" // of an Output
)

var _ dest.Writer = (*Fake)(nil)

// change runs f between asking the fault and naming what went wrong.
func (d *Fake) change(ctx context.Context, c Call, f func() error) error {
	if err := d.begin(ctx, c); err != nil {
		return err
	}
	if err := f(); err != nil {
		return callError(c, cause(err))
	}
	return nil
}

// Create implements dest.Creator.
func (d *Fake) Create(ctx context.Context, p string, how dest.Create) (dest.WriteFile, error) {
	flags := os.O_WRONLY | os.O_CREATE | unix.O_NONBLOCK
	if !how.Existing {
		flags |= os.O_EXCL
	}
	if how.Append {
		flags |= os.O_APPEND
	}
	if how.Permissions == 0 {
		how.Permissions = 0o600
	}
	o := &output{d: d, path: p, appends: how.Append}
	err := d.change(ctx, Call{Op: OpCreate, Path: p}, func() (err error) {
		o.f, err = os.OpenFile(d.local(p), flags, fs.FileMode(how.Permissions)&fs.ModePerm)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.counts.Handles++
	d.mu.Unlock()
	return o, nil
}

// Mkdir implements dest.Creator.
func (d *Fake) Mkdir(ctx context.Context, p string, permissions uint32) error {
	return d.change(ctx, Call{Op: OpMkdir, Path: p}, func() error {
		return os.Mkdir(d.local(p), fs.FileMode(permissions)&fs.ModePerm)
	})
}

// SetAttributes implements dest.Creator.
func (d *Fake) SetAttributes(ctx context.Context, p string, a dest.Attributes) error {
	return d.change(ctx, Call{Op: OpSetAttributes, Path: p}, func() error { return d.attributes(p, a) })
}

func (d *Fake) attributes(p string, a dest.Attributes) error {
	if a.Size != nil {
		if err := os.Truncate(d.local(p), *a.Size); err != nil {
			return err
		}
	}
	if a.Permissions != nil {
		if err := unix.Chmod(d.local(p), *a.Permissions&0o7777); err != nil {
			return err
		}
	}
	if a.MTime != nil {
		at := time.Unix(*a.MTime, 0)
		return os.Chtimes(d.local(p), at, at)
	}
	return nil
}

// Rename implements dest.Mover.
func (d *Fake) Rename(ctx context.Context, from, to string) error {
	if err := dest.CheckPath(to); err != nil {
		return fmt.Errorf("%s: %w", OpRename, err)
	}
	return d.change(ctx, Call{Op: OpRename, Path: from}, func() error {
		var link *os.LinkError
		err := os.Rename(d.local(from), d.local(to))
		if errors.As(err, &link) {
			return link.Err
		}
		return err
	})
}

// Remove implements dest.Mover.
func (d *Fake) Remove(ctx context.Context, p string) error {
	return d.change(ctx, Call{Op: OpRemove, Path: p}, func() error { return unix.Unlink(d.local(p)) })
}

// RemoveDir implements dest.Mover.
func (d *Fake) RemoveDir(ctx context.Context, p string) error {
	return d.change(ctx, Call{Op: OpRemoveDir, Path: p}, func() error { return unix.Rmdir(d.local(p)) })
}

type output struct {
	d       *Fake
	f       *os.File
	path    string
	appends bool
	close   sync.Once
}

var _ dest.WriteFile = (*output)(nil)

func (o *output) WriteAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = o.d.change(ctx, Call{Op: OpWrite, Path: o.path, Off: off, Len: len(p)}, func() (err error) {
		if o.appends {
			n, err = o.f.Write(p)
		} else {
			n, err = o.f.WriteAt(p, off)
		}
		return err
	})
	return n, err
}

func (o *output) Sync(ctx context.Context) error {
	return o.d.change(ctx, Call{Op: OpSync, Path: o.path}, o.f.Sync)
}

func (o *output) Close(ctx context.Context) error {
	err := fmt.Errorf("close %q: %w", o.path, os.ErrClosed)
	o.close.Do(func() {
		fault := o.d.begin(ctx, Call{Op: OpClose, Path: o.path})
		err = errors.Join(fault, o.f.Close())
		o.d.mu.Lock()
		o.d.counts.Handles--
		o.d.mu.Unlock()
	})
	return err
}
