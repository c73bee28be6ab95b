package term

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape is Clean for names that are given back: a backslash is escaped too, so that Unescape gives the same bytes.
func Escape(s string) string { return Clean(strings.ReplaceAll(s, `\`, `\\`)) }

// Unescape undoes Escape. It reports false where a backslash begins no escape.
func Unescape(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		plain, rest, escaped := strings.Cut(s, `\`)
		b.WriteString(plain)
		if !escaped {
			return b.String(), true
		}
		text, n, ok := unescapeOne(rest)
		if !ok {
			return "", false
		}
		b.WriteString(text)
		s = rest[n:]
	}
	return b.String(), true
}

// simpleEscapes are those of one character behind the backslash.
var simpleEscapes = map[byte]string{'\\': `\`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}

// unescapeOne tells what the n bytes at the beginning of s, behind a backslash, stand for.
func unescapeOne(s string) (text string, n int, ok bool) {
	if s == "" {
		return "", 0, false
	}
	if text, ok := simpleEscapes[s[0]]; ok {
		return text, 1, true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	if digits == 0 || len(s) <= digits {
		return "", 0, false
	}
	v, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil {
		return "", 0, false
	}
	if s[0] == 'x' {
		return string([]byte{byte(v)}), 1 + digits, true
	}
	return string(rune(v)), 1 + digits, v <= utf8.MaxRune && utf8.ValidRune(rune(v))
}

// Text is foreign text for JSON, which holds UTF-8 only: the text itself and no base64, or the escaped text and its bytes in
// base64.
func Text(s string) (text, base64Bytes string) {
	if utf8.ValidString(s) {
		return s, ""
	}
	return Escape(s), base64.StdEncoding.EncodeToString([]byte(s))
}
