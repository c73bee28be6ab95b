package scrub

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/tree"
)

const (
	// nodeCache is how many bytes of decoded nodes are kept while a tree is walked.
	nodeCache = 8 << 20
	// batchFiles is how many small files are read before they are compared, sideBySide how many of them at a time.
	batchFiles = 64
	sideBySide = 8
	// piecesInFile bounds the number of a piece within a file, which stands below that of the file's entry.
	piecesInFile = 1 << 20
)

// directories is a tree: its pieces are its files, those of large files pieceSize bytes each. They are counted by the number of the
// file's entry times piecesInFile, and the number in the file.
type directories struct{}

var _ subject = directories{}

func (directories) read(ctx context.Context, r *round) (bool, error) {
	t := tree.New(r.index, r.snapshot.Root, tree.NewCache(nodeCache))
	w := &walker{round: r, tree: t}
	if err := w.directory(ctx, t.Root(), r.snapshot.Key()); err != nil {
		return false, err
	}
	err := w.compareBatch(ctx)
	return err == nil || errors.Is(err, errStopped) && w.atEnd(), err
}

// walker walks the files of a tree in order.
type walker struct {
	*round
	tree  *tree.Tree
	batch []*file
	bytes int64 // of batch
}

// atEnd reports whether nothing is left to be read.
func (w *walker) atEnd() bool { return w.v.Round.Next/piecesInFile > w.snapshot.Root.Count }

// file is a small file, or a piece of a large one.
type file struct {
	number uint64 // of the piece
	remote backup.File
	name   string // in the snapshot
	offset int64
	data   []byte
	size   int64 // of the piece
	err    error
	next   uint64 // piece
}

// directory reads what is in a directory and below it, from Round.Next on.
func (w *walker) directory(ctx context.Context, dir tree.Item, remote string) error {
	for it, err := range w.tree.List(ctx, dir, 0) {
		if err != nil {
			return err
		}
		if (it.Number+it.Count+1)*piecesInFile <= w.v.Round.Next {
			continue
		}
		name := it.Stored
		if name == "" {
			name = it.Name
		}
		at := path.Join(remote, name)
		switch {
		case it.IsDir():
			err = w.directory(ctx, it, at)
		case it.IsRegular() && it.Link == "" && it.Size > 0:
			err = w.file(ctx, &it, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file reads the pieces of a file, or has a small one read with others.
func (w *walker) file(ctx context.Context, it *tree.Item, at string) error {
	remote := backup.File{Path: at, Size: it.Size, MTime: it.Seconds()}
	name := strings.TrimPrefix(strings.TrimPrefix(at, w.snapshot.Key()), "/")
	base := it.Number * piecesInFile
	for n := int64(0); n*pieceSize < it.Size; n++ {
		number := base + uint64(n)
		if number < w.v.Round.Next {
			continue
		}
		f := &file{number: number, remote: remote, name: name, offset: n * pieceSize, size: min(pieceSize, it.Size-n*pieceSize), next: number + 1}
		if f.offset+f.size == it.Size {
			f.next = base + piecesInFile
		}
		if w.bytes+f.size > pieceSize || len(w.batch) == batchFiles {
			if err := w.compareBatch(ctx); err != nil {
				return err
			}
		}
		w.batch, w.bytes = append(w.batch, f), w.bytes+f.size
	}
	return nil
}

// compareBatch reads and compares what was collected.
func (w *walker) compareBatch(ctx context.Context) error {
	batch := w.batch
	w.batch, w.bytes = nil, 0
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, f := range batch {
		group.Go(func() (err error) {
			defer contain.Recover(&err)
			if err := w.wait(groupCtx, f.size); err != nil {
				return err
			}
			f.err = w.fetch(groupCtx, f)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var end error
	for _, f := range batch {
		what, err := fault(ctx, f.err)
		if err != nil {
			return err
		}
		same := func(ctx context.Context) error { return w.sameFile(ctx, f) }
		if err := w.piece(ctx, f.number, f.name, what, f.data, same); err != nil {
			return err
		}
		end = w.done(ctx, f.next, f.size)
		if end != nil && !errors.Is(end, errStopped) {
			return end // what was read already counts, also when that is more than was to be read
		}
	}
	return end
}

// fetch reads a piece of a file.
func (w *walker) fetch(ctx context.Context, f *file) error {
	in, err := w.openFile(ctx, &f.remote)
	if err != nil {
		return err
	}
	defer in.Close()
	f.data = make([]byte, f.size)
	n, err := in.ReadAt(ctx, f.data, f.offset)
	if n == len(f.data) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// sameFile reports whether a file is still the one that was indexed.
func (w *walker) sameFile(ctx context.Context, f *file) error {
	in, err := w.openFile(ctx, &f.remote)
	if err != nil {
		return err
	}
	return in.Close()
}

// maxNamed is how many files of a damaged span are named.
const maxNamed = 5

// filesIn names the files that have content between two offsets of the uncompressed archive.
func (r *round) filesIn(ctx context.Context, from, to int64) (string, error) {
	t := tree.New(r.index, r.snapshot.Root, tree.NewCache(nodeCache))
	var names []string
	more := errors.New("more files")
	var look func(dir tree.Item, at string) error
	look = func(dir tree.Item, at string) error {
		for it, err := range t.List(ctx, dir, 0) {
			if err != nil {
				return err
			}
			name := path.Join(at, it.Name)
			switch {
			case it.IsDir():
				if err := look(it, name); err != nil {
					return err
				}
			case it.IsRegular() && it.Link == "" && it.Offset < to && it.Offset+it.Size > from:
				names = append(names, name)
				if len(names) > maxNamed {
					return more
				}
			}
		}
		return nil
	}
	switch err := look(t.Root(), ""); {
	case errors.Is(err, more):
		return strings.Join(names[:maxNamed], ", ") + " and more", nil
	case err != nil:
		return "", err
	case len(names) == 0:
		return "none", nil
	}
	return strings.Join(names, ", "), nil
}
