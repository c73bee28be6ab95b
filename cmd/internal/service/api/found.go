package api

import (
	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/backup"
)

// found is what is told of a match beside its path.
type found struct {
	Type  string      `json:"type"`
	Size  int64       `json:"size"`
	MTime backup.Time `json:"mtime"`
}

// Change is a path at which two sides differ.
type Change struct {
	Path    string       `json:"path"` // below what is compared; empty: that itself
	PathB64 browse.Bytes `json:"path_base64,omitempty"`
	What    []string     `json:"what,omitempty"` // ways in which they differ, where both are there
	Old     *Side        `json:"old,omitempty"`  // absent: it is not there
	New     *Side        `json:"new,omitempty"`
}

// Side is what one of the two has at a path.
type Side struct {
	found
	Mode      uint32       `json:"mode"` // permission bits
	UID       uint32       `json:"uid"`
	GID       uint32       `json:"gid"`
	Target    string       `json:"target,omitempty"`
	TargetB64 browse.Bytes `json:"target_base64,omitempty"`
}

func changeOf(c *browse.Change) Change {
	out := Change{What: c.What, Old: sideOf(c.Old), New: sideOf(c.New)}
	out.Path, out.PathB64 = coded(string(c.Path))
	return out
}

func sideOf(s *browse.Side) *Side {
	if s == nil {
		return nil
	}
	out := &Side{found: found{s.Type, s.Size, s.MTime}, Mode: s.Mode, UID: s.UID, GID: s.GID}
	out.Target, out.TargetB64 = coded(string(s.Target))
	return out
}

func (c *Change) change() browse.Change {
	return browse.Change{Path: []byte(decoded(c.Path, c.PathB64)), What: c.What, Old: c.Old.side(), New: c.New.side()}
}

func (s *Side) side() *browse.Side {
	if s == nil {
		return nil
	}
	return &browse.Side{Type: s.Type, Size: s.Size, MTime: s.MTime, Mode: s.Mode, UID: s.UID, GID: s.GID, Target: []byte(decoded(s.Target, s.TargetB64))}
}
