package backup

import (
	"cmp"
	"slices"
)

// Names are those that the owners of a snapshot's entries have where the backup was made.
type Names struct {
	Users  []Name `json:"users,omitempty"` // sorted by ID
	Groups []Name `json:"groups,omitempty"`
}

// Name is that of a user or a group. It is empty where the backup has several for one number.
type Name struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
}

// User is the name of a user; empty if it is not known.
func (n *Names) User(id uint32) string { return nameOf(n.Users, id) }

// Group is the name of a group; empty if it is not known.
func (n *Names) Group(id uint32) string { return nameOf(n.Groups, id) }

func nameOf(names []Name, id uint32) string {
	i, ok := slices.BinarySearchFunc(names, id, func(n Name, id uint32) int { return cmp.Compare(n.ID, id) })
	if !ok {
		return ""
	}
	return names[i].Name
}

// What a backup can make us keep: names of users or groups, and bytes of each.
const (
	maxNames = 1024
	maxName  = 255
)

// NameCollector collects Names. Nil collects nothing.
type NameCollector struct {
	users, groups map[uint32]string
	last          owner // most entries have the same owner as the one before
}

type owner struct {
	uid, gid    uint32
	user, group string
}

// CollectNames goes on with what was collected before.
func CollectNames(n Names) *NameCollector {
	c := &NameCollector{users: map[uint32]string{}, groups: map[uint32]string{}}
	for _, u := range n.Users {
		c.users[u.ID] = u.Name
	}
	for _, g := range n.Groups {
		c.groups[g.ID] = g.Name
	}
	return c
}

// Add notes the names of an entry's owners; empty ones are not known.
func (c *NameCollector) Add(e *Entry, user, group string) {
	if c == nil {
		return
	}
	now := owner{e.UID, e.GID, user, group}
	if now == c.last {
		return
	}
	c.last = now
	addName(c.users, e.UID, user)
	addName(c.groups, e.GID, group)
}

func addName(names map[uint32]string, id uint32, name string) {
	if name == "" || len(name) > maxName {
		return
	}
	known, ok := names[id]
	switch {
	case ok && known != name:
		names[id] = ""
	case !ok && len(names) < maxNames:
		names[id] = name
	}
}

// Names are those that were collected.
func (c *NameCollector) Names() Names {
	if c == nil {
		return Names{}
	}
	return Names{sortedNames(c.users), sortedNames(c.groups)}
}

func sortedNames(names map[uint32]string) []Name {
	var all []Name
	for id, name := range names {
		all = append(all, Name{id, name})
	}
	slices.SortFunc(all, func(a, b Name) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
