package source

import "strings"

// glob is a pattern with wildcards, as it was read. Names are bytes: '?' and sets match one byte of a name in UTF-8.
type glob []token

type kind uint8

const (
	exact kind = iota // one byte
	any1              // any byte but '/'
	oneOf             // a byte of a set
	star              // any bytes but '/'
	stars             // any bytes
	never             // nothing: a set without an end
)

type token struct {
	kind kind
	c    byte
	set  *[256]bool
}

// parseGlob reads a pattern. A set that does not end matches nothing.
func parseGlob(pattern string) glob {
	var g glob
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '?':
			g = append(g, token{kind: any1})
		case '*':
			n := 1
			for i+1 < len(pattern) && pattern[i+1] == '*' {
				n++
				i++
			}
			if n > 1 {
				g = append(g, token{kind: stars})
			} else {
				g = append(g, token{kind: star})
			}
		case '[':
			set, n := parseSet(pattern[i:])
			if n == 0 {
				return append(g, token{kind: never})
			}
			g = append(g, token{kind: oneOf, set: set})
			i += n - 1
		case '\\':
			i++
			if i == len(pattern) {
				return append(g, token{kind: never})
			}
			g = append(g, token{kind: exact, c: pattern[i]})
		default:
			g = append(g, token{kind: exact, c: c})
		}
	}
	return g
}

// parseSet reads a set from its '[' on and tells its length with the ']', 0 if it has none.
func parseSet(text string) (*[256]bool, int) {
	set := &[256]bool{}
	i := 1
	negated := i < len(text) && (text[i] == '!' || text[i] == '^')
	if negated {
		i++
	}
	previous := -1 // where a range would begin
	for first := true; ; first = false {
		if i >= len(text) {
			return nil, 0
		}
		c := text[i]
		switch {
		case c == ']' && !first:
			if negated {
				for b := range set {
					set[b] = !set[b]
				}
			}
			set['/'] = false
			return set, i + 1
		case c == '-' && previous >= 0 && i+1 < len(text) && text[i+1] != ']':
			i++
			if text[i] == '\\' {
				i++
				if i >= len(text) {
					return nil, 0
				}
			}
			for b := previous; b <= int(text[i]); b++ {
				set[b] = true
			}
			previous = -1
		case c == '[' && i+1 < len(text) && text[i+1] == ':':
			end, ok := addClass(set, text[i+2:])
			if end < 0 {
				return nil, 0
			}
			if ok {
				i += 2 + end
				previous = -1
				break
			}
			set['['] = true // no class after all
			previous = '['
		case c == '\\':
			i++
			if i >= len(text) {
				return nil, 0
			}
			c = text[i]
			fallthrough
		default:
			set[c] = true
			previous = int(c)
		}
		i++
	}
}

// addClass adds a class of characters, of which text is what stands behind "[:". It tells where its last ']' is; -1 if
// the class is unknown or does not end. Without a ':' before the ']' it is no class.
func addClass(set *[256]bool, text string) (end int, ok bool) {
	end = strings.IndexByte(text, ']')
	if end < 0 {
		return -1, false
	}
	if end == 0 || text[end-1] != ':' {
		return 0, false
	}
	in, known := classes[text[:end-1]]
	if !known {
		return -1, false
	}
	for b := range 128 {
		if in(byte(b)) {
			set[b] = true
		}
	}
	return end, true
}

// classes are those of POSIX in the C locale.
var classes = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < 0x20 || c == 0x7f },
	"digit":  isDigit,
	"graph":  func(c byte) bool { return c > 0x20 && c < 0x7f },
	"lower":  func(c byte) bool { return 'a' <= c && c <= 'z' },
	"print":  func(c byte) bool { return c >= 0x20 && c < 0x7f },
	"punct":  func(c byte) bool { return c > 0x20 && c < 0x7f && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' },
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// matchesByte reports whether a token that stands for one byte stands for c.
func (t *token) matchesByte(c byte) bool {
	switch t.kind {
	case exact:
		return t.c == c
	case any1:
		return c != '/'
	case oneOf:
		return t.set[c]
	}
	return false
}
