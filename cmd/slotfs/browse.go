package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"slotfs/cmd/internal/control"
	"slotfs/cmd/internal/exit"
)

// shown is one thing that the mount shows.
type shown struct {
	Name   string    `json:"name"`
	Type   string    `json:"type"`
	Size   int64     `json:"size"`
	Mode   string    `json:"mode"` // permission bits, octal
	UID    uint32    `json:"uid"`
	GID    uint32    `json:"gid"`
	MTime  time.Time `json:"mtime"`
	Target string    `json:"target,omitempty"`

	mode uint32
}

// browser looks at what the mount shows. Paths begin below the mountpoint, without a slash. Links are followed, but
// never to the outside: archives come from strangers.
type browser interface {
	// list tells what is in a directory, in the order of the mount, or about a file itself.
	list(ctx context.Context, path string, yield func(shown) error) error
	// stat tells about one path.
	stat(ctx context.Context, path string) (shown, error)
	// open reads a file.
	open(ctx context.Context, path string) (io.ReadCloser, error)
	io.Closer
}

// browser looks through the mount if there is one, else into the index.
func (s *settings) browser(ctx context.Context) (browser, error) {
	var r report
	err := control.NewClient(s.state.socket()).Brief(ctx, &r)
	if err == nil {
		return newMountBrowser(r.Mountpoint)
	}
	if !errors.Is(err, control.ErrNoOwner) {
		return nil, err
	}
	b, err := s.newIndexBrowser(ctx)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// shownPath is a path as people write it, without slashes around it and without "..".
func shownPath(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

// explain adds what people need to know to an error about a path.
func explain(op, p string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if err == fs.ErrNotExist { // in the words of the kernel, whoever says it
		err = syscall.ENOENT
	}
	err = fmt.Errorf("%s %s: %w", op, or(p, "/"), err)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Hinted(err, "paths are as in the mount: DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/...; "+
			"`slotfs ls` shows the first level")
	}
	return err
}

// mountBrowser looks through the mount.
type mountBrowser struct{ root *os.Root }

func newMountBrowser(mountpoint string) (mountBrowser, error) {
	root, err := os.OpenRoot(mountpoint)
	if err != nil {
		return mountBrowser{}, fmt.Errorf("mount: %w", err)
	}
	return mountBrowser{root}, nil
}

func (b mountBrowser) Close() error { return b.root.Close() }

func (b mountBrowser) list(ctx context.Context, p string, yield func(shown) error) error {
	f, err := b.root.Open(filepath.FromSlash(or(p, ".")))
	if err != nil {
		return explain("ls", p, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return explain("ls", p, err)
	}
	if !info.IsDir() {
		return yield(shownInfo(info, ""))
	}
	for ctx.Err() == nil {
		entries, err := f.ReadDir(1000)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return explain("ls", path.Join(p, e.Name()), err)
			}
			target := ""
			if info.Mode()&fs.ModeSymlink != 0 {
				target, _ = b.root.Readlink(filepath.Join(p, e.Name()))
			}
			if err := yield(shownInfo(info, target)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explain("ls", p, err)
		}
	}
	return ctx.Err()
}

func (b mountBrowser) stat(_ context.Context, p string) (shown, error) {
	info, err := b.root.Stat(filepath.FromSlash(or(p, ".")))
	if err != nil {
		return shown{}, explain("stat", p, err)
	}
	return shownInfo(info, ""), nil
}

func (b mountBrowser) open(_ context.Context, p string) (io.ReadCloser, error) {
	f, err := b.root.Open(filepath.FromSlash(or(p, ".")))
	if err != nil {
		return nil, explain("cat", p, err)
	}
	return f, nil
}
