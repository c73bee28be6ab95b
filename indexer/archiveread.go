package indexer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"

	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// errGrowing says that a file changed while it was read.
var errGrowing = errors.New("changed while it was read")

// archiveReader reads an archive in one sequential pass, going on where an earlier pass over the same archive was cut off.
type archiveReader struct{}

var _ reader = archiveReader{}

func (archiveReader) read(ctx context.Context, b *reading) (result, error) {
	file, err := openPieces(ctx, b.dest, b.source)
	if err != nil {
		return b.unopened(ctx, err)
	}
	defer file.Close()
	kind, err := kindOf(ctx, b.source, file)
	if err != nil {
		return result{}, err
	}
	r, err := newArchiveScan(ctx, b, kind, file)
	if err != nil {
		return result{}, err
	}
	defer r.builder.Release()
	defer r.handler.close()
	scanned, err := r.scan(ctx)
	if err == nil {
		err = file.unchanged(ctx)
	}
	if errors.Is(err, errGrowing) {
		return b.growing(ctx)
	}
	if err != nil {
		b.index.ReleaseSerial(r.unfinished.Serial)
		return result{}, err
	}
	return r.snapshot(ctx, scanned)
}

// unopened is the record of an archive that the server does not let us read. It is tried again by every
// pass, because permissions change without a trace in a listing.
func (b *reading) unopened(ctx context.Context, err error) (result, error) {
	switch {
	case endsPass(ctx, err) || errors.Is(err, fs.ErrNotExist):
		return result{}, err
	case errors.Is(err, errGrowing):
		return b.growing(ctx)
	case !errors.Is(err, fs.ErrPermission):
		return result{}, err
	}
	b.Progress.Began(b.source, storedSize(b.source), 0)
	return result{snapshot: b.denied()}, nil
}

// growing is the record of an archive that is still being written; its bytes are left for the next pass.
func (b *reading) growing(ctx context.Context) (result, error) {
	if err := b.dropState(ctx); err != nil {
		return result{}, err
	}
	return result{snapshot: b.record(backup.Growing, "changed while it was read; the next pass reads it again")}, nil
}

// pieces are the remote files of an archive, read as one.
type pieces struct {
	dest.File
	files  []dest.File
	source *backup.Source
}

func openPieces(ctx context.Context, d dest.Reader, s *backup.Source) (*pieces, error) {
	all := &pieces{source: s}
	sizes := make([]int64, 0, len(s.Files))
	for _, f := range s.Files {
		file, err := d.Open(ctx, f.Path)
		if err != nil {
			all.closeFiles()
			return nil, fmt.Errorf("open: %w", err)
		}
		all.files = append(all.files, file)
		sizes = append(sizes, f.Size)
	}
	all.File = dest.Concat(all.files, sizes)
	if err := all.unchanged(ctx); err != nil {
		all.closeFiles()
		return nil, err
	}
	return all, nil
}

// unchanged compares the pieces with their listing; errGrowing if one moved.
func (a *pieces) unchanged(ctx context.Context) error {
	for i, f := range a.source.Files {
		info, err := a.files[i].Stat(ctx)
		if err != nil {
			return fmt.Errorf("stat: %w", err)
		}
		if info.Size != f.Size || info.MTime != f.MTime {
			return errGrowing
		}
	}
	return nil
}

// kindOf tells by its first bytes whether an archive is compressed; what is neither is what its name says.
// Archives that were packed or unpacked by hand often keep their names.
func kindOf(ctx context.Context, s *backup.Source, file dest.File) (backup.Kind, error) {
	var head [512]byte
	n, err := file.ReadAt(ctx, head[:min(storedSize(s), int64(len(head)))], 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("read: %w", err)
	case bytes.HasPrefix(head[:n], []byte{0x1f, 0x8b}):
		return backup.TarGzip, nil
	case n == len(head) && string(head[257:262]) == "ustar":
		return backup.Tar, nil
	}
	return s.Kind, nil
}

func (a *pieces) closeFiles() {
	for _, f := range a.files {
		f.Close()
	}
}

// archiveScan feeds one archive to a tree and the index.
type archiveScan struct {
	*reading
	kind       backup.Kind // of the content, whatever the name says
	file       *pieces
	unfinished backup.Unfinished
	builder    *tree.Builder
	handler    *handler
	start      int64 // byte of the stored archive to begin at
}

func newArchiveScan(ctx context.Context, b *reading, kind backup.Kind, file *pieces) (*archiveScan, error) {
	u, start, err := b.resume(ctx)
	if err != nil {
		return nil, err
	}
	r := &archiveScan{reading: b, kind: kind, file: file, unfinished: *u, builder: b.newBuilder(u.Root), start: start}
	r.handler = &handler{ctx: ctx, index: b.index, wants: b.wants, serial: u.Serial, builder: r.builder, kept: u.Kept, notes: u.Notes,
		names: backup.CollectNames(u.Names), keeping: u.Keeping, content: u.Beginning, dump: resumeDump(u), mostPacked: maxFetched}
	if kind == backup.TarGzip {
		r.handler.mostPacked = math.MaxInt64
	}
	return r, nil
}

