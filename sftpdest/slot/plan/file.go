package plan

import (
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

func (p *Planner) file(r *Row, s *Action) {
	cur := &s.Entry
	s.Do = Send
	if r.Donor != nil && p.Fills && r.Donor.IsRegular() && r.Donor.Hash != "" &&
		r.Donor.Flags&(manifest.Changed|manifest.Racy|manifest.Stale) == 0 &&
		SameVersion(cur, r.Donor.Size, r.Donor.MTime, r.Donor.CTime, r.Donor.Inode) {
		s.Do, s.Claim, s.From = Fill, r.Donor.Digest, r.DonorAt
	}
	if n := p.Notes.Find(r.Path); n != nil {
		p.fromNote(r, s, n)
		return
	}
	base := r.Base
	if s.Have != File || base == nil || !base.IsRegular() || base.Hash == "" ||
		p.Listed && !sized(r.Here, base.Size) {
		return
	}
	there := !p.Listed || p.isThere(r.Here, base.Size, base.MTime)
	trusted := base.Flags&(manifest.Changed|manifest.Racy) == 0
	switch {
	case trusted && SameVersion(cur, base.Size, base.MTime, base.CTime, base.Inode):
		s.Do, s.Claim = Reread, base.Digest
		// Where times mean nothing, an interrupted run may have put another version of this size into place.
		if there && !p.Suspect && !(p.Untimed && p.Resumed) {
			s.Do, cur.Digest = Keep, base.Digest
		}
	case there && !p.Resumed && cur.Size == base.Size && cur.MTime == base.MTime:
		s.Do, s.Claim = Compare, base.Digest
	}
}

// fromNote decides about a file that the interrupted run has put into place.
func (p *Planner) fromNote(r *Row, s *Action, n *Note) {
	if !sized(r.Here, n.Size) || n.Ambiguous || n.Hash() == "" ||
		!SameVersion(&s.Entry, n.Size, n.MTime, n.CTime, n.Inode) {
		return
	}
	if b := r.Base; b != nil && b.IsRegular() && b.Hash != n.Hash() && !p.Untimed && alike(b.Size, b.MTime, n.Size, n.MTime) {
		return // the listing cannot tell which one is there
	}
	s.Do, s.Claim = Reread, n.Digest()
	if n.Durable && !p.Untimed && p.isThere(r.Here, n.Size, n.MTime) {
		s.Do, s.Entry.Digest = Keep, n.Digest()
	}
}

// isThere reports whether a listing can show a version of a regular file.
func (p *Planner) isThere(here *Present, size, mtime int64) bool {
	return sized(here, size) && (p.Untimed || here.MTime == manifest.Seconds(mtime))
}

// sized reports whether a listing shows a regular file of that size. Under another time than it was given it may still be the
// one: copies lose times, and servers round or shift them.
func sized(here *Present, size int64) bool {
	return here != nil && here.Mode&backup.ModeType == backup.ModeRegular && here.Size == size
}

// alike reports whether a listing shows the same of two versions of a file.
func (p *Planner) alike(size, mtime, otherSize, otherMTime int64) bool {
	return size == otherSize && (p.Untimed || alike(size, mtime, otherSize, otherMTime))
}

// SameVersion reports whether nothing speaks for a change between two looks at a file. Device numbers are left out:
// they may be others after a boot.
func SameVersion(cur *manifest.Entry, size, mtime, ctime int64, inode uint64) bool {
	return cur.Size == size && cur.MTime == mtime && cur.CTime == ctime && cur.Inode == inode
}
