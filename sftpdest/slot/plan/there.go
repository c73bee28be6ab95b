package plan

import (
	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// stored is the escaped name that an entry has to have; "" if its own will do. One that it has somewhere stays: a server which
// refused the name once does so again.
func (p *Planner) stored(r *Row) string {
	name := manifest.Base(r.Path)
	switch {
	case r.Path == "":
		return ""
	case p.Clashes.Add(r.Path), p.Traits.Escapes(name), r.Base != nil && r.Base.Stored != "", r.Donor != nil && r.Donor.Stored != "",
		p.Listed && r.Here != nil && manifest.Base(r.Here.At) != name:
		return manifest.Escape(name)
	}
	return ""
}

// where tells where the entry stands below data/ that have tells of.
func (p *Planner) where(r *Row) string {
	if p.Listed {
		return r.Here.At
	}
	return r.BaseAt
}

// have tells what stands under the path.
func (p *Planner) have(r *Row) Kind {
	switch {
	case r.Path == "":
		return Dir
	case p.Listed && r.Here == nil, !p.Listed && (r.Base == nil || r.Base.Flags&manifest.Missing != 0):
		return None
	case p.Listed && isDir(r.Here.Mode), !p.Listed && r.Base.IsDir():
		return Dir
	case !p.Listed && !r.Base.IsRegular() && !r.Base.IsSymlink():
		return None
	}
	return File
}

func isDir(mode uint32) bool { return mode&backup.ModeType == backup.ModeDir }
