package dump

import (
	"bytes"
	"strings"
)

// lineComment passes a comment that ends with its line. Within the body of a program it is part of that.
func (l *lexer) lineComment() {
	for l.in.need(1) {
		rest := l.in.buf[l.in.pos:l.in.end]
		n := bytes.IndexByte(rest, '\n')
		keep := rest
		if n >= 0 {
			keep = rest[:n+1]
		}
		if l.program && len(l.out) <= l.max {
			l.out = append(l.out, keep...)
		}
		l.in.pos += len(keep)
		if n >= 0 {
			break
		}
	}
	if len(l.tokens) > 0 && !l.program {
		l.out = append(l.out, '\n')
	}
}

// comment passes a comment between signs. Of one that servers execute (/*!VERSION ... */, and /*M! ... */ for MariaDB), what the
// server at hand executes becomes part of the statement.
func (l *lexer) comment() error {
	mark := 0
	switch {
	case l.in.peek(2) == '!':
		mark = 3
	case l.in.peek(2) == 'M' && l.in.peek(3) == '!':
		mark = 4
	}
	if mark == 0 {
		return l.pass(2, l.program, false)
	}
	if l.guarded {
		return l.refuse("a comment that is executed stands within another one")
	}
	maria := mark == 4
	version := 0
	digits := 0
	for digits < 6 && l.in.peek(mark+digits) >= '0' && l.in.peek(mark+digits) <= '9' {
		version = version*10 + int(l.in.peek(mark+digits)-'0')
		digits++
	}
	if digits == 0 && maria && !l.server.MariaDB || digits > 0 && (digits < 5 || !l.server.executes(version, maria)) {
		return l.pass(mark, false, true)
	}
	l.in.pos += mark + digits
	l.guarded = true
	if len(l.tokens) > 0 {
		l.out = append(l.out, ' ')
	}
	return nil
}

// executes reports whether a server of this version executes a comment. MariaDB leaves out those for MySQL 5.7 to 9
// (https://mariadb.com/kb/en/comment-syntax/).
func (s Server) executes(version int, maria bool) bool {
	switch {
	case maria && !s.MariaDB:
		return false
	case s.MariaDB && !maria && version >= 50700 && version <= 99999:
		return false
	}
	return version <= s.Version
}

// pass passes a comment. Servers let comments stand within those that they would execute.
func (l *lexer) pass(open int, keep, nests bool) error {
	start := l.in.at()
	advance := func(n int) {
		if keep {
			l.take(n)
		} else {
			l.in.pos += n
		}
	}
	advance(open)
	for depth := 1; depth > 0; {
		if !l.in.need(2) {
			if err := l.in.failure(); err != nil {
				return err
			}
			return &RefusedError{start, "a comment without an end"}
		}
		if keep && len(l.out) > l.max {
			return l.refuse("a comment of more than %d bytes", l.max)
		}
		rest := l.in.buf[l.in.pos:l.in.end]
		n := bytes.IndexAny(rest[:len(rest)-1], "*/")
		switch {
		case n < 0:
			advance(len(rest) - 1)
		case rest[n] == '*' && rest[n+1] == '/':
			advance(n + 2)
			depth--
		case nests && depth == 1 && rest[n] == '/' && rest[n+1] == '*':
			advance(n + 2)
			depth++
		default:
			advance(n + 1)
		}
	}
	if !keep && len(l.tokens) > 0 {
		l.out = append(l.out, ' ')
	}
	return nil
}

const delimiterWord = "DELIMITER"

// isDelimiterCommand reports whether the client's command that sets the delimiter comes next.
func (l *lexer) isDelimiterCommand() bool {
	n := len(delimiterWord)
	if c := l.in.buf[l.in.pos]; c != 'D' && c != 'd' || l.guarded || !l.in.need(n+1) {
		return false
	}
	at := l.in.buf[l.in.pos:]
	return (at[n] == ' ' || at[n] == '\t') && strings.EqualFold(string(at[:n]), delimiterWord)
}

// delimiterCommand sets the delimiter, as the client does.
func (l *lexer) delimiterCommand() error {
	line := l.in.at()
	l.in.pos += len(delimiterWord)
	var rest []byte
	for l.in.need(1) && l.in.buf[l.in.pos] != '\n' && len(rest) < 64 {
		rest = append(rest, l.in.buf[l.in.pos])
		l.in.pos++
	}
	d := strings.TrimSpace(string(rest))
	if d == "" || len(d) > 8 || strings.Trim(d, ";/$|&%^~!?@:") != "" {
		return &RefusedError{line, "a delimiter that no dump has"}
	}
	l.delimiter = d
	return nil
}
