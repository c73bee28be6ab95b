package gzseek

import "encoding/binary"

const (
	historySize = 32 << 10
	// outputSlack is how far behind its limit the inflater may write: two literals and the longest match, copied in
	// steps of 16 bytes.
	outputSlack = 512
)

// body decodes the block until its end, or until out[:limit] is written or a little more.
func (z *inflater) body(limit int) (ended bool, err error) {
	if z.stored {
		return z.copyStored(limit)
	}
	for z.wp < limit {
		if z.end-z.pos < inputPad && !z.eof {
			if err := z.fill(); err != nil {
				return false, err
			}
		}
		if z.end-z.pos < inputPad {
			return z.slow(limit)
		}
		if ended, err = z.fast(limit); ended || err != nil {
			return ended, err
		}
	}
	return false, nil
}

func (z *inflater) copyStored(limit int) (ended bool, err error) {
	for z.left > 0 {
		if z.wp >= limit {
			return false, nil
		}
		ok, err := z.more()
		if err != nil {
			return false, err
		}
		if !ok {
			return false, z.truncated()
		}
		n := copy(z.out[z.wp:limit], z.buf[z.pos:min(z.end, z.pos+z.left)])
		z.wp += n
		z.pos += n
		z.left -= n
	}
	return true, nil
}

