package archive

import (
	"errors"
	"strings"

	"slotfs/indexer/backup"
)

// largeMember is the stored size from which a seek point of its own is worth it.
const largeMember = 1 << 20

// member acts on the header of a member: its extension headers are complete.
func (l *level) member(b *block) error {
	r := l.records()
	_, slash := l.fullName(b, &r)
	content := b.hasContent(slash)
	stored, ok := l.claimed(b, &r)
	switch {
	case !content:
		stored = 0
	case !ok:
		l.unsized(b)
		return nil
	}
	l.sparse = sparseMap{}
	switch {
	case r.broken:
		l.forget()
		l.enter(stepSkip, stored)
		return nil
	case b.typeflag() == 'S':
		more, ok := l.sparse.gnuHeader(b)
		if !ok {
			return l.badMap(stored)
		}
		if more {
			l.head, l.step = *b, stepSparse
			return nil
		}
	case r.sparse.inContent() && content && b.fileType(slash) == backup.ModeRegular:
		l.head, l.step, l.left = *b, stepMap, stored
		l.sparse.need = -1
		if stored < blockSize {
			return l.badMap(stored)
		}
		return nil
	}
	return l.emit(b, &r, stored)
}

// claimed is how many bytes follow the header b by what it and the records say.
func (l *level) claimed(b *block, r *records) (int64, bool) {
	n, ok := b.size()
	if r.size.set {
		n, ok = r.size.n, true
	}
	return n, ok && n <= l.room()
}

// room is how large the content of a member may be for arithmetic to hold.
func (l *level) room() int64 { return farthest - l.pos }

// records reads the PAX records that hold for the next member.
func (l *level) records() records {
	var r records
	if len(l.globals) > 0 {
		r.read(l.globals)
	}
	if len(l.pax) > 0 {
		r.read(l.pax)
	}
	if r.damaged {
		l.fault(l.first, "damaged extended header")
	}
	return r
}

// sparseBlock takes one more block of the map of an old GNU header.
func (l *level) sparseBlock(b *block) error {
	more, ok := l.sparse.gnuBlock(b)
	if ok && more {
		return nil
	}
	r := l.records()
	stored, fits := l.claimed(&l.head, &r)
	switch {
	case !fits:
		return l.badMap(0)
	case !ok:
		return l.badMap(stored)
	}
	return l.emit(&l.head, &r, stored)
}

// mapBlock takes one block of the map of a PAX sparse file. Of the member l.left bytes remain.
func (l *level) mapBlock(b *block) error {
	l.left -= blockSize
	switch {
	case !l.sparse.text(b), l.sparse.need != 0 && l.left < blockSize:
		return l.badMap(l.left)
	case l.sparse.need != 0:
		return nil
	}
	r := l.records()
	r.sparse.extents = nil
	return l.emit(&l.head, &r, l.left)
}

// badMap leaves a member out whose map of data makes no sense.
func (l *level) badMap(stored int64) error {
	l.fault(l.first, "damaged map of a sparse file")
	l.forget()
	l.enter(stepSkip, stored)
	return nil
}

// emit hands out a member of which stored bytes follow.
func (l *level) emit(b *block, r *records, stored int64) error {
	w := l.walk
	m := &w.member
	*m = Member{Header: l.first, Stored: stored}
	if !l.describe(m, b, r) {
		return l.badMap(stored)
	}
	if stored > l.end-l.pos {
		// Whoever read such a member would see what stands behind the archive that it is in.
		l.fault(m.Header, "member reaches past the end of the archive")
		l.step = stepDead
		return nil
	}
	if refusal := l.place(m, b, r); refusal != "" {
		name, _ := l.fullName(b, r)
		w.refuse(refusal, l.prefix+string(name))
		l.forget()
		l.enter(stepSkip, stored)
		return nil
	}
	if b.typeflag() == '1' {
		if n, ok := l.claimed(b, r); ok {
			l.linkBody = n
		}
	}
	w.noteOdd(r.odd, m.Path)
	l.forget()
	l.current = m.Path
	if stored > largeMember && w.hint != nil {
		w.hint(max(m.Header, w.chunk))
	}
	return l.begin(m, stored)
}

