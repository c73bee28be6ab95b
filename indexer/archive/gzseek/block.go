package gzseek

// codes decode one compressed block.
type codes struct{ literals, distances table }

// lengthsOrder is the order in which the widths of the lengths code are stored (RFC 1951, 3.2.7).
var lengthsOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// The kinds of block, as stored.
const (
	storedBlock = iota
	fixedBlock
	dynamicBlock
)

// inflater decodes the blocks of deflate streams (RFC 1951) into a flat buffer that holds the history in place.
type inflater struct {
	input
	out []byte // at least outputSlack bytes longer than any limit
	wp  int    // out[:wp] is written
	low int    // out[low:wp] may be referred to

	final    bool
	stored   bool
	left     int // bytes of a stored block still to come
	use      *codes
	dynamic  codes
	fixed    codes
	hasFixed bool
	lengths  table
	widths   [maxLiterals + maxDistances]uint8
}

// block reads the header of a block. It reports whether the block is empty and has been read to its end.
func (z *inflater) block() (empty bool, err error) {
	if err := z.refill(); err != nil {
		return false, err
	}
	head := z.bits
	z.drop(3)
	z.final = head&1 != 0
	z.stored = false
	switch head >> 1 & 3 {
	case storedBlock:
		return z.storedHeader()
	case fixedBlock:
		// An empty block of ten bits is what pigz aligns with: a third of cPanel's blocks.
		if head>>3&0x7f == 0 {
			z.drop(7)
			if z.over() {
				return false, z.truncated()
			}
			return true, nil
		}
		z.useFixed()
		return false, nil
	case dynamicBlock:
		return false, z.dynamicHeader()
	}
	return false, z.badHeader("invalid block type")
}

func (z *inflater) storedHeader() (empty bool, err error) {
	if z.over() {
		return false, z.truncated()
	}
	z.align()
	v, err := z.take(32)
	if err != nil {
		return false, err
	}
	if uint16(v) != ^uint16(v>>16) {
		return false, z.corrupt("stored block with a wrong length")
	}
	z.align()
	z.left = int(uint16(v))
	z.stored = true
	return z.left == 0, nil
}

func (z *inflater) useFixed() {
	z.use = &z.fixed
	if z.hasFixed {
		return
	}
	var widths [288]uint8
	for i := range widths {
		switch {
		case i < 144:
			widths[i] = 8
		case i < 256:
			widths[i] = 9
		case i < 280:
			widths[i] = 7
		default:
			widths[i] = 8
		}
	}
	z.fixed.literals.build(literalBits, widths[:], literalSymbols[:])
	var fives [32]uint8
	for i := range fives {
		fives[i] = 5
	}
	z.fixed.distances.build(distanceBits, fives[:], distanceSymbols[:])
	z.hasFixed = true
}

func (z *inflater) dynamicHeader() error {
	nlit := int(z.bits&31) + 257
	ndist := int(z.bits>>5&31) + 1
	nlen := int(z.bits>>10&15) + 4
	z.drop(14)
	if nlit > maxLiterals || ndist > maxDistances {
		return z.badHeader("too many symbols in a code")
	}
	if err := z.lengthsCode(nlen); err != nil {
		return err
	}
	if err := z.codeWidths(nlit + ndist); err != nil {
		return err
	}
	if z.over() {
		return z.truncated()
	}
	ok := z.widths[256] != 0 &&
		z.dynamic.literals.build(literalBits, z.widths[:nlit], literalSymbols[:]) &&
		z.dynamic.distances.build(distanceBits, z.widths[nlit:nlit+ndist], distanceSymbols[:])
	if !ok {
		return z.corrupt("invalid code")
	}
	z.use = &z.dynamic
	return nil
}

// lengthsCode reads the code in which the widths of the other two codes are written.
func (z *inflater) lengthsCode(n int) error {
	var widths [19]uint8
	for i, sym := range lengthsOrder[:n] {
		if z.nbits < 3 || i == 0 {
			if err := z.refill(); err != nil {
				return err
			}
		}
		widths[sym] = uint8(z.bits & 7)
		z.drop(3)
		if z.over() {
			return z.truncated()
		}
	}
	if !z.lengths.build(lengthsBits, widths[:], lengthsSymbols[:]) {
		return z.corrupt("invalid code of code lengths")
	}
	return nil
}

// codeWidths reads the widths of n codes.
func (z *inflater) codeWidths(n int) error {
	widths := z.widths[:n]
	bits, nbits := z.bits, z.nbits
	var last uint8
	for i := 0; i < n; {
		if nbits < 14 {
			z.bits, z.nbits = bits, nbits
			if z.over() {
				return z.truncated()
			}
			if err := z.refill(); err != nil {
				return err
			}
			bits, nbits = z.bits, z.nbits
		}
		e := z.lengths[bits&(1<<lengthsBits-1)]
		bits >>= e & 63
		nbits -= uint(e & 63)
		sym := e >> 16
		if sym < 16 && e&isOdd == 0 {
			last = uint8(sym)
			widths[i] = last
			i++
			continue
		}
		z.bits, z.nbits = bits, nbits
		repeat, ok := z.repeat(e, i)
		if !ok || i+repeat > n {
			return z.badHeader("invalid code lengths")
		}
		if sym != 16 {
			last = 0
		}
		for j := range widths[i : i+repeat] {
			widths[i+j] = last
		}
		i += repeat
		bits, nbits = z.bits, z.nbits
	}
	z.bits, z.nbits = bits, nbits
	return nil
}

// repeat reads how often the symbol of e, found at place i, repeats a width.
func (z *inflater) repeat(e uint32, i int) (n int, ok bool) {
	switch {
	case e&isOdd != 0:
		return 0, false
	case e>>16 == 16:
		n = 3 + int(z.bits&3)
		z.drop(2)
		return n, i > 0
	case e>>16 == 17:
		n = 3 + int(z.bits&7)
		z.drop(3)
	default:
		n = 11 + int(z.bits&127)
		z.drop(7)
	}
	return n, true
}

// badHeader is for faults that zeros behind the end may have made.
func (z *inflater) badHeader(what string) error {
	if z.over() {
		return z.truncated()
	}
	return z.corrupt(what)
}
