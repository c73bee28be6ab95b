package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/service"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/term"
)

// literalFlag is that of all commands that take paths.
func literalFlag() cli.Flag {
	return &cli.BoolFlag{Name: "literal", Usage: "a backslash in PATH is one, and begins no escape"}
}

// shownPath is a path as people write it, without slashes around it and without "..".
func shownPath(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

// pathArgument is a PATH of a command line: as in the mount, or with the mountpoint in front, and with what cannot be
// printed as it is printed.
type pathArgument struct {
	text    string
	literal bool
	// mountpoint is where the mount is; "" if nothing is mounted. Then the names of destinations tell where a path begins.
	mountpoint   string
	destinations []string
}

// pathArgument is an argument of a command that looks through b.
func (s *settings) pathArgument(b *service.Browser, text string, literal bool) pathArgument {
	a := pathArgument{text: text, literal: literal, mountpoint: b.Mountpoint()}
	if a.mountpoint != "" {
		return a
	}
	if c, err := s.Config(); err == nil {
		a.destinations = c.Names()
	}
	return a
}

// forms are the paths below the mountpoint that the argument can mean, the likeliest one first.
func (a pathArgument) forms() []string {
	texts := []string{a.text}
	if plain, ok := term.Unescape(a.text); ok && !a.literal && plain != a.text {
		texts = []string{plain, a.text}
	}
	var all []string
	add := func(p string, ok bool) {
		if ok && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, text := range texts {
		inMount, ok := a.belowMountpoint(text)
		add(inMount, ok && path.IsAbs(text))
		add(shownPath(text), true)
		add(inMount, ok)
		add(a.belowDestination(text))
	}
	return all
}

// belowMountpoint takes the mountpoint off a path, which may lead there by way of links.
func (a pathArgument) belowMountpoint(text string) (string, bool) {
	p, err := filepath.Abs(text)
	if err != nil || text == "" || a.mountpoint == "" {
		return "", false
	}
	top, err := os.Stat(a.mountpoint)
	if err != nil {
		return "", false
	}
	for at := p; ; at = path.Dir(at) {
		if info, err := os.Stat(at); at == a.mountpoint || err == nil && os.SameFile(info, top) {
			return shownPath(strings.TrimPrefix(p, at)), true
		}
		if at == "/" {
			return "", false
		}
	}
}

// belowDestination takes what stands in front of the name of a destination off a path.
func (a pathArgument) belowDestination(text string) (string, bool) {
	elements := strings.Split(shownPath(text), "/")
	at := slices.IndexFunc(elements, func(e string) bool { return slices.Contains(a.destinations, e) })
	if at < 1 || !path.IsAbs(text) {
		return "", false
	}
	return path.Join(elements[at:]...), true
}

// among tells which of some paths there is; the first one if there is none.
func among(paths []string, look func(p string) error) (string, error) {
	if len(paths) == 1 {
		return paths[0], nil
	}
	for _, p := range paths {
		err := look(p)
		if err == nil {
			return p, nil
		}
		if !browse.Missing(err) {
			return "", err
		}
	}
	return paths[0], nil
}

// path is the path below the mountpoint that an argument means.
func (s *settings) path(ctx context.Context, b *service.Browser, text string, literal bool) (string, error) {
	return among(s.pathArgument(b, text, literal).forms(), func(p string) error {
		_, err := b.Stat(ctx, p)
		return err
	})
}
