package gzseek

import (
	"context"
	"io"

	"slotfs/indexer/contain"
)

const (
	// chunkSize is how much output is handed on at once. Chunks begin at its multiples, also after a resume.
	chunkSize = 256 << 10
	// chunksAhead is how many chunks may be decoded while the sink is busy with one.
	chunksAhead = 2
	// maxKept bounds the compressed data kept for the sake of windows, in bytes.
	maxKept = 2 << 20
)

// mark is a place in the stream to go on from. Of several at one place of the output only the last is kept, but a
// header is preferred to what follows it closely.
type mark struct {
	bit    int64 // of the block or of the header
	end    int64 // bit at which the output was complete
	out    int64
	member int64 // where the member's output begins
	header bool
}

// history is how many bytes before the mark can be referred to after it.
func (m mark) history() int { return int(min(historySize, m.out-m.member)) }

// preferHeader is how many bits of empty blocks a header may be ahead of a mark.
const preferHeader = 1 << 19

// trailer is the end of a member.
type trailer struct {
	out       int64
	at        int64 // byte behind it
	crc, size uint32
}

// chunk is a piece of the output: what begins in it and ends in it lies in [start, start+n).
type chunk struct {
	buf      []byte // historySize bytes before start, the chunk, and room for more
	start    int64
	n        int
	marks    []mark
	trailers []trailer
	comp     []byte // compressed bytes that were read for it
	lost     bool   // comp would have been too long
	compEnd  int64  // offset in the stream behind comp
	end      int64  // bit at which the output was complete, if it is the last
	err      error  // of the last one: io.EOF if all is well
}

func (c *chunk) data() []byte { return c.buf[historySize : historySize+c.n] }

// pump decodes the stream into chunks.
type pump struct {
	s      stream
	size   int // of a chunk
	cur    *chunk
	member int64
	free   chan *chunk
	full   chan *chunk
	failed error // a panic
}

func newPump(size int) *pump {
	p := &pump{size: size, free: make(chan *chunk, chunksAhead+2), full: make(chan *chunk, chunksAhead)}
	for range cap(p.free) {
		p.free <- &chunk{buf: make([]byte, historySize+size+outputSlack)}
	}
	return p
}

// run decodes r from m on, whose history is window, until its end, an error or the end of ctx. Then it closes full. A
// panic is left in failed, to be read behind that.
func (p *pump) run(ctx context.Context, r io.Reader, m mark, window []byte) {
	defer close(p.full)
	defer contain.Recover(&p.failed)
	p.member = m.member
	p.cur = <-p.free
	p.cur.start = m.out - m.out%int64(p.size)
	p.cur.compEnd = m.bit >> 3
	s := &p.s
	s.out, s.wp = p.cur.buf, historySize+int(m.out-p.cur.start)
	s.low = s.wp - len(window)
	copy(s.out[s.low:], window)
	s.tap = p.keep
	err := s.reset(contextReader{ctx, r}, m.bit, m.header, inputSize)
	for err == nil {
		if err = p.fill(); err == nil || s.wp >= p.limit() {
			if !p.ship(ctx) {
				return
			}
		}
	}
	s.flushTap()
	c := p.cur
	c.n, c.err, c.end = s.wp-historySize, err, min(s.bit(), s.inputEnd()<<3)
	if err == io.EOF {
		c.end = s.done
	}
	p.send(ctx, c)
}

func (p *pump) limit() int { return historySize + p.size }

// fill decodes until the chunk is full. At the end of the stream it returns io.EOF.
func (p *pump) fill() error {
	s := &p.s
	for s.wp < p.limit() {
		ev, err := s.step(p.limit())
		if err != nil {
			return err
		}
		out := p.cur.start + int64(s.wp-historySize)
		switch ev {
		case streamEnds:
			return io.EOF
		case memberBegins:
			p.member = out
			p.add(mark{bit: s.mark, end: s.done, out: out, member: out, header: true})
		case blockEnds:
			bit := s.bit()
			p.add(mark{bit: bit, end: bit, out: out, member: p.member})
		case memberEnds:
			p.cur.trailers = append(p.cur.trailers, trailer{out, s.byteEnd(), s.crc, s.size})
		}
	}
	return nil
}

// add lists m, unless another mark does as well.
func (p *pump) add(m mark) {
	c := p.cur
	if n := len(c.marks); n > 0 && c.marks[n-1].out == m.out {
		last := &c.marks[n-1]
		if last.header && !m.header && m.bit-last.bit < preferHeader {
			return
		}
		m.end = last.end
		*last = m
		return
	}
	c.marks = append(c.marks, m)
}

// keep takes the input that was consumed.
func (p *pump) keep(b []byte) {
	c := p.cur
	c.compEnd += int64(len(b))
	if len(c.comp)+len(b) > maxKept {
		c.lost = true
		c.comp = c.comp[:0]
	}
	if !c.lost {
		c.comp = append(c.comp, b...)
	}
}

// ship sends the full chunk and begins the next one with what was written behind it.
func (p *pump) ship(ctx context.Context) bool {
	s, c := &p.s, p.cur
	s.flushTap()
	var next *chunk
	select {
	case next = <-p.free:
	case <-ctx.Done():
		return false
	}
	*next = chunk{
		buf: next.buf, start: c.start + int64(p.size), marks: next.marks[:0], trailers: next.trailers[:0],
		comp: next.comp[:0], compEnd: s.base + int64(s.tapped),
	}
	copy(next.buf, c.buf[p.size:s.wp])
	s.out, s.wp, s.low = next.buf, s.wp-p.size, max(0, s.low-p.size)
	c.n = p.size
	// What lies at the very end of a chunk belongs to the next one.
	if n := len(c.marks); n > 0 && c.marks[n-1].out >= next.start {
		next.marks = append(next.marks, c.marks[n-1])
		c.marks = c.marks[:n-1]
	}
	if n := len(c.trailers); n > 0 && c.trailers[n-1].out >= next.start {
		next.trailers = append(next.trailers, c.trailers[n-1])
		c.trailers = c.trailers[:n-1]
	}
	p.cur = next
	return p.send(ctx, c)
}

func (p *pump) send(ctx context.Context, c *chunk) bool {
	select {
	case p.full <- c:
		return true
	case <-ctx.Done():
		return false
	}
}
