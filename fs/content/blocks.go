package content

import (
	"crypto/sha256"
	"encoding/binary"
)

// Blocks keep blocks where there is more room than in memory, and may forget them. They are asked before a destination is:
// a block of an indexed version does not change, so that one that is kept is handed out without asking whether
// its remote file is still there. Neither side changes a block that it handed over.
type Blocks interface {
	// Get returns the block with that key, whole and checked, or nil.
	Get(key [16]byte) []byte
	// Has reports whether Get would probably return one. It does not wait.
	Has(key [16]byte) bool
	// Put may keep a block. It does not wait.
	Put(key [16]byte, block []byte)
}

// diskBlocks is the part of the disk cache that belongs to one source. The zero value keeps nothing.
type diskBlocks struct {
	blocks  Blocks
	version [sha256.Size]byte    // of the destination and what was indexed of the source
	admits  func(off int64) bool // whether a block is worth keeping
}

func newDiskBlocks(b Blocks, origin, source string, admits func(int64) bool) diskBlocks {
	if b == nil {
		return diskBlocks{}
	}
	return diskBlocks{blocks: b, version: sha256.Sum256([]byte(origin + "\x00" + source)), admits: admits}
}

func (s *diskBlocks) key(off int64) (key [16]byte) {
	var b [sha256.Size + 8]byte
	copy(b[:], s.version[:])
	binary.LittleEndian.PutUint64(b[sha256.Size:], uint64(off))
	sum := sha256.Sum256(b[:])
	copy(key[:], sum[:])
	return key
}

// get returns the block of that length at off, or nil.
func (s *diskBlocks) get(off, length int64) []byte {
	if s.blocks == nil {
		return nil
	}
	if b := s.blocks.Get(s.key(off)); int64(len(b)) == length {
		return b
	}
	return nil
}

func (s *diskBlocks) has(off int64) bool { return s.blocks != nil && s.blocks.Has(s.key(off)) }

func (s *diskBlocks) put(off int64, block []byte) {
	if s.blocks != nil && s.admits(off) {
		s.blocks.Put(s.key(off), block)
	}
}
