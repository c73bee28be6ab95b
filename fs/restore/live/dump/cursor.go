package dump

import (
	"strings"
)

// cursor goes through the tokens of a statement, and notes what is to be replaced in it.
type cursor struct {
	r     *Reader
	next  int
	edits []edit
}

// edit replaces a piece of a statement.
type edit struct {
	start, end int
	text       string
}

func (c *cursor) token(ahead int) token {
	if all := c.r.lex.tokens; c.next+ahead < len(all) {
		return all[c.next+ahead]
	}
	n := len(c.r.lex.out)
	return token{nothing, n, n}
}

// raw is a token as it stands there.
func (c *cursor) raw(t token) string { return string(c.r.lex.out[t.start:t.end]) }

// name is what a word, name or text means, without quotes.
func (c *cursor) name(t token) string {
	raw := c.raw(t)
	if t.kind != quoted && t.kind != text {
		return raw
	}
	q := raw[:1]
	return strings.ReplaceAll(raw[1:len(raw)-1], q+q, q)
}

// is reports whether the words come next.
func (c *cursor) is(words ...string) bool {
	for i, w := range words {
		if t := c.token(i); t.kind != word || !strings.EqualFold(c.raw(t), w) {
			return false
		}
	}
	return true
}

// words passes the words, or nothing.
func (c *cursor) words(words ...string) bool {
	ok := c.is(words...)
	if ok {
		c.next += len(words)
	}
	return ok
}

// anyOf passes one of the words, or nothing, and tells which.
func (c *cursor) anyOf(words ...string) string {
	for _, w := range words {
		if c.words(w) {
			return w
		}
	}
	return ""
}

// sign passes a sign, or nothing.
func (c *cursor) sign(s string) bool {
	t := c.token(0)
	ok := t.kind == sign && c.raw(t) == s
	if ok {
		c.next++
	}
	return ok
}

// done reports whether nothing is left.
func (c *cursor) done() bool { return c.token(0).kind == nothing }

// object passes the name of a table or program. The database in front of it goes away if it is the one that was dumped.
func (c *cursor) object() (string, error) {
	t := c.token(0)
	if t.kind != word && t.kind != quoted {
		return "", c.refuse("a name is missing")
	}
	c.next++
	if !c.sign(".") {
		return c.name(t), nil
	}
	own := c.token(0)
	if own.kind != word && own.kind != quoted {
		return "", c.refuse("a name is missing")
	}
	if db := c.name(t); db != c.r.o.Database {
		return "", c.refuse("the database %s, which is another one", db)
	}
	c.next++
	c.edits = append(c.edits, edit{t.start, own.start, ""})
	return c.name(own), nil
}

func (c *cursor) refuse(format string, args ...any) error {
	err := c.r.lex.refuse(format, args...).(*RefusedError)
	err.Line = c.r.lex.line
	return err
}

// text is the statement with all edits, which are in the order of the text.
func (c *cursor) text() []byte {
	out := c.r.lex.out
	if len(c.edits) == 0 {
		return out
	}
	var b []byte
	at := 0
	for _, e := range c.edits {
		if e.start < at {
			continue // it lies in one that was made
		}
		b = append(append(b, out[at:e.start]...), e.text...)
		at = e.end
	}
	return append(b, out[at:]...)
}
