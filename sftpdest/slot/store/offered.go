package store

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
)

// maxPut is how large a file is at most that is sent in one go, in bytes.
const maxPut = 1 << 20

// offered gives a destination the methods that it does not have: by other requests, or with errors.ErrUnsupported.
type offered struct{ dest.ReadWriter }

var _ server = offered{}

func (o offered) Put(ctx context.Context, p string, content []byte, a dest.Attributes, sync bool) (synced bool, err error) {
	if w, ok := o.ReadWriter.(dest.FileWriter); ok && len(content) <= maxPut {
		return w.Put(ctx, p, content, a, sync)
	}
	out, err := o.Create(ctx, p, dest.Create{})
	if err != nil {
		return false, err
	}
	if _, err = out.WriteAt(ctx, content, 0); err == nil && a != (dest.Attributes{}) {
		err = o.SetAttributes(ctx, p, a)
	}
	return finish(ctx, out, err)
}

// finish syncs and closes a file whose writing ended with err. A server that cannot sync is no error.
func finish(ctx context.Context, out dest.WriteFile, err error) (synced bool, _ error) {
	if err == nil {
		if err = out.Sync(ctx); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		} else {
			synced = err == nil
		}
	}
	if closeErr := out.Close(ctx); err == nil {
		err = closeErr
	}
	return synced, err
}

func (o offered) Copy(ctx context.Context, from, to string, size int64, a dest.Attributes, sync bool) (bool, error) {
	if c, ok := o.ReadWriter.(dest.Copier); ok {
		return c.Copy(ctx, from, to, size, a, sync)
	}
	return false, errors.ErrUnsupported
}

func (o offered) CopyRanges(ctx context.Context, from, to string, size int64, ranges []dest.Range, a dest.Attributes, sync bool) (bool, error) {
	if c, ok := o.ReadWriter.(dest.RangeCopier); ok {
		return c.CopyRanges(ctx, from, to, size, ranges, a, sync)
	}
	return false, ErrManyRanges
}

func (o offered) Link(ctx context.Context, from, to string) error {
	if l, ok := o.ReadWriter.(dest.Linker); ok {
		return l.Link(ctx, from, to)
	}
	return errors.ErrUnsupported
}

func (o offered) Symlink(ctx context.Context, target, p string) error {
	if l, ok := o.ReadWriter.(dest.Symlinker); ok {
		return l.Symlink(ctx, target, p)
	}
	return errors.ErrUnsupported
}

func (o offered) SyncDir(ctx context.Context, p string) error {
	if s, ok := o.ReadWriter.(dest.DirSyncer); ok {
		return s.SyncDir(ctx, p)
	}
	return errors.ErrUnsupported
}

func (o offered) Install(ctx context.Context, from, to string) (bool, error) {
	if r, ok := o.ReadWriter.(dest.DurableRenamer); ok {
		return r.Install(ctx, from, to)
	}
	return false, o.Rename(ctx, from, to)
}

func (o offered) SyncDirAttributes(ctx context.Context, p string, a dest.Attributes) (bool, error) {
	if r, ok := o.ReadWriter.(dest.DurableRenamer); ok {
		return r.SyncDirAttributes(ctx, p, a)
	}
	return false, o.SetAttributes(ctx, p, a)
}

func (o offered) Space(ctx context.Context, p string) (dest.Space, error) {
	if s, ok := o.ReadWriter.(dest.StatFS); ok {
		return s.Space(ctx, p)
	}
	return dest.Space{}, errors.ErrUnsupported
}
