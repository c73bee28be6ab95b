// Package sqldump knows where the tables of an SQL dump lie in its text, by the comments that mysqldump, mariadb-dump and phpMyAdmin
// write before each of them. It must not know where the dump comes from, nor what its statements do.
//
// These programs write line breaks within values as \n, so that a line of a dump begins a statement or is a comment, but for the bodies of
// triggers and routines, which stand between DELIMITER lines: what looks like a comment in those is none. A dump in which a table begins
// twice, or that has several databases, has no Contents: whoever wants a table of it has to read all of it.
package sqldump

import (
	"slices"
)

// Section is a range of bytes of a dump: from From to before To.
type Section struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Table is a table of a dump, and where its statements are.
type Table struct {
	Name     string    `json:"name"`
	Sections []Section `json:"sections"` // ascending
}

// Size is how many bytes of the dump are the table's.
func (t *Table) Size() (n int64) {
	for _, s := range t.Sections {
		n += s.To - s.From
	}
	return n
}

// Contents are the tables of a dump.
type Contents struct {
	Head   int64   `json:"head"` // bytes before the first table: what is set there holds for all of them
	Tables []Table `json:"tables"`
}

// Select tells which bytes of a dump make some of its tables: the head and their sections, ascending. missing are the names that it has no
// table of.
func (c *Contents) Select(names []string) (sections []Section, missing []string) {
	sections = []Section{{0, c.Head}}
	for _, name := range names {
		i := slices.IndexFunc(c.Tables, func(t Table) bool { return t.Name == name })
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		sections = append(sections, c.Tables[i].Sections...)
	}
	slices.SortFunc(sections, func(a, b Section) int { return int(a.From - b.From) })
	return slices.Compact(sections), missing
}

// Bounds of what one dump can make us remember.
const (
	maxTables   = 100_000
	maxSections = 400_000
	maxNames    = 8 << 20 // bytes
)
