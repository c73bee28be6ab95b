package desttest

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"slotfs/indexer/dest"
)

// The operations of what servers may offer that a Fault hears of. Put and Copy are heard as one operation each.
const (
	OpLink    Op = "link"
	OpSymlink Op = "make link"
	OpCopy    Op = "copy"
	OpPut     Op = "put"
	OpSyncDir Op = "sync directory"
	OpSpace   Op = "measure"
)

var (
	_ dest.Linker         = (*Fake)(nil)
	_ dest.Symlinker      = (*Fake)(nil)
	_ dest.Copier         = (*Fake)(nil)
	_ dest.RangeCopier    = (*Fake)(nil)
	_ dest.FileWriter     = (*Fake)(nil)
	_ dest.DirSyncer      = (*Fake)(nil)
	_ dest.DurableRenamer = (*Fake)(nil)
	_ dest.StatFS         = (*Fake)(nil)
)

// Link implements dest.Linker.
func (d *Fake) Link(ctx context.Context, from, to string) error {
	if err := dest.CheckPath(to); err != nil {
		return err
	}
	return d.change(ctx, Call{Op: OpLink, Path: from}, func() error { return unix.Link(d.local(from), d.local(to)) })
}

// Symlink implements dest.Symlinker.
func (d *Fake) Symlink(ctx context.Context, target, p string) error {
	return d.change(ctx, Call{Op: OpSymlink, Path: p}, func() error { return unix.Symlink(target, d.local(p)) })
}

// Space implements dest.StatFS.
func (d *Fake) Space(ctx context.Context, p string) (dest.Space, error) {
	var v unix.Statfs_t
	err := d.change(ctx, Call{Op: OpSpace, Path: p}, func() error { return unix.Statfs(d.local(p), &v) })
	return dest.Space{Bytes: int64(v.Bavail) * v.Bsize, Files: int64(v.Ffree)}, err
}

// SyncDir implements dest.DirSyncer.
func (d *Fake) SyncDir(ctx context.Context, p string) error {
	return d.change(ctx, Call{Op: OpSyncDir, Path: p}, func() error {
		f, err := os.Open(d.local(p))
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// Install implements dest.DurableRenamer. It is heard as the two operations that it consists of.
func (d *Fake) Install(ctx context.Context, from, to string) (bool, error) {
	if err := d.Rename(ctx, from, to); err != nil {
		return false, err
	}
	err := d.SyncDir(ctx, dest.Parent(to))
	return err == nil, err
}

// SyncDirAttributes implements dest.DurableRenamer. It is heard as the two operations that it consists of.
func (d *Fake) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (bool, error) {
	if err := d.SetAttributes(ctx, p, a); err != nil {
		return false, err
	}
	err := d.SyncDir(ctx, p)
	return err == nil, err
}

// Put implements dest.FileWriter.
func (d *Fake) Put(ctx context.Context, p string, content []byte, a dest.Attributes, sync bool) (bool, error) {
	err := d.change(ctx, Call{Op: OpPut, Path: p, Len: len(content)}, func() error {
		return d.make(p, a, sync, func(f *os.File) error {
			_, err := f.Write(content)
			return err
		})
	})
	return err == nil && sync, err
}

// Copy implements dest.Copier.
func (d *Fake) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	if err := dest.CheckPath(to); err != nil {
		return false, err
	}
	err := d.change(ctx, Call{Op: OpCopy, Path: from}, func() error {
		old, err := os.Open(d.local(from))
		if err != nil {
			return err
		}
		defer old.Close()
		return d.make(to, a, sync, func(f *os.File) error {
			_, err := io.CopyN(f, old, size)
			return err
		})
	})
	return err == nil && sync, err
}

// CopyRanges implements dest.RangeCopier.
func (d *Fake) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, a dest.Attributes, sync bool) (bool, error) {
	if err := dest.CheckPath(to); err != nil {
		return false, err
	}
	err := d.change(ctx, Call{Op: OpCopy, Path: from}, func() error {
		old, err := os.Open(d.local(from))
		if err != nil {
			return err
		}
		defer old.Close()
		info, err := old.Stat()
		if err == nil && info.Size() < size {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		return d.make(to, a, sync, func(f *os.File) error {
			for _, r := range ranges {
				if _, err := io.Copy(io.NewOffsetWriter(f, r.Offset), io.NewSectionReader(old, r.Offset, r.Length)); err != nil {
					return err
				}
			}
			return f.Truncate(size)
		})
	})
	return err == nil && sync, err
}

// make makes a new file, and lets fill write it.
func (d *Fake) make(p string, a dest.Attributes, sync bool, fill func(f *os.File) error) error {
	f, err := os.OpenFile(d.local(p), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := fill(f); err != nil {
		return err
	}
	if err := d.attributes(p, a); err != nil {
		return err
	}
	if sync {
		return f.Sync()
	}
	return nil
}
