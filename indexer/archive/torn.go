package archive

import "bytes"

// Archive::Tar::Builder, the writer of cPanel, overwrites a header of its own where both the path and the target of a link are too
// long for theirs: the 'K' header comes first, then the blocks of the path, those of the target, and the link's own header with
// what fits of both. Readers take the path for the target, and the target for a damaged header. GNU tar goes on to the link's
// header; so do we, and it is no damage if the target proves to be the one that the header has the beginning of.

// maxTorn bounds how many bytes of such a path and target are looked at.
const maxTorn = 2*maxPath + 4*blockSize

// torn is what followed a 'K' header up to a block that should have been a header.
type torn struct {
	at   int64  // offset of that block
	size int64  // what the 'K' header says the target has, in bytes
	data []byte // whole blocks
}

// tear begins with the block at offset at if a 'K' header came just before it. It reports whether that is so.
func (l *level) tear(b *block, at int64) bool {
	if !l.hasLink || l.hasLong || len(l.pax) > 0 || l.linkSize > maxPath+1 {
		return false
	}
	l.torn = torn{at: at, size: l.linkSize, data: append(bytes.Clone(l.linkData), b[:]...)}
	return true
}

// tearOn adds one more block that is no header, unless there were too many.
func (l *level) tearOn(b *block) {
	if l.torn.data == nil {
		return
	}
	l.torn.data = append(l.torn.data, b[:]...)
	if len(l.torn.data) > maxTorn {
		l.torn.data = nil
		l.fault(l.torn.at, "damaged header")
	}
}

// mend decides with the next good header b, or nil if there is none, whether the blocks before it were a long link's.
func (l *level) mend(b *block) {
	t := l.torn
	l.torn = torn{}
	switch {
	case t.data == nil:
	case b != nil && t.explains(b):
		l.walk.note(noteTornLink, l.prefix+string(b.name(nil)))
	default:
		l.fault(t.at, "damaged header")
	}
}

// explains reports whether the data end with the target of which the link b has the beginning.
func (t *torn) explains(b *block) bool {
	from := int64(len(t.data)) - (t.size+blockSize-1)&^(blockSize-1)
	link := b.link()
	return (b.typeflag() == '1' || b.typeflag() == '2') && len(link) == 100 && from >= blockSize && t.size > 100 &&
		bytes.HasPrefix(t.data[from:], link) && t.data[0] != 0
}
