package archive

// maxRecord bounds one extension header, in bytes.
const maxRecord = 8 << 20

// step is what the next bytes of a level are.
type step uint8

const (
	stepHeader  step = iota // a header block
	stepSkip                // nothing of interest
	stepContent             // content of a member
	stepRecord              // content of an extension header
	stepSparse              // a block that continues the map of an old GNU sparse header
	stepMap                 // a block of the map of a PAX sparse file
	stepEnd                 // a block behind the end, as long as they are zero
	stepBehind              // what lies behind the end and is no part of the archive
	stepDead                // no archive, or no more of it
)

// level walks one tar archive: the whole one, or one that is the content of a member. It is told bytes in
// order and knows nothing of what is above it but how to report.
type level struct {
	walk   *walker
	prefix string // what paths stand below; "" in the whole archive
	pos    int64  // absolute offset of the next byte
	end    int64  // absolute offset that no member may pass

	step step
	left int64  // bytes of stepSkip, stepContent and stepRecord still to come, or of the member in stepMap
	pad  int64  // bytes of padding after them
	part []byte // what came of the block or record so far

	// Of the next member, from its extension headers.
	first            int64 // offset of the first one, or -1
	kind             byte  // of the record that is being read
	long, longLink   []byte
	hasLong, hasLink bool
	linkSize         int64  // of longLink as its header says, in bytes
	linkData         []byte // its blocks
	pax              []byte
	spoilt           bool      // one of them was no use
	head             block     // its header, while the map of a sparse file is read
	sparse           sparseMap // what came of that map

	// Of the archive so far.
	globals  []byte // global PAX records in force
	valid    bool   // there was a header
	lost     bool   // looking for the next header
	torn     torn   // while lost: a long link that may explain it
	linkBody int64  // the last header was that of a hard link and claims so much content
	current  string // path of the last member, for the report
	inner    *level // walks the content of the member, if that is an archive
}

func newLevel(w *walker, prefix string, start, end int64) *level {
	return &level{walk: w, prefix: prefix, pos: start, end: end, first: -1}
}

