package indexer

import (
	"context"
	"errors"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// Store is what readers of backups write to.
type Store interface {
	tree.Store
	States
	Points
	Tables
}

// reader makes a snapshot of one kind of backup: an archive, a tree or a slot. It does not see the pass.
type reader interface {
	read(ctx context.Context, b *reading) (result, error)
}

// reading is one backup while it is read, and what a reader needs for that.
type reading struct {
	*Options
	dest   dest.Destination
	index  Store
	wants  func(path string, size int64) backup.Excerpt // what is to be kept of the content of a file
	source *backup.Source
	serial uint64
	known  *backup.Snapshot // the record of an earlier pass; nil: there is none
}

// result is what was read.
type result struct {
	snapshot *backup.Snapshot
	contents contents // nil: there is nothing that an engine could describe
}

// contents returns how to read those files of a snapshot's tree that the engine wants.
type contents func(*tree.Tree) engine.ReadFunc

// record is a snapshot without a tree.
func (b *reading) record(status backup.Status, detail string) *backup.Snapshot {
	return &backup.Snapshot{
		Source: *b.source, Destination: b.Destination, Serial: b.serial, Status: status, Detail: detail,
		Stable: status != backup.Growing, Indexed: b.Now().UTC(), Reader: readerRevision,
	}
}

// denied is the record of a backup that the server does not let us read. Every pass tries it again.
func (b *reading) denied() *backup.Snapshot {
	s := b.record(backup.Unreadable, "permission denied by the server")
	s.Stable = false
	return s
}

// giveRoot completes the root of a tree that nothing tells the attributes of.
func giveRoot(s *backup.Snapshot) {
	if s.Root.Mode == 0 {
		s.Root.Mode = backup.ModeDir | 0o755
		s.Root.SetTime(backup.TimeOf(s.Time))
	}
}

// sameTree reports whether an earlier pass read the same tree.
func (b *reading) sameTree(root backup.Entry) bool {
	return b.known != nil && b.known.Kind == b.source.Kind && b.known.Root.Child == root.Child && b.known.Root.Mode != 0
}

// newBuilder begins a tree, or goes on with one. The builder is to be released.
func (b *reading) newBuilder(root backup.Entry) *tree.Builder {
	builder := tree.NewBuilder(b.index, root)
	builder.Share(&b.Memory.nodes)
	return builder
}

// dropState forgets how far an earlier pass came.
func (b *reading) dropState(ctx context.Context) error {
	if err := b.index.DropState(ctx, b.Destination, b.source.Key()); err != nil {
		return storeError{err}
	}
	return nil
}

// storeError marks an error of the index, which ends the pass.
type storeError struct{ err error }

func (e storeError) Error() string { return e.err.Error() }
func (e storeError) Unwrap() error { return e.err }

// endsPass reports whether going on with the next backup is useless after err.
func endsPass(ctx context.Context, err error) bool {
	var store storeError
	return ctx.Err() != nil || errors.As(err, &store) || errors.Is(err, dest.ErrUnreachable) ||
		errors.Is(err, dest.ErrAuth) || errors.Is(err, dest.ErrClosed)
}

func storedSize(s *backup.Source) int64 {
	var size int64
	for _, f := range s.Files {
		size += f.Size
	}
	return size
}
