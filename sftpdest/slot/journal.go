package slot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
)

// lineSize is about how many bytes an entry takes in a segment: notes of a million files should not have to grow.
const lineSize = 80

// mostSegment bounds a segment of a journal that is read, in bytes.
const mostSegment = 256 << 20

// journal notes what was put into place, in segments.
type journal struct {
	r    *remote
	slot string
	gen  uint64
	tune *tuning
	now  func() time.Time
	// ready waits for the state that names the generation: segments without it would be taken for those of the next run, which
	// gets the same one.
	ready func(ctx context.Context) error

	writing sync.Mutex // held while a segment is written
	mu      sync.Mutex // guards what follows
	entries []manifest.Entry
	first   time.Time // when the oldest entry came
	seq     uint64    // of the last segment
}

// add notes an entry. It writes a segment when one is due.
func (j *journal) add(ctx context.Context, e *manifest.Entry, durable bool) error {
	noted := *e
	noted.Flags &^= manifest.Durable | manifest.Removed
	if durable {
		noted.Flags |= manifest.Durable
	}
	j.mu.Lock()
	if len(j.entries) == 0 {
		j.first = j.now()
	}
	j.entries = append(j.entries, noted)
	age := j.now().Sub(j.first)
	due := len(j.entries) >= j.tune.segment || age > j.tune.age || age < 0
	j.mu.Unlock()
	if !due || !j.writing.TryLock() {
		return nil
	}
	defer j.writing.Unlock()
	return j.write(ctx)
}

// flush writes what is left.
func (j *journal) flush(ctx context.Context) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.write(ctx)
}

// write needs j.writing.
func (j *journal) write(ctx context.Context) error {
	if err := j.ready(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	entries := j.entries
	j.entries = nil
	j.seq++
	name := "meta/" + manifest.JournalName(j.gen, j.seq)
	j.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	var segment bytes.Buffer
	w, err := manifest.NewJournalWriter(&segment)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := w.Write(&entries[i]); err != nil {
			return err
		}
	}
	if _, err := w.Close(); err != nil {
		return err
	}
	if err := j.r.replace(ctx, j.slot, name, segment.Bytes()); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// noted is what a journal says about a file, without what the source will tell again.
type noted struct {
	path      string
	size      int64
	mtime     int64
	ctime     int64
	inode     uint64
	sum       [sha256.Size]byte // zero: unknown
	durable   bool
	ambiguous bool // an earlier version had the same size and second: which one is there cannot be seen
	seq       int32
}

// hash is that of the content, as entries have it; "": unknown.
func (n *noted) hash() string {
	if n.sum == [sha256.Size]byte{} {
		return ""
	}
	return hex.EncodeToString(n.sum[:])
}

// notes are all that journals say, by path.
type notes []noted

// find returns the note of a path, or nil.
func (n notes) find(path string) *noted {
	i, ok := slices.BinarySearchFunc(n, path, func(e noted, path string) int { return manifest.Compare(e.path, path) })
	if !ok {
		return nil
	}
	return &n[i]
}

// readJournal reads the segments of a generation and tells the number of the last one. A damaged segment is left out:
// what it said is sent again.
func readJournal(ctx context.Context, store dest.Reader, slot string, gen uint64, damaged func(name string, err error)) (notes, uint64, error) {
	list, err := store.List(ctx, slot+"/meta")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	segments := make(map[uint64]dest.Info)
	var order []uint64
	var size int64
	for _, info := range list {
		if g, seq, ok := manifest.ParseJournalName(info.Name); ok && g == gen {
			segments[seq] = info
			order = append(order, seq)
			size += min(info.Size, mostSegment)
		}
	}
	slices.Sort(order)
	all := make(notes, 0, min(size/lineSize, 1<<20))
	for _, seq := range order {
		info := segments[seq]
		part, err := readSegment(ctx, store, slot+"/meta/"+info.Name, info.Size)
		if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
			return nil, 0, err
		}
		if err != nil {
			damaged(info.Name, err)
			continue
		}
		for i := range part {
			part[i].seq = int32(len(all))
			all = append(all, part[i])
		}
	}
	last := uint64(0)
	if len(order) > 0 {
		last = order[len(order)-1]
	}
	return all.sorted(), last, nil
}

// sorted keeps the last note of each path.
func (n notes) sorted() notes {
	slices.SortFunc(n, func(a, b noted) int {
		return cmp.Or(manifest.Compare(a.path, b.path), cmp.Compare(a.seq, b.seq))
	})
	kept := n[:0]
	for _, e := range n {
		if len(kept) == 0 || kept[len(kept)-1].path != e.path {
			kept = append(kept, e)
			continue
		}
		old := &kept[len(kept)-1]
		e.ambiguous = old.sum != e.sum && (old.ambiguous || alike(old.size, old.mtime, e.size, e.mtime))
		*old = e
	}
	return kept
}

// alike reports whether two versions of a file look the same to SFTP.
func alike(size, mtime, otherSize, otherMTime int64) bool {
	return size == otherSize && clampTime(mtime) == clampTime(otherMTime)
}

func readSegment(ctx context.Context, store dest.Reader, p string, size int64) (notes, error) {
	if size > mostSegment {
		return nil, errTooLong
	}
	f, err := store.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stream := dest.NewStream(ctx, f, 0, size, 0)
	defer stream.Close()
	r, err := manifest.NewReader(stream)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var part notes
	for {
		e, err := r.Next()
		if err == io.EOF {
			return part, nil
		}
		if err != nil {
			return nil, err
		}
		if !e.IsRegular() || e.Flags&manifest.Removed != 0 {
			continue
		}
		n := noted{
			path: e.Path, size: e.Size, mtime: e.MTime, ctime: e.CTime, inode: e.Inode,
			durable: e.Flags&manifest.Durable != 0,
		}
		if _, err := hex.Decode(n.sum[:], []byte(e.Hash)); err != nil {
			return nil, err
		}
		part = append(part, n)
	}
}
