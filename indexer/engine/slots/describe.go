package slots

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/engine/dump"
	"slotfs/indexer/tree"
)

// shape is what the top of a tree looks like.
type shape int

const (
	plain   shape = iota // any directory
	home                 // the home directory of a cPanel account
	account              // what pkgacct makes
)

// Describe implements engine.Engine. What has the shape of a cPanel account, or of the home of one, has its parts; files/
// of anything but an account is the whole tree.
func (e *Engine) Describe(ctx context.Context, s *backup.Source, t *tree.Tree, read engine.ReadFunc) (engine.Description, error) {
	of, err := shapeOf(ctx, t)
	if err != nil {
		return engine.Description{}, err
	}
	var d engine.Description
	if of != plain {
		if d, err = e.accounts.Describe(ctx, s, t, read); err != nil {
			return engine.Description{}, err
		}
		d.Account = "" // the directory's name is that of the account
	}
	if of == account && d.Status == "" {
		return d, nil
	}
	top := t.Root()
	d.Status, d.Detail, d.Parts.Full = "", "", ""
	d.Parts.Grafts = slices.DeleteFunc(d.Parts.Grafts, func(g backup.Graft) bool { return g.Kind == backup.Files })
	d.Parts.Grafts = slices.Insert(d.Parts.Grafts, 0, backup.Graft{Kind: backup.Files, Path: string(backup.Files)})
	if d.Counts == nil {
		d.Counts = backup.Counts{}
	}
	if err := addStaged(ctx, t, read, &d); err != nil {
		return engine.Description{}, err
	}
	d.Counts[backup.Files] = int(min(top.Count, 1<<31-1))
	if d.Owner == nil && top.UID != 0 {
		d.Owner = &backup.Owner{UID: top.UID, GID: top.GID}
	}
	return d, nil
}

// shapeOf looks at the top of the tree alone: what stands below a home is the customer's, who could place anybody's
// account in it.
func shapeOf(ctx context.Context, t *tree.Tree) (shape, error) {
	has := map[string]uint32{}
	for _, name := range []string{"cp", "homedir", "homedir.tar", "userdata", "public_html", "mail", "etc"} {
		it, err := t.Lookup(ctx, t.Root(), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return plain, err
		}
		has[name] = it.Mode & backup.ModeType
	}
	dir := func(name string) bool { return has[name] == backup.ModeDir }
	switch {
	case dir("public_html"): // no account has it beside cp/
		return home, nil
	case dir("cp") && (dir("homedir") || dir("userdata") || has["homedir.tar"] == backup.ModeRegular):
		return account, nil
	case dir("mail") && dir("etc"):
		return home, nil
	}
	return plain, nil
}

const (
	// staged is where a backup has what commands put beside the source: dumps of databases, mostly.
	staged = ".slotfs-staged"
	// maxStaged bounds how many of its entries are looked at.
	maxStaged = 10_000
)

// addStaged shows the dumps that commands made before the backup. They are root's: who else may see them is not known.
func addStaged(ctx context.Context, t *tree.Tree, read engine.ReadFunc, d *engine.Description) error {
	directory, err := t.Lookup(ctx, t.Root(), staged)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!directory.IsDir() || directory.UID != 0) {
		return nil
	}
	if err != nil {
		return err
	}
	seen := 0
	var cut dump.Cut
	for it, err := range t.List(ctx, directory, 0) {
		if err != nil {
			return err
		}
		seen++
		if seen > maxStaged {
			break
		}
		if it.IsRegular() && isDump(it.Name) {
			d.Parts.Grafts = append(d.Parts.Grafts, backup.Graft{Kind: backup.Databases, Secret: true,
				Path: string(backup.Databases) + "/" + it.Name, From: staged + "/" + it.Name})
			d.Counts[backup.Databases]++
			err := cut.Look(it.Name, it.Size, func() ([]byte, error) { return read(staged + "/" + it.Name) })
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	d.Concerns = append(d.Concerns, cut.Concerns()...)
	order := backup.PartKinds()
	slices.SortStableFunc(d.Parts.Grafts, func(a, b backup.Graft) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.Path, b.Path))
	})
	return nil
}

// isDump reports whether a file is called as dumps are.
func isDump(name string) bool {
	for _, end := range []string{".gz", ".zst", ".xz", ".bz2"} {
		name = strings.TrimSuffix(name, end)
	}
	return strings.HasSuffix(name, ".sql") || strings.HasSuffix(name, ".dump")
}
