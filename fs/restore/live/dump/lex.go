package dump

import (
	"bytes"
	"fmt"
	"strings"
)

// tokenKind is what a piece of SQL is.
type tokenKind byte

const (
	word    tokenKind = iota // keyword, number or name without quotes
	text                     // '...' or "..."
	quoted                   // `...`, or "..." with ANSI_QUOTES
	sign                     // one character of punctuation
	nothing                  // behind the last token
)

// token is a piece of a statement: where it stands in lexer.out.
type token struct {
	kind       tokenKind
	start, end int
}

// maxTokens bounds how many tokens of a statement are kept: what tells its kind stands at its beginning.
const maxTokens = 1 << 14

// lexer cuts a dump into statements. Its output has neither comments that are executed nor delimiters.
type lexer struct {
	in         *input
	server     Server
	mode       mode
	delimiter  string
	max, piece int

	out     []byte
	tokens  []token
	line    int  // where the statement begins
	guarded bool // within a comment that is executed
	program bool // its comments are part of it
	outfile int  // the line of INTO OUTFILE; 0: there is none
	insert  insert
	lead    []string // the first words, in capitals
}

// maxLead is how many words tell whether a statement has a body.
const maxLead = 24

func (l *lexer) refuse(format string, args ...any) error {
	return &RefusedError{l.in.at(), fmt.Sprintf(format, args...)}
}

// statement reads the next statement; false at the end.
func (l *lexer) statement() (more bool, err error) {
	if l.insert.head != nil {
		if more, err := l.resume(); more || err != nil {
			return more, err
		}
	}
	l.reset()
	for {
		if !l.in.need(1) {
			return l.end()
		}
		if len(l.out) > l.max {
			return false, l.refuse("a statement or row of more than %d bytes", l.max)
		}
		if l.in.has(l.delimiter) {
			if l.guarded {
				return false, l.refuse("a statement ends within a comment")
			}
			l.in.pos += len(l.delimiter)
			if len(l.tokens) == 0 {
				l.reset()
				continue
			}
			return true, nil
		}
		if len(l.tokens) == 0 && l.isDelimiterCommand() {
			if err := l.delimiterCommand(); err != nil {
				return false, err
			}
			continue
		}
		if err := l.step(l.in.buf[l.in.pos]); err != nil {
			return false, err
		}
		if l.insert.full(l) {
			return true, nil
		}
	}
}

func (l *lexer) reset() {
	l.out, l.tokens, l.lead = l.out[:0], l.tokens[:0], l.lead[:0]
	l.guarded, l.program, l.outfile = false, false, 0
	l.insert = insert{}
}

// end is the end of the dump. A last statement without a delimiter is none.
func (l *lexer) end() (bool, error) {
	if err := l.in.failure(); err != nil {
		return false, err
	}
	if len(l.tokens) > 0 || l.guarded {
		return false, fmt.Errorf("line %d: %w", l.line, ErrEndsEarly)
	}
	return false, nil
}

// step reads one token or comment that begins with c.
func (l *lexer) step(c byte) error {
	switch {
	case c == ' ' || c >= '\t' && c <= '\r':
		l.space()
		return nil
	case c == '\'' || c == '"' || c == '`':
		return l.quote(c)
	case wordByte[c]:
		return l.word()
	case c == '#', c == '-' && l.in.peek(1) == '-' && l.in.peek(2) <= ' ':
		l.lineComment()
		return nil
	case c == '/' && l.in.peek(1) == '*':
		return l.comment()
	case c == '*' && l.guarded && l.in.peek(1) == '/':
		l.in.pos += 2
		l.guarded = false
		l.out = append(l.out, ' ')
		return nil
	case c == '\\' && l.in.peek(1) == 'N' && !wordByte[l.in.peek(2)]:
		l.add(sign, 2)
		return nil
	case c == '\\':
		return l.refuse(`the client's command \%s`, printable(l.in.peek(1)))
	case c < ' ' || c == 0x7f:
		return l.refuse("the control character 0x%02x", c)
	}
	l.add(sign, 1)
	l.insert.sign(l, c)
	return nil
}

func printable(c byte) string {
	if c <= ' ' || c > '~' {
		return fmt.Sprintf("0x%02x", c)
	}
	return string(c)
}

