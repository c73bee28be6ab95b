package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/fs/view"
)

// openFile is an open regular file.
type openFile struct {
	node     view.Node
	file     File          // nil: node.Data is the content
	deadline time.Duration // of a read
	opened   uint64        // counts all files that were opened
}

func (f *openFile) close(r *raw) {
	if f.file == nil {
		return
	}
	if err := f.file.Close(); err != nil {
		r.c.Log.Debug("close", "path", r.view.Path(r.ctx, f.node.ID), "error", err)
	}
}

// Open opens a regular file. It does not touch the network.
func (r *raw) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r.activity.begin()
	defer r.activity.end()
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY || in.Flags&syscall.O_TRUNC != 0 {
		return fuse.EROFS
	}
	n, err := r.view.Node(r.ctx, in.NodeId)
	if err != nil {
		return r.failed(in.NodeId, "", err)
	}
	if !isRegular(&n) {
		return fuse.EINVAL
	}
	f := &openFile{node: n, opened: r.opens.Add(1)}
	if err = r.open(f); err != nil {
		return r.failed(in.NodeId, "", fmt.Errorf("open: %w", err))
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH
	if late, ok := f.file.(LateProof); ok && late.ProvenAtEnd() {
		out.OpenFlags = fuse.FOPEN_NOFLUSH // what the kernel has of it was never proven
	}
	if n.Source == view.FromVolatile {
		// Its size is that of this moment, not the one that the kernel remembers.
		out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	}
	out.Fh = r.files.add(f)
	return fuse.OK
}

// open opens what is not in memory.
func (r *raw) open(f *openFile) (err error) {
	n := &f.node
	if n.Source != view.FromTree && n.Source != view.FromOriginal {
		return nil
	}
	var content Content
	if r.c.Content != nil {
		content = r.c.Content(n.Snapshot.Destination)
	}
	if content == nil {
		return fmt.Errorf("destination %s: %w", n.Snapshot.Destination, iofs.ErrNotExist)
	}
	f.deadline = content.Deadline()
	if n.Source == view.FromOriginal {
		f.file, err = content.OpenOriginal(r.ctx, n.Snapshot, n.Piece)
	} else {
		f.file, err = content.Open(r.ctx, n.Snapshot, n.Tree, n.Item)
	}
	return err
}

// Read reads from an open file.
func (r *raw) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	r.activity.begin()
	defer r.activity.end()
	f, ok := r.files.get(in.Fh)
	if !ok {
		return nil, fuse.EBADF
	}
	size := uint64(f.node.Attr.Size)
	if in.Offset >= size {
		return fuse.ReadResultData(nil), fuse.OK
	}
	want := min(uint64(in.Size), uint64(len(buf)), size-in.Offset)
	if f.file == nil {
		return fuse.ReadResultData(f.node.Data[in.Offset : in.Offset+want]), fuse.OK
	}
	blocks, err := r.read(cancel, f, buf[:want], int64(in.Offset))
	if err != nil {
		return nil, r.failed(in.NodeId, "", fmt.Errorf("read %d bytes at %d: %w", want, in.Offset, err))
	}
	return fuse.ReadResultVector(blocks), fuse.OK
}

// errShort says that a file ended before the size that the index has for it.
var errShort = errors.New("ends early")

// mostBlocks is how many pieces an answer may have. The kernel takes 1024 (UIO_MAXIOV), and there are headers.
const mostBlocks = 1000

// read reads len(p) bytes within the deadline, into p unless they are somewhere already.
func (r *raw) read(cancel <-chan struct{}, f *openFile, p []byte, off int64) ([][]byte, error) {
	want := readRange{node: f.node.ID, off: off, n: int64(len(p)), opened: f.opened}
	q, err := r.request(f, want, cancel)
	if err != nil {
		return nil, err
	}
	defer q.end()
	blocks, n, err := readBlocks(q.ctx, f.file, p, off)
	switch {
	case n == len(p):
		return blocks, nil
	case errors.Is(err, io.EOF) || err == nil:
		return nil, errShort
	case q.ctx.Err() != nil:
		// Why it ended is known to the context only.
		return nil, fmt.Errorf("%w (%w)", context.Cause(q.ctx), err)
	}
	return nil, err
}

// readBlocks reads len(p) bytes and tells how many came.
func readBlocks(ctx context.Context, file File, p []byte, off int64) ([][]byte, int, error) {
	ready, ok := file.(Blocks)
	if !ok {
		n, err := file.ReadAt(ctx, p, off)
		return [][]byte{p[:n]}, n, err
	}
	blocks, err := ready.ReadBlocks(ctx, len(p), off)
	n := 0
	for _, b := range blocks {
		n += len(b)
	}
	if len(blocks) > mostBlocks && n <= len(p) {
		to := p[:0]
		for _, b := range blocks {
			to = append(to, b...)
		}
		blocks = [][]byte{to}
	}
	return blocks, n, err
}

// Release closes a file.
func (r *raw) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	if f, ok := r.files.remove(in.Fh); ok {
		f.close(r)
	}
}

// Lseek finds data and holes.
func (r *raw) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	f, ok := r.files.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	off, ok := seek(&f.node, int64(in.Offset), in.Whence)
	if !ok {
		return fuse.Status(syscall.ENXIO)
	}
	out.Offset = uint64(off)
	return fuse.OK
}

// Values of whence, from lseek(2).
const (
	seekData = 3
	seekHole = 4
)

// seek finds the next data or hole at or after off; false says that there is none before the end. Past the last byte
// of every file is a hole.
func seek(n *view.Node, off int64, whence uint32) (int64, bool) {
	size := n.Attr.Size
	if off < 0 || off >= size || whence != seekData && whence != seekHole {
		return 0, false
	}
	if n.Item.Sparse == nil {
		if whence == seekData {
			return off, true
		}
		return size, true
	}
	at := off
	for _, x := range n.Item.Sparse {
		end := x.Offset + x.Length
		if x.Length <= 0 || end <= at {
			continue
		}
		switch inside := x.Offset <= at; {
		case whence == seekData:
			return max(at, x.Offset), true
		case !inside:
			return at, true
		}
		at = end
	}
	if whence == seekData {
		return 0, false
	}
	return min(at, size), true
}
