package content

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// maxWhole is the size up to which a file without checksums of blocks is read whole before any of it is handed out, in bytes.
const maxWhole = 8 << 20

// proof proves what is read of one file, whose checksums are known. What a file is made of blocks for, it proves block by
// block, before they are handed out. Of a longer file without checksums of blocks (old manifests have none) it proves what is
// read from front to back: one of the reads, the last one at the latest, fails if the content is another one.
type proof struct {
	sums  backup.Checksums
	size  int64
	block int64 // what is read at a time
	// window is how far blocks may come ahead of those before them while the file is hashed, in bytes.
	window int64

	mu sync.Mutex
	// mu guards what follows, which only a file has that is proven at its end.
	sum      hash.Hash
	next     int64            // everything before is hashed
	early    map[int64][]byte // blocks that came ahead
	verdict  error            // of the whole file; nil: none yet, or it is right
	given    bool             // there is a verdict
	disputed bool             // its time on the destination is not the recorded one: only its content can tell
}

// newProof is how a file of that size is proven; nil if nothing is known of its content.
func newProof(sums backup.Checksums, size, window int64) *proof {
	if sums == "" {
		return nil
	}
	p := &proof{sums: sums, size: size, window: window, block: plainBlock}
	switch {
	case sums.HasBlocks():
		p.block = backup.BlockSize(size)
	case size <= maxWhole:
		p.block = max(size, 1)
	default:
		p.sum, p.early = sha256.New(), map[int64][]byte{}
	}
	return p
}

// exact reports whether every block is proven before it is handed out, so that its time does not matter.
func (p *proof) exact() bool { return p != nil && p.sum == nil }

// errContent says what is wrong where nothing changed that a destination shows.
var errContent = fmt.Errorf("it is not what was backed up: %w", backup.ErrCorrupt)

// check looks at the block at start, wherever it came from.
func (p *proof) check(start int64, data []byte) error {
	switch {
	case p == nil:
		return nil
	case p.sums.HasBlocks():
		if !p.sums.MatchesBlock(start/p.block, data) {
			return errContent
		}
		return nil
	case p.exact():
		if !p.sums.Matches(sha256.Sum256(data)) {
			return errContent
		}
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(start, data)
	return p.verdict
}

// add hashes a block if it is the next one, and keeps it for later if it came early. What comes much too early is not read in
// order; whoever does read in order brings it again. It needs p.mu.
func (p *proof) add(start int64, data []byte) {
	if p.given && p.verdict == nil && start == 0 {
		p.given, p.next = false, 0 // it is read once more
		p.sum.Reset()
	}
	if p.given || start < p.next || start > p.next+p.window {
		return
	}
	p.early[start] = data
	for data := p.early[p.next]; len(data) > 0; data = p.early[p.next] {
		delete(p.early, p.next)
		p.sum.Write(data)
		p.next += int64(len(data))
	}
	if p.next < p.size {
		return
	}
	p.given = true
	if found := [sha256.Size]byte(p.sum.Sum(nil)); !p.sums.Matches(found) {
		p.verdict = errContent
	}
}

// may says whether the block at start may be handed out, as far as what was read of the file tells.
func (p *proof) may(start int64, data []byte) error {
	if p.exact() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(start, data) // it may come from memory
	if p.verdict == nil && p.disputed && !p.given && start > p.next+p.window {
		return fmt.Errorf("its time is not the recorded one, and it is not read from front to back: %w", backup.ErrStale)
	}
	return p.verdict
}

// dispute notes that the destination shows another time than the recorded one.
func (p *proof) dispute() {
	p.mu.Lock()
	p.disputed = true
	p.mu.Unlock()
}

// accepts reports whether what a destination shows can be the file that was indexed. Where the content decides, a time may be
// another one: copies of a destination lose it, and servers round it or move it with their clock.
func (m *remote) accepts(f *backup.File, info dest.Info) bool {
	if f.Is(info.Size, info.MTime) {
		return true
	}
	if m.proof == nil || f.Size != info.Size {
		return false
	}
	if !m.proof.exact() {
		m.proof.dispute()
	}
	return true
}

// maxRotten is how many files are remembered that are not what was backed up.
const maxRotten = 4096

// noteRotten keeps a file that is found to be another one at its end from being served later: the kernel has all of it but the
// read that failed.
func (r *Reader) noteRotten(s *plainSource, err error) {
	if s.proof.exact() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rotten.Put(s.key, err, 1)
	r.rotten.Shrink(maxRotten, nil)
}

// otherContent is the error for bytes that are not what was backed up: those of another backup if the slot was written to
// meanwhile, else damaged ones.
func (m *remote) otherContent(err error) error {
	if m.state != nil && errors.Is(err, backup.ErrCorrupt) {
		if stale := m.state.check(m.r.ctx); errors.Is(stale, backup.ErrStale) {
			return stale
		}
	}
	return fmt.Errorf("%s: %w", m.files[0].Path, err)
}

// ProvenAtEnd reports whether the content is proven only when all of it was read from front to back: whoever opens the file has
// to read it anew.
func (f *File) ProvenAtEnd() bool {
	p := f.source.remote.proof
	return p != nil && !p.exact()
}
