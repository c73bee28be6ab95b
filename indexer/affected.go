package indexer

import (
	"context"
	"path"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// What a record has of the files that are affected by damage: so many paths, and so many bytes of them.
const (
	maxAffected      = 100
	maxAffectedBytes = 16 << 10
)

// affected lists the files of an archive that do not lie in its first sound bytes as a whole.
func affected(ctx context.Context, t *tree.Tree, sound int64) (backup.Affected, error) {
	a := affectedSearch{tree: t, sound: sound}
	return a.found, a.directory(ctx, t.Root(), "")
}

// affectedSearch is a walk through a tree.
type affectedSearch struct {
	tree  *tree.Tree
	sound int64
	found backup.Affected
	bytes int
}

func (a *affectedSearch) directory(ctx context.Context, dir tree.Item, at string) error {
	for it, err := range a.tree.List(ctx, dir, 0) {
		if err != nil {
			return err
		}
		name := path.Join(at, strings.TrimSuffix(it.Name, backup.NestedSuffix))
		switch {
		case it.IsDir():
			if err := a.directory(ctx, it, name); err != nil {
				return err
			}
		case it.IsRegular() && it.Size > 0 && it.Offset+storedContent(&it.Entry) > a.sound:
			a.add(name)
		}
	}
	return nil
}

func (a *affectedSearch) add(name string) {
	a.found.Files++
	if len(a.found.First) < maxAffected && a.bytes+len(name) <= maxAffectedBytes {
		a.bytes += len(name)
		a.found.First = append(a.found.First, name)
	}
}

// storedContent is how many bytes the content of a file takes in an archive.
func storedContent(e *backup.Entry) int64 {
	if e.Sparse == nil {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Sparse {
		n += x.Length
	}
	return n
}
