package gzseek

import (
	"hash/crc32"
	"slices"
)

// spanSums sums up blocks of BlockSize bytes.
type spanSums struct {
	done []uint32
	crc  uint32 // of the block in progress
	n    int    // bytes of it
}

func (s *spanSums) add(p []byte) {
	for len(p) > 0 {
		n := min(len(p), BlockSize-s.n)
		s.crc = crc32.Update(s.crc, castagnoli, p[:n])
		s.n += n
		p = p[n:]
		if s.n == BlockSize {
			s.done = append(s.done, s.crc)
			s.crc, s.n = 0, 0
		}
	}
}

// all returns the sums if the span ends here.
func (s *spanSums) all() []uint32 {
	all := slices.Clone(s.done)
	if s.n > 0 {
		all = append(all, s.crc)
	}
	return all
}

// chooser decides which marks become points. A mark is decided on when the next one is known: only then is it known
// whether it is the last one before a hint, or the last one within the spacing.
type chooser struct {
	spacing, inputSpacing int64
	emit                  func(*Point) error

	point  mark // the point of the span in progress
	packed bool // its window is packed
	raw    []byte
	window Window
	sums   spanSums // of the span, up to at

	next     mark     // the undecided mark, at or after point
	nextRaw  []byte   // its window, when its chunk is gone
	atNext   spanSums // sums, as it was at next
	nextSums spanSums // of what follows next, up to at
	started  bool     // point and next are set

	at    int64 // output that was seen
	hints []int64

	comp     []byte // compressed data that windows may be needed for
	compAt   int64  // its offset in the stream
	lostBit  int64  // of marks before this bit the compressed data was dropped
	packer   packer
	tracker  tracker
	chunk    *chunk
	seenUpTo int64 // output in comp
}

// take goes through the marks of a chunk whose data beyond c.at was handed out.
func (c *chooser) take(k *chunk) error {
	c.chunk = k
	c.takeInput(k)
	known := c.at // marks before it were seen before a resume
	for _, m := range k.marks {
		if m.out < known {
			continue
		}
		c.sumTo(m.out)
		if err := c.reach(m); err != nil {
			return err
		}
	}
	c.sumTo(k.start + int64(k.n))
	return nil
}

// release keeps what is needed of the chunk for later.
func (c *chooser) release() error {
	if !c.started {
		return nil
	}
	if !c.packed && c.seenUpTo-c.point.out >= historySize {
		if err := c.pack(); err != nil {
			return err
		}
	}
	if c.next.out >= c.chunk.start {
		c.nextRaw = append(c.nextRaw[:0], c.nextWindow()...)
	}
	c.chunk = nil
	c.dropInput()
	return nil
}

// sumTo sums up the chunk's data up to out.
func (c *chooser) sumTo(out int64) {
	if out <= c.at {
		return
	}
	if c.started {
		data := c.chunk.data()[c.at-c.chunk.start : out-c.chunk.start]
		c.sums.add(data)
		if c.next.out != c.point.out {
			c.nextSums.add(data)
		}
	}
	c.at = out
}

// reach decides on the last mark, now that m is known.
func (c *chooser) reach(m mark) error {
	if !c.started {
		c.started = true
		c.point, c.packed = m, true // nothing comes before the first
	} else if err := c.decide(m); err != nil {
		return err
	}
	c.next = m
	c.nextSums = spanSums{done: c.nextSums.done[:0]}
	c.atNext = spanSums{done: c.sums.done, crc: c.sums.crc, n: c.sums.n}
	return nil
}

// decide makes the undecided mark a point if m is too far or a hint lies between.
func (c *chooser) decide(m mark) error {
	want := m.out-c.point.out > c.spacing || m.bit>>3-c.point.bit>>3 > c.inputSpacing
	kept := c.hints[:0]
	for _, h := range c.hints {
		if h >= m.out {
			kept = append(kept, h)
		} else if h >= c.next.out {
			want = true
		}
	}
	c.hints = kept
	if !want || c.next.out == c.point.out {
		return nil
	}
	if err := c.finish(c.next, &c.atNext); err != nil {
		return err
	}
	c.raw = append(c.raw[:0], c.nextWindow()...)
	c.point, c.packed, c.window = c.next, len(c.raw) == 0, Window{}
	c.sums, c.nextSums = c.nextSums, spanSums{}
	return nil
}

// finish hands out the span in progress, which ends at m.
func (c *chooser) finish(m mark, sums *spanSums) error {
	if !c.packed {
		if err := c.pack(); err != nil {
			return err
		}
	}
	return c.emit(&Point{
		Bit: c.point.bit, Out: c.point.out, Header: c.point.header, Window: c.window,
		Length: m.out - c.point.out, Sums: sums.all(), End: max((m.end+7)>>3, c.point.bit>>3),
	})
}

// end finishes the last span: the output ended, and was complete at bit end of the stream.
func (c *chooser) end(bit int64) error {
	if !c.started {
		return nil
	}
	m := mark{bit: bit, end: bit, out: c.at}
	if c.next.out < c.at {
		if err := c.decide(m); err != nil {
			return err
		}
	}
	if c.point.out == c.at {
		return nil
	}
	return c.finish(m, &c.sums)
}

// nextWindow is the history of the undecided mark.
func (c *chooser) nextWindow() []byte {
	k := c.chunk
	if c.next.out < k.start {
		return c.nextRaw
	}
	if c.next.header {
		return nil
	}
	at := historySize + int(c.next.out-k.start)
	return k.buf[at-c.next.history() : at]
}

// pack packs the window of the point: the bytes that the next historySize bytes of output refer to, or all bytes
// if the compressed data for them is not at hand.
func (c *chooser) pack() (err error) {
	n := int(min(historySize, c.seenUpTo-c.point.out))
	used := new(usage)
	if c.point.bit < c.lostBit || !c.tracker.track(used, len(c.raw), n, c.comp, c.point.bit-c.compAt<<3) {
		used = nil
	}
	c.window, err = c.packer.pack(c.raw, used)
	c.packed = true
	return err
}

// takeInput adds the chunk's compressed data.
func (c *chooser) takeInput(k *chunk) {
	c.seenUpTo = k.start + int64(k.n)
	if len(c.comp) == 0 {
		c.compAt = k.compEnd - int64(len(k.comp))
	}
	if k.lost || len(c.comp)+len(k.comp) > maxKept {
		c.comp = c.comp[:0]
		c.compAt, c.lostBit = k.compEnd, max(c.lostBit, k.compEnd<<3)
		return
	}
	c.comp = append(c.comp, k.comp...)
}

// dropInput forgets the compressed data before the first mark that may need it.
func (c *chooser) dropInput() {
	need := c.next.bit >> 3
	if !c.packed {
		need = c.point.bit >> 3
	}
	need = max(need, c.lostBit>>3)
	if n := min(need-c.compAt, int64(len(c.comp))); n > 0 {
		c.comp = c.comp[:copy(c.comp, c.comp[n:])]
		c.compAt += n
	}
}
