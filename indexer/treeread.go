package indexer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// maxDepth bounds how deep a tree is walked. No file system that cPanel runs on has longer paths than 4096
// bytes; a hijacked server can pretend to.
const maxDepth = 2048

// settling is how long after its date a tree may still be written to. Nothing that is cheap to look at
// changes when a transfer that stood still goes on deep inside.
const settling = 48 * time.Hour

// queued is how many directories are on their way for each that is being listed: while a goroutine that walks in line waits
// for its listing, others have something to list.
const queued = 4

// treeReader reads a directory tree from its listings. It is settled, and not walked again while its top directory stays as it
// is, once two passes saw the same and its date is some time ago.
type treeReader struct{}

var _ reader = treeReader{}

func (treeReader) read(ctx context.Context, b *reading) (result, error) { return walkTree(ctx, b, nil) }

// walkTree walks a tree. known are attributes that listings do not show; nil: none are known.
func walkTree(ctx context.Context, b *reading, known *attributes) (result, error) {
	b.Progress.Began(b.source, 0, 0)
	info, err := b.dest.Stat(ctx, b.source.Key())
	if err != nil {
		return result{}, fmt.Errorf("stat: %w", err)
	}
	w := &treeWalker{reading: b, attributes: known, lists: make(chan struct{}, listConcurrency), spawn: make(chan struct{}, queued*listConcurrency)}
	root := entryOf(info)
	root.Name = ""
	if known != nil {
		known.fillRoot(&root)
	}
	if err := contain.Do(func() error { return w.directory(ctx, b.source.Key(), 0, &root, false) }); err != nil {
		return result{}, err
	}
	return result{w.record(root), b.remoteContents(ctx)}, nil
}

// record is the record of a walked tree. A tree that is the one that an earlier pass saw keeps its serial, so
// that inode numbers stay.
func (w *treeWalker) record(root backup.Entry) *backup.Snapshot {
	status, detail := backup.Complete, ""
	if missing := w.unread.detail(); missing != "" {
		status, detail = backup.Incomplete, missing
	} else if root.Count == 0 {
		status, detail = backup.Incomplete, "empty directory"
	}
	s := w.reading.record(status, detail)
	same := w.sameTree(root)
	if same {
		s.Serial = w.known.Serial
	}
	s.Stable = same && w.known.Fingerprint == s.Fingerprint && status == backup.Complete && w.Now().Sub(s.Time) >= settling
	s.Root, s.Content, s.Refused = root, w.bytes.Load(), w.refused.Load()
	return s
}

// remoteContents reads whole small files of a tree on the destination.
func (b *reading) remoteContents(ctx context.Context) contents {
	return func(t *tree.Tree) engine.ReadFunc { return b.readRemote(ctx, t) }
}

func (b *reading) readRemote(ctx context.Context, t *tree.Tree) engine.ReadFunc {
	return func(name string) ([]byte, error) {
		item, err := t.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		want := b.wants(name, item.Size)
		if !item.IsRegular() || !want.Wanted() || want.Len(item.Size) > maxKept || want.Unpacked && item.Size > maxFetched {
			return nil, fs.ErrNotExist
		}
		stored, err := t.StoredPath(ctx, item.Number)
		if err != nil {
			return nil, err
		}
		content, err := readExcerpt(ctx, b.dest, path.Join(b.source.Key(), stored), want, item.Size)
		if err == nil && want.Unpacked {
			return unpackedEnds(content, want)
		}
		if err != nil && !endsPass(ctx, err) {
			return nil, fs.ErrNotExist
		}
		if err == nil && item.Checksums != "" && int64(len(content)) == item.Size && !item.Checksums.Matches(sha256.Sum256(content)) {
			b.Log.Warn("not what was backed up", "path", path.Join(b.source.Key(), stored))
			return nil, fs.ErrNotExist
		}
		return content, err
	}
}

// readExcerpt reads what is wanted of a remote file of size bytes.
func readExcerpt(ctx context.Context, d dest.Reader, name string, want backup.Excerpt, size int64) ([]byte, error) {
	f, err := d.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from, to := want.Gap(size)
	content := make([]byte, size-(to-from))
	if err := readFull(ctx, f, content[:from], 0); err != nil {
		return nil, err
	}
	return content, readFull(ctx, f, content[from:], to)
}

// readFull reads all of buf at an offset.
func readFull(ctx context.Context, f dest.File, buf []byte, at int64) error {
	n, err := f.ReadAt(ctx, buf, at)
	if n == len(buf) && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// treeWalker walks the directories of one tree snapshot, several side by side, and writes each directory's node
// when everything below it is written.
type treeWalker struct {
	*reading
	attributes *attributes   // nil: listings tell all there is
	lists      chan struct{} // holds a token for every request in flight
	spawn      chan struct{} // holds a token for every goroutine; without one a directory is walked in line
	entries    atomic.Int64
	bytes      atomic.Int64
	unread     unread
	refused    atomic.Uint64
}

// below is the path of a directory or file below the snapshot.
func (w *treeWalker) below(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, w.source.Key()), "/")
}