// resume loads how far an earlier pass came, or begins anew where there is nothing that still fits.
func (b *reading) resume(ctx context.Context) (*backup.Unfinished, int64, error) {
	u, err := b.index.LoadState(ctx, b.Destination, b.source.Key())
	if err == nil && u.Fingerprint == b.source.Fingerprint && !b.Full {
		if start, err := archive.Start(u.Scan); err == nil {
			b.Log.Info("going on with an unfinished archive", "path", b.source.Key(), "offset", start)
			if u.Kept == nil { // an empty map does not survive being saved
				u.Kept = map[string]backup.Hash{}
			}
			return u, start, nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, storeError{err}
	}
	if err := b.dropState(ctx); err != nil {
		return nil, 0, err
	}
	return &backup.Unfinished{Serial: b.serial, Fingerprint: b.source.Fingerprint, Kept: map[string]backup.Hash{}}, 0, nil
}

func (r *archiveScan) scan(ctx context.Context) (archive.Result, error) {
	size := storedSize(r.source)
	r.Progress.Began(r.source, size, r.start)
	bytes := newStored(ctx, r.file, r.start, size, func(done int64) { r.Progress.Read(r.source, done) })
	defer bytes.close()
	return archive.Scan(ctx, bytes, r.handler, archive.Options{
		Gzip:   r.kind == backup.TarGzip,
		Nested: nestedHome,
		Save:   func(state []byte) error { return r.save(ctx, state) },
		Every:  r.Every,
		Resume: r.unfinished.Scan,
		Size:   size,
	})
}

// nestedHome reports whether the member at path is the home directory as an archive of its own, at the top or
// in the account's directory.
func nestedHome(name string) bool {
	dir, base := path.Split(name)
	return base == "homedir.tar" && (dir == "" || path.Dir(path.Clean(dir)) == ".")
}

// save commits how far the scan came, and ends it early if the archive is still being written.
func (r *archiveScan) save(ctx context.Context, state []byte) error {
	if err := r.file.unchanged(ctx); err != nil {
		return err
	}
	root, err := r.builder.Flush(ctx)
	if err != nil {
		return storeError{err}
	}
	u := r.unfinished
	u.Scan, u.Root, u.Kept, u.Notes, u.Names = state, root, r.handler.kept, r.handler.notes, r.handler.names.Names()
	if r.handler.packed == nil { // how far it was unpacked is not kept: an interruption within a dump costs the look at its end
		u.Keeping, u.Beginning = r.handler.keeping, r.handler.content
	}
	u.Dump, u.DumpAt = r.handler.dump.state()
	if err := r.index.SaveState(ctx, r.Destination, r.source.Key(), &u); err != nil {
		return storeError{err}
	}
	return nil
}

// snapshot is the record of the archive after its scan.
func (r *archiveScan) snapshot(ctx context.Context, scanned archive.Result) (result, error) {
	root, err := r.builder.Finish(ctx)
	if err != nil {
		return result{}, storeError{err}
	}
	s := r.record(scanned.Status, scanned.Detail)
	s.Serial, s.Kind, s.Content, s.Refused = r.unfinished.Serial, r.kind, scanned.Content, scanned.Refused
	s.Notes = scanned.Notes
	s.Names = r.handler.names.Names()
	for _, n := range r.handler.notes {
		s.Notes.AddCount(n.Kind, n.Count, n.Example)
	}
	if scanned.Status == backup.Unreadable {
		return result{snapshot: s}, nil
	}
	if cutShort(r.source) && s.Status != backup.Corrupt {
		s.Status, s.Detail = r.source.Fault, r.source.Detail
	}
	s.Root = root
	giveRoot(s)
	if s.Status != backup.Complete {
		t := tree.New(r.index, s.Root, tree.NewCache(nodeCache))
		if s.Affected, err = affected(ctx, t, &scanned); err != nil {
			return result{}, storeError{err}
		}
	}
	return result{s, func(t *tree.Tree) engine.ReadFunc { return r.readKept(ctx, t) }}, nil
}

// readKept reads the contents that were kept while the archive streamed by. One that does not belong to the
// file that the tree shows, because a later member took its place, is not handed out.
func (r *archiveScan) readKept(ctx context.Context, t *tree.Tree) engine.ReadFunc {
	return func(name string) ([]byte, error) {
		hash, ok := r.handler.kept[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		content, err := r.index.Get(ctx, hash)
		if err != nil {
			return nil, err
		}
		item, err := t.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		switch want := r.wants(name, item.Size); {
		case !item.IsRegular(), !want.Unpacked && want.Len(item.Size) != int64(len(content)):
			return nil, fs.ErrNotExist
		case want.Unpacked:
			return endsKept(content)
		}
		return content, nil
	}
}
