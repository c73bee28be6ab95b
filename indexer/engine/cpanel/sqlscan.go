package cpanel

import "strings"

// tokenKind is what a piece of SQL is.
type tokenKind byte

const (
	wordToken   tokenKind = iota // keyword, name or number without quotes
	stringToken                  // '...' or, in MySQL, "..."
	nameToken                    // `...` or, in PostgreSQL, "..."
	signToken                    // one character of punctuation
)

// token is a piece of a statement.
type token struct {
	kind   tokenKind
	raw    string // as it stands in the file, quotes included
	text   string // without quotes; doubled quotes made single, backslashes as they are
	spaced bool   // white space or a comment stood before it
}

// maxTokens bounds one statement.
const maxTokens = 4096

// scanner cuts SQL into statements. It reads a narrow language: what servers, their modes and their
// clients read in different ways (backslashes before quotes or outside of quotes, comments that are
// executed, bytes beyond ASCII, control characters in quotes) spoils the statement it stands in.
type scanner struct {
	src      string
	pos      int
	postgres bool
	spoiled  bool
	spaced   bool
}

// statement returns the next statement without its ';'. ok is false where it is spoiled or not ended;
// more is false at the end.
func (s *scanner) statement() (tokens []token, ok, more bool) {
	s.spoiled, s.spaced = false, false
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		switch {
		case c == ';':
			s.pos++
			return tokens, !s.spoiled, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			s.pos++
			s.spaced = true
			continue
		case s.comment():
			s.spaced = true
			continue
		}
		t := s.token(c)
		t.spaced, s.spaced = s.spaced, false
		if len(tokens) < maxTokens {
			tokens = append(tokens, t)
		} else {
			s.spoiled = true
		}
	}
	return tokens, false, false
}

// comment passes a comment if one starts here.
func (s *scanner) comment() bool {
	rest := s.src[s.pos:]
	end := "\n"
	switch {
	case strings.HasPrefix(rest, "--") || !s.postgres && rest[0] == '#':
		// MySQL wants white space after two minus signs; statements never have them without
	case strings.HasPrefix(rest, "/*"):
		if strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!") || strings.HasPrefix(rest, "/*+") {
			s.spoiled = true // executed by MySQL, MariaDB
		}
		end = "*/"
	default:
		return false
	}
	n := strings.Index(rest, end)
	if n < 0 {
		s.pos = len(s.src)
		return true
	}
	if end == "*/" && strings.Contains(rest[2:max(n, 2)], "/*") {
		s.spoiled = true // PostgreSQL nests comments
	}
	s.pos += n + len(end)
	return true
}

// token reads one token that starts with c.
func (s *scanner) token(c byte) token {
	start := s.pos
	if c == '\'' || c == '"' || c == '`' && !s.postgres {
		return s.quoted(c)
	}
	for s.pos < len(s.src) && wordByte(s.src[s.pos]) {
		s.pos++
	}
	if s.pos > start {
		word := s.src[start:s.pos]
		return token{kind: wordToken, raw: word, text: word}
	}
	s.pos++
	if strings.IndexByte(",.*()@=", c) < 0 {
		s.spoiled = true
	}
	return token{kind: signToken, raw: s.src[start:s.pos], text: s.src[start:s.pos]}
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '%'
}

// quoted reads a string or name in quotes.
func (s *scanner) quoted(quote byte) token {
	start := s.pos
	var text strings.Builder
	for s.pos++; s.pos < len(s.src); s.pos++ {
		c := s.src[s.pos]
		switch {
		case c == quote && s.pos+1 < len(s.src) && s.src[s.pos+1] == quote:
			s.pos++
		case c == quote:
			s.pos++
			kind := stringToken
			if quote == '`' || quote == '"' && s.postgres {
				kind = nameToken
			}
			return token{kind: kind, raw: s.src[start:s.pos], text: text.String()}
		case c < ' ' || c > '~':
			s.spoiled = true
		case c == '\\' && s.postgres:
			s.spoiled = true
		case c == '\\' && quote != '`' && s.pos+1 < len(s.src):
			text.WriteByte(c)
			s.pos++
			c = s.src[s.pos]
			if c == '\'' || c == '"' || c < ' ' || c > '~' {
				s.spoiled = true
			}
		}
		text.WriteByte(c)
	}
	s.spoiled = true
	return token{kind: stringToken, raw: s.src[start:], text: text.String()}
}

// render writes a statement on one line.
func render(tokens []token) string {
	var out strings.Builder
	for i, t := range tokens {
		if i > 0 && t.spaced {
			out.WriteByte(' ')
		}
		out.WriteString(t.raw)
	}
	return out.String()
}

// cursor goes through the tokens of one statement.
type cursor struct {
	tokens []token
}

// words passes the keywords in order, or nothing.
func (c *cursor) words(keywords ...string) bool {
	if len(c.tokens) < len(keywords) {
		return false
	}
	for i, k := range keywords {
		if t := c.tokens[i]; t.kind != wordToken || !strings.EqualFold(t.text, k) {
			return false
		}
	}
	c.tokens = c.tokens[len(keywords):]
	return true
}

// sign passes one sign.
func (c *cursor) sign(sign string) bool {
	if len(c.tokens) == 0 || c.tokens[0].kind != signToken || c.tokens[0].text != sign {
		return false
	}
	c.tokens = c.tokens[1:]
	return true
}

// next takes one token.
func (c *cursor) next() (token, bool) {
	if len(c.tokens) == 0 {
		return token{}, false
	}
	t := c.tokens[0]
	c.tokens = c.tokens[1:]
	return t, true
}

// keyword tells the word that comes next, in capitals, without passing it.
func (c *cursor) keyword() string {
	if len(c.tokens) == 0 || c.tokens[0].kind != wordToken {
		return ""
	}
	return strings.ToUpper(c.tokens[0].text)
}
