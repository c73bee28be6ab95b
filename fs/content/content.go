// Package content reads what is in a snapshot: files of a tree from the remote files themselves, members of an
// archive through its seek points. Every byte of an archive is checked before it is handed out. It knows no protocol.
//
// A source is what bytes come from: one remote file, the pieces of an archive put one behind the other, or what a
// compressed archive unpacks to. All files of one archive share its source, so that whoever copies them in
// the archive's order reads one stream. Sources fill a cache of blocks that all of a Reader share; work on a
// block is shared by everybody who waits for it, and belongs to none of them.
package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/lru"
	"slotfs/indexer/tree"
)

// Points finds seek points.
type Points interface {
	// Point returns the last point at or before the uncompressed offset out of the archive of a snapshot.
	Point(ctx context.Context, serial uint64, out int64) (*gzseek.Point, error)
}

// Options of a Reader.
type Options struct {
	Memory   int64         // bytes of decoded spans and fetched blocks kept; default 128 MiB
	Deadline time.Duration // how long a read may wait for a destination; default DefaultDeadline
	Handles  int           // remote files kept open; default 128
	Recheck  time.Duration // how long an open remote file is taken for unchanged; default 30 s
	Hold     Hold          // nil: nothing is kept from being overwritten while it is read
	LeaseTTL time.Duration // how long a backup stays held after its last file was closed; default 30 s
	// Changed hears of trees that are not what was indexed, when that is found out by reading; nil: nobody does.
	Changed func(ctx context.Context, s *backup.Snapshot)
	Now     func() time.Time

	Blocks Blocks // where blocks are kept beyond memory; nil: nowhere
	Origin string // tells the destination from all others in the keys of Blocks
	// Admit is how many bytes of one run of reads in order Blocks get; default 256 MiB. Who reads more at once
	// seldom reads it again, and must not push out everything else.
	Admit int64
}

// DefaultDeadline is how long a read may wait for a destination. It outlasts a minute without network, with time to connect
// again after it.
const DefaultDeadline = 2 * time.Minute

func (o *Options) fill() {
	if o.Memory <= 0 {
		o.Memory = 128 << 20
	}
	if o.Deadline <= 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Handles <= 0 {
		o.Handles = 128
	}
	if o.Recheck <= 0 {
		o.Recheck = 30 * time.Second
	}
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Admit <= 0 {
		o.Admit = 256 << 20
	}
}

// maxSources is how many sources are remembered while no file of theirs is open: more than are fetched ahead and
// were read since then, for what is in memory is known by its source.
const maxSources = 1024

// Reader reads the snapshots of one destination. It is safe for concurrent use.
type Reader struct {
	dest       dest.Reader
	points     Points
	o          Options
	cache      cache
	handles    handles
	paused     pausedDecoders
	streams    streamCount
	prefetcher treePrefetcher
	states     states
	leases     readLeases
	decoders   sync.Pool // of *gzseek.Decoder

	ctx    context.Context // of all work; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	// mu guards what follows.
	closed  bool
	sources lru.Map[string, *shared]
	rotten  lru.Map[string, error]    // files that turned out to be other ones at their end, by the key of their source
	changed lru.Map[uint64, struct{}] // serials of snapshots that Changed was told of
	nextID  uint64
}

// NewReader reads from d with the seek points in points.
func NewReader(d dest.Reader, points Points, o Options) *Reader {
	o.fill()
	r := &Reader{dest: d, points: points, o: o}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.cache.limit = o.Memory
	r.handles.limit = o.Handles
	return r
}

// Deadline is how long a read may wait for the destination.
func (r *Reader) Deadline() time.Duration { return r.o.Deadline }

// Open prepares reading the regular file it of snapshot s, whose tree is t. It does not wait for the network.
func (r *Reader) Open(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it tree.Item) (*File, error) {
	if !it.IsRegular() {
		return nil, fmt.Errorf("open %q: no regular file: %w", it.Name, fs.ErrInvalid)
	}
	f, err := r.openFile(ctx, s, t, &it)
	if err == nil {
		f.lease = r.acquireLease(s)
	}
	return f, err
}

func (r *Reader) openFile(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it *tree.Item) (*File, error) {
	f := &File{snapshot: s, name: it.Name, size: it.Size, damaged: s.Status == backup.Corrupt}
	switch s.Kind {
	case backup.Tree, backup.Slot:
		remote, err := remoteOf(ctx, s, t, it)
		if err != nil {
			return nil, err
		}
		f.extents = []extent{{length: it.Size}}
		f.state = r.states.of(r, s)
		if err := r.attach(f, f.state.key(plainKey(remote)), remoteFile, it.Checksums, remote); err != nil {
			return nil, err
		}
		r.prefetchSiblings(s, t, it, f.source)
		return f, nil
	case backup.Tar, backup.TarGzip:
		f.extents = extentsOf(&it.Entry)
		if s.Kind == backup.Tar {
			return attached(f, r.attach(f, archiveKey(s), plainArchive, "", s.Files...))
		}
		f.serial = s.Serial
		return attached(f, r.attach(f, archiveKey(s), gzipArchive, "", s.Files...))
	}
	return nil, fmt.Errorf("open %q: snapshot of unknown kind %q", it.Name, s.Kind)
}

