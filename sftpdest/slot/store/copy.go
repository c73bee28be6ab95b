package store

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// maxRanges is how many regions of a file are copied on the server one by one. One that has more is sent.
const maxRanges = 4096

// ErrManyRanges says that a sparse file is sent rather than copied in so many requests.
var ErrManyRanges = errors.New("more regions than are copied one by one")

// Copy copies the content of an entry on the server, from a file there to a temporary name, holes as holes.
func (t Temps) Copy(ctx context.Context, from string, e *manifest.Entry) (temp string, durable bool, err error) {
	s := t.s
	if !s.Copies() {
		return "", false, errors.ErrUnsupported
	}
	err = s.attrs.try(Attributes(e.Mode, 0o600, e.MTime), func(a dest.Attributes) (err error) {
		temp, err = t.fresh(ctx, func(name string) (err error) {
			durable, err = s.copy(ctx, from, name, e, a)
			return err
		})
		return err
	})
	return temp, durable, err
}

func (s *Store) copy(ctx context.Context, from, to string, e *manifest.Entry, a dest.Attributes) (bool, error) {
	switch {
	case e.Sparse == nil:
		return s.Copy(ctx, from, to, e.Size, a, true)
	case len(e.Sparse) > maxRanges:
		return false, ErrManyRanges
	}
	ranges := make([]dest.Range, len(e.Sparse))
	for i, x := range e.Sparse {
		ranges[i] = dest.Range(x)
	}
	return s.CopyRanges(ctx, from, to, e.Size, ranges, a, true)
}

// Link gives a file on the server a temporary name as well.
func (t Temps) Link(ctx context.Context, from string) (temp string, err error) {
	return t.fresh(ctx, func(name string) error { return t.s.Link(ctx, from, name) })
}
