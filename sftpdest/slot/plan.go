package slot

import (
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

// action is what has to be done on the server for a path.
type action uint8

const (
	keep    action = iota // it is there
	mkdir                 // the folder is not there
	send                  // read and upload
	compare               // read; upload if the content is not the claimed one
	reread                // what is on the server may be lost: read that, and send if it is not the claimed content
	fill                  // copy from the donor, else send
	symlink               // make it, unless it is there
	nothing               // it is in the manifest only
	remove                // it is not in the source
	seal                  // nothing more comes into a nest
)

// kind is what stands under a name on the server.
type kind uint8

const (
	none kind = iota
	file      // anything but a folder
	folder
)

// step is what the plan says about a path.
type step struct {
	entry manifest.Entry
	act   action
	have  kind
	claim manifest.Digest // of the content that the slot has, for compare and reread
	old   *manifest.Entry // what the slot has: kept if the source cannot be read
	from  string          // where the donor has the file, below its data/
	at    string          // where on the server something stands, if it is not none
	in    *place          // the folder around it
	self  *place          // of a folder
	nest  *nest           // takes the file; nil: it is moved to its name by itself
	done  chan struct{}   // closed when entry is as it goes into the manifest; nil: it is from the beginning
	known bool            // done is closed
	left  bool            // it does not go into the manifest
}

// planner decides path by path, in manifest order.
type planner struct {
	listed  bool // the slot was listed: rows tell what is there
	resumed bool // another run of this generation wrote into the slot, further than its journal says
	fills   bool // files may come from the donor
	untimed bool // times in listings mean nothing
	suspect bool // what the slot has may be damaged: it is read before it is kept
	notes   notes
	traits  manifest.Traits // of the server
	clashes *clashes        // nil: names clash on no account
	frozen  string          // folder whose listing could not be read; "\x00": none
	aside   string          // folder that was moved away; "\x00": none
}

func newPlanner() planner { return planner{frozen: "\x00", aside: "\x00"} }

// plan decides about r; nil: there is nothing to do and nothing to note.
func (p *planner) plan(r *row) *step {
	have := p.have(r)
	switch {
	case r.src == nil && manifest.Below(r.path, p.frozen):
		return p.carry(r, have)
	case r.src == nil && (have == none || manifest.Below(r.path, p.aside)):
		return nil
	case r.src == nil:
		s := &step{act: remove, have: have}
		s.entry.Path = r.path
		return s
	}
	if r.src.Frozen && !r.src.IsDir() {
		return p.carry(r, have) // not even its attributes could be read
	}
	s := &step{entry: r.src.Entry, have: have, old: r.base}
	s.entry.Digest, s.entry.Stored = manifest.Digest{}, p.stored(r)
	switch cur := &s.entry; {
	case cur.IsDir():
		if r.src.Frozen {
			p.frozen = r.path
			if cur.Mode&backup.ModePerm == 0 && r.base != nil && r.base.IsDir() {
				*cur = *r.base
			}
			cur.Flags |= manifest.Stale
		}
		if s.act = keep; have != folder {
			s.act = mkdir
		}
	case cur.IsRegular():
		p.file(r, s)
	case cur.IsSymlink():
		if s.act = symlink; !p.listed && r.base != nil && r.base.IsSymlink() && r.base.Target == cur.Target {
			s.act = keep
		}
	default:
		s.act = nothing
	}
	if have == folder && !s.entry.IsDir() && s.act != nothing {
		p.aside = r.path
	}
	return s
}

// stored is the escaped name that an entry has to have; "" if its own will do. One that it has somewhere stays: a server which
// refused the name once does so again.
func (p *planner) stored(r *row) string {
	name := manifest.Base(r.path)
	switch {
	case r.path == "":
		return ""
	case p.clashes.add(r.path), p.traits.Escapes(name), r.base != nil && r.base.Stored != "", r.donor != nil && r.donor.Stored != "",
		p.listed && r.here != nil && manifest.Base(r.here.At) != name:
		return manifest.Escape(name)
	}
	return ""
}

// where tells where the entry stands below data/ that have tells of.
func (p *planner) where(r *row) string {
	if p.listed {
		return r.here.At
	}
	return r.baseAt
}

// have tells what stands under the path.
func (p *planner) have(r *row) kind {
	switch {
	case r.path == "":
		return folder
	case p.listed && r.here == nil, !p.listed && (r.base == nil || r.base.Flags&manifest.Missing != 0):
		return none
	case p.listed && store.IsDir(r.here.Info.Mode), !p.listed && r.base.IsDir():
		return folder
	case !p.listed && !r.base.IsRegular() && !r.base.IsSymlink():
		return none
	}
	return file
}

// carry keeps what an earlier run saw below a folder that cannot be read.
func (p *planner) carry(r *row, have kind) *step {
	if r.base == nil {
		if d := r.donor; d != nil && p.fills && (have != folder || d.IsDir()) && (d.Hash != "" || !d.IsRegular()) && d.Flags&manifest.Missing == 0 {
			s := donated(r, have)
			s.entry.Stored = p.stored(r)
			return s
		}
		if have == none {
			return nil
		}
		s := &step{act: remove, have: have}
		s.entry.Path = r.path
		return s
	}
	s := &step{entry: *r.base, act: keep, have: have}
	s.entry.Flags |= manifest.Stale
	switch {
	case r.base.Flags&manifest.Missing != 0 && have == none:
		s.act = nothing
		return s
	case !p.listed:
		return s
	case have != none:
		s.entry.Stored = p.stored(r)
		s.entry.Flags &^= manifest.Missing
	}
	n := p.notes.find(r.path)
	switch {
	case r.base.IsDir() && have != folder, r.base.IsRegular() && have != file:
		return nil
	case r.base.IsRegular() && p.isThere(r.here, r.base.Size, r.base.MTime):
		// The interrupted run may have put another version into place that a listing does not tell from this one.
		if p.resumed && (n == nil && (p.untimed || r.base.Flags&manifest.Racy != 0) ||
			n != nil && n.hash() != r.base.Hash && p.alike(n.size, n.mtime, r.base.Size, r.base.MTime)) {
			s.entry.Digest = manifest.Digest{}
			s.entry.Flags |= manifest.Changed
		} else if p.suspect && s.entry.Hash != "" {
			s.act, s.claim = reread, r.base.Digest
		}
	case r.base.IsRegular() && n == nil && r.base.Hash != "" && sized(r.here, r.base.Size):
		s.act, s.claim = reread, r.base.Digest
	case r.base.IsRegular():
		if n == nil || !p.isThere(r.here, n.size, n.mtime) {
			s.act = remove
			return s
		}
		if s.entry.MTime != n.mtime {
			s.entry.MTime, s.entry.Far = n.mtime, 0
		}
		s.entry.Size, s.entry.CTime, s.entry.Inode = n.size, n.ctime, n.inode
		s.entry.Digest, s.entry.Sparse = n.digest(), nil
	}
	return s
}

// donated takes what another slot has where this one has nothing and the source cannot be read.
func donated(r *row, have kind) *step {
	s := &step{entry: *r.donor, act: nothing, have: have}
	s.entry.Flags |= manifest.Stale
	s.entry.Link = "" // the first name may be another file by now
	switch {
	case r.donor.IsDir() && have == folder:
		s.act = keep
	case r.donor.IsDir():
		s.act = mkdir
	case r.donor.IsSymlink():
		s.act = symlink
	case r.donor.IsRegular():
		s.act, s.claim, s.from = fill, r.donor.Digest, r.donorAt
	}
	return s
}

// isThere reports whether a listing can show a version of a regular file.
func (p *planner) isThere(here *store.Present, size, mtime int64) bool {
	return sized(here, size) && (p.untimed || here.Info.MTime == store.Seconds(mtime))
}

// sized reports whether a listing shows a regular file of that size. Under another time than it was given it may still be the
// one: copies lose times, and servers round or shift them.
func sized(here *store.Present, size int64) bool {
	return here != nil && here.Info.Mode&backup.ModeType == backup.ModeRegular && here.Info.Size == size
}

// alike reports whether a listing shows the same of two versions of a file.
func (p *planner) alike(size, mtime, otherSize, otherMTime int64) bool {
	return size == otherSize && (p.untimed || alike(size, mtime, otherSize, otherMTime))
}

// sameVersion reports whether nothing speaks for a change between two looks at a file. Device numbers are left out:
// they may be others after a boot.
func sameVersion(cur *manifest.Entry, size, mtime, ctime int64, inode uint64) bool {
	return cur.Size == size && cur.MTime == mtime && cur.CTime == ctime && cur.Inode == inode
}

func (p *planner) file(r *row, s *step) {
	cur := &s.entry
	s.act = send
	if r.donor != nil && p.fills && r.donor.IsRegular() && r.donor.Hash != "" &&
		r.donor.Flags&(manifest.Changed|manifest.Racy|manifest.Stale) == 0 &&
		sameVersion(cur, r.donor.Size, r.donor.MTime, r.donor.CTime, r.donor.Inode) {
		s.act, s.claim, s.from = fill, r.donor.Digest, r.donorAt
	}
	if n := p.notes.find(r.path); n != nil {
		p.fromNote(r, s, n)
		return
	}
	base := r.base
	if s.have != file || base == nil || !base.IsRegular() || base.Hash == "" ||
		p.listed && !sized(r.here, base.Size) {
		return
	}
	there := !p.listed || p.isThere(r.here, base.Size, base.MTime)
	trusted := base.Flags&(manifest.Changed|manifest.Racy) == 0
	switch {
	case trusted && sameVersion(cur, base.Size, base.MTime, base.CTime, base.Inode):
		s.act, s.claim = reread, base.Digest
		// Where times mean nothing, an interrupted run may have put another version of this size into place.
		if there && !p.suspect && !(p.untimed && p.resumed) {
			s.act, cur.Digest = keep, base.Digest
		}
	case there && !p.resumed && cur.Size == base.Size && cur.MTime == base.MTime:
		s.act, s.claim = compare, base.Digest
	}
}

// fromNote decides about a file that the interrupted run has put into place.
func (p *planner) fromNote(r *row, s *step, n *noted) {
	if !sized(r.here, n.size) || n.ambiguous || n.hash() == "" ||
		!sameVersion(&s.entry, n.size, n.mtime, n.ctime, n.inode) {
		return
	}
	if b := r.base; b != nil && b.IsRegular() && b.Hash != n.hash() && !p.untimed && alike(b.Size, b.MTime, n.size, n.mtime) {
		return // the listing cannot tell which one is there
	}
	if s.act, s.claim = reread, n.digest(); n.durable && !p.untimed && p.isThere(r.here, n.size, n.mtime) {
		s.act, s.entry.Digest = keep, n.digest()
	}
}