var wordByte = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
	}
	return is
}()

// add takes n bytes, which are at hand, as a token.
func (l *lexer) add(kind tokenKind, n int) {
	l.begin()
	start := len(l.out)
	l.out = append(l.out, l.in.buf[l.in.pos:l.in.pos+n]...)
	l.in.pos += n
	l.note(kind, start)
}

// begin notes where a statement begins.
func (l *lexer) begin() {
	if len(l.tokens) == 0 {
		l.line = l.in.at()
	}
}

// note keeps a token that ends where the output does.
func (l *lexer) note(kind tokenKind, start int) {
	if len(l.tokens) < maxTokens && !l.insert.rows() {
		l.tokens = append(l.tokens, token{kind, start, len(l.out)})
	}
}

func (l *lexer) space() {
	for l.in.need(1) {
		rest := l.in.buf[l.in.pos:l.in.end]
		n := 0
		for n < len(rest) && (rest[n] == ' ' || rest[n] >= '\t' && rest[n] <= '\r') {
			n++
		}
		if len(l.tokens) > 0 {
			l.out = append(l.out, rest[:n]...)
		}
		l.in.pos += n
		if n < len(rest) {
			return
		}
	}
}

// word reads a word, up to the delimiter at most.
func (l *lexer) word() error {
	l.begin()
	start := len(l.out)
	for l.in.need(1) {
		rest := l.in.buf[l.in.pos:l.in.end]
		n := 0
		for n < len(rest) && wordByte[rest[n]] && (rest[n] != l.delimiter[0] || n == 0 && len(l.out) == start) {
			n++
		}
		l.out = append(l.out, rest[:n]...)
		l.in.pos += n
		if n < len(rest) && (!wordByte[rest[n]] || l.in.has(l.delimiter)) {
			break
		}
		if n < len(rest) { // the delimiter's first byte alone
			l.out = append(l.out, l.in.buf[l.in.pos])
			l.in.pos++
		}
		if len(l.out) > l.max {
			return l.refuse("a word of more than %d bytes", l.max)
		}
	}
	l.note(word, start)
	l.read(l.out[start:])
	return nil
}

// read looks at a word for what has to be known before the statement ends.
func (l *lexer) read(w []byte) {
	if len(l.lead) < maxLead {
		up := strings.ToUpper(string(w))
		l.lead = append(l.lead, up)
		l.program = l.program || l.lead[0] == "CREATE" && (up == "PROCEDURE" || up == "FUNCTION" || up == "TRIGGER" || up == "EVENT")
	}
	if !l.insert.rows() {
		l.insert.word(l, w)
	}
	if (len(w) == 7 || len(w) == 8) && l.outfile == 0 && (bytes.EqualFold(w, []byte("OUTFILE")) || bytes.EqualFold(w, []byte("DUMPFILE"))) {
		l.outfile = l.in.at()
	}
}

// quote reads what stands in quotes.
func (l *lexer) quote(q byte) error {
	l.begin()
	start := len(l.out)
	kind := text
	if q == '`' || q == '"' && l.mode.ansi {
		kind = quoted
	}
	escapes := kind == text && !l.mode.plain
	l.take(1)
	for {
		if !l.in.need(1) {
			if err := l.in.failure(); err != nil {
				return err
			}
			return fmt.Errorf("line %d: %w", l.line, ErrEndsEarly)
		}
		rest := l.in.buf[l.in.pos:l.in.end]
		n := 0
		for n < len(rest) && rest[n] != q && (rest[n] != '\\' || !escapes) {
			n++
		}
		l.take(n)
		switch {
		case len(l.out) > l.max:
			return l.refuse("a statement or row of more than %d bytes", l.max)
		case n == len(rest):
		case rest[n] == '\\' && escapes, l.in.peek(1) == q:
			if !l.in.need(2) {
				return fmt.Errorf("line %d: %w", l.line, ErrEndsEarly)
			}
			l.take(2)
		default:
			l.take(1)
			l.note(kind, start)
			return nil
		}
	}
}

// take takes n bytes, which are at hand.
func (l *lexer) take(n int) {
	l.out = append(l.out, l.in.buf[l.in.pos:l.in.pos+n]...)
	l.in.pos += n
}
