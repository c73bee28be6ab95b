package gzseek

import "math/bits"

// A table decodes one prefix code (RFC 1951, 3.2.2). The next rootBits bits of input select an entry; codes
// longer than that lead to a sub-table behind the root. The entry's fields:
//
//	bits 0-5    bits to consume: of the code and of the extra bits that follow it
//	bits 8-12   bits of the code alone
//	bits 13-15  isEnd, isSub, isOdd
//	bits 16-30  the literal byte, base of the length or distance, or place of the sub-table
//	bit 31      isLiteral
//
// For a sub-table bits 0-5 hold the root's width and bits 8-12 the width of the sub-table.
type table [tableSize]uint32

const (
	tableSize = 1024 // the greatest need is 852 entries, for 286 symbols with a root of 9 bits
	tableMask = tableSize - 1

	literalBits  = 9 // wider roots cost more to build than they save: cPanel's blocks hold 5 KB of output
	distanceBits = 8
	lengthsBits  = 7

	isEnd     = 1 << 13
	isSub     = 1 << 14
	isOdd     = 1 << 15 // not a literal, length or distance
	isLiteral = 1 << 31

	maxCodeBits  = 15
	maxLiterals  = 286
	maxDistances = 30
)

// What the symbols of the three alphabets mean, as table entries without the width of the code.
var (
	literalSymbols  = makeLiteralSymbols()
	distanceSymbols = makeDistanceSymbols()
	lengthsSymbols  = makeLengthsSymbols()
)

func makeLiteralSymbols() (s [288]uint32) {
	for i := range 256 {
		s[i] = isLiteral | uint32(i)<<16
	}
	s[256] = isOdd | isEnd
	base := uint32(3)
	for i := 257; i < 285; i++ {
		extra := uint32(max(0, (i-261)>>2))
		s[i] = base<<16 | extra
		base += 1 << extra
	}
	s[285] = 258 << 16
	s[286], s[287] = isOdd, isOdd
	return s
}

func makeDistanceSymbols() (s [32]uint32) {
	base := uint32(1)
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		s[i] = base<<16 | extra
		base += 1 << extra
	}
	s[30], s[31] = isOdd, isOdd
	return s
}

func makeLengthsSymbols() (s [19]uint32) {
	for i := range s {
		s[i] = uint32(i) << 16
	}
	return s
}

// build makes t decode the code in which symbol i has lens[i] bits. It reports whether there is such a code: one
// that is complete, or has a single symbol of one bit, or none.
func (t *table) build(root int, lens []uint8, symbols []uint32) bool {
	var count [maxCodeBits + 1]int
	for _, n := range lens {
		count[n&maxCodeBits]++
	}
	used := len(lens) - count[0]
	free := 1
	for _, n := range count[1:] {
		free = free<<1 - n
		if free < 0 {
			return false
		}
	}
	if free != 0 {
		if used > 1 || used != count[1] {
			return false
		}
		for i := range t[:1<<root] {
			t[i] = isOdd
		}
		if used == 0 {
			return true
		}
	}
	var sorted [288]uint32
	sortSymbols(&sorted, &count, lens, symbols)
	if used == 1 {
		for i := 0; i < 1<<root; i += 2 {
			t[i] = sorted[0]
		}
		return true
	}
	t.fill(root, &count, &sorted)
	return true
}

// sortSymbols lists the entries of all used symbols, short codes first.
func sortSymbols(sorted *[288]uint32, count *[maxCodeBits + 1]int, lens []uint8, symbols []uint32) {
	var next [maxCodeBits + 1]int
	for n := 1; n < maxCodeBits; n++ {
		next[n+1] = next[n] + count[n]
	}
	symbols = symbols[:len(lens)]
	for i, n := range lens {
		if n == 0 {
			continue
		}
		n &= maxCodeBits
		at := next[n]
		next[n] = at + 1
		if uint(at) < uint(len(sorted)) {
			sorted[at] = symbols[i] + uint32(n)*0x101
		}
	}
}

// fill makes the table of a complete code. The root is grown by doubling: each code is written once for its own
// width and the copies come from copying the table so far.
func (t *table) fill(root int, count *[maxCodeBits + 1]int, sorted *[288]uint32) {
	size, code, k := 1, 0, 0
	for n := 1; n <= root; n++ {
		copy(t[size:2*size], t[:size])
		size *= 2
		for left := count[n]; left > 0; left-- {
			t[code&tableMask] = sorted[k]
			k++
			if code == size-1 {
				for ; size < 1<<root; size *= 2 {
					copy(t[size:2*size], t[:size])
				}
				return
			}
			code = nextCode(code, n)
		}
	}
	t.fillSubs(root, count, sorted[k:], code)
}

// nextCode adds one to a code of n bits that is kept with its bits reversed.
func nextCode(code, n int) int {
	bit := 1 << (bits.Len(uint(code^(1<<n-1))) - 1)
	return code&(bit-1) | bit
}

// fillSubs makes the sub-tables for the codes that are wider than the root, from code on.
func (t *table) fillSubs(root int, count *[maxCodeBits + 1]int, sorted []uint32, code int) {
	end, start, prefix := 1<<root, 0, -1
	n := root + 1
	left := count[n]
	for _, entry := range sorted {
		for left == 0 {
			n++
			if n > maxCodeBits {
				return
			}
			left = count[n]
		}
		if code&(1<<root-1) != prefix {
			prefix = code & (1<<root - 1)
			width := subWidth(root, n, left, count)
			start = end
			end += 1 << width
			t[prefix] = uint32(start<<16|width<<8|root) | isOdd | isSub
		}
		// The root's bits are consumed before the sub-table is looked at.
		entry -= uint32(root) * 0x101
		for i := start + code>>root; i < end; i += 1 << (n - root) {
			t[i&tableMask] = entry
		}
		if code == 1<<n-1 {
			return
		}
		code = nextCode(code, n)
		left--
	}
}

// subWidth finds how many bits the sub-table needs whose first code has n bits, of which left are to come.
func subWidth(root, n, left int, count *[maxCodeBits + 1]int) int {
	width := n - root
	for space := left; space < 1<<width && root+width < maxCodeBits; {
		width++
		space = space<<1 + count[root+width]
	}
	return width
}