// feed takes the next bytes.
func (l *level) feed(p []byte) error {
	for len(p) > 0 {
		var n int
		var err error
		switch l.step {
		case stepSkip, stepContent:
			n, err = l.pass(p)
		case stepRecord:
			n, err = l.collect(p)
		case stepDead, stepBehind:
			n = len(p)
			l.pos += int64(n)
		default:
			n, err = l.gather(p)
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// gather completes a block and acts on it.
func (l *level) gather(p []byte) (int, error) {
	b, n := (*block)(nil), blockSize-len(l.part)
	switch {
	case len(p) < n:
		l.part = append(l.part, p...)
		l.pos += int64(len(p))
		return len(p), nil
	case len(l.part) == 0:
		b = (*block)(p)
	default:
		b = (*block)(append(l.part, p[:n]...))
		l.part = l.part[:0]
	}
	l.pos += int64(n)
	switch l.step {
	case stepSparse:
		return n, l.sparseBlock(b)
	case stepMap:
		return n, l.mapBlock(b)
	case stepEnd:
		l.behind(b)
		return n, nil
	}
	return n, l.header(b)
}

// pass lets content and padding go by.
func (l *level) pass(p []byte) (int, error) {
	n := int(min(l.left, int64(len(p))))
	l.pos += int64(n)
	l.left -= int64(n)
	if l.step == stepContent {
		if l.inner != nil {
			if err := l.inner.feed(p[:n]); err != nil {
				return n, err
			}
		} else if l.walk.delivery.on {
			if err := l.walk.deliver(p[:n]); err != nil {
				return n, err
			}
		}
	}
	if l.left == 0 {
		l.passed()
	}
	return n, nil
}

// leap is pass for bytes that nobody has seen; skippable told that there are as many.
func (l *level) leap(n int64) {
	l.pos += n
	if l.over() {
		return
	}
	l.left -= n
	if l.inner != nil {
		l.inner.leap(n)
	} else {
		l.walk.delivery.skip(n)
	}
	if l.left == 0 {
		l.passed()
	}
}

// skippable is how many bytes could as well not be there.
func (l *level) skippable() int64 {
	switch {
	case l.step == stepBehind:
		return l.end - l.pos
	case l.step != stepSkip && l.step != stepContent:
		return 0
	case l.walk.delivery.on:
		return l.walk.delivery.skippable()
	case l.inner != nil && !l.inner.over():
		return min(l.left, l.inner.skippable())
	}
	return l.left
}

// over reports whether nothing of the archive can come any more.
func (l *level) over() bool { return l.step == stepDead || l.step == stepBehind }

// passed ends content or padding.
func (l *level) passed() {
	if l.inner != nil {
		l.inner.close()
		l.inner = nil
	}
	l.step, l.left, l.pad = stepSkip, l.pad, 0
	if l.left == 0 {
		l.step = stepHeader
	}
}

// enter makes the next n bytes, and the padding after them, those of s.
func (l *level) enter(s step, n int64) {
	l.step, l.left, l.pad = s, n, -n&(blockSize-1)
	if n == 0 {
		l.passed()
	}
}

// collect completes the content of an extension header and keeps it.
func (l *level) collect(p []byte) (int, error) {
	n := int(min(l.left, int64(len(p))))
	l.part = append(l.part, p[:n]...)
	l.pos += int64(n)
	l.left -= int64(n)
	if l.left > 0 {
		return n, nil
	}
	l.keep(l.part)
	l.part = shrink(l.part)
	l.passed()
	return n, nil
}

// keep stores an extension header until its member comes.
func (l *level) keep(data []byte) {
	switch l.kind {
	case 'L':
		l.long, l.hasLong = append(l.long[:0], cString(data)...), true
	case 'K':
		l.longLink, l.hasLink = append(l.longLink[:0], cString(data[:l.linkSize])...), true
		l.linkData = append(l.linkData[:0], data...)
	case 'g':
		merged, ok := mergeGlobal(l.globals, data)
		l.globals = merged
		if !ok {
			l.fault(l.pos-int64(len(data)), "unusable global header")
		}
	default:
		l.pax = append(l.pax[:0], data...) // of two in front of one member the last one counts
	}
}

// header acts on a header block.
func (l *level) header(b *block) error {
	at := l.pos - blockSize
	switch {
	case b.zero() && l.lost:
		l.mend(nil)
		return nil // content of what was lost
	case b.zero():
		l.finish()
		return nil
	case !b.summed():
		return l.strayBlock(b, at)
	}
	l.mend(b)
	l.lost, l.valid, l.linkBody = false, true, 0
	size, ok := b.size()
	if b.typeflag() != '1' && (!ok || size > l.room()) {
		l.unsized(b)
		return nil
	}
	switch b.typeflag() {
	case 'x', 'X', 'L', 'K':
		if l.first < 0 {
			l.first = at
		}
		l.extension(b.typeflag(), size, at)
		return nil
	case 'g':
		l.extension('g', size, at)
		return nil
	case 'V', 'N', 'A', 'E', 'I': // label, old GNU list of names, Solaris attributes, star inode
		l.forget()
		l.enter(stepSkip, size)
		return nil
	}
	if l.first < 0 {
		l.first = at
	}
	return l.member(b)
}

// extension begins with the content of an extension header.
func (l *level) extension(kind byte, size, at int64) {
	if size > maxRecord {
		l.spoilt = l.spoilt || kind != 'g'
		if kind == 'g' {
			l.fault(at, "global header is too long")
		}
		l.enter(stepSkip, size)
		return
	}
	l.kind = kind
	if kind == 'K' {
		l.linkSize = size
		size += -size & (blockSize - 1)
	}
	if size == 0 {
		l.keep(nil)
	}
	l.enter(stepRecord, size)
}

// unsized leaves a member out whose size makes no sense, and looks for the next header.
func (l *level) unsized(b *block) {
	l.walk.refuse(noteSize, l.prefix+string(b.name(nil)))
	l.lost = true
	l.forget()
}

// strayBlock is a block that should be a header and is none.
func (l *level) strayBlock(b *block, at int64) error {
	switch {
	case l.linkBody > 0:
		// POSIX lets a hard link have content, GNU writes a size that means nothing: what follows tells.
		body := l.linkBody + -l.linkBody&(blockSize-1) - blockSize
		l.linkBody = 0
		l.enter(stepSkip, body)
		return nil
	case l.lost:
		l.tearOn(b)
		return nil
	case !l.valid && (l.prefix != "" || !likely(b[:])):
		l.step = stepDead
		return nil
	case l.tear(b, at):
	default:
		l.fault(at, "damaged header")
	}
	l.lost = true
	l.forget()
	return nil
}

// forget drops what extension headers said.
func (l *level) forget() {
	l.first, l.hasLong, l.hasLink, l.spoilt = -1, false, false, false
	l.pax, l.long, l.longLink, l.linkData = shrink(l.pax), shrink(l.long), shrink(l.longLink), shrink(l.linkData)
	l.sparse = sparseMap{}
}

// shrink empties a buffer and lets go of it if it grew large.
func shrink(b []byte) []byte {
	if cap(b) > 64<<10 {
		return nil
	}
	return b[:0]
}
