package indexer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// readRecorded makes the snapshot of a backup that says itself what it is.
func (p *pass) readRecorded(ctx context.Context, r engine.SelfDescriber, s *backup.Source, serial uint64) (*backup.Snapshot, error) {
	record, err := r.DescribeSelf(ctx, p.dest, s)
	if errors.Is(err, fs.ErrPermission) && !endsPass(ctx, err) {
		p.Progress.Began(s, 0, 0)
		snapshot := p.record(s, serial, backup.Unreadable, "permission denied by the server")
		snapshot.Stable = false
		return snapshot, nil
	}
	if err != nil {
		return nil, err
	}
	if known := p.sameAsKnown(s, &record); known != nil {
		p.Progress.Began(s, 0, 0)
		return known, nil
	}
	var snapshot *backup.Snapshot
	switch {
	case s.Kind != backup.Slot && record.Status == backup.Incomplete:
		p.Progress.Began(s, 0, 0)
		snapshot = p.record(s, serial, record.Status, record.Detail) // no backup: not worth reading
	case s.Kind != backup.Slot:
		snapshot, err = p.readDescribed(ctx, s, serial, record)
	case record.Walked || record.List == nil:
		snapshot, err = p.readWalked(ctx, s, serial, record)
	default:
		snapshot, err = p.readListed(ctx, s, serial, record)
	}
	if err != nil {
		return nil, err
	}
	return p.confirm(ctx, r, s, snapshot, record)
}

// sameAsKnown is the record of a backup that an earlier pass read and that is still the same one: only what is said of
// it may have changed. It is settled when two passes in a row saw it.
func (p *pass) sameAsKnown(s *backup.Source, record *engine.SelfDescription) *backup.Snapshot {
	known := p.known[s.Key()]
	if known == nil || p.Full || outdated(known) || known.Kind != s.Kind || !known.Readable() {
		return nil
	}
	next := *known
	next.Source, next.Indexed, next.Machine = *s, p.Now().UTC(), record.Machine
	next.Stable = known.Fingerprint == s.Fingerprint && record.Status == known.Status
	if s.Kind == backup.Slot {
		// What was walked may have changed under its mark, and may come to be listed.
		if record.Walked || known.Mark != s.Mark || known.Status != record.Status {
			return nil
		}
		return &next
	}
	if !slices.Equal(known.Files, s.Files) || known.Status != backup.Complete && known.Status != backup.Incomplete {
		return nil
	}
	next.Status, next.Detail = record.Status, record.Detail
	return &next
}

// confirm adds what the backup says of itself to what reading it proved, unless it became another one meanwhile.
func (p *pass) confirm(ctx context.Context, r engine.SelfDescriber, s *backup.Source, snapshot *backup.Snapshot, record engine.SelfDescription) (*backup.Snapshot, error) {
	again := *s
	if _, err := r.DescribeSelf(ctx, p.dest, &again); err != nil {
		return nil, err
	}
	if again.Mark != s.Mark {
		return p.record(s, snapshot.Serial, backup.Growing, "changed while it was read; the next pass reads it again"), nil
	}
	snapshot.Machine = record.Machine
	snapshot.Stable = false // what is written twice within a second looks alike
	if snapshot.Status == backup.Complete && record.Status != backup.Complete {
		snapshot.Status, snapshot.Detail = record.Status, record.Detail
	}
	return snapshot, nil
}

// readListed makes the snapshot of a tree from the list of its entries, without asking the server for a listing. Where
// the list is damaged the listings have to do.
func (p *pass) readListed(ctx context.Context, s *backup.Source, serial uint64, record engine.SelfDescription) (*backup.Snapshot, error) {
	p.Progress.Began(s, 0, 0)
	snapshot, err := p.fromList(ctx, s, serial, record)
	if errors.Is(err, engine.ErrDamaged) {
		return p.readWalked(ctx, s, serial, engine.SelfDescription{Status: backup.Corrupt, Detail: err.Error()})
	}
	if err != nil {
		return nil, err
	}
	if known, same := p.sameTree(s, snapshot.Root); same {
		snapshot.Serial = known.Serial // inode numbers stay
	}
	err = p.describe(ctx, snapshot, func(t *tree.Tree) engine.ReadFunc { return p.readRemote(ctx, s, t) })
	return snapshot, err
}

// fromList makes the record of a snapshot whose entries are listed, and its tree.
func (p *pass) fromList(ctx context.Context, s *backup.Source, serial uint64, record engine.SelfDescription) (*backup.Snapshot, error) {
	l := &listing{pass: p, source: s, builder: p.newBuilder(backup.Entry{})}
	defer l.builder.Release()
	remarks, err := record.List(ctx, func(path string, e *backup.Entry) error { return l.add(ctx, path, e) })
	if err != nil {
		return nil, err
	}
	root, err := l.builder.Finish(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	detail := remarks.Detail
	if record.Detail != "" {
		detail = record.Detail
	}
	snapshot := p.record(s, serial, record.Status, detail)
	snapshot.Notes = remarks.Notes
	snapshot.Names = record.Names.Names()
	snapshot.Stable = false
	snapshot.Root, snapshot.Content, snapshot.Refused = root, l.bytes, l.refused
	if root.Mode == 0 {
		snapshot.Root.Mode = backup.ModeDir | 0o755
		snapshot.Root.SetTime(backup.TimeOf(s.Time))
	}
	return snapshot, nil
}

// listing puts a list of entries into a tree.
type listing struct {
	pass    *pass
	source  *backup.Source
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
		l.pass.Progress.Read(l.source, l.entries)
	}
	return nil
}

// readWalked makes the snapshot of a tree from its listings; what the record lists tells the attributes of what is
// still as it was listed.
func (p *pass) readWalked(ctx context.Context, s *backup.Source, serial uint64, record engine.SelfDescription) (*backup.Snapshot, error) {
	l := &listing{pass: p, source: s, builder: p.newBuilder(backup.Entry{})}
	defer l.builder.Release()
	if record.List != nil {
		_, err := record.List(ctx, func(path string, e *backup.Entry) error { return l.add(ctx, path, e) })
		if err != nil && !errors.Is(err, engine.ErrDamaged) {
			return nil, err
		}
	}
	root, err := l.builder.Finish(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	l.builder.Release()
	known := &attributes{top: s.Key(), tree: tree.New(p.index, root, tree.NewCache(nodeCache)), root: root}
	snapshot, err := p.walkTree(ctx, s, serial, known)
	if err != nil {
		return nil, err
	}
	snapshot.Names = record.Names.Names()
	snapshot.Status, snapshot.Detail, snapshot.Stable = record.Status, record.Detail, false
	return snapshot, nil
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
