package tree

import (
	"context"
	"fmt"
	"iter"

	"slotfs/indexer/backup"
)

// sealedPage is a page in the store, as whoever writes its directory knows it.
type sealedPage struct {
	pageRef
	unsettled  bool
	attributed bool
	// tight says that it ends where it does because its next entry had no room in it.
	tight bool
	// What follows is for directories that are being built. recut says that another cut may be right by now.
	recut bool
	recs  []record // what is in it, with absolute offsets; nil: not in memory
	dirty bool     // recs is not what is in the store
	bytes int64    // that recs takes
}

// pager writes the pages of a directory from front to back. Of its entries it keeps those that make no page yet.
type pager struct {
	store   Putter
	start   int64 // of the directory; the offsets of records count from the same point
	offsets bool  // whether any entry of the directory is elsewhere than start

	pages   []sealedPage
	fresh   []uint64 // places of the names in pages that were written
	pending []record
	hashes  []uint64 // of the names of pending
}

// add takes the next entries.
func (p *pager) add(ctx context.Context, recs []record) error {
	p.pending = append(p.pending, recs...)
	for i := range recs {
		p.hashes = append(p.hashes, nameHash(recs[i].name))
	}
	return p.emit(ctx, false)
}

// emit writes the pages whose end is known; all of them when nothing follows.
func (p *pager) emit(ctx context.Context, last bool) error {
	for len(p.pending) > 0 {
		n := cut(p.pending, p.hashes)
		if n == len(p.pending) && !last {
			return nil
		}
		if err := p.put(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// put makes a page of the first n pending entries.
func (p *pager) put(ctx context.Context, n int) error {
	page, err := writePage(ctx, p.store, p.pending[:n], p.start, p.offsets)
	if err != nil {
		return err
	}
	page.tight = tight(p.hashes[n-1], n)
	page.keepOpen(p.pending[:n])
	for _, h := range p.hashes[:n] {
		p.fresh = append(p.fresh, pageEntry(h, len(p.pages)))
	}
	p.pages = append(p.pages, page)
	p.pending = append(p.pending[:0:0], p.pending[n:]...)
	p.hashes = p.hashes[n:]
	return nil
}

// pass takes a page as it is. Nothing may be pending.
func (p *pager) pass(page *sealedPage) (number int) {
	p.pages = append(p.pages, *page)
	return len(p.pages) - 1
}

// writePage writes recs as one page.
func writePage(ctx context.Context, store Putter, recs []record, start int64, offsets bool) (sealedPage, error) {
	base := int64(0)
	if offsets {
		base = baseOf(recs) - start
	}
	t, err := countDirs(recs)
	if err != nil {
		return sealedPage{}, err
	}
	h, err := put(ctx, store, encodePage(recs, start+base))
	return sealedPage{pageRef: pageRef{hash: h, n: len(recs), count: t.Count, dirCount: t.Dirs, base: base},
		unsettled: t.unsettled, attributed: t.Attributed}, err
}

// tight reports whether a page of n entries, the last of whose names has that hash, ends for want of room.
func tight(last uint64, n int) bool { return n < maxPage && (n < minPage || last&cutMask != 0) }

// finish writes what is left and then the directory. places are those of all names, in order. Without any the directory has
// no buckets and is unsettled: nothing can be looked up in it before a Builder has finished it.
func (p *pager) finish(ctx context.Context, places func() iter.Seq[uint64]) (written, error) {
	if err := p.emit(ctx, true); err != nil {
		return written{}, err
	}
	var w written
	x := &indexNode{}
	for i := range p.pages {
		page := &p.pages[i]
		x.add(page.pageRef)
		w.unsettled, w.Attributed = w.unsettled || page.unsettled, w.Attributed || page.attributed
	}
	w.Count, w.Dirs = x.count, x.dirCount
	if w.Count > maxCount {
		return written{}, fmt.Errorf("write node: %d entries are too many", w.Count)
	}
	if len(p.pages) < 2 {
		return w, nil // for the caller: the node of a single page has no base
	}
	var err error
	if places == nil {
		x.bits, w.unsettled = bucketBits(x.n), true
		x.buckets = make([]backup.Hash, 1<<x.bits)
	} else if err = x.writeSortedBuckets(ctx, p.store, places()); err != nil {
		return written{}, err
	}
	w.Child, err = put(ctx, p.store, x.encode())
	return w, err
}