// OpenOriginal prepares reading the n-th remote file of an archive snapshot as it lies there.
func (r *Reader) OpenOriginal(ctx context.Context, s *backup.Snapshot, n int) (*File, error) {
	if s.Kind == backup.Tree || s.Kind == backup.Slot || n < 0 || n >= len(s.Files) {
		return nil, fmt.Errorf("open piece %d of %s: %w", n, s.Key(), fs.ErrNotExist)
	}
	remote := s.Files[n]
	f := &File{name: remote.Path, size: remote.Size, extents: []extent{{length: remote.Size}}}
	if err := r.attach(f, plainKey(remote), remoteFile, remote.Checksums, remote); err != nil {
		return nil, err
	}
	f.lease = r.acquireLease(s)
	return f, nil
}

// attached keeps a file that has no source from getting out.
func attached(f *File, err error) (*File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// remoteOf is the remote file of an entry of a tree.
func remoteOf(ctx context.Context, s *backup.Snapshot, t *tree.Tree, it *tree.Item) (backup.File, error) {
	path, err := t.StoredPath(ctx, it.Number)
	if err != nil {
		return backup.File{}, fmt.Errorf("open %q: %w", it.Name, err)
	}
	if top := s.Files[0].Path; top != "" {
		path = top + "/" + path
	}
	mtime := it.Seconds() // a tree's times are what its destination told
	if s.Kind == backup.Slot {
		mtime = it.RemoteMTime()
		if s.Files[0].MTime == backup.NoTime {
			mtime = backup.NoTime
		}
	}
	return backup.File{Path: path, Size: it.Size, MTime: mtime}, nil
}

func plainKey(f backup.File) string { return fmt.Sprintf("file %d %d %s", f.Size, f.MTime, f.Path) }

func archiveKey(s *backup.Snapshot) string {
	key := fmt.Sprintf("archive %d", s.Serial)
	for _, f := range s.Files {
		key += fmt.Sprintf("\x00%d %d %s", f.Size, f.MTime, f.Path)
	}
	return key
}

// The sorts of sources.
const (
	remoteFile = iota
	plainArchive
	gzipArchive
)

// attach connects f with its source, which is made unless it is there.
func (r *Reader) attach(f *File, key string, sort int, sums backup.Checksums, files ...backup.File) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("open %q: %w", f.name, fs.ErrClosed)
	}
	s := r.source(key, sort, f.serial, f.state, sums, files...)
	s.users++
	f.r, f.source = r, s
	return nil
}

// source returns the source with that key, made unless it is there. It needs r.mu.
func (r *Reader) source(key string, sort int, serial uint64, state *state, sums backup.Checksums, files ...backup.File) *shared {
	key += "\x00" + string(sums)
	s, ok := r.sources.Get(key)
	if ok {
		return s
	}
	r.nextID++
	m := newRemote(r, files)
	m.state = state
	s = &shared{key: key, remote: m, single: sort == remoteFile, streams: &r.streams, limit: min(maxAhead, r.o.Memory/4)}
	admits := func(off int64) bool { return !s.long(off, r.o.Admit) }
	if sort == gzipArchive {
		kept := newDiskBlocks(r.o.Blocks, r.o.Origin, key, admits)
		s.source = &gzipSource{r: r, id: r.nextID, serial: serial, remote: m, disk: kept}
	} else {
		s.source = r.newPlainSource(s, sums, admits)
	}
	r.sources.Put(key, s, 1)
	r.sources.Shrink(maxSources, func(s *shared) bool { return s.users == 0 })
	return s
}

// newPlainSource makes the source of uncompressed bytes. What can be proven is kept under its content's name, for all backups that
// have it; what is proven at its end only is not kept: its beginning would be served for proven.
func (r *Reader) newPlainSource(s *shared, sums backup.Checksums, admits func(int64) bool) *plainSource {
	m := s.remote
	p := &plainSource{r: r, key: s.key, id: r.nextID, remote: m, size: m.size(), unit: plainBlock}
	m.proof = newProof(sums, p.size, s.limit)
	if m.proof != nil {
		p.proof, p.unit = m.proof, m.proof.block
		m.proof.verdict, m.proof.given = r.rotten.Get(s.key)
	}
	switch {
	case p.proof == nil:
		p.disk = newDiskBlocks(r.o.Blocks, r.o.Origin, fmt.Sprintf("%s\x00%d", s.key, p.unit), admits)
	case p.proof.exact():
		p.disk = newDiskBlocks(r.o.Blocks, r.o.Origin, fmt.Sprintf("content %d %d %s", p.size, p.unit, sums.SHA256()), admits)
	}
	return p
}

// detach ends one use of a source. A remote file that nobody reads is closed; archives stay open for the next
// of their files.
func (r *Reader) detach(s *shared) {
	r.mu.Lock()
	s.users--
	idle := s.users == 0 && s.single
	r.mu.Unlock()
	if idle {
		s.remote.release()
	}
}

// Close gives memory and remote handles back.
func (r *Reader) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
	r.cache.clear()
	r.handles.closeAll()
	return nil
}

// begin counts work that Close waits for; false means that the Reader is closed.
func (r *Reader) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.work.Add(1)
	return true
}

// errReader says that the Reader was closed under somebody who was reading.
var errReader = errors.New("reader closed")
