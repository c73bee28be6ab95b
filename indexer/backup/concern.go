package backup

import (
	"fmt"
	"strings"
)

// ConcernKind is a way in which a backup is poorer than it should be although its bytes are right.
type ConcernKind string

// The kinds of concerns. All but DumpCut come from a comparison with the account's last complete backup.
const (
	DumpCut  ConcernKind = "dump without its end"
	DumpSize ConcernKind = "dump much smaller"
	PartGone ConcernKind = "parts gone"
	Shrunk   ConcernKind = "much less than before"
)

// Concern is something that people should look into before they need the backup.
type Concern struct {
	Kind ConcernKind
	Text string // in words: "databases 47 -> 16: alice_shop, alice_wp and 29 more are missing"; names as in parts, raw bytes
}

// Compared reports whether a comparison with an earlier backup raised the concern.
func (c Concern) Compared() bool { return c.Kind != DumpCut }

// named is how many names a text gives before it only counts.
const named = 5

// Enumerate lists names for people: the first few, and how many more there are.
func Enumerate(names []string) string {
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}
