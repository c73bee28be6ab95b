package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestBlocksAreBoundedWhateverTheSize(t *testing.T) {
	for _, c := range []struct{ size, block, blocks int64 }{
		{0, 0, 0}, {1, 0, 0}, {CheckedWhole, 0, 0},
		{CheckedWhole + 1, CheckedBlock, 5},
		{CheckedBlock << 16, CheckedBlock, 1 << 16},
		{CheckedBlock<<16 + 1, 2 * CheckedBlock, 1<<15 + 1},
		{1 << 40, CheckedBlock << 7, 34953},
		{CheckedBlock << 23, CheckedBlock << 7, 1 << 16},
		{CheckedBlock<<23 + 1, 0, 0},
		{1 << 62, 0, 0},
	} {
		if block, blocks := BlockSize(c.size), Blocks(c.size); block != c.block || blocks != c.blocks {
			t.Errorf("%d bytes: %d blocks of %d, want %d of %d", c.size, blocks, block, c.blocks, c.block)
		}
	}
}

func TestSummerProvesContentHoweverItIsWritten(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcde"), 200_000)
	for _, step := range []int{len(content), 1, 4096, CheckedBlock, CheckedBlock + 1} {
		s := NewSummer(int64(len(content)))
		for rest := content; len(rest) > 0; {
			n := min(step, len(rest))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		whole := s.SHA256()
		sums := NewChecksums(hex.EncodeToString(whole[:]), s.Blocks(int64(len(content))))
		if !sums.Valid(int64(len(content))) || !sums.HasBlocks() || !sums.Matches(sha256.Sum256(content)) {
			t.Fatalf("in steps of %d: %d bytes of checksums, SHA-256 %s", step, len(sums), sums.SHA256())
		}
		for n := range Blocks(int64(len(content))) {
			block := bytes.Clone(content[n*CheckedBlock : min((n+1)*CheckedBlock, int64(len(content)))])
			if !sums.MatchesBlock(n, block) {
				t.Errorf("in steps of %d: block %d does not match", step, n)
			}
			if block[len(block)-1]++; sums.MatchesBlock(n, block) {
				t.Errorf("in steps of %d: block %d matches with another last byte", step, n)
			}
		}
	}
}

func TestSummerHasNoBlocksOfAFileThatBecameAnotherSize(t *testing.T) {
	s := NewSummer(CheckedWhole + 1)
	s.Write(make([]byte, CheckedWhole))
	if blocks := s.Blocks(CheckedWhole); blocks != "" {
		t.Errorf("%d bytes of checksums for a file that has none", len(blocks))
	}
}

func TestChecksumsOfAnotherLengthAreNotValid(t *testing.T) {
	sum := Checksums(bytes.Repeat([]byte{1}, sha256.Size))
	for _, c := range []struct {
		sums  Checksums
		size  int64
		valid bool
	}{
		{"", 5, true}, {sum, 5, true}, {sum[1:], 5, false}, {sum + "crc0", 5, false},
		{sum, CheckedWhole + 1, true}, {sum + "crc0", CheckedWhole + 1, false}, {sum + "crc0crc1crc2crc3crc4", CheckedWhole + 1, true},
	} {
		if c.sums.Valid(c.size) != c.valid {
			t.Errorf("%d bytes of checksums for %d bytes: valid %v", len(c.sums), c.size, !c.valid)
		}
	}
	if NewChecksums("abc", "") != "" || NewChecksums("", "crc0") != "" {
		t.Error("no SHA-256, but checksums")
	}
	if sum.MatchesBlock(0, nil) || sum.MatchesBlock(-1, nil) || Checksums("").Matches(sha256.Sum256(nil)) {
		t.Error("what is not known matches")
	}
}
