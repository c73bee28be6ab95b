package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"slotfs/cache/index"
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/term"
	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// indexBrowser shows what a mount would show, without one.
type indexBrowser struct {
	index   *index.Index
	remotes *remotes
	view    *view.View
}

func (s *settings) newIndexBrowser(ctx context.Context) (*indexBrowser, error) {
	conf, err := s.config()
	if err != nil {
		return nil, err
	}
	x, err := s.openIndex()
	if err != nil {
		return nil, err
	}
	v, err := s.newView(ctx, x, conf)
	if err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return &indexBrowser{index: x, remotes: newRemotes(s, conf, x), view: v}, nil
}

// newView is what a mount of the index would show.
func (s *settings) newView(ctx context.Context, x *index.Index, conf *config.Config) (*view.View, error) {
	all, err := x.Snapshots(ctx, "")
	if err != nil {
		return nil, err
	}
	v := view.New(view.Options{Nodes: x, Owner: s.accountOwners(func() *config.Config { return conf })})
	v.Update(conf.Names(), all)
	return v, nil
}

func (b *indexBrowser) Close() error {
	b.remotes.close()
	return b.index.Close()
}

// maxLinks is how many links are followed on the way to one path, as in the kernel.
const maxLinks = 40

// find resolves a path, following links.
func (b *indexBrowser) find(ctx context.Context, p string) (view.Node, error) {
	way, err := b.walk(ctx, p)
	if err != nil {
		return view.Node{}, err
	}
	return way[len(way)-1], nil
}

func (b *indexBrowser) follow(ctx context.Context, p string) (string, error) {
	way, err := b.walk(ctx, p)
	if err != nil {
		return "", err
	}
	var names []string
	for _, n := range way[1:] {
		names = append(names, n.Name)
	}
	return path.Join(names...), nil
}

// walk tells what lies on a path, links followed, from the top on.
func (b *indexBrowser) walk(ctx context.Context, p string) ([]view.Node, error) {
	root, err := b.view.Node(ctx, view.RootID)
	if err != nil {
		return nil, err
	}
	above := []view.Node{root} // the directories on the way, the last one being where we are
	rest := strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		here := above[len(above)-1]
		switch name {
		case "", ".":
			continue
		case "..":
			if len(above) == 1 {
				return nil, errOutside
			}
			above = above[:len(above)-1]
			continue
		}
		if !here.IsDir() {
			return nil, syscall.ENOTDIR
		}
		n, err := b.view.Lookup(ctx, here.ID, name)
		if err != nil {
			return nil, err
		}
		if n.Attr.Mode&backup.ModeType != backup.ModeSymlink {
			above = append(above, n)
			continue
		}
		if links++; links > maxLinks {
			return nil, syscall.ELOOP
		}
		if strings.HasPrefix(n.Target, "/") {
			return nil, errOutside
		}
		rest = append(strings.Split(n.Target, "/"), rest...)
	}
	return above, nil
}

// errOutside says that a link leads out of the mount.
var errOutside = errors.New("the link leads outside")

func (b *indexBrowser) list(ctx context.Context, p string, yield func(shown) error) error {
	n, err := b.find(ctx, p)
	if err != nil {
		return explain("ls", p, err)
	}
	if !n.IsDir() {
		n.Name = path.Base(p)
		return yield(shownNode(&n))
	}
	for child, err := range b.view.List(ctx, &n, 0) {
		if err != nil {
			return explain("ls", p, err)
		}
		if err := yield(shownNode(child)); err != nil {
			return err
		}
	}
	return nil
}

func (b *indexBrowser) stat(ctx context.Context, p string) (shown, error) {
	n, err := b.find(ctx, p)
	if err != nil {
		return shown{}, explain("stat", p, err)
	}
	return shownNode(&n), nil
}

func (b *indexBrowser) open(ctx context.Context, p string) (io.ReadCloser, error) {
	n, err := b.find(ctx, p)
	if err != nil {
		return nil, explain("cat", p, err)
	}
	switch {
	case n.IsDir():
		return nil, explain("cat", p, syscall.EISDIR)
	case n.Attr.Mode&backup.ModeType != backup.ModeRegular:
		return nil, explain("cat", p, errors.New("not a regular file"))
	case n.Source == view.FromData, n.Source == view.FromMoment:
		return io.NopCloser(bytes.NewReader(n.Data)), nil
	}
	c := shownContent{b.remotes, n.Snapshot.Destination}
	var f fs.File
	if n.Source == view.FromOriginal {
		f, err = c.OpenOriginal(ctx, n.Snapshot, n.Piece)
	} else {
		f, err = c.Open(ctx, n.Snapshot, n.Tree, n.Item)
	}
	if err != nil {
		return nil, explain("cat", p, err)
	}
	return &sequential{ctx: ctx, file: f, left: n.Attr.Size}, nil
}

// sequential reads a file from front to back.
type sequential struct {
	ctx  context.Context
	file fs.File
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

// shownNode is a node of the view.
func shownNode(n *view.Node) shown {
	return shown{Name: n.Name, Type: typeName(n.Attr.Mode), Size: n.Attr.Size, mode: n.Attr.Mode,
		Mode: fmt.Sprintf("%04o", n.Attr.Mode&backup.ModePerm), UID: n.Attr.UID, GID: n.Attr.GID,
		MTime: time.Unix(0, n.Attr.MTime).UTC(), Target: n.Target}
}

// shownInfo is what the kernel tells of a file.
func shownInfo(info iofs.FileInfo, target string) shown {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		st = &syscall.Stat_t{}
	}
	return shown{Name: info.Name(), Type: typeName(st.Mode), Size: info.Size(), mode: st.Mode,
		Mode: fmt.Sprintf("%04o", st.Mode&backup.ModePerm), UID: st.Uid, GID: st.Gid, MTime: info.ModTime().UTC(), Target: target}
}

func typeName(mode uint32) string {
	switch mode & backup.ModeType {
	case backup.ModeDir:
		return "directory"
	case backup.ModeRegular:
		return "file"
	case backup.ModeSymlink:
		return "link"
	case backup.ModeFIFO:
		return "fifo"
	case backup.ModeSocket:
		return "socket"
	}
	return "other"
}

// modeString is the mode as ls -l shows it.
func modeString(mode uint32) string {
	m := os.FileMode(mode & 0o777)
	text := m.String()[1:]
	letter := map[uint32]string{backup.ModeDir: "d", backup.ModeRegular: "-", backup.ModeSymlink: "l", backup.ModeFIFO: "p",
		backup.ModeSocket: "s"}[mode&backup.ModeType]
	return or(letter, "?") + text
}

// columns is a line of `ls -l`.
func (s *shown) columns() []string {
	name := term.Escape(s.Name)
	if s.Target != "" {
		name += " -> " + term.Escape(s.Target)
	}
	return []string{modeString(s.mode), strconv.FormatUint(uint64(s.UID), 10), strconv.FormatUint(uint64(s.GID), 10),
		strconv.FormatInt(s.Size, 10), s.MTime.Local().Format("2006-01-02 15:04"), name}
}
