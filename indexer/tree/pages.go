package tree

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"slotfs/indexer/backup"
)

// Where a directory is cut into pages. All but the last have between minPage and maxPage entries,
// or fewer where those would take more than pageRoom bytes.
const (
	minPage  = 64
	maxPage  = 1024
	pageRoom = 64 << 10
	// cutMask picks the names, one in 256, that a page may end after.
	cutMask = 1<<8 - 1
)

// maxName is how long a name may be, in bytes: what Linux allows a whole path.
const maxName = 4096

// written is what a directory's parent needs to know once it is written.
type written struct {
	Dir
	unsettled bool
}

// nameHash spreads names for cuts and buckets. It is cryptographic so that nobody can choose names
// that make one bucket, or one page, out of a directory.
func nameHash(name string) uint64 {
	var buffer [256]byte
	sum := sha256.Sum256(append(buffer[:0], name...))
	return binary.LittleEndian.Uint64(sum[:])
}

// cost is about how many bytes r adds to a page. What a page holds must depend on nothing else.
func cost(r *record) int {
	n := len(r.name) + len(r.sums) + 16
	if m := r.more; m != nil {
		n += 24 + len(m.target) + len(m.link) + len(m.stored) + 8*len(m.sparse)
		for _, x := range m.xattrs {
			n += len(x.Name) + len(x.Value) + 4
		}
	}
	return n
}

// cut tells how many of recs go to the next page. hashes are those of their names, or nil if not
// known.
func cut(recs []record, hashes []uint64) int {
	room := pageRoom
	for i := range recs {
		c := cost(&recs[i])
		if i == maxPage || i > 0 && c > room {
			return i
		}
		room -= c
		if i+1 >= minPage && i+1 < len(recs) && hashes[i]&cutMask == 0 {
			return i + 1
		}
	}
	return len(recs)
}

// writeDir writes a directory. Offsets in recs count from the same point as start, which is the
// directory's own.
func writeDir(ctx context.Context, store Putter, recs []record, start int64) (written, error) {
	w, err := countDirs(recs)
	if err != nil || len(recs) == 0 {
		return w, err
	}
	var hashes []uint64
	if len(recs) > minPage {
		hashes = hashNames(recs)
	}
	if n := cut(recs, hashes); n == len(recs) {
		w.Child, err = put(ctx, store, encodePage(recs, start))
		return w, err
	}
	if hashes == nil {
		hashes = hashNames(recs)
	}
	x, err := writePages(ctx, store, recs, hashes, start)
	if err != nil {
		return written{}, err
	}
	if err := x.writeBuckets(ctx, store, hashes); err != nil {
		return written{}, err
	}
	w.Child, err = put(ctx, store, x.encode())
	return w, err
}

func hashNames(recs []record) []uint64 {
	hashes := make([]uint64, len(recs))
	for i := range recs {
		hashes[i] = nameHash(recs[i].name)
	}
	return hashes
}

// countDirs adds up what the parent needs to know.
func countDirs(recs []record) (written, error) {
	w := written{Dir: Dir{Count: uint64(len(recs))}}
	for i := range recs {
		r := &recs[i]
		w.Count += r.below()
		if r.counts() {
			w.Dirs++
		}
		if r.linked() || r.isDir() && r.more.unsettled {
			w.unsettled = true
		}
		w.Attributed = w.Attributed || r.attributes()
	}
	if w.Count > maxCount {
		return written{}, fmt.Errorf("write node: %d entries are too many", w.Count)
	}
	return w, nil
}

// writePages writes the pages of a directory that has several.
func writePages(ctx context.Context, store Putter, recs []record, hashes []uint64, start int64) (*indexNode, error) {
	x := &indexNode{}
	offsets := false
	for i := range recs {
		offsets = offsets || recs[i].offset != start
	}
	for at := 0; at < len(recs); {
		n := cut(recs[at:], hashes[at:])
		part := recs[at : at+n]
		base := int64(0)
		if offsets {
			base = baseOf(part) - start
		}
		h, err := put(ctx, store, encodePage(part, start+base))
		if err != nil {
			return nil, err
		}
		t, err := countDirs(part)
		if err != nil {
			return nil, err
		}
		x.add(pageRef{hash: h, n: n, count: t.Count, dirCount: t.Dirs, base: base})
		at += n
	}
	return x, nil
}

// baseOf is where the first member of a page begins in the archive. Hard links do not count: theirs
// is the place of another file.
func baseOf(recs []record) int64 {
	for i := range recs {
		switch r := &recs[i]; {
		case r.isDir():
			return r.offset
		case r.link() == "":
			return r.offset - block
		}
	}
	return recs[0].offset
}

func put(ctx context.Context, store Putter, data []byte) (backup.Hash, error) {
	h := Sum(data)
	if err := store.Put(ctx, h, data); err != nil {
		return backup.Hash{}, fmt.Errorf("write node: %w", err)
	}
	return h, nil
}