// fast decodes while whole words of input and room for the longest match are at hand. It is long because every
// call in it would cost more than what is called: nothing here fits into another function for free. The entry of the
// next symbol is looked up before bits is refilled and before a match is copied, to have it when it is needed.
func (z *inflater) fast(limit int) (ended bool, err error) {
	in, out, literals, distances := z.buf, z.out, &z.use.literals, &z.use.distances
	bits, nbits, pos, wp := z.bits, z.nbits, z.pos, z.wp
	last, fault := z.end-16, ""
	bits |= binary.LittleEndian.Uint64(in[pos:]) << (nbits & 63)
	pos, nbits = pos+int((63-nbits)>>3), nbits|56
	e := literals[bits&(1<<literalBits-1)]
	for pos <= last && wp < limit {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (nbits & 63)
		pos, nbits = pos+int((63-nbits)>>3), nbits|56
		if e >= isLiteral {
			// Four literals leave bits enough for a length.
			dst := (*[5]byte)(out[wp : wp+5])
			dst[0] = byte(e >> 16)
			bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
			e = literals[bits&(1<<literalBits-1)]
			if e >= isLiteral {
				dst[1] = byte(e >> 16)
				bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
				e = literals[bits&(1<<literalBits-1)]
				if e >= isLiteral {
					dst[2] = byte(e >> 16)
					bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
					e = literals[bits&(1<<literalBits-1)]
					if e >= isLiteral {
						dst[3] = byte(e >> 16)
						bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
						e = literals[bits&(1<<literalBits-1)]
						if e >= isLiteral {
							dst[4] = byte(e >> 16)
							bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
							e = literals[bits&(1<<literalBits-1)]
							continue
						}
					}
				}
			}
		}
		if e&isOdd != 0 {
			if e&isSub != 0 {
				bits, nbits = bits>>literalBits, nbits-literalBits
				e = literals[(uint64(e>>16)+bits&(1<<(e>>8&15)-1))&tableMask]
			}
			if e >= isLiteral {
				out[wp] = byte(e >> 16)
				bits, nbits, wp = bits>>(e&63), nbits-uint(e&63), wp+1
				bits |= binary.LittleEndian.Uint64(in[pos:]) << (nbits & 63)
				pos, nbits = pos+int((63-nbits)>>3), nbits|56
				e = literals[bits&(1<<literalBits-1)]
				continue
			}
			if e&isOdd != 0 {
				bits, nbits = bits>>(e&63), nbits-uint(e&63)
				ended = true
				if e&isEnd == 0 {
					fault = "invalid length"
				}
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits, nbits = bits>>(e&63), nbits-uint(e&63)
		if nbits < 28+literalBits {
			bits |= binary.LittleEndian.Uint64(in[pos:]) << (nbits & 63)
			pos, nbits = pos+int((63-nbits)>>3), nbits|56
		}
		e = distances[bits&(1<<distanceBits-1)]
		if e&isOdd != 0 {
			if e&isSub != 0 {
				bits, nbits = bits>>distanceBits, nbits-distanceBits
				e = distances[(uint64(e>>16)+bits&(1<<(e>>8&15)-1))&tableMask]
			}
			if e&isOdd != 0 {
				fault = "invalid distance"
				break
			}
		}
		distance := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits, nbits = bits>>(e&63), nbits-uint(e&63)
		e = literals[bits&(1<<literalBits-1)]
		if distance > wp-z.low {
			fault = "distance before the beginning"
			break
		}
		if distance >= 16 {
			end := wp + length
			for ; wp < end; wp += 16 {
				*(*[16]byte)(out[wp : wp+16]) = *(*[16]byte)(out[wp-distance : wp-distance+16])
			}
			wp = end
		} else {
			wp = repeatBytes(out, wp, distance, length)
		}
	}
	z.bits, z.nbits, z.pos, z.wp = bits, nbits, pos, wp
	if fault != "" {
		return false, z.corrupt(fault)
	}
	return ended, nil
}

// repeatBytes copies a match whose distance is less than 16 and returns its end.
func repeatBytes(out []byte, wp, distance, length int) int {
	end := wp + length
	if distance == 1 {
		word := uint64(out[wp-1]) * 0x0101010101010101
		for ; wp < end; wp += 8 {
			binary.LittleEndian.PutUint64(out[wp:], word)
		}
		return end
	}
	// The first copies widen the pattern until whole words of it can be copied.
	for src := wp - distance; wp < end; {
		if wp-src >= 8 {
			binary.LittleEndian.PutUint64(out[wp:], binary.LittleEndian.Uint64(out[src:]))
			wp += 8
			src += 8
			continue
		}
		n := wp - src
		for i := range n {
			out[wp+i] = out[src+i]
		}
		wp += n
	}
	return end
}

// symbol is a literal (Length 0), a match or the end of the block.
type symbol struct {
	end      bool
	literal  byte
	length   int
	distance int
}

// next decodes one symbol of a compressed block, whatever is left of the input.
func (z *inflater) next() (s symbol, err error) {
	if err := z.refill(); err != nil {
		return s, err
	}
	e := z.entry(&z.use.literals, literalBits)
	switch {
	case e >= isLiteral:
		s.literal = byte(e >> 16)
	case e&isEnd != 0:
		s.end = true
	case e&isOdd != 0:
		return s, z.badHeader("invalid length")
	}
	if e >= isLiteral || e&isEnd != 0 {
		z.drop(uint(e & 63))
		if z.over() {
			return s, z.truncated()
		}
		return s, nil
	}
	s.length = z.value(e)
	if err := z.refill(); err != nil {
		return s, err
	}
	e = z.entry(&z.use.distances, distanceBits)
	if e&isOdd != 0 {
		return s, z.badHeader("invalid distance")
	}
	s.distance = z.value(e)
	if z.over() {
		return s, z.truncated()
	}
	return s, nil
}

// entry looks up the next code, through a sub-table if need be.
func (z *inflater) entry(t *table, root uint) uint32 {
	e := t[z.bits&(1<<root-1)]
	if e&(isOdd|isSub) == isOdd|isSub {
		z.drop(root)
		e = t[(uint64(e>>16)+z.bits&(1<<(e>>8&15)-1))&tableMask]
	}
	return e
}

// value consumes the code of e and its extra bits.
func (z *inflater) value(e uint32) int {
	v := int(e>>16) + int(z.bits&(1<<(e&63)-1)>>(e>>8&15))
	z.drop(uint(e & 63))
	return v
}

// slow decodes like fast, with every step checked against the end of the input: nothing comes out that is not there.
func (z *inflater) slow(limit int) (ended bool, err error) {
	for z.wp < limit {
		s, err := z.next()
		if err != nil {
			return false, err
		}
		switch {
		case s.end:
			return true, nil
		case s.length == 0:
			z.out[z.wp] = s.literal
			z.wp++
		case s.distance > z.wp-z.low:
			return false, z.corrupt("distance before the beginning")
		default:
			for range s.length {
				z.out[z.wp] = z.out[z.wp-s.distance]
				z.wp++
			}
		}
	}
	return false, nil
}
