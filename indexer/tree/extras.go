package tree

import (
	"math"

	"slotfs/indexer/backup"
)

// readExtras reads what only some entries have: the nodes of directories, links, targets, attributes.
func (p *page) readExtras(w *wire, has []uint32) {
	dirs, others := p.countExtras(has)
	more := make([]extra, dirs+others)
	p.dirs = make([]dirMark, 0, dirs)
	p.memory += int64(len(more))*extraBytes + int64(dirs)*markBytes
	for i := range p.recs {
		if p.recs[i].isDir() || has[i]&hasExtra != 0 {
			p.recs[i].more, more = &more[0], more[1:]
		}
	}
	for i := range p.recs {
		if r := &p.recs[i]; r.isDir() && has[i]&isEmpty == 0 {
			r.more.child = w.hash()
			if r.more.child.IsZero() {
				w.fail()
			}
		}
	}
	p.readCounts(w, has)
	for i := range p.recs {
		if has[i]&(hasNlink|hasExtra) != 0 {
			p.readExtra(w, &p.recs[i], has[i])
		}
	}
}

// hasExtra are the kinds of entries that have an extra though they are no directories.
const hasExtra = hasLink | hasTarget | hasRdev | hasXattrs | hasSparse | hasStored | hasFar

func (p *page) countExtras(has []uint32) (dirs, others int) {
	for i := range p.recs {
		switch {
		case p.recs[i].isDir():
			dirs++
		case has[i]&hasExtra != 0:
			others++
		}
	}
	return dirs, others
}

// readCounts reads how many entries directories have below them, and their link counts.
func (p *page) readCounts(w *wire, has []uint32) {
	for i := range p.recs {
		r := &p.recs[i]
		if !r.isDir() {
			continue
		}
		p.dirs = append(p.dirs, dirMark{at: int32(i), before: p.below})
		if has[i]&isEmpty == 0 {
			r.more.count = w.bounded(maxCount)
			if r.more.count == 0 {
				w.fail()
			}
		}
		r.more.unsettled, r.more.attributed = has[i]&unsettled != 0, has[i]&attributed != 0
		r.nlink = uint32(w.bounded(math.MaxUint32))
		p.below += r.more.count
		if r.counts() {
			p.dirCount++
		}
	}
}

func (p *page) readExtra(w *wire, r *record, has uint32) {
	if has&hasNlink != 0 {
		r.nlink = uint32(w.bounded(math.MaxUint32))
		if r.nlink < 2 {
			w.fail()
		}
	}
	if has&hasLink != 0 {
		r.more.link = p.text(w)
	}
	if has&hasTarget != 0 {
		r.more.target = p.text(w)
	}
	if has&hasRdev != 0 {
		r.more.rdev = w.uvarint()
		if r.more.rdev == 0 {
			w.fail()
		}
	}
	if has&hasXattrs != 0 {
		r.more.xattrs = p.readXattrs(w)
	}
	if has&hasSparse != 0 {
		r.more.sparse = p.readSparse(w)
	}
	if has&hasStored != 0 {
		r.more.stored = p.text(w)
		if checkName(r.more.stored) != nil || r.more.stored == r.name {
			w.fail()
		}
	}
	if has&hasFar != 0 {
		r.more.far = w.signed()
		if r.more.far == 0 || !possibleTime(r.mtime, r.more.far) {
			w.fail()
		}
	}
}

// text reads a string that is there and not empty.
func (p *page) text(w *wire) string {
	s := w.string()
	if s == "" {
		w.fail()
	}
	p.memory += int64(len(s))
	return s
}

func (p *page) readXattrs(w *wire) []backup.Xattr {
	n := w.uvarint()
	if n == 0 || n > uint64(len(w.rest))/2 {
		w.fail()
		return nil
	}
	all := make([]backup.Xattr, n)
	for i := range all {
		all[i] = backup.Xattr{Name: w.string(), Value: w.string()}
		if i > 0 && all[i].Name <= all[i-1].Name {
			w.fail()
		}
		p.memory += int64(32 + len(all[i].Name) + len(all[i].Value))
	}
	return all
}

func (p *page) readSparse(w *wire) []backup.Extent {
	n := w.uvarint()
	if n > uint64(len(w.rest))/2 {
		w.fail()
		return nil
	}
	all := make([]backup.Extent, n)
	end := uint64(0)
	for i := range all {
		start := end + w.bounded(maxSparse)
		length := w.bounded(maxSparse)
		end = start + length
		if end > maxSparse {
			w.fail()
			return nil
		}
		all[i] = backup.Extent{Offset: int64(start), Length: int64(length)}
	}
	p.memory += 16 * int64(n)
	return all
}
