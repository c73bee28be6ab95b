package main

import (
	"context"
	"errors"
	"io"
	"path"
	"syscall"

	"slotfs/cmd/internal/service/browse"
	slotfs "slotfs/fs"
	"slotfs/indexer/backup"
)

// browser looks at what a mount shows, with or without one. Paths begin below the mountpoint, without a slash. Links are
// followed, but never to the outside: archives come from strangers.
type browser struct {
	tree *lastingTree
}

// browser finds out who has the index, or opens it.
func (s *settings) browser(ctx context.Context) (*browser, error) {
	t := &lastingTree{settings: s}
	if _, err := t.get(ctx); err != nil {
		return nil, err
	}
	return &browser{tree: t}, nil
}

// Close gives the index up.
func (b *browser) Close() error { return b.tree.close() }

// mountpoint is where the mount is; "" if nothing is mounted.
func (b *browser) mountpoint() string { return b.tree.mountpoint() }

// follow tells where links lead on the way to a path and at its end.
func (b *browser) follow(ctx context.Context, p string) (string, error) {
	way, err := browse.Walk(ctx, b.tree, p, true)
	if err != nil {
		return "", err
	}
	return browse.Path(way), nil
}

// list tells what is in a directory, in the order of the mount, or about a file itself.
func (b *browser) list(ctx context.Context, p string, yield func(shown) error) error {
	n, err := browse.Resolve(ctx, b.tree, p)
	if err != nil {
		return browse.Explain("ls", p, err)
	}
	if !n.IsDir() {
		n.Name = path.Base(p)
		return yield(shownNode(&n))
	}
	var stopped error
	err = b.tree.List(ctx, n.ID, func(child *browse.Node) error {
		stopped = yield(shownNode(child))
		return stopped
	})
	if err != nil && stopped == nil {
		return browse.Explain("ls", p, err)
	}
	return err
}

// stat tells about one path.
func (b *browser) stat(ctx context.Context, p string) (shown, error) {
	n, err := browse.Resolve(ctx, b.tree, p)
	if err != nil {
		return shown{}, browse.Explain("stat", p, err)
	}
	return shownNode(&n), nil
}

// open reads a file.
func (b *browser) open(ctx context.Context, p string) (io.ReadCloser, error) {
	n, err := browse.Resolve(ctx, b.tree, p)
	switch {
	case err != nil:
	case n.IsDir():
		err = syscall.EISDIR
	case n.Attr.Mode&backup.ModeType != backup.ModeRegular:
		err = errors.New("not a regular file")
	}
	var f slotfs.File
	if err == nil {
		f, err = b.tree.Open(ctx, &n)
	}
	if err != nil {
		return nil, browse.Explain("cat", p, err)
	}
	return &sequential{ctx: ctx, file: f, left: n.Attr.Size}, nil
}

// find hands all matches to yield.
func (b *browser) find(ctx context.Context, q browse.Query, yield func(browse.Match) error) error {
	return b.tree.again(ctx, func(a *access, skip func() bool) error {
		hand := func(m browse.Match) error {
			if skip() {
				return nil
			}
			return yield(m)
		}
		if a.owner != nil {
			return a.owner.Find(ctx, q, hand)
		}
		return a.client.Find(ctx, q, hand)
	})
}

// diff hands all differences to yield.
func (b *browser) diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error {
	return b.tree.again(ctx, func(a *access, skip func() bool) error {
		hand := func(c browse.Change) error {
			if skip() {
				return nil
			}
			return yield(c)
		}
		if a.owner != nil {
			return a.owner.Diff(ctx, q, hand)
		}
		return a.client.Diff(ctx, q, hand)
	})
}

// sequential reads a file from front to back.
type sequential struct {
	ctx  context.Context
	file slotfs.File
	at   int64
	left int64
}

// Read reads on.
func (s *sequential) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(s.ctx, p[:min(int64(len(p)), s.left)], s.at)
	s.at += int64(n)
	s.left -= int64(n)
	if err == io.EOF && s.left > 0 { // a lost connection may have an EOF in its chain
		err = io.ErrUnexpectedEOF
	} else if s.left == 0 {
		err = nil
	}
	return n, err
}

// Close gives up the file.
func (s *sequential) Close() error { return s.file.Close() }
