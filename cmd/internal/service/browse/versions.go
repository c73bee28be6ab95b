package browse

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/indexer/backup"
)

// Version is a file in one snapshot of an account.
type Version struct {
	Snapshot string      `json:"snapshot"`
	Path     string      `json:"path"`
	PathB64  string      `json:"path_base64,omitempty"` // where the path is not UTF-8
	Size     int64       `json:"size"`
	MTime    backup.Time `json:"mtime"`
	Changed  bool        `json:"changed"`         // it differs from the version before, or there is none
	First    bool        `json:"first,omitempty"` // no earlier snapshot has the path
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

// SplitVersioned takes the snapshot out of a path: what is above it and what is below it.
func SplitVersioned(p string) (above, below string, err error) {
	elements := strings.Split(p, "/")
	if end := snapshotElement(elements); end > 0 && len(elements) > end+1 {
		return path.Join(elements[:end]...), path.Join(elements[end+1:]...), nil
	}
	return "", "", exit.With(fmt.Errorf("versions: %q is no path in a snapshot", p), exit.Usage,
		"DESTINATION/[ORIGIN/]accounts/ACCOUNT/SNAPSHOT/...; the snapshot may be any, such as latest")
}

// SnapshotOf is the directory of the snapshot that a path leads to or into.
func SnapshotOf(p string) (string, bool) {
	above, _, err := SplitVersioned(p + "/.")
	if err != nil {
		return "", false
	}
	name, _, _ := strings.Cut(p[len(above)+1:], "/")
	return path.Join(above, name), true
}

// Versions tells what is at a path in every snapshot of the account that the path leads into, in the order of the mount.
func Versions(ctx context.Context, t Tree, p string) ([]Version, error) {
	above, below, err := SplitVersioned(p)
	if err != nil {
		return nil, err
	}
	dir, err := Resolve(ctx, t, above)
	if err != nil {
		return nil, Explain("ls", above, err)
	}
	var names []string
	err = t.List(ctx, dir.ID, func(n *Node) error {
		if n.IsDir() {
			names = append(names, n.Name)
		}
		return nil
	})
	if err != nil {
		return nil, Explain("ls", above, err)
	}
	all := []Version{}
	for _, name := range names {
		at := path.Join(above, name, below)
		n, err := Resolve(ctx, t, at)
		if Missing(err) {
			continue
		}
		if err != nil {
			return nil, Explain("stat", at, err)
		}
		all = append(all, versionAt(at, name, &n, all))
	}
	if len(all) == 0 {
		return nil, Explain("versions", path.Join(above, "*", below), fs.ErrNotExist)
	}
	return all, nil
}

// versionAt is the version that comes after the earlier ones.
func versionAt(at, snapshot string, n *Node, earlier []Version) Version {
	v := Version{Snapshot: snapshot, Size: n.Attr.Size, MTime: n.Attr.MTime, First: len(earlier) == 0, Changed: true}
	v.Path, v.PathB64 = term.Text(at)
	if !v.First {
		last := &earlier[len(earlier)-1]
		v.Changed = last.Size != v.Size || last.MTime != v.MTime
	}
	return v
}
