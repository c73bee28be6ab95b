package indexer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// slotReader reads a backup that says itself what it is: a slot, or the archive in one.
type slotReader struct{ said *engine.SelfDescription }

var _ reader = slotReader{}

func (r slotReader) read(ctx context.Context, b *reading) (result, error) {
	switch {
	case b.source.Kind != backup.Slot && r.said.Status == backup.Incomplete:
		b.Progress.Began(b.source, 0, 0)
		return result{snapshot: b.record(r.said.Status, r.said.Detail)}, nil // no backup: not worth reading
	case b.source.Kind != backup.Slot:
		return r.readDescribed(ctx, b)
	case r.said.Walked || r.said.List == nil:
		return r.readWalked(ctx, b)
	default:
		return r.readListed(ctx, b)
	}
}

// readListed makes the snapshot of a tree from the list of its entries, without asking the server for a listing. Where
// the list is damaged the listings have to do.
func (r slotReader) readListed(ctx context.Context, b *reading) (result, error) {
	b.Progress.Began(b.source, 0, 0)
	snapshot, err := r.fromList(ctx, b)
	if errors.Is(err, engine.ErrDamaged) {
		damaged := &engine.SelfDescription{Status: backup.Corrupt, Detail: err.Error()}
		return slotReader{damaged}.readWalked(ctx, b)
	}
	if err != nil {
		return result{}, err
	}
	if b.sameTree(snapshot.Root) {
		snapshot.Serial = b.known.Serial // inode numbers stay
	}
	return result{snapshot, b.remoteContents(ctx)}, nil
}

// fromList makes the record of a snapshot whose entries are listed, and its tree.
func (r slotReader) fromList(ctx context.Context, b *reading) (*backup.Snapshot, error) {
	l := &listing{reading: b, builder: b.newBuilder(backup.Entry{})}
	defer l.builder.Release()
	remarks, err := r.said.List(ctx, func(path string, e *backup.Entry) error { return l.add(ctx, path, e) })
	if err != nil {
		return nil, err
	}
	root, err := l.builder.Finish(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	detail := remarks.Detail
	if r.said.Detail != "" {
		detail = r.said.Detail
	}
	snapshot := b.record(r.said.Status, detail)
	snapshot.Notes = remarks.Notes
	snapshot.Names = r.said.Names.Names()
	snapshot.Stable = false
	snapshot.Root, snapshot.Content, snapshot.Refused = root, l.bytes, l.refused
	giveRoot(snapshot)
	return snapshot, nil
}

// listing puts a list of entries into a tree.
type listing struct {
	*reading
	builder *tree.Builder
	entries int64
	bytes   int64
	refused uint64
}

// reportEvery is after how many entries of a list progress is told.
const reportEvery = 1 << 10

func (l *listing) add(ctx context.Context, path string, e *backup.Entry) error {
	// A tree's offsets are all zero; in an archive directories stand where what is below them begins.
	added, err := l.builder.Add(ctx, path, *e, e.Offset)
	if err == nil && !added.OK && e.Link != "" {
		own := *e // the first name is not there: this one stands for itself
		own.Link = ""
		added, err = l.builder.Add(ctx, path, own, e.Offset)
	}
	if err != nil {
		return storeError{err}
	}
	if !added.OK {
		l.refused++
	} else if e.IsRegular() && e.Link == "" {
		l.bytes += min(e.Size, math.MaxInt64-l.bytes)
	}
	l.entries++
	if l.entries%reportEvery == 0 {
		l.Progress.Read(l.source, l.entries)
	}
	return nil
}

// readWalked makes the snapshot of a tree from its listings; what the record lists tells the attributes of what is
// still as it was listed.
func (r slotReader) readWalked(ctx context.Context, b *reading) (result, error) {
	known, err := r.attributes(ctx, b)
	if err != nil {
		return result{}, err
	}
	read, err := walkTree(ctx, b, known)
	if err != nil {
		return result{}, err
	}
	s := read.snapshot
	s.Names = r.said.Names.Names()
	s.Status, s.Detail, s.Stable = r.said.Status, r.said.Detail, false
	return read, nil
}

// attributes makes a tree of what is listed, for its attributes.
func (r slotReader) attributes(ctx context.Context, b *reading) (*attributes, error) {
	l := &listing{reading: b, builder: b.newBuilder(backup.Entry{})}
	defer l.builder.Release()
	if r.said.List != nil {
		_, err := r.said.List(ctx, func(path string, e *backup.Entry) error { return l.add(ctx, path, e) })
		if err != nil && !errors.Is(err, engine.ErrDamaged) {
			return nil, err
		}
	}
	root, err := l.builder.Finish(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	return &attributes{top: b.source.Key(), tree: tree.New(b.index, root, tree.NewCache(nodeCache)), root: root}, nil
}

// attributes tells what listings do not show of the entries of a tree. The server's owners are those of whoever wrote
// the backup there: what is not known belongs to root alone.
type attributes struct {
	top  string
	tree *tree.Tree
	root backup.Entry
}

// fill completes the entries of one directory.
func (a *attributes) fill(ctx context.Context, dir string, entries []backup.Entry) error {
	parent, err := a.tree.Resolve(ctx, strings.TrimPrefix(strings.TrimPrefix(dir, a.top), "/"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError{fmt.Errorf("attributes of %s: %w", dir, err)}
	}
	found := err == nil && parent.IsDir()
	for i := range entries {
		e := &entries[i]
		var item tree.Item
		err := fs.ErrNotExist
		if found {
			item, err = a.tree.Lookup(ctx, parent, e.Name)
		}
		switch {
		case err == nil:
			apply(e, &item.Entry)
		case errors.Is(err, fs.ErrNotExist):
			e.UID, e.GID = 0, 0
		default:
			return storeError{fmt.Errorf("attributes of %s: %w", dir, err)}
		}
	}
	return nil
}

// fillRoot completes the top of the tree.
func (a *attributes) fillRoot(e *backup.Entry) {
	if a.root.Mode == 0 {
		e.UID, e.GID = 0, 0
		return
	}
	apply(e, &a.root)
}

// apply takes over what is known of a file if it is the one that was listed: it has the same type, and size and time
// where it has content.
func apply(e *backup.Entry, known *backup.Entry) {
	same := e.Mode&backup.ModeType == known.Mode&backup.ModeType
	if same && e.IsRegular() {
		same = e.Size == known.Size && e.MTime == known.RemoteMTime()*1e9
	}
	if !same {
		e.UID, e.GID = 0, 0
		return
	}
	e.Mode, e.UID, e.GID, e.MTime, e.Far = known.Mode, known.UID, known.GID, known.MTime, known.Far
	e.Xattrs, e.Sparse = known.Xattrs, known.Sparse
}
