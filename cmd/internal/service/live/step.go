package live

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/restore"
	"slotfs/fs/restore/asuser"
	"slotfs/indexer/backup"
)

// step is one thing that is put back into a home.
type step struct {
	from  string                // path in the mount
	to    string                // below the home
	merge bool                  // mailboxes: messages that are there stay
	whole bool                  // it takes the place of what is there
	skip  func(rel string) bool // leaves paths below it out, of at most maxSkip names
	lines []restore.Lines       // are added instead
}

// maxSkip is how deep paths are looked at that may be left out.
const maxSkip = 3

// target is the path below the home that a piece is about.
func (p *piece) target() string {
	if len(p.steps) == 0 {
		return ""
	}
	if s := &p.steps[0]; s.from != "" {
		return s.to
	}
	return path.Dir(p.steps[0].lines[0].Path)
}

// host prepares a step, with the rights of the account.
func (l *Live) host(ctx context.Context, p *piece, s *step, home string, out *Outcome) (*asuser.Host, error) {
	id, err := restores.Named(p.account)
	if err != nil {
		return nil, err
	}
	h := &asuser.Host{Identity: *id, Lines: s.lines, Whole: s.whole, Options: restore.Options{Overwrite: !s.merge, Maildir: s.merge, Progress: l.Progress, Failed: out.failed,
		Keep: &restore.Keep{Home: home, More: true}}}
	if s.from == "" {
		return h, nil
	}
	src := restores.NewSource(l.Tree)
	leaf, err := src.Find(ctx, s.from)
	if err != nil {
		return nil, err
	}
	h.Options.Window, h.Options.Workers = src.Window(&leaf)
	root := restore.Root{Path: s.from}
	at, names := "", []string(nil)
	if s.to != "" {
		if at, names, err = existing(home, s.to, s.whole); err != nil {
			return nil, err
		}
		root.Name = names[0]
	}
	way := l.way(ctx, src, p, at, names, leaf)
	root.Source, root.Entry = placed{Source: src, skip: s.skip}, way[0]
	root.Entry.Handle = spot{handle: way[0].Handle, way: way[1:]}
	h.Destination, h.Roots, h.Options.Keep.Below = restore.Destination{Path: home}, []restore.Root{root}, at
	return h, nil
}

// existing tells which directory on the way to a path below home is there, and the names that lead on from it. Whether it still is a
// directory is for the process to see that writes. All takes it to be there.
func existing(home, below string, all bool) (dir string, names []string, err error) {
	names = strings.Split(below, "/")
	for len(names) > 1 {
		next := path.Join(dir, names[0])
		info, err := os.Lstat(filepath.Join(home, next))
		if !all && errors.Is(err, iofs.ErrNotExist) {
			break
		}
		if err == nil && !info.IsDir() {
			return "", nil, exit.Hinted(fmt.Errorf("%s is no directory", filepath.Join(home, next)), "where it is a link, restore into the directory that it leads to, without --live")
		}
		dir, names = next, names[1:]
	}
	return dir, names, nil
}

// way are the directories that lead to leaf, with it at the end. What the backup's home has at their paths gives them their attributes:
// directories that are shown for parts have none.
func (l *Live) way(ctx context.Context, src restores.Source, p *piece, at string, names []string, leaf restore.Entry) []restore.Entry {
	all := make([]restore.Entry, 0, len(names)+1)
	for i, name := range names {
		at = path.Join(at, name)
		last := i == len(names)-1
		e := restore.Entry{Name: name, Mode: backup.ModeDir | 0o750, MTime: leaf.MTime}
		if last {
			e = leaf
			e.Name = name
		}
		in, err := src.Find(ctx, path.Join(p.at, string(backup.Files), at))
		switch kind := in.Mode & backup.ModeType; {
		case err != nil || kind != backup.ModeDir || e.Mode&backup.ModeType != backup.ModeDir:
		default:
			e.Mode, e.MTime, e.Xattrs = in.Mode, in.MTime, in.Xattrs
		}
		all = append(all, e)
	}
	if len(names) == 0 {
		all = append(all, leaf)
	}
	return all
}

// placed shows a part at its place in a home.
type placed struct {
	restores.Source
	skip func(rel string) bool
}

// spot is the handle of something in it.
type spot struct {
	rel    string // path below the part
	handle any    // of the source below
	way    []restore.Entry
}

// List implements restore.Source.
func (s placed) List(ctx context.Context, dir *restore.Entry, yield func(*restore.Entry) error) error {
	at, ok := dir.Handle.(spot)
	if !ok {
		return s.Source.List(ctx, dir, yield)
	}
	if len(at.way) > 0 {
		e := at.way[0]
		e.Handle = spot{handle: e.Handle, way: at.way[1:]}
		return yield(&e)
	}
	inner := *dir
	inner.Handle = at.handle
	return s.Source.List(ctx, &inner, func(e *restore.Entry) error {
		if s.skip == nil {
			return yield(e)
		}
		rel := path.Join(at.rel, e.Name)
		if s.skip(rel) {
			return nil
		}
		if strings.Count(rel, "/") < maxSkip {
			e.Handle = spot{rel: rel, handle: e.Handle}
		}
		return yield(e)
	})
}

// Open implements restore.Source.
func (s placed) Open(ctx context.Context, e *restore.Entry) (restore.File, error) {
	at, ok := e.Handle.(spot)
	if !ok {
		return s.Source.Open(ctx, e)
	}
	inner := *e
	inner.Handle = at.handle
	f, err := s.Source.Open(ctx, &inner)
	e.Xattrs, e.Extents = inner.Xattrs, inner.Extents
	return f, err
}
