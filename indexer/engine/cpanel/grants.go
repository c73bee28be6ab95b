package cpanel

import (
	"maps"
	"slices"
	"strings"
)

// maxUser is the longest name of a database user that is believed, in bytes; MariaDB takes 80.
const maxUser = 80

// grants are the statements of each database user.
type grants struct {
	of      map[string][]string
	skipped int // statements that are about users but were not taken
}

func newGrants() *grants { return &grants{of: make(map[string][]string)} }

// names lists the users.
func (g *grants) names() []string { return slices.Sorted(maps.Keys(g.of)) }

// add takes a statement of a user.
func (g *grants) add(user, statement string) {
	g.of[user] = append(g.of[user], statement)
}

// file is what is shown for a user.
func (g *grants) file(user, header string) []byte {
	var out strings.Builder
	out.WriteString(header)
	for _, s := range g.of[user] {
		out.WriteString(s)
		out.WriteString(";\n")
	}
	return []byte(out.String())
}

// fileName turns the name of a user into that of a file: different names stay different.
func fileName(user string) string {
	var out strings.Builder
	for i := range len(user) {
		switch c := user[i]; {
		case c == '/':
			out.WriteString("%2F")
		case c == '%':
			out.WriteString("%25")
		case c == '.' && i == 0:
			out.WriteString("%2E")
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// plainUser reports whether the name of a user can stand in any file name and any statement.
func plainUser(name string) bool {
	if name == "" || len(name) > maxUser {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || strings.IndexByte("\\'\"`", c) >= 0 {
			return false
		}
	}
	return true
}
