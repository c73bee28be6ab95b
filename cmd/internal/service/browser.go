package service

import (
	"context"
	"errors"
	"io"
	"path"
	"syscall"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/indexer/backup"
)

// Browser looks at what a mount shows, with or without one. Paths begin below the mountpoint, without a slash. Links are
// followed, but never to the outside: archives come from strangers.
type Browser struct{ tree *lastingTree }

// Browse finds out who has the index, or opens it.
func (e *Environment) Browse(ctx context.Context) (*Browser, error) {
	t := &lastingTree{Environment: e}
	if _, err := t.get(ctx); err != nil {
		return nil, err
	}
	return &Browser{tree: t}, nil
}

// Close gives the index up.
func (b *Browser) Close() error { return b.tree.close() }

// Tree is all that is shown.
func (b *Browser) Tree() browse.Tree { return b.tree }

// Mountpoint is where the mount is; "" if nothing is mounted.
func (b *Browser) Mountpoint() string { return b.tree.mountpoint() }

// Follow tells where links lead on the way to a path and at its end.
func (b *Browser) Follow(ctx context.Context, p string) (string, error) {
	way, err := browse.Walk(ctx, b.tree, p, true)
	if err != nil {
		return "", err
	}
	return browse.Path(way), nil
}

// List hands what is in a directory to yield, in the order of the mount, or a file itself.
func (b *Browser) List(ctx context.Context, p string, yield func(*browse.Node) error) error {
	n, err := browse.Resolve(ctx, b.tree, p)
	if err != nil {
		return browse.Explain("ls", p, err)
	}
	if !n.IsDir() {
		n.Name = path.Base(p)
		return yield(&n)
	}
	var stopped error
	err = b.tree.List(ctx, n.ID, func(child *browse.Node) error {
		stopped = yield(child)
		return stopped
	})
	if err != nil && stopped == nil {
		return browse.Explain("ls", p, err)
	}
	return err
}

// Stat tells what is at a path.
func (b *Browser) Stat(ctx context.Context, p string) (browse.Node, error) {
	n, err := browse.Resolve(ctx, b.tree, p)
	if err != nil {
		return n, browse.Explain("stat", p, err)
	}
	return n, nil
}

// Open reads a file from front to back.
func (b *Browser) Open(ctx context.Context, p string) (io.ReadCloser, error) {
	n, err := browse.Resolve(ctx, b.tree, p)
	switch {
	case err != nil:
	case n.IsDir():
		err = syscall.EISDIR
	case n.Attr.Mode&backup.ModeType != backup.ModeRegular:
		err = errors.New("not a regular file")
	}
	var f fs.File
	if err == nil {
		f, err = b.tree.Open(ctx, &n)
	}
	if err != nil {
		return nil, browse.Explain("cat", p, err)
	}
	return &reader{ctx: ctx, file: f, left: n.Attr.Size}, nil
}

// Find hands all matches to yield.
func (b *Browser) Find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error {
	return b.tree.resume(ctx, func(a *access, skip func() bool) error {
		return a.client.Find(ctx, q, func(m browse.Match) error {
			if skip() {
				return nil
			}
			return yield(m)
		})
	})
}

// Versions tells what is at a path in each snapshot of its account.
func (b *Browser) Versions(ctx context.Context, p string) (all []browse.Version, err error) {
	err = b.tree.do(ctx, func(a *access) (err error) {
		all, err = a.client.Versions(ctx, p)
		return err
	})
	return all, err
}

// Diff hands all differences to yield.
func (b *Browser) Diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error {
	return b.tree.resume(ctx, func(a *access, skip func() bool) error {
		return a.client.Diff(ctx, q, func(c browse.Change) error {
			if skip() {
				return nil
			}
			return yield(c)
		})
	})
}

// reader reads a file from front to back.
type reader struct {
	ctx  context.Context
	file fs.File
	at   int64
	left int64
}

// Read reads on.
func (r *reader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(r.ctx, p[:min(int64(len(p)), r.left)], r.at)
	r.at += int64(n)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 { // a lost connection may have an EOF in its chain
		err = io.ErrUnexpectedEOF
	} else if r.left == 0 {
		err = nil
	}
	return n, err
}

// Close gives up the file.
func (r *reader) Close() error { return r.file.Close() }
