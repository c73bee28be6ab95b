package content

import (
	"context"
	"sync"
)

// source makes blocks of bytes available.
type source interface {
	// block returns the bytes from off to the end of the block that off lies in, at least one.
	block(ctx context.Context, off int64) ([]byte, error)
	// want begins work on the bytes from off to end without waiting. ahead says that nobody waits for them.
	want(ctx context.Context, off, end int64, ahead bool)
}

// discarder is a source whose sequentially read blocks may be evicted at once: the kernel's page cache has them, and they can
// be fetched again.
type discarder interface {
	// drop evicts the blocks that begin between two offsets.
	drop(from, to int64)
}

// shared is a source with those who read from it.
type shared struct {
	source
	key     string
	remote  *remote
	single  bool  // one remote file of its own
	users   int   // guarded by the Reader's mu
	limit   int64 // of the read-ahead in bytes
	streams *streamCount
	readers
}

// read appends n bytes from offset off on to blocks, and tells how many came.
func (s *shared) read(ctx context.Context, blocks [][]byte, off, n int64) (_ [][]byte, done int64, err error) {
	end := off + n
	ahead, origin := s.next(off, end, s.limit)
	if ahead > 0 {
		ahead = max(min(ahead, s.most()/s.streams.note(s)), minAhead)
	}
	if passed, ok := s.source.(discarder); ok && ahead > 0 {
		passed.drop(max(off-2*keepBehind, origin), end-keepBehind) // what came late is between the two
	}
	s.want(ctx, off, end, false)
	if from, to := s.due(end, ahead); from < to {
		s.want(ctx, from, to, true)
	}
	for done < n {
		b, err := s.block(ctx, off+done)
		if err != nil {
			return blocks, done, err
		}
		b = b[:min(int64(len(b)), n-done)]
		blocks = append(blocks, b)
		done += int64(len(b))
	}
	return blocks, done, nil
}

// most is how much may be read ahead of all who read at the moment, in bytes.
func (s *shared) most() int64 {
	most := min(s.limit, s.streams.link.ahead())
	if _, ok := s.source.(discarder); ok {
		return min(most, s.streams.link.reach()) // there is no decoding that has to be ahead as well
	}
	return most
}

const (
	// keepBehind is how much of what was read in order stays in memory, for who reads it a second time at once, and for reads
	// that the kernel's threads send late.
	keepBehind = 16 << 20
	// maxAhead bounds what is read ahead of one reader: at 20 ms it takes about 4 MiB in flight to fill
	// 200 MB/s, and decoding has to be ahead of the reader too.
	maxAhead = 32 << 20
	// minAhead is where reading ahead begins.
	minAhead = 256 << 10
	// maxReaders is how many places of one source are followed at a time.
	maxReaders = 8
	// near is how far from where the last one ended a read may begin and still be of the same reader: the kernel sends reads side
	// by side, and between two files of an archive stand headers, or files that were left out.
	near = 1 << 20
)

// readers tells those who read on from those who jump.
type readers struct {
	mu sync.Mutex
	// mu guards what follows.
	cursors []cursor // the one used last in front
}

// cursor is where one reader is. What goes on from another place began where that one did: the kernel's
// threads send reads of one file in any order.
type cursor struct {
	start, end, origin int64
	asked              int64 // up to where was asked for what is ahead
}

// next notes a read and tells how many bytes are worth reading ahead behind it, and where its run of reads in order began.
// The former grows with the length of what was read in one go: nothing after the first read, then twice that length.
func (r *readers) next(off, end, limit int64) (ahead, origin int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range r.cursors {
		if off < max(p.start, p.end-2*near) || off > p.end+near {
			continue
		}
		p.end = max(p.end, end)
		copy(r.cursors[1:i+1], r.cursors[:i])
		r.cursors[0] = p
		return min(max(2*(p.end-p.start), minAhead), limit), p.origin
	}
	origin = off
	for _, p := range r.cursors {
		if off >= p.origin && off <= p.end+maxAhead {
			origin = min(origin, p.origin)
		}
	}
	r.cursors = append([]cursor{{start: off, end: end, origin: origin}}, r.cursors[:min(len(r.cursors), maxReaders-1)]...)
	return 0, origin
}

// due tells what to ask for of the bytes ahead of a read that ends at end. Who reads many small files in order asks for some of
// them at a time: every asking looks at all that is asked for.
func (r *readers) due(end, ahead int64) (from, to int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, to = end, end+ahead
	for i := range r.cursors {
		p := &r.cursors[i]
		if end > p.end || end < max(p.start, p.end-2*near) {
			continue
		}
		if p.asked > end {
			from = p.asked
		}
		if to-from < ahead/8 {
			return 0, 0
		}
		p.asked = to
		break
	}
	return from, to
}

// long reports whether off is in a run of reads in order, or ahead of one, further than limit from where it began.
func (r *readers) long(off, limit int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.cursors {
		if off-p.origin >= limit && off >= p.start-maxAhead && off <= p.end+maxAhead+near {
			return true
		}
	}
	return false
}

// streamCount tells how many sources are being read in order at the moment: they share the cache, and what is read ahead
// must not push out what was read ahead for others.
type streamCount struct {
	link linkStats

	mu sync.Mutex
	// mu guards what follows.
	last [64]*shared // who read
	next int
}

// note says that s was read in order, and tells how many sources were lately.
func (t *streamCount) note(s *shared) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[t.next%len(t.last)] = s
	t.next++
	seen := make(map[*shared]bool, 4)
	for _, l := range t.last {
		if l != nil {
			seen[l] = true
		}
	}
	return int64(len(seen))
}
