package view

import (
	"slices"

	"slotfs/indexer/backup"
)

// dirSize is the size that every directory has.
const dirSize = 4096

// setID are the bits that do not survive: archives come from customers.
const setID = 0o6000

// Attr is what stat tells of a node.
type Attr struct {
	Ino   uint64 // equal for the names of a hard-linked file
	Mode  uint32
	UID   uint32
	GID   uint32
	Nlink uint32
	Size  int64
	MTime backup.Time // access and change time are the same
}

// Blocks counts the 512-byte blocks of what has these attributes.
func (n *Node) Blocks() uint64 {
	if n.Attr.Mode&backup.ModeType != backup.ModeRegular {
		return 0
	}
	bytes := uint64(max(n.Attr.Size, 0))
	if n.Item.Sparse != nil {
		bytes = 0
		for _, x := range n.Item.Sparse {
			bytes += uint64(max(x.Length, 0))
		}
	}
	return bytes/512 + min(bytes%512, 1)
}

// hidden reports whether an entry of a tree is not shown at all.
func hidden(e *backup.Entry) bool {
	switch e.Mode & backup.ModeType {
	case backup.ModeBlock, backup.ModeChar:
		return true
	case backup.ModeDir, backup.ModeRegular, backup.ModeSymlink, backup.ModeFIFO, backup.ModeSocket:
		return !showable(e.Name)
	}
	return true
}

// Recorded is what a backup says of an entry, without set-id bits.
func Recorded(e *backup.Entry) Attr { return rawAttr(e) }

// rawAttr is what the backup says, without set-id bits. Ino is left to the caller.
func rawAttr(e *backup.Entry) Attr {
	a := Attr{Mode: e.Mode &^ setID, UID: e.UID, GID: e.GID, Nlink: max(e.Nlink, 1), Size: max(e.Size, 0), MTime: e.Time()}
	switch e.Mode & backup.ModeType {
	case backup.ModeDir:
		a.Size, a.Nlink = dirSize, max(e.Nlink, 2)
	case backup.ModeSymlink:
		a.Size, a.Mode = int64(len(e.Target)), backup.ModeSymlink|0o777
	case backup.ModeRegular:
	default:
		a.Size = 0
	}
	return a
}

// secretAttr leaves what root alone may read.
func secretAttr(a Attr) Attr {
	a.UID, a.GID = 0, 0
	switch a.Mode & backup.ModeType {
	case backup.ModeSymlink:
	case backup.ModeDir:
		a.Mode = backup.ModeDir | a.Mode&0o700
	default:
		a.Mode = a.Mode&backup.ModeType | a.Mode&0o500
	}
	return a
}

// owned shows files of the account as those of its local user, and those of others as theirs. Trees are often owned by root all over; below the home
// directory that means the account too.
func (r *shownSnapshot) owned(a Attr, home bool) Attr {
	if !r.local.OK {
		return a
	}
	lost := home && r.Kind == backup.Tree
	uid, known := r.users.local(a.UID)
	if r.Owner != nil && a.UID == r.Owner.UID || lost && a.UID == 0 {
		uid, known = r.local.UID, true
	}
	gid, shared := r.groups.local(a.GID)
	if r.Owner != nil && a.GID == r.Owner.GID || lost && a.GID == 0 {
		gid, shared = r.local.GID, true
	}
	return a.given(uid, gid, known, shared)
}

// readable lets the account's local user read a part of his account: cPanel makes dumps and settings that belong to
// root.
func (r *shownSnapshot) readable(a Attr) Attr {
	if !r.local.OK {
		return a
	}
	a.UID, a.GID = r.local.UID, r.local.GID
	switch a.Mode & backup.ModeType {
	case backup.ModeDir:
		a.Mode |= 0o500
	case backup.ModeRegular:
		a.Mode |= 0o400
	}
	return a
}

// shownXattrs leaves out what would give rights: file capabilities are set-id bits by another name, and a
// list of others who may read has no place on a secret.
func shownXattrs(all []backup.Xattr, secret bool) []backup.Xattr {
	unwanted := func(x backup.Xattr) bool {
		switch x.Name {
		case "security.capability":
			return true
		case "system.posix_acl_access", "system.posix_acl_default":
			return secret
		}
		return false
	}
	if !slices.ContainsFunc(all, unwanted) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), unwanted)
}
