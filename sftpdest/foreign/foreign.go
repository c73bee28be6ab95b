// Package foreign makes text and errors of the other side fit for being shown and handed on. It knows no protocol.
package foreign

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Show makes foreign bytes fit for an error: quoted where a terminal would obey them, cut where they are endless.
func Show(s string) string {
	const most = 1000
	cut := ""
	if len(s) > most {
		s, cut = s[:most], "..."
	}
	if s == "" {
		return `""` + cut
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", s) + cut
	}
	return s + cut
}

// Line makes one line of the text that p begins with.
func Line(p []byte) string {
	var text []rune
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != 0x1b {
			break
		}
		text, p = append(text, r), p[n:]
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// Unended keeps a connection that ended from being taken for a file that did: both are io.EOF below.
func Unended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New(err.Error())
	}
	return err
}
