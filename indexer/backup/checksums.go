package backup

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
)

// Checksums prove the content of a regular file: its SHA-256, and of a long file the CRC-32C of each block, so that a part
// of it can be proven without the rest. They are those bytes one behind the other, 32 and then 4 for each block (big endian);
// empty: nothing is known of the content.
type Checksums string

const (
	// CheckedWhole is the size up to which a file has no checksums of blocks, in bytes.
	CheckedWhole = 1 << 20
	// CheckedBlock is the least size of a block, in bytes. Blocks of longer files are this times a power of two.
	CheckedBlock = 240 << 10
	// maxCheckedBlocks is how many blocks a file has at most.
	maxCheckedBlocks = 1 << 16
	// maxCheckedBlock bounds a block, in bytes: whoever wants one byte of it has to read all of it.
	maxCheckedBlock = CheckedBlock << 7
)

// BlockSize is how many bytes of a file of that size one of its checksums of blocks covers; 0: it has none.
func BlockSize(size int64) int64 {
	if size <= CheckedWhole {
		return 0
	}
	for block := int64(CheckedBlock); block <= maxCheckedBlock; block *= 2 {
		if (size-1)/block < maxCheckedBlocks {
			return block
		}
	}
	return 0
}

// Blocks is how many checksums of blocks a file of that size has.
func Blocks(size int64) int64 {
	if block := BlockSize(size); block > 0 {
		return (size-1)/block + 1
	}
	return 0
}

// NewChecksums puts a SHA-256 in hexadecimal and checksums of blocks together. Blocks may be empty.
func NewChecksums(sha256Hex, blocks string) Checksums {
	sum, err := hex.DecodeString(sha256Hex)
	if err != nil || len(sum) != sha256.Size {
		return ""
	}
	return Checksums(sum) + Checksums(blocks)
}

// Valid reports whether a file of that size can have these checksums. Empty ones are valid.
func (c Checksums) Valid(size int64) bool {
	rest := int64(len(c)) - sha256.Size
	return c == "" || rest == 0 || rest == 4*Blocks(size)
}

// SHA256 is that of the whole content in hexadecimal; empty if it is not known.
func (c Checksums) SHA256() string {
	if c == "" {
		return ""
	}
	return hex.EncodeToString([]byte(c[:sha256.Size]))
}

// HasBlocks reports whether there are checksums of blocks.
func (c Checksums) HasBlocks() bool { return len(c) > sha256.Size }

// MatchesBlock reports whether data is what the n-th block has to be.
func (c Checksums) MatchesBlock(n int64, data []byte) bool {
	at := sha256.Size + 4*n
	if n < 0 || at+4 > int64(len(c)) {
		return false
	}
	return binary.BigEndian.Uint32([]byte(c[at:at+4])) == crc32.Checksum(data, castagnoli)
}

// Matches reports whether sum is the SHA-256 of the whole content.
func (c Checksums) Matches(sum [sha256.Size]byte) bool {
	return c != "" && string(c[:sha256.Size]) == string(sum[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Summer computes the checksums of a file's content, which is written to it from front to back.
type Summer struct {
	whole  hash.Hash
	block  int64 // size of a block; 0: none are wanted
	crc    uint32
	filled int64 // bytes of the current block
	blocks []byte
}

// NewSummer begins with a file of that size.
func NewSummer(size int64) *Summer { return &Summer{whole: sha256.New(), block: BlockSize(size)} }

// Write adds the next bytes. It never fails.
func (s *Summer) Write(p []byte) (int, error) {
	n := len(p)
	s.whole.Write(p)
	for s.block > 0 && len(p) > 0 {
		part := p[:min(int64(len(p)), s.block-s.filled)]
		s.crc = crc32.Update(s.crc, castagnoli, part)
		s.filled += int64(len(part))
		if s.filled == s.block {
			s.endBlock()
		}
		p = p[len(part):]
	}
	return n, nil
}

func (s *Summer) endBlock() {
	s.blocks = binary.BigEndian.AppendUint32(s.blocks, s.crc)
	s.crc, s.filled = 0, 0
}

// SHA256 is that of what was written so far.
func (s *Summer) SHA256() (sum [sha256.Size]byte) {
	s.whole.Sum(sum[:0])
	return sum
}

// Blocks are the checksums of the blocks of what was written, which is all of a file of that size. They are empty if it has
// none, or if the size announced at the beginning would have other blocks.
func (s *Summer) Blocks(size int64) string {
	if s.block == 0 || s.block != BlockSize(size) {
		return ""
	}
	if s.filled > 0 {
		s.endBlock()
	}
	return string(s.blocks)
}
