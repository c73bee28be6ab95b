// Package plan decides what has to be done on the server for each path of a backup, from three sorted streams: the source, the
// manifest of the slot's last backup or what a listing shows, and the manifest of the newest backup elsewhere. It is pure: it asks
// no server and reads no source.
package plan

import (
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// Do is what has to be done on the server for a path.
type Do uint8

const (
	Keep    Do = iota // it is there
	Mkdir             // the directory is not there
	Send              // read and upload
	Compare           // read; upload if the content is not the claimed one
	Reread            // what is on the server may be lost: read that, and send if it is not the claimed content
	Fill              // copy from the donor, else send
	Symlink           // make it, unless it is there
	Nothing           // it is in the manifest only
	Remove            // it is not in the source
)

// Kind is what stands under a name on the server.
type Kind uint8

const (
	None Kind = iota
	File      // anything but a directory
	Dir
)

// Action is what the plan says about a path.
type Action struct {
	Entry   manifest.Entry
	Do      Do
	Have    Kind
	Claim   manifest.Digest // of the content that the slot has, for Compare and Reread
	Old     *manifest.Entry // what the slot has: kept if the source cannot be read
	From    string          // where the donor has the file, below its data/
	Where   string          // where below data/ something stands, if Have is not None
	Restamp bool            // a directory's attributes are not those that it was given before
}

// Planner decides path by path, in manifest order.
type Planner struct {
	Listed  bool // the slot was listed: rows tell what is there
	Resumed bool // another run of this generation wrote into the slot, further than its journal says
	Fills   bool // files may come from the donor
	// OtherJob says that the donor belongs to another job: it gives files of which the source has the same version, and what it has
	// beyond is nothing that this job ever had.
	OtherJob bool
	Untimed  bool // times in listings mean nothing
	Suspect  bool // what the slot has may be damaged: it is read before it is kept
	Notes    Notes
	Traits   manifest.Traits // of the server
	Clashes  *Clashes        // nil: names clash on no account

	frozen string // directory whose listing could not be read; "\x00": none
	aside  string // directory that was moved away; "\x00": none
}

// New makes a planner that knows nothing yet.
func New() Planner { return Planner{frozen: "\x00", aside: "\x00"} }

// Decide decides about r; nil: there is nothing to do and nothing to note. Rows come in manifest order.
func (p *Planner) Decide(r *Row) *Action {
	s := p.decide(r)
	if s != nil && s.Have != None && r.Path != "" {
		s.Where = p.where(r)
	}
	if s != nil && s.Entry.IsDir() {
		s.Restamp = r.Base == nil || r.Base.MTime != s.Entry.MTime || r.Base.Mode != s.Entry.Mode || p.Listed
	}
	return s
}

func (p *Planner) decide(r *Row) *Action {
	have := p.have(r)
	switch {
	case r.Src == nil && manifest.Below(r.Path, p.frozen):
		return p.carry(r, have)
	case r.Src == nil && (have == None || manifest.Below(r.Path, p.aside)):
		return nil
	case r.Src == nil:
		s := &Action{Do: Remove, Have: have}
		s.Entry.Path = r.Path
		return s
	}
	if r.Src.Frozen && !r.Src.IsDir() {
		return p.carry(r, have) // not even its attributes could be read
	}
	s := &Action{Entry: r.Src.Entry, Have: have, Old: r.Base}
	s.Entry.Digest, s.Entry.Stored = manifest.Digest{}, p.stored(r)
	switch cur := &s.Entry; {
	case cur.IsDir():
		if r.Src.Frozen {
			p.frozen = r.Path
			if cur.Mode&backup.ModePerm == 0 && r.Base != nil && r.Base.IsDir() {
				*cur = *r.Base
			}
			cur.Flags |= manifest.Stale
		}
		s.Do = Keep
		if have != Dir {
			s.Do = Mkdir
		}
	case cur.IsRegular():
		p.file(r, s)
	case cur.IsSymlink():
		s.Do = Symlink
		if !p.Listed && r.Base != nil && r.Base.IsSymlink() && r.Base.Target == cur.Target {
			s.Do = Keep
		}
	default:
		s.Do = Nothing
	}
	if have == Dir && !s.Entry.IsDir() && s.Do != Nothing {
		p.aside = r.Path
	}
	return s
}