// directory lists dir, walks what is below it, and completes e, which is its entry. alone says that nothing else is walked
// meanwhile, for want of memory.
func (w *treeWalker) directory(ctx context.Context, dir string, depth int, e *backup.Entry, alone bool) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d directories deep", dir, maxDepth)
	}
	if !alone {
		var err error
		if alone, err = w.Memory.entries.enter(ctx); err != nil {
			return err
		}
		defer w.Memory.entries.leave(alone)
	}
	infos, err := w.list(ctx, dir)
	if errors.Is(err, fs.ErrPermission) {
		w.unread.add(w.below(dir))
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && depth > 0 {
		return nil // deleted since its parent was listed: the fingerprint or the next pass will tell
	}
	if err == nil {
		err = w.Memory.entries.take(len(infos))
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	defer w.Memory.entries.give(len(infos))
	w.Progress.Read(w.source, w.entries.Add(int64(len(infos))))
	written, err := w.write(ctx, dir, depth, infos, alone)
	if err != nil {
		return err
	}
	e.Child, e.Count, e.Attributed, e.Nlink = written.Child, written.Count, written.Attributed, 2+written.Dirs
	return nil
}

// together is how many entries of a directory are completed, and their subdirectories walked, side by side.
const together = 256

// write writes the node of a directory, and before that those of the directories in it.
func (w *treeWalker) write(ctx context.Context, dir string, depth int, infos []dest.Info, alone bool) (tree.Dir, error) {
	out := tree.NewWriter(w.index)
	for some := range slices.Chunk(infos, together) {
		entries := w.entriesOf(some)
		if w.attributes != nil {
			if err := w.attributes.fill(ctx, dir, entries); err != nil {
				return tree.Dir{}, err
			}
		}
		if err := w.children(ctx, dir, depth, entries, alone); err != nil {
			return tree.Dir{}, err
		}
		for i := range entries {
			if err := out.Add(ctx, &entries[i]); err != nil {
				return tree.Dir{}, storeError{err}
			}
		}
	}
	written, err := out.Close(ctx)
	if err != nil {
		return tree.Dir{}, storeError{err}
	}
	return written, nil
}

// entriesOf are the entries of a listing, without those that a hijacked server made up: names and sizes that
// no file system has.
func (w *treeWalker) entriesOf(infos []dest.Info) []backup.Entry {
	entries := make([]backup.Entry, 0, len(infos))
	for _, info := range infos {
		e := entryOf(info)
		if tree.Check(&e) != nil {
			w.refused.Add(1)
			continue
		}
		entries = append(entries, e)
	}
	return entries
}

// children fills in the entries of one directory, walking its subdirectories.
func (w *treeWalker) children(ctx context.Context, dir string, depth int, entries []backup.Entry, alone bool) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range entries {
		e := &entries[i]
		name := path.Join(dir, e.Name)
		var visit func() error
		switch {
		case e.IsDir():
			visit = func() error { return w.directory(ctx, name, depth+1, e, alone) }
		case e.IsSymlink():
			visit = func() error { return w.link(ctx, name, e) }
		default:
			w.bytes.Add(e.Size)
			continue
		}
		if err := w.run(group, alone, visit); err != nil {
			return errors.Join(err, group.Wait())
		}
	}
	return group.Wait()
}

// run calls visit on a goroutine of its own if there may be one more, and else at once, so that neither
// goroutines nor directories in memory grow with the tree.
func (w *treeWalker) run(group *errgroup.Group, alone bool, visit func() error) error {
	if alone {
		return visit()
	}
	select {
	case w.spawn <- struct{}{}:
		group.Go(func() error {
			defer func() { <-w.spawn }()
			return contain.Do(visit)
		})
		return nil
	default:
		return visit()
	}
}

// list lists a directory by name, as trees are ordered.
func (w *treeWalker) list(ctx context.Context, dir string) ([]dest.Info, error) {
	if err := w.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-w.lists }()
	infos, err := w.dest.List(ctx, dir)
	slices.SortFunc(infos, func(a, b dest.Info) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(infos, func(a, b dest.Info) bool { return a.Name == b.Name }), err
}

func (w *treeWalker) link(ctx context.Context, name string, e *backup.Entry) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer func() { <-w.lists }()
	target, err := w.dest.ReadLink(ctx, name)
	if err != nil && endsPass(ctx, err) {
		return fmt.Errorf("readlink %s: %w", name, err)
	}
	if err != nil {
		w.unread.add(w.below(name))
		return nil
	}
	if len(target) > backup.MaxTarget || strings.IndexByte(target, 0) >= 0 {
		w.refused.Add(1)
		return nil
	}
	e.Target, e.Size = target, int64(len(target))
	return nil
}

func (w *treeWalker) take(ctx context.Context) error {
	select {
	case w.lists <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// entryOf is what a listing tells of an entry.
func entryOf(info dest.Info) backup.Entry {
	e := backup.Entry{Name: info.Name, Mode: info.Mode, UID: info.UID, GID: info.GID, MTime: info.MTime * 1e9, Nlink: 1}
	switch {
	case e.IsDir():
		e.Nlink = 2
	case e.IsRegular(), e.IsSymlink():
		e.Size = info.Size
	}
	return e
}
