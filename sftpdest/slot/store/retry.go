package store

import (
	"context"
	"errors"
	"io/fs"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/retry"
)

// Retry repeats f while connections are lost under it, as package retry says. f must be safe to be repeated, or know what a lost
// attempt may have done.
func Retry(ctx context.Context, f func() error) error {
	if watched := suspectsOf(ctx); watched != nil {
		return watched.retry(ctx, f)
	}
	return retry.Default.Do(ctx, f)
}

// retrying repeats requests that the destination itself does not repeat, because whether a lost attempt was done is not known:
// each has a rule here for finding that out.
type retrying struct{ server }

// Mkdir may find the directory that a lost attempt made: fs.ErrExist.
func (r retrying) Mkdir(ctx context.Context, p string, permissions uint32) error {
	return Retry(ctx, func() error { return r.server.Mkdir(ctx, p, permissions) })
}

// Remove may find that a lost attempt removed the name: that it is gone is no error.
func (r retrying) Remove(ctx context.Context, p string) error {
	return Missing(Retry(ctx, func() error { return r.server.Remove(ctx, p) }))
}

// RemoveDir removes an empty directory; that it is gone is no error.
func (r retrying) RemoveDir(ctx context.Context, p string) error {
	return Missing(Retry(ctx, func() error { return r.server.RemoveDir(ctx, p) }))
}

func (r retrying) SyncDir(ctx context.Context, p string) error {
	return Retry(ctx, func() error { return r.server.SyncDir(ctx, p) })
}

func (r retrying) Rename(ctx context.Context, from, to string) error {
	return r.renamed(ctx, to, func() error { return r.server.Rename(ctx, from, to) })
}

func (r retrying) Install(ctx context.Context, from, to string) (synced bool, err error) {
	err = r.renamed(ctx, to, func() (err error) {
		synced, err = r.server.Install(ctx, from, to)
		return err
	})
	return synced, err
}

// renamed repeats a rename. If its source is gone after a lost attempt, the target tells whether that attempt was done.
func (r retrying) renamed(ctx context.Context, to string, rename func() error) error {
	lost := false
	return Retry(ctx, func() error {
		err := rename()
		if lost && errors.Is(err, fs.ErrNotExist) {
			_, err = r.Stat(ctx, to)
		}
		lost = lost || errors.Is(err, dest.ErrUnreachable)
		return err
	})
}
