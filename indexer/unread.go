package indexer

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

const (
	// namedUnread is how many of the unread are named, the first ones by name so that two passes say the same.
	namedUnread = 3
	// longestUnread is how many bytes of a name are shown.
	longestUnread = 200
)

// unread are the directories and links of a tree that the server kept to itself.
type unread struct {
	mu sync.Mutex
	// mu guards what follows.
	n     int
	first []string // in order
}

// add counts one; name is its path below the snapshot.
func (u *unread) add(name string) {
	if name == "" {
		name = "."
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	at, _ := slices.BinarySearch(u.first, name)
	if at < namedUnread {
		u.first = slices.Insert(u.first, at, name)
		u.first = u.first[:min(len(u.first), namedUnread)]
	}
}

// detail tells people of them; empty if there are none.
func (u *unread) detail() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n == 0 {
		return ""
	}
	var names []string
	for _, name := range u.first {
		if len(name) > longestUnread {
			name = "..." + name[len(name)-longestUnread:]
		}
		names = append(names, strings.ToValidUTF8(name, "?"))
	}
	noun := "directories or links"
	if u.n == 1 {
		noun = "directory or link"
	}
	text := fmt.Sprintf("the server did not let us read %d %s: %s", u.n, noun, strings.Join(names, ", "))
	if u.n > len(names) {
		text += " ..."
	}
	return text
}
