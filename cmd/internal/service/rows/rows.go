// Package rows knows how many rows the tables have in the text of an SQL dump, as mysqldump, mariadb-dump and pg_dump
// write them. It must not know where a dump comes from, nor what is in the rows.
package rows

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

// Table is one table of a dump.
type Table struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"` // of the statements with its rows
}

// MaxTables bounds how many tables are told.
const MaxTables = 10_000

const (
	longestName = 256
	longestHead = 8 << 10 // of a statement, up to its rows
)

// scan is one reading of a dump.
type scan struct {
	in     *bufio.Reader
	read   int64
	all    []*Table
	byName map[string]*Table
}

// Count reads a dump to its end and lists its tables, in their order. Rows count where they are whole.
func Count(r io.Reader) ([]Table, error) {
	s := &scan{in: bufio.NewReaderSize(r, 64<<10), byName: map[string]*Table{}}
	err := s.lines()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	out := make([]Table, 0, len(s.all))
	for _, t := range s.all {
		out = append(out, *t)
	}
	return out, err
}

// next is the next byte.
func (s *scan) next() (byte, error) {
	c, err := s.in.ReadByte()
	if err == nil {
		s.read++
	}
	return c, err
}

// lines looks at the beginning of each line: that is where dumps begin their statements.
func (s *scan) lines() error {
	for {
		head, err := s.in.Peek(longestHead)
		if len(head) == 0 {
			return err
		}
		err = nil // the head of the last statements is shorter
		switch {
		case word(head, "CREATE TABLE"):
			s.table(nameAfter(head[len("CREATE TABLE"):]))
		case word(head, "INSERT ") || word(head, "REPLACE "):
			err = s.insert(head)
		case word(head, "COPY "):
			err = s.copied(head)
		}
		if err == nil {
			err = s.skipLine()
		}
		if err != nil {
			return err
		}
	}
}

func word(head []byte, w string) bool {
	return len(head) >= len(w) && bytes.EqualFold(head[:len(w)], []byte(w))
}

// table is the table of a name; nil: it is none, or one too many.
func (s *scan) table(name string) *Table {
	if name == "" {
		return nil
	}
	t := s.byName[name]
	if t == nil && len(s.all) < MaxTables {
		t = &Table{Name: name}
		s.all, s.byName[name] = append(s.all, t), t
	}
	return t
}

// nameAfter is the name of a table at the beginning of a text, without its schema and quotes.
func nameAfter(text []byte) string {
	text = bytes.TrimLeft(text, " ")
	for _, w := range []string{"IF NOT EXISTS ", "IGNORE ", "INTO ", "ONLY "} {
		if word(text, w) {
			text = bytes.TrimLeft(text[len(w):], " ")
		}
	}
	for {
		name, rest := identifier(text)
		if len(rest) == 0 || rest[0] != '.' {
			return strings.ToValidUTF8(name, "�")
		}
		text = rest[1:]
	}
}

// identifier is a name, in quotes or not, and what is behind it.
func identifier(text []byte) (string, []byte) {
	if len(text) > 0 && (text[0] == '`' || text[0] == '"') {
		quote := text[0]
		var name []byte
		for i := 1; i < len(text) && len(name) < longestName; i++ {
			if text[i] != quote {
				name = append(name, text[i])
				continue
			}
			if i+1 == len(text) || text[i+1] != quote {
				return string(name), text[i+1:]
			}
			name = append(name, quote)
			i++
		}
		return "", nil
	}
	end := slices.IndexFunc(text, func(c byte) bool { return strings.IndexByte(" .(;,\n\r\t", c) >= 0 })
	if end < 0 || end > longestName {
		return "", nil
	}
	return string(text[:end]), text[end:]
}

// insert counts the rows of an INSERT: the parentheses behind VALUES.
func (s *scan) insert(head []byte) error {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	end := bytes.Index(bytes.ToUpper(line), []byte("VALUES"))
	into := bytes.IndexByte(head, ' ')
	t := s.table(nameAfter(head[into:]))
	if end < 0 || t == nil {
		return nil
	}
	end += len("VALUES")
	began := s.read
	if _, err := s.in.Discard(end); err != nil {
		return err
	}
	s.read += int64(end)
	defer func() { t.Bytes += s.read - began }()
	return s.rows(t)
}

// rows counts rows to the end of their statement.
func (s *scan) rows(t *Table) error {
	depth := 0
	for {
		c, err := s.next()
		if err != nil {
			return err
		}
		switch c {
		case '\'', '"', '`':
			if err := s.quoted(c); err != nil {
				return err
			}
		case '(':
			depth++
		case ')':
			if depth == 1 {
				t.Rows++
			}
			depth = max(0, depth-1)
		case ';':
			if depth == 0 {
				return nil
			}
		}
	}
}

// quoted passes over text in quotes. A quote that stands twice ends it and begins another one, which comes to the same.
func (s *scan) quoted(quote byte) error {
	for {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == quote {
			return nil
		}
		if c == '\\' && quote != '`' {
			if _, err := s.next(); err != nil {
				return err
			}
		}
	}
}

// copied counts the lines behind a COPY of PostgreSQL.
func (s *scan) copied(head []byte) error {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	t := s.table(nameAfter(line[len("COPY "):]))
	if t == nil || !bytes.Contains(bytes.ToLower(line), []byte("from stdin")) {
		return nil
	}
	if err := s.skipLine(); err != nil {
		return err
	}
	began := s.read
	for {
		start, err := s.in.Peek(3)
		if len(start) == 0 {
			return err
		}
		if bytes.HasPrefix(start, []byte(`\.`)) && (len(start) == 2 || start[2] == '\n' || start[2] == '\r') {
			return nil
		}
		if err := s.skipLine(); err != nil {
			return err
		}
		t.Rows, t.Bytes = t.Rows+1, s.read-began
	}
}

// skipLine passes over the rest of a line.
func (s *scan) skipLine() error {
	for {
		part, err := s.in.ReadSlice('\n')
		s.read += int64(len(part))
		if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
