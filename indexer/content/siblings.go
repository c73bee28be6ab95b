package content

import (
	"sync"

	"slotfs/indexer/backup"
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
	// maxWalks is how many trees are followed at a time.
	maxWalks = 16
)

// siblings notices who opens the files of a tree one after the other.
type siblings struct {
	mu sync.Mutex
	// mu guards what follows.
	walks recently[string, *walk]
}

// walk is how far somebody came in a tree.
type walk struct {
	last  uint64 // number of the file that was opened
	run   int    // files opened in order
	ahead uint64 // number of the last entry that was looked at
}

// next notes that a file was opened and tells which of the window entries behind it, from and up to, are worth
// fetching.
func (s *siblings) next(key string, number, window uint64) (from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.walks.get(key)
	if !ok || number <= w.last || number > w.last+siblingsGap {
		if ok && number == w.last {
			return 0, 0
		}
		s.walks.put(key, &walk{last: number, run: 1, ahead: number})
		s.walks.trim(maxWalks, func(*walk) bool { return true })
		return 0, 0
	}
	w.last = number
	if w.run++; w.run < siblingsAfter {
		return 0, 0
	}
	from, to = max(w.ahead, number)+1, number+window
	w.ahead = max(w.ahead, to)
	return from, to
}

// fetchSiblings begins to fetch the small files that follow it in its tree, if the ones before it were opened in order.
func (r *Reader) fetchSiblings(s *backup.Snapshot, t *tree.Tree, it *tree.Item) {
	from, to := r.siblings.next(archiveKey(s), it.Number, uint64(siblingsAhead))
	state := r.states.of(r, s)
	for n := from; n <= to && n > 0; n++ {
		next, err := t.Item(r.ctx, n)
		if err != nil {
			return // whoever comes there will be told
		}
		if !next.IsRegular() || next.Size == 0 || next.Size > smallFile {
			continue
		}
		remote, err := remoteOf(r.ctx, s, t, &next)
		if err != nil {
			return
		}
		r.mu.Lock()
		source := r.source(state.key(plainKey(remote)), remoteFile, 0, state, remote)
		r.mu.Unlock()
		source.want(r.ctx, 0, next.Size, true)
	}
}
