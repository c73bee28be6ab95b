package scrub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// archiveFile is the remote file of an archive, or its pieces as one.
type archiveFile struct {
	dest.File
	size int64
}

// openArchive opens the remote files of an archive; backup.ErrStale if one is not what was indexed.
func (r *round) openArchive(ctx context.Context) (*archiveFile, error) {
	all := &archiveFile{}
	var files []dest.File
	var sizes []int64
	for i := range r.snapshot.Files {
		f := &r.snapshot.Files[i]
		file, err := r.openFile(ctx, f)
		if err != nil {
			for _, opened := range files {
				opened.Close()
			}
			return nil, err
		}
		files, sizes = append(files, file), append(sizes, f.Size)
		all.size += f.Size
	}
	all.File = dest.Concat(files, sizes)
	return all, nil
}

// openFile opens a remote file; backup.ErrStale if it is not what was indexed.
func (s *scrub) openFile(ctx context.Context, f *backup.File) (dest.File, error) {
	file, err := s.dest.Open(ctx, f.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Path, err)
	}
	info, err := file.Stat(ctx)
	if err == nil && !f.Is(info.Size, info.MTime) {
		err = backup.ErrStale
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("stat %s: %w", f.Path, err)
	}
	return file, nil
}

// same reports whether the archive is still the one that was indexed: what is read of another one is no difference.
func (r *round) same(ctx context.Context) error {
	file, err := r.openArchive(ctx)
	if err != nil {
		return err
	}
	return file.Close()
}

// openedArchive opens the archive of a round. What the server does not let us read is a difference, and all there is.
func (r *round) openedArchive(ctx context.Context) (*archiveFile, error) {
	file, err := r.openArchive(ctx)
	what, err := fault(ctx, err)
	if what != "" {
		r.differs("", what)
	}
	return file, err
}

// errNoPoint says that the index has no checksums of a part of an archive.
var errNoPoint = errors.New("no seek point")

// gzipArchive is a compressed archive: its pieces are what lies between seek points, counted by the offset in the uncompressed stream.
type gzipArchive struct{}

var _ subject = gzipArchive{}

func (gzipArchive) read(ctx context.Context, r *round) (bool, error) {
	file, err := r.openedArchive(ctx)
	if err != nil || file == nil {
		return true, err
	}
	defer file.Close()
	in := &sections{ctx: ctx, file: file.File, size: file.size, wait: r.wait}
	defer in.close()
	var decoder gzseek.Decoder
	for at := int64(r.v.Round.Next); at < r.snapshot.Content; at = int64(r.v.Round.Next) {
		p, err := r.index.Point(ctx, r.snapshot.Serial, at)
		if err != nil {
			return false, err
		}
		if p.Out != at || p.Length <= 0 {
			return false, fmt.Errorf("%w at %d of the uncompressed archive", errNoPoint, at)
		}
		first, end := p.Bit/8, min(p.End, file.size)
		err = decoder.Decode(ctx, p, in.section(first, end), func(int64, []byte) bool { return true })
		if err != nil {
			in.close() // what follows is read anew
			if err := r.badSpan(ctx, p, err); err != nil {
				return false, err
			}
		}
		if err := r.done(ctx, uint64(at+p.Length), end-first); err != nil {
			return at+p.Length >= r.snapshot.Content && errors.Is(err, errStopped), err
		}
	}
	return true, nil
}

// badSpan notes that a span cannot be read, or is not what was indexed.
func (r *round) badSpan(ctx context.Context, p *gzseek.Point, err error) error {
	what, end := fault(ctx, err)
	if end != nil {
		return end
	}
	if damaged(err) {
		what = "is not what was indexed"
	}
	if err := r.same(ctx); err != nil && (ends(ctx, err) || isStale(err)) {
		return fmt.Errorf("%w", stale(ctx, err))
	}
	names, err := r.filesIn(ctx, p.Out, p.Out+p.Length)
	if err != nil {
		return err
	}
	r.differs("", fmt.Sprintf("bytes %d to %d of the uncompressed archive: %s; files there: %s", p.Out, p.Out+p.Length-1, what, names))
	return nil
}

// damaged reports whether an error is about bytes and not about reading them.
func damaged(err error) bool {
	return errors.Is(err, gzseek.ErrCorrupt) || errors.Is(err, gzseek.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF)
}

// stale marks an error that says that there is another file by now.
func stale(ctx context.Context, err error) error {
	if !ends(ctx, err) && isStale(err) {
		return fmt.Errorf("%w: %w", backup.ErrStale, err)
	}
	return err
}

// plainArchive is an archive that is not compressed: its pieces have pieceSize bytes and are counted from 0 on.
type plainArchive struct{}

var _ subject = plainArchive{}

func (plainArchive) read(ctx context.Context, r *round) (bool, error) {
	file, err := r.openedArchive(ctx)
	if err != nil || file == nil {
		return true, err
	}
	defer file.Close()
	buf := make([]byte, min(pieceSize, file.size))
	for at := int64(r.v.Round.Next) * pieceSize; at < file.size; at += pieceSize {
		b := buf[:min(pieceSize, file.size-at)]
		if err := r.wait(ctx, int64(len(b))); err != nil {
			return false, err
		}
		n, err := file.ReadAt(ctx, b, at)
		if n == len(b) {
			err = nil
		}
		what, err := fault(ctx, err)
		if err != nil {
			return false, err
		}
		if err := r.piece(ctx, r.v.Round.Next, "", what, b, r.same); err != nil {
			return false, err
		}
		if err := r.done(ctx, r.v.Round.Next+1, int64(len(b))); err != nil {
			return at+int64(len(b)) >= file.size && errors.Is(err, errStopped), err
		}
	}
	return true, nil
}

// piece compares one piece of a file with what was noted of it, or notes it. what says why it could not be read. same finds out
// whether the file is still the one that was indexed.
func (r *round) piece(ctx context.Context, number uint64, name, what string, data []byte, same func(context.Context) error) error {
	if what == "" {
		hash := sha256.Sum256(data)
		known, equal, err := r.sums.compare(ctx, number, sum(hash[:]))
		if err != nil || known && equal {
			return err
		}
		if !known {
			r.v.Round.Noted++
			return nil
		}
		what = "is not what it was when it was first read"
	}
	if err := same(ctx); err != nil && (ends(ctx, err) || isStale(err)) {
		return stale(ctx, err)
	}
	r.differs(name, what)
	return nil
}
