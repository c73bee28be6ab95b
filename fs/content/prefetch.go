package content

import (
	"slices"
	"sync"

	"slotfs/indexer/backup"
	"slotfs/indexer/lru"
	"slotfs/indexer/tree"
)

const (
	// siblingsAhead is how many entries of a tree are looked at ahead of the one that is opened. Every small file
	// costs three round trips; side by side they cost little more than one file does.
	siblingsAhead = 128
	// siblingsAfter is how many files have to be opened in order before others are fetched unasked.
	siblingsAfter = 3
	// siblingsGap is how far apart in a tree two files may be and still be next to each other: between them are
	// directories, links and empty files.
	siblingsGap = 8
	// smallFile is how long a file may be to be fetched unasked, in bytes.
	smallFile = 256 << 10
	// siblingsBytes is how much of them may be ahead of who opens them: what comes over a slow line has to come
	// before its deadline.
	siblingsBytes = 8 << 20
	// maxWalks is how many trees are followed at a time.
	maxWalks = 16
)

// treePrefetcher detects that the files of a tree are opened in order.
type treePrefetcher struct {
	mu sync.Mutex
	// mu guards what follows.
	walks lru.Map[string, *walk]
}

// walk is how far somebody came in a tree.
type walk struct {
	last  uint64 // number of the file that was opened
	run   int    // files opened in order
	ahead uint64 // number of the last entry that was looked at

	begun []sibling // fetched unasked and not opened yet
	bytes int64     // of those
}

// sibling is a file that was begun to be fetched.
type sibling struct {
	number uint64
	size   int64
}

// next notes that a file was opened and tells which of the window entries behind it, from and up to, are worth
// fetching.
func (s *treePrefetcher) next(key string, number, window uint64) (from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.walks.Get(key)
	if !ok || number <= w.last || number > w.last+siblingsGap {
		if ok && number == w.last {
			return 0, 0
		}
		s.walks.Put(key, &walk{last: number, run: 1, ahead: number}, 1)
		s.walks.Shrink(maxWalks, nil)
		return 0, 0
	}
	w.last = number
	w.begun = slices.DeleteFunc(w.begun, func(f sibling) bool {
		if f.number <= number {
			w.bytes -= f.size
		}
		return f.number <= number
	})
	w.run++
	if w.run < siblingsAfter {
		return 0, 0
	}
	from, to = max(w.ahead, number)+1, number+window
	w.ahead = max(w.ahead, to)
	return from, to
}

// begin notes that a file is about to be fetched; false means that limit bytes are ahead already, and that it is for who
// opens the next file to go on with it.
func (s *treePrefetcher) begin(key string, file sibling, limit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.walks.Get(key)
	if !ok {
		return false
	}
	if w.bytes > 0 && w.bytes+file.size > limit {
		w.ahead = min(w.ahead, file.number-1)
		return false
	}
	w.bytes += file.size
	w.begun = append(w.begun, file)
	return true
}

// prefetchSiblings begins to fetch the small files that follow it in its tree, if the ones before it were opened in order.
// Its own bytes come first, from own: who opened it would stand in line behind all the others.
func (r *Reader) prefetchSiblings(s *backup.Snapshot, t *tree.Tree, it *tree.Item, own *shared) {
	key := archiveKey(s)
	from, to := r.prefetcher.next(key, it.Number, uint64(siblingsAhead))
	state := r.states.of(r, s)
	limit := min(r.streams.link.ahead(), siblingsBytes)
	if from > 0 && it.Size <= smallFile {
		own.want(r.ctx, 0, it.Size, true)
	}
	for n := from; n <= to && n > 0; n++ {
		next, err := t.Item(r.ctx, n)
		if err != nil {
			return // whoever comes there will be told
		}
		if !next.IsRegular() || next.Size == 0 || next.Size > smallFile {
			continue
		}
		remote, err := remoteOf(r.ctx, s, t, &next)
		if err != nil || !r.prefetcher.begin(key, sibling{n, next.Size}, limit) {
			return
		}
		r.mu.Lock()
		source := r.source(state.key(plainKey(remote)), remoteFile, 0, state, next.Checksums, remote)
		r.mu.Unlock()
		source.want(r.ctx, 0, next.Size, true)
	}
}
