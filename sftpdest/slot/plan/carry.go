package plan

import (
	"slotfs/indexer/manifest"
)

// carry keeps what an earlier run saw below a directory that cannot be read.
func (p *Planner) carry(r *Row, have Kind) *Action {
	if r.Base == nil {
		if d := r.Donor; d != nil && p.Fills && !p.OtherJob && (have != Dir || d.IsDir()) && (d.Hash != "" || !d.IsRegular()) && d.Flags&manifest.Missing == 0 {
			s := donated(r, have)
			s.Entry.Stored = p.stored(r)
			return s
		}
		if have == None {
			return nil
		}
		s := &Action{Do: Remove, Have: have}
		s.Entry.Path = r.Path
		return s
	}
	s := &Action{Entry: *r.Base, Do: Keep, Have: have}
	s.Entry.Flags |= manifest.Stale
	switch {
	case r.Base.Flags&manifest.Missing != 0 && have == None:
		s.Do = Nothing
		return s
	case !p.Listed:
		return s
	case have != None:
		s.Entry.Stored = p.stored(r)
		s.Entry.Flags &^= manifest.Missing
	}
	n := p.Notes.Find(r.Path)
	switch {
	case r.Base.IsDir() && have != Dir, r.Base.IsRegular() && have != File:
		return nil
	case r.Base.IsRegular() && p.isThere(r.Here, r.Base.Size, r.Base.MTime):
		// The interrupted run may have put another version into place that a listing does not tell from this one.
		if p.Resumed && (n == nil && (p.Untimed || r.Base.Flags&manifest.Racy != 0) ||
			n != nil && n.Hash() != r.Base.Hash && p.alike(n.Size, n.MTime, r.Base.Size, r.Base.MTime)) {
			s.Entry.Digest = manifest.Digest{}
			s.Entry.Flags |= manifest.Changed
		} else if p.Suspect && s.Entry.Hash != "" {
			s.Do, s.Claim = Reread, r.Base.Digest
		}
	case r.Base.IsRegular() && n == nil && r.Base.Hash != "" && sized(r.Here, r.Base.Size):
		s.Do, s.Claim = Reread, r.Base.Digest
	case r.Base.IsRegular():
		if n == nil || !p.isThere(r.Here, n.Size, n.MTime) {
			s.Do = Remove
			return s
		}
		if s.Entry.MTime != n.MTime {
			s.Entry.MTime, s.Entry.Far = n.MTime, 0
		}
		s.Entry.Size, s.Entry.CTime, s.Entry.Inode = n.Size, n.CTime, n.Inode
		s.Entry.Digest, s.Entry.Sparse = n.Digest(), nil
	}
	return s
}

// donated takes what another slot has where this one has nothing and the source cannot be read.
func donated(r *Row, have Kind) *Action {
	s := &Action{Entry: *r.Donor, Do: Nothing, Have: have}
	s.Entry.Flags |= manifest.Stale
	s.Entry.Link = "" // the first name may be another file by now
	switch {
	case r.Donor.IsDir() && have == Dir:
		s.Do = Keep
	case r.Donor.IsDir():
		s.Do = Mkdir
	case r.Donor.IsSymlink():
		s.Do = Symlink
	case r.Donor.IsRegular():
		s.Do, s.Claim, s.From = Fill, r.Donor.Digest, r.DonorAt
	}
	return s
}
