package indexer

import (
	"context"
	"math"
	"path"
	"strings"

	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// What a record has of the files that are affected by damage: so many paths, and so many bytes of them.
const (
	maxAffected      = 100
	maxAffectedBytes = 16 << 10
)

// affected lists the files of an archive that do not lie in its first sound bytes as a whole: first those that are cut, then
// those that nothing proves.
func affected(ctx context.Context, t *tree.Tree, r *archive.Result) (backup.Affected, error) {
	a := affectedSearch{tree: t, after: r.Content, upTo: math.MaxInt64}
	if err := a.directory(ctx, t.Root(), ""); err != nil || r.Sound >= r.Content {
		return a.found, err
	}
	a.after, a.upTo = r.Sound, r.Content
	err := a.directory(ctx, t.Root(), "")
	return a.found, err
}

// affectedSearch is a walk through a tree, for the files that end within some bytes of the archive.
type affectedSearch struct {
	tree        *tree.Tree
	after, upTo int64
	found       backup.Affected
	bytes       int
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
		case it.IsRegular() && it.Size > 0:
			if end := it.Offset + storedContent(&it.Entry); end > a.after && end <= a.upTo {
				a.add(name)
			}
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
