package browse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"sync"

	"slotfs/fs"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/sqldump"
)

// Local is the Tree of the process that owns the index.
type Local struct {
	View *view.View
	// Content reads the snapshots of a destination; nil from it says that the destination is gone.
	Content func(destination string) fs.Content
	// Dumps keeps where the tables of dumps lie; may be nil.
	Dumps Dumps
}

// Dumps keeps where the tables lie of the SQL dumps of archives, as sqldump.Contents encodes it. What is not there is fs.ErrNotExist.
type Dumps interface {
	Tables(ctx context.Context, serial uint64, offset int64) ([]byte, error)
}

var (
	_ Paged  = (*Local)(nil)
	_ Tabled = (*Local)(nil)
)

// Node implements Looker.
func (l *Local) Node(ctx context.Context, id uint64) (Node, error) {
	n, err := l.View.Node(ctx, l.View.Current(id))
	if err != nil {
		return Node{}, err
	}
	return nodeOf(&n, true), nil
}

// Lookup implements Looker.
func (l *Local) Lookup(ctx context.Context, dir uint64, name string) (Node, error) {
	n, err := l.View.Lookup(ctx, l.View.Current(dir), name)
	if err != nil {
		return Node{}, err
	}
	return nodeOf(&n, true), nil
}

// List implements Tree.
func (l *Local) List(ctx context.Context, dir uint64, yield func(*Node) error) error {
	return l.ListFrom(ctx, dir, 0, yield)
}

// ListFrom implements Paged.
func (l *Local) ListFrom(ctx context.Context, dir uint64, from int, yield func(*Node) error) error {
	at, err := l.View.Node(ctx, l.View.Current(dir))
	if err != nil {
		return err
	}
	for n, err := range l.View.List(ctx, &at, from) {
		if err != nil {
			return err
		}
		own := nodeOf(n, at.Snapshot == nil)
		if err := yield(&own); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Open implements Tree.
func (l *Local) Open(ctx context.Context, n *Node) (fs.File, error) {
	id := l.View.Current(n.ID)
	f, err := l.open(ctx, id)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	if _, here := f.(inMemory); here {
		return f, nil
	}
	return &remoteFile{from: l, id: id, file: f}, nil
}

func (l *Local) open(ctx context.Context, id uint64) (fs.File, error) {
	at, err := l.View.Node(ctx, id)
	if err != nil {
		return nil, err
	}
	if at.Source == view.FromData || at.Source == view.FromVolatile {
		return inMemory{bytes.NewReader(at.Data)}, nil
	}
	content := l.Content(at.Snapshot.Destination)
	if content == nil {
		return nil, fmt.Errorf("destination %s: not in the configuration", at.Snapshot.Destination)
	}
	if at.Source == view.FromOriginal {
		return content.OpenOriginal(ctx, at.Snapshot, at.Piece)
	}
	return content.Open(ctx, at.Snapshot, at.Tree, at.Item)
}

// Tables implements Tabled.
func (l *Local) Tables(ctx context.Context, n *Node) (*sqldump.Contents, error) {
	at, err := l.View.Node(ctx, l.View.Current(n.ID))
	if err != nil {
		return nil, err
	}
	if l.Dumps == nil || at.Source != view.FromTree || at.Snapshot == nil || at.Item.Sparse != nil {
		return nil, nil
	}
	data, err := l.Dumps.Tables(ctx, at.Snapshot.Serial, at.Item.Offset)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, nil
	}
	found := new(sqldump.Contents)
	if err == nil {
		err = found.UnmarshalBinary(data)
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// remoteFile is a file of a destination. Where an identical snapshot takes the place of its snapshot, it is read on from there.
type remoteFile struct {
	from *Local

	mu sync.Mutex
	// mu guards what follows.
	id   uint64
	file fs.File
}

// ReadAt implements fs.File.
func (f *remoteFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := f.now().ReadAt(ctx, p, off)
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil && f.reopen(ctx) {
		n, err = f.now().ReadAt(ctx, p, off)
	}
	return n, unanswered(ctx, err)
}

func (f *remoteFile) now() fs.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file
}

// reopen opens the file where it is shown, and reports whether that is elsewhere than before.
func (f *remoteFile) reopen(ctx context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.from.View.Current(f.id)
	if id == f.id {
		return false
	}
	file, err := f.from.open(ctx, id)
	if err != nil {
		return false
	}
	f.file.Close()
	f.id, f.file = id, file
	return true
}

// Close implements fs.File.
func (f *remoteFile) Close() error { return f.now().Close() }

// unanswered says that a destination which does not answer in time is unreachable. A mount answers one reader after the other, but a
// command has no reason to go on to the next file.
func unanswered(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, dest.ErrUnreachable) {
		return fmt.Errorf("%w: %w", dest.ErrUnreachable, err)
	}
	return err
}

// nodeOf is what others see of a node of the view.
func nodeOf(n *view.Node, snapshot bool) Node {
	own := Node{ID: n.ID, Name: n.Name, Attr: n.Attr, Target: n.Target, Xattrs: n.Xattrs, Next: n.Next}
	if n.Source == view.FromTree {
		own.Extents = n.Item.Sparse
	}
	if n.Tree != nil {
		a := view.Recorded(&n.Item.Entry)
		own.Recorded = &Recorded{a.Mode, a.UID, a.GID}
	}
	if s := n.Snapshot; s != nil && snapshot {
		own.Snapshot = &Snapshot{Serial: s.Serial, Kind: s.Kind, Status: s.Status, Detail: s.Detail, Account: s.Account, Owner: s.Owner, Names: s.Names}
	}
	return own
}

// inMemory is a file that needs no reading.
type inMemory struct{ io.ReaderAt }

// ReadAt reads from memory.
func (f inMemory) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return f.ReaderAt.ReadAt(p, off)
}

// Close has nothing to do.
func (f inMemory) Close() error { return nil }

var _ fs.File = inMemory{}

// Kinds whose files cost round trips of their own; those of archives come with what lies beside them.
func (s *Snapshot) InPieces() bool { return s.Kind == backup.Tree || s.Kind == backup.Slot }
