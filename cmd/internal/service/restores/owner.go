package restores

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/users"
	"slotfs/fs/restore"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// ownerMap gives what is restored its owners on this machine: those of the same name, as tar does.
type ownerMap struct {
	here    *view.Accounts
	numeric bool // they have the numbers of the backup

	mu sync.Mutex
	// mu guards what follows.
	unknown map[string]bool // names that nobody has here
}

func newOwnerMap(numeric bool) *ownerMap {
	return &ownerMap{here: users.NewAccounts(users.Passwd, users.Group).Now(), numeric: numeric, unknown: map[string]bool{}}
}

// mapOwners makes what belongs to users of the backup that of others here: OLD:NEW, OLD being a name there or a number without one. A group
// that is called as OLD there becomes the one that is called as NEW.
func (m *ownerMap) mapOwners(all []string) error {
	own := *m.here
	own.MappedUsers, own.MappedGroups = map[string]uint32{}, map[string]uint32{}
	for _, one := range all {
		old, name, ok := strings.Cut(one, ":")
		if !ok || old == "" || name == "" {
			return exit.Usagef("--map-owner %s: want OLD:NEW", one)
		}
		uid, user := own.Users[name]
		gid, group := own.Groups[name]
		if !user && !group {
			return exit.With(fmt.Errorf("--map-owner %s: no user and no group %s here", one, name), exit.Usage, "make the user first")
		}
		if user {
			own.MappedUsers[old] = uid
		}
		if group {
			own.MappedGroups[old] = gid
		}
	}
	m.here = &own
	return nil
}

// apply gives e its owners here. What is shown with other ones than those of the backup keeps them: it is secret, or the
// account's own.
func (m *ownerMap) apply(e *restore.Entry, n *browse.Node, in *browse.Snapshot) {
	r := n.Recorded
	if r == nil || in == nil {
		return // it is not from the backup
	}
	if m.numeric {
		e.Mode, e.UID, e.GID = r.Mode, r.UID, r.GID
		return
	}
	s := &backup.Snapshot{Names: in.Names, Owner: in.Owner}
	s.Account = in.Account
	m.note(r, s)
	if e.UID == r.UID && e.GID == r.GID {
		a := m.here.Local(view.Attr{Mode: e.Mode, UID: e.UID, GID: e.GID}, s)
		e.Mode, e.UID, e.GID = a.Mode, a.UID, a.GID
	}
	m.applyACL(e, s)
}

// note remembers names that nobody has here.
func (m *ownerMap) note(e *browse.Recorded, s *backup.Snapshot) {
	_, user := m.here.User(s, e.UID)
	_, group := m.here.Group(s, e.GID)
	if user && group {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !user && len(m.unknown) < maxUnknown {
		m.unknown[cmp.Or(s.Names.User(e.UID), fmt.Sprintf("user %d", e.UID))] = true
	}
	if !group && len(m.unknown) < maxUnknown {
		m.unknown[cmp.Or(s.Names.Group(e.GID), fmt.Sprintf("group %d", e.GID))] = true
	}
}

// maxUnknown bounds how many names are told.
const maxUnknown = 20

// strangers are the names that nobody has here, sorted.
func (m *ownerMap) strangers() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.unknown))
}

// Access control lists are a version (4 bytes) and entries: tag and permissions (2 bytes each) and the number of a user or
// group (4 bytes), as posix_acl_xattr.h of Linux has them.
const (
	aclHeader = 4
	aclEntry  = 8
	aclUser   = 2
	aclGroup  = 8
)

// applyACL gives the lists of e the numbers of this machine. Entries of those who are not here are left out.
func (m *ownerMap) applyACL(e *restore.Entry, s *backup.Snapshot) {
	own := false
	for i, x := range e.Xattrs {
		if x.Name != "system.posix_acl_access" && x.Name != "system.posix_acl_default" {
			continue
		}
		if !own {
			e.Xattrs, own = slices.Clone(e.Xattrs), true
		}
		e.Xattrs[i].Value = m.list(x.Value, s)
	}
}

func (m *ownerMap) list(value string, s *backup.Snapshot) string {
	if len(value) < aclHeader || (len(value)-aclHeader)%aclEntry != 0 {
		return value // the kernel refuses it
	}
	out := []byte(value[:aclHeader])
	for rest := []byte(value[aclHeader:]); len(rest) > 0; rest = rest[aclEntry:] {
		id, here := binary.LittleEndian.Uint32(rest[4:]), true
		switch binary.LittleEndian.Uint16(rest) {
		case aclUser:
			id, here = m.here.User(s, id)
		case aclGroup:
			id, here = m.here.Group(s, id)
		}
		if here {
			out = binary.LittleEndian.AppendUint32(append(out, rest[:4]...), id)
		}
	}
	return string(out)
}
