package view

import (
	"cmp"
	"strconv"

	"slotfs/indexer/backup"
)

// Accounts are the users and groups of this machine.
type Accounts struct {
	Users, Groups map[string]uint32 // by name
	// UserIDs and GroupIDs are the numbers of those.
	UserIDs, GroupIDs map[uint32]bool
	// MappedUsers and MappedGroups are those here that stand for users and groups of the backup, by their names there, or by their numbers
	// where they have none.
	MappedUsers, MappedGroups map[string]uint32
}

// minID is the first number of people's users and groups. Those of the system have the same numbers on many machines.
const minID = 500

// Local gives what has these attributes in a snapshot the owners that have the same names here, as tar does. Where the
// backup has no name for a number, it stays, unless somebody has it here. What has no owner here is root's alone.
func (h *Accounts) Local(a Attr, s *backup.Snapshot) Attr {
	uid, known := h.User(s, a.UID)
	gid, shared := h.Group(s, a.GID)
	return a.given(uid, gid, known, shared)
}

// User is the number here of a user of a snapshot; false if there is no such user here.
func (h *Accounts) User(s *backup.Snapshot, id uint32) (uint32, bool) {
	o := h.users(s)
	return o.local(id)
}

// Group is User for groups.
func (h *Accounts) Group(s *backup.Snapshot, id uint32) (uint32, bool) {
	o := h.groups(s)
	return o.local(id)
}

// given are the attributes with owners of this machine. What has no owner here is root's with mode 0600, and what has no
// group here gives the group nothing.
func (a Attr) given(uid, gid uint32, known, shared bool) Attr {
	kind := a.Mode & backup.ModeType
	switch {
	case known && shared:
		a.UID, a.GID = uid, gid
	case known:
		a.UID, a.GID = uid, 0
		if kind != backup.ModeSymlink {
			a.Mode &^= 0o070
		}
	default:
		a.UID, a.GID = 0, 0
		switch kind {
		case backup.ModeSymlink:
		case backup.ModeDir:
			a.Mode = kind | 0o700
		default:
			a.Mode = kind | 0o600
		}
	}
	return a
}

// owners tells which users, or groups, of a snapshot are which ones here.
type owners struct {
	names   func(id uint32) string // in the backup; nil: numbers stay
	account uint32                 // number of the account's own, where the backup tells; else 0
	name    string                 // of the account
	here    map[string]uint32
	taken   map[uint32]bool
	mapped  map[string]uint32
}

func (h *Accounts) users(s *backup.Snapshot) owners {
	o := owners{names: s.Names.User, name: s.Account, here: h.Users, taken: h.UserIDs, mapped: h.MappedUsers}
	if s.Owner != nil {
		o.account = s.Owner.UID
	}
	return o
}

func (h *Accounts) groups(s *backup.Snapshot) owners {
	o := owners{names: s.Names.Group, name: s.Account, here: h.Groups, taken: h.GroupIDs, mapped: h.MappedGroups}
	if s.Owner != nil {
		o.account = s.Owner.GID
	}
	return o
}

// local is the number here; false if there is none.
func (o *owners) local(id uint32) (uint32, bool) {
	if id == 0 || o.names == nil {
		return id, true
	}
	name := o.names(id)
	if here, ok := o.mapped[cmp.Or(name, strconv.FormatUint(uint64(id), 10))]; ok {
		return here, true
	}
	if name == "" && id == o.account {
		if here, ok := o.here[o.name]; ok {
			return here, true
		}
	}
	if name != "" {
		here, ok := o.here[name]
		return here, ok
	}
	return id, id < minID || !o.taken[id]
}