// begin shows a member to the handler and goes on with its content.
func (l *level) begin(m *Member, stored int64) error {
	w := l.walk
	plain := m.IsRegular() && m.Link == ""
	want, err := w.h.Member(m)
	switch {
	case errors.Is(err, ErrRefused):
		w.refused++ // the handler knows why
		plain = false
	case err != nil:
		return err
	}
	switch {
	case !plain:
	case want.Wanted() && (m.Sparse == nil || m.Size <= maxExpanded && want == backup.Whole):
		if err := w.delivery.start(w.h, &m.Entry, want); err != nil {
			return err
		}
	case !want.Wanted() && stored >= blockSize && l.prefix == "" && m.Sparse == nil &&
		w.nested != nil && w.nested(m.Path):
		l.inner = newLevel(w, m.Path+backup.NestedSuffix, l.pos, l.pos+stored)
	}
	l.enter(stepContent, stored)
	return nil
}

// describe fills in everything but names. It reports false if the map of a sparse file is wrong.
func (l *level) describe(m *Member, b *block, r *records) bool {
	r.odd |= b.attributes(&m.Entry, r)
	m.Xattrs = r.sortedXattrs()
	user, group := b.names()
	if len(r.user) > 0 {
		user = r.user
	}
	if len(r.group) > 0 {
		group = r.group
	}
	m.User, m.Group = again(&l.walk.user, user), again(&l.walk.group, group)
	m.Nlink, m.Offset, m.Size = 1, l.pos, m.Stored
	if _, slash := l.fullName(b, r); !b.hasContent(slash) {
		return true
	}
	return l.describeSparse(m, b, r)
}

// again is text as a string. Most members have the same as the one before.
func again(before *string, text []byte) string {
	if *before != string(text) {
		*before = string(text)
	}
	return *before
}

// describeSparse sets the logical size and the map.
func (l *level) describeSparse(m *Member, b *block, r *records) bool {
	extents, size := l.sparse.extents, r.sparse.size
	switch {
	case b.typeflag() == 'S':
		size.n, size.set = number(b[483:495])
	case !r.sparse.used:
		return true
	case !r.sparse.inContent():
		extents = r.sparse.extents
	}
	if !size.set || size.n < 0 {
		return false
	}
	var ok bool
	m.Size = size.n
	m.Sparse, ok = compact(extents, m.Size, m.Stored)
	return ok
}

// fullName is the name that counts of those that the header and its extension headers give, and whether it ends with a
// slash. It is valid until the next call.
func (l *level) fullName(b *block, r *records) (name []byte, slash bool) {
	switch w := l.walk; {
	case len(r.sparse.name) > 0:
		name = r.sparse.name
	case r.hasPath:
		name = r.path
	case l.hasLong:
		name = l.long
	default:
		w.name = b.name(w.name[:0])
		name = w.name
	}
	return name, len(name) > 0 && name[len(name)-1] == '/'
}

// place sets the type, the path and the targets. It tells why a member is left out, or "".
func (l *level) place(m *Member, b *block, r *records) backup.NoteKind {
	if l.spoilt {
		return noteExtension
	}
	w := l.walk
	name, slash := l.fullName(b, r)
	m.Mode |= b.fileType(slash)
	var ok bool
	w.path, ok = clean(append(w.path[:0], l.prefix...), name)
	if !ok {
		return noteName
	}
	m.Path = string(w.path)
	m.Name = m.Path[strings.LastIndexByte(m.Path, '/')+1:]
	switch {
	case m.IsDir():
		m.Offset, m.Size, m.Nlink, m.Sparse = m.Header, 0, 2, nil
		return ""
	case len(m.Path) <= len(l.prefix):
		return noteName
	case !l.target(m, b, r):
		return noteTarget
	}
	return ""
}

// target sets what links and device nodes point to.
func (l *level) target(m *Member, b *block, r *records) bool {
	switch b.typeflag() {
	case '1', '2':
	case '3', '4':
		major, minor := b.device()
		if r.major.set {
			major = r.major.n
		}
		if r.minor.set {
			minor = r.minor.n
		}
		m.Rdev = makedev(major, minor)
		return true
	default:
		return true
	}
	link := b.link()
	switch {
	case r.hasLink:
		link = r.link
	case l.hasLink:
		link = l.longLink
	}
	if len(link) == 0 || len(link) > maxPath {
		return false
	}
	if b.typeflag() == '2' {
		if len(link) > backup.MaxTarget {
			return false
		}
		m.Target, m.Size = string(link), int64(len(link))
		return true
	}
	w := l.walk
	var ok bool
	w.path, ok = clean(append(w.path[:0], l.prefix...), inside(link))
	m.Link = string(w.path)
	return ok && len(m.Link) > len(l.prefix)
}
