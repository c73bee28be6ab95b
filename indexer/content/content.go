// Package content reads what is in a snapshot: files of a tree from the remote files themselves, members of an
// archive through its seek points. Every byte of an archive is checked before it is handed out. It knows no protocol.
package content

import (
	"context"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/tree"
)

// Points finds seek points.
type Points interface {
	// Point returns the last point at or before the uncompressed offset out of the archive of a snapshot.
	Point(ctx context.Context, serial uint64, out int64) (*gzseek.Point, error)
}

// Options of a Reader.
type Options struct {
	Memory int64 // bytes of decoded spans and fetched blocks kept; default 64 MiB
}

// Reader reads the snapshots of one destination. It is safe for concurrent use.
type Reader struct{}

// NewReader reads from d with the seek points in points.
func NewReader(d dest.Reader, points Points, o Options) *Reader { panic("unwritten") }

// Open prepares reading the regular file it of snapshot s, whose tree is t. It does not wait for the network.
func (r *Reader) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (*File, error) {
	panic("unwritten")
}

// OpenOriginal prepares reading the n-th remote file of an archive snapshot as it lies there.
func (r *Reader) OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (*File, error) {
	panic("unwritten")
}

// Close gives memory and remote handles back.
func (r *Reader) Close() error { panic("unwritten") }

// File is the content of one file. It is safe for concurrent use.
type File struct{}

// ReadAt reads len(p) bytes at off; fewer only with an error, io.EOF at the end. backup.ErrStale when the remote
// file is not the one that was indexed, backup.ErrCorrupt when its bytes are not.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) { panic("unwritten") }

// Close gives up the file. Nothing is flushed; there is nothing to lose.
func (f *File) Close() error { panic("unwritten") }
