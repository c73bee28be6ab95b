package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
)

func versionsCommand(s *shell) *cli.Command {
	return &cli.Command{
		Name:      "versions",
		Usage:     "show in which snapshots of an account a file is, and where it changed",
		ArgsUsage: "PATH",
		Flags:     []cli.Flag{literalFlag()},
		Action: func(c *cli.Context) error {
			g, err := s.begin(c, "PATH")
			if err != nil {
				return err
			}
			b, err := g.browser(c.Context)
			if err != nil {
				return err
			}
			defer b.Close()
			var all []versionJSON
			p, err := among(g.pathArgument(b, c.Args().First(), c.Bool("literal")).forms(), func(p string) error {
				var err error
				if all, err = versions(c.Context, b, p); exit.Code(err) == exit.Usage { // another form may lead into a snapshot
					return fs.ErrNotExist
				}
				return err
			})
			if err == nil && all == nil {
				all, err = versions(c.Context, b, p)
			}
			if err != nil {
				return err
			}
			return g.printVersions(all)
		},
	}
}

// versionJSON is a file in one snapshot.
type versionJSON struct {
	Snapshot string    `json:"snapshot"`
	Path     string    `json:"path"`
	PathB64  string    `json:"path_base64,omitempty"` // where the path is not UTF-8
	Size     int64     `json:"size"`
	MTime    time.Time `json:"mtime"`
	Changed  bool      `json:"changed"` // against the snapshot before
}

// snapshotElement is which element of a path is the snapshot, if the path is long enough; -1 if it is none.
func snapshotElement(elements []string) int {
	// No directory of an origin is shown with one of these names.
	at := slices.IndexFunc(elements, func(e string) bool { return e == "accounts" || e == "system" })
	switch {
	case at < 1:
		return -1
	case elements[at] == "accounts":
		return at + 2
	}
	return at + 1
}

// splitVersioned takes the snapshot out of a path: what is above it and what is below it.
func splitVersioned(p string) (above, below string, err error) {
	elements := strings.Split(p, "/")
	if end := snapshotElement(elements); end > 0 && len(elements) > end+1 {
		return path.Join(elements[:end]...), path.Join(elements[end+1:]...), nil
	}
	return "", "", exit.With(fmt.Errorf("versions: %q is no path in a snapshot", p), exit.Usage,
		"DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/...; the snapshot may be any, such as latest")
}

// versions looks for what is at a path in every snapshot of the account.
func versions(ctx context.Context, b *browser, p string) ([]versionJSON, error) {
	above, below, err := splitVersioned(p)
	if err != nil {
		return nil, err
	}
	var names []string
	err = b.list(ctx, above, func(e shown) error {
		if e.Type == "directory" {
			names = append(names, e.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := []versionJSON{}
	for _, name := range names {
		at := path.Join(above, name, below)
		e, err := b.stat(ctx, at)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v := versionJSON{Snapshot: name, Size: e.Size, MTime: e.MTime, Changed: true}
		v.Path, v.PathB64 = term.Text(at)
		if n := len(all); n > 0 {
			v.Changed = all[n-1].Size != v.Size || !all[n-1].MTime.Equal(v.MTime)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, explain("versions", path.Join(above, "*", below), fs.ErrNotExist)
	}
	return all, nil
}

func (s *settings) printVersions(all []versionJSON) error {
	if s.json {
		return s.printJSON(all)
	}
	rows := [][]string{{"SNAPSHOT", "SIZE", "MODIFIED", "CHANGED"}}
	for _, v := range all {
		changed := ""
		if v.Changed {
			changed = "changed"
		}
		rows = append(rows, []string{v.Snapshot, strconv.FormatInt(v.Size, 10), clock(&v.MTime), changed})
	}
	return term.Table(s.out, rows)
}
