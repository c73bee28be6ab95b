package sqldump

import (
	"bytes"
	"strings"
)

// maxLine is how much of a line is looked at: a name has up to 64 characters, each of which may take four bytes, or two if it is a quote.
const maxLine = 512

// signatures begin the comments that say which program wrote a dump, within its first bytes.
var signatures = []string{"-- MySQL dump ", "-- MariaDB dump ", "-- phpMyAdmin SQL Dump"}

// signatureWithin is how far from the beginning a signature may be.
const signatureWithin = 4 << 10

// Scanner finds the tables of a dump while its text passes.
type Scanner struct {
	at      int64  // bytes that passed
	begin   int64  // where the line begins that is read
	line    []byte // what is read of it
	within  bool   // a line of which nothing more is needed
	dead    bool   // there is nothing to find
	signed  bool   // the program is known
	program bool   // between DELIMITER lines
	rule    int64  // where the line before this one begins, if it is "--"; else -1
	names   int    // bytes of names
	n       int    // sections
	last    int    // the table that the text belongs to; -1: none
	tables  []Table
	index   map[string]int
}

// NewScanner begins with a dump.
func NewScanner() *Scanner { return &Scanner{rule: -1, last: -1, index: map[string]int{}} }

// At is how many bytes passed.
func (s *Scanner) At() int64 { return s.at }

// Write takes the next bytes. It never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.dead {
		taken := 0
		switch {
		case s.within, len(s.line) == 0 && p[0] != '-' && p[0] != 'D' && p[0] != 'd' && p[0] != '\n':
			taken = s.pass(p)
		default:
			taken = s.read(p)
		}
		p = p[taken:]
		s.at += int64(taken)
		if s.at > signatureWithin && !s.signed {
			s.dead = true
		}
	}
	s.at += int64(len(p))
	return n, nil
}

// pass passes over the rest of a line.
func (s *Scanner) pass(p []byte) int {
	if !s.within {
		s.within, s.rule = true, -1
	}
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		return len(p)
	}
	s.within, s.line = false, s.line[:0]
	return i + 1
}

// read reads a line that may be a comment.
func (s *Scanner) read(p []byte) int {
	if len(s.line) == 0 {
		s.begin = s.at
	}
	part := p[:min(len(p), maxLine-len(s.line))]
	if i := bytes.IndexByte(part, '\n'); i >= 0 {
		s.ended(append(s.line, part[:i]...))
		s.line = s.line[:0]
		return i + 1
	}
	s.line = append(s.line, part...)
	if len(s.line) == maxLine {
		s.within, s.rule = true, -1
	}
	return len(part)
}

// ended takes a whole line.
func (s *Scanner) ended(line []byte) {
	text := string(bytes.TrimSuffix(line, []byte("\r")))
	before := s.rule
	s.rule = -1
	switch {
	case len(text) > 10 && strings.EqualFold(text[:10], "DELIMITER "):
		s.program = strings.TrimSpace(text[10:]) != ";"
	case s.program:
	case text == "--":
		s.rule = s.begin
	case strings.HasPrefix(text, "-- "):
		s.comment(text, before)
	}
}

// comment takes a line that is a comment. before is where the line of dashes before it begins, or -1.
func (s *Scanner) comment(text string, before int64) {
	if !s.signed {
		for _, known := range signatures {
			s.signed = s.signed || strings.HasPrefix(text, known)
		}
		return
	}
	if strings.HasPrefix(text, "-- Current Database: ") && len(s.tables) > 0 {
		s.dead = true // the tables of another one
		return
	}
	if before < 0 {
		return
	}
	name, first, ok := tableOf(text)
	s.close(before)
	if ok {
		s.open(name, first, before)
	}
}

// headings are the comments before what belongs to a table. The first two begin a table.
var headings = []string{"-- Table structure for table ", "-- Sequence structure for ", "-- Dumping data for table ", "-- Indexes for table ",
	"-- AUTO_INCREMENT for table ", "-- Constraints for table ", "-- Triggers "}

// tableOf is the table that a comment is about, and whether it begins there.
func tableOf(text string) (name string, first, ok bool) {
	for i, heading := range headings {
		if rest, found := strings.CutPrefix(text, heading); found {
			name, ok = unquote(rest)
			return name, i < 2, ok
		}
	}
	return "", false, false
}

// unquote is the name between backquotes.
func unquote(s string) (string, bool) {
	if len(s) < 3 || s[0] != '`' || s[len(s)-1] != '`' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	name := strings.ReplaceAll(inner, "``", "`")
	return name, strings.Count(inner, "`") == 2*(len(inner)-len(name))
}

// close ends the section that the text belongs to.
func (s *Scanner) close(at int64) {
	if s.last < 0 {
		return
	}
	all := s.tables[s.last].Sections
	all[len(all)-1].To = at
	s.last = -1
}

// open begins a section of a table.
func (s *Scanner) open(name string, first bool, at int64) {
	i, known := s.index[name]
	if known == first { // begun twice, or going on without a beginning
		s.dead = true
		return
	}
	if !known {
		i = len(s.tables)
		s.index[name] = i
		s.tables = append(s.tables, Table{Name: name})
		s.names += len(name)
	}
	all := s.tables[i].Sections
	if n := len(all); n > 0 && all[n-1].To == at {
		all[n-1].To = 0
	} else {
		s.tables[i].Sections = append(all, Section{From: at})
		s.n++
	}
	s.last = i
	s.dead = s.dead || len(s.tables) > maxTables || s.n > maxSections || s.names > maxNames
}

// End ends the dump. Without Contents nothing is known of its tables.
func (s *Scanner) End() (*Contents, bool) {
	if s.dead || s.program || len(s.tables) == 0 {
		return nil, false
	}
	s.close(s.at)
	return &Contents{Head: s.tables[0].Sections[0].From, Tables: s.tables}, true
}
