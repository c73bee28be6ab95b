package dump

import "bytes"

// insert is how far an INSERT with rows has been read.
type insert struct {
	head   []byte // what stands before the first row; nil: no rows have been read
	depth  int    // of parentheses
	ended  bool   // a row has just ended
	pieces int    // that were cut off
}

// rows reports whether rows are being read.
func (i *insert) rows() bool { return i.head != nil }

// word looks for the word before the first row.
func (i *insert) word(l *lexer, w []byte) {
	if i.depth != 0 || len(w) > 6 || l.lead[0] != "INSERT" && l.lead[0] != "REPLACE" || len(l.tokens) < 3 {
		return
	}
	if bytes.EqualFold(w, []byte("VALUES")) || bytes.EqualFold(w, []byte("VALUE")) {
		i.head = append([]byte(nil), l.out...)
	}
}

// sign follows the parentheses.
func (i *insert) sign(l *lexer, c byte) {
	i.ended = false
	switch c {
	case '(':
		i.depth++
	case ')':
		i.depth--
		i.ended = i.head != nil && i.depth == 0
	}
}

// full reports whether the statement is long enough to be run before its next row.
func (i *insert) full(l *lexer) bool {
	if !i.ended || len(l.out) < l.piece || l.guarded {
		return false
	}
	i.pieces++
	return true
}

// resume goes on behind a piece of an INSERT; false if there are no more rows.
func (l *lexer) resume() (more bool, err error) {
	if l.insert.pieces == 0 {
		return false, nil
	}
	head, pieces, tokens := l.insert.head, l.insert.pieces, l.tokens
	l.out = l.out[:0]
	l.insert = insert{head: head, pieces: pieces}
	for l.in.need(1) {
		c := l.in.buf[l.in.pos]
		switch {
		case l.in.has(l.delimiter):
			l.in.pos += len(l.delimiter)
			return false, nil
		case c == ' ' || c >= '\t' && c <= '\r':
			l.in.pos++
			continue
		case c == ',':
			l.in.pos++
			l.line = l.in.at()
			l.out, l.tokens = append(l.out, head...), tokens
			return l.row()
		}
		return false, l.refuse("something else than a row in an INSERT of more than %d bytes", l.piece)
	}
	l.tokens = tokens
	return l.end()
}

// row reads on to the end of the piece.
func (l *lexer) row() (bool, error) {
	for l.in.need(1) {
		if l.in.has(l.delimiter) {
			if !l.insert.ended {
				return false, l.refuse("an INSERT that ends within a row")
			}
			l.in.pos += len(l.delimiter)
			l.insert = insert{}
			return true, nil
		}
		c := l.in.buf[l.in.pos]
		if l.insert.depth == 0 && (wordByte[c] || l.insert.ended && c != ',' && c > ' ') {
			return false, l.refuse("something else than a row in an INSERT of more than %d bytes", l.piece)
		}
		if c > ' ' {
			l.insert.ended = false
		}
		if err := l.step(c); err != nil {
			return false, err
		}
		if len(l.out) > l.max {
			return false, l.refuse("a row of more than %d bytes", l.max)
		}
		if l.insert.full(l) {
			return true, nil
		}
	}
	return l.end()
}
