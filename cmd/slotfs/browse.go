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
	"slotfs/cmd/internal/term"
)

// shown is one thing that the mount shows.
type shown struct {
	Name      string    `json:"name"`
	NameB64   string    `json:"name_base64,omitempty"` // where the name is not UTF-8
	Type      string    `json:"type"`
	Size      int64     `json:"size"`
	Mode      string    `json:"mode"` // permission bits, octal
	UID       uint32    `json:"uid"`
	GID       uint32    `json:"gid"`
	MTime     time.Time `json:"mtime"`
	Target    string    `json:"target,omitempty"`
	TargetB64 string    `json:"target_base64,omitempty"`

	mode uint32
}

// coded is s for JSON, with the bytes of what is not UTF-8.
func (s shown) coded() shown {
	s.Name, s.NameB64 = term.Text(s.Name)
	s.Target, s.TargetB64 = term.Text(s.Target)
	return s
}

// browser looks at what the mount shows. Paths begin below the mountpoint, without a slash. Links are followed, but
// never to the outside: archives come from strangers.
type browser interface {
	// list tells what is in a directory, in the order of the mount, or about a file itself.
	list(ctx context.Context, path string, yield func(shown) error) error
	// stat tells about one path.
	stat(ctx context.Context, path string) (shown, error)
	// follow tells where links lead on the way to a path and at its end.
	follow(ctx context.Context, path string) (string, error)
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

// pathHint tells what paths look like.
const pathHint = "paths are as in the mount: DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/...; `slotfs ls` shows the first level"

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
		return exit.Hinted(err, pathHint)
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

func (b mountBrowser) mountpoint() string { return b.root.Name() }

func (b mountBrowser) follow(_ context.Context, p string) (string, error) {
	var above []string // the directories on the way
	rest := strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			above = above[:max(len(above)-1, 0)]
			continue
		}
		at := path.Join(append(above, name)...)
		info, err := b.root.Lstat(at)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			above = append(above, name)
			continue
		}
		target, err := b.root.Readlink(at)
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", syscall.ELOOP
		}
		if path.IsAbs(target) {
			return "", errOutside
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return path.Join(above...), nil
}

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
