package term

import (
	"encoding/base64"
	"testing"
	"unicode/utf8"
)

func TestEscapedNamesCanBeGivenBack(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "caf\xe9": `caf\xe9`, "a\tb": `a\tb`, `a\tb`: `a\\tb`, "می‌خواهم": `می\u200cخواهم`, "\U000e0001": `\U000e0001`, "\\": `\\`,
		"müller": "müller", "\x1b[2J": `\x1b[2J`, "\ufffd": "\ufffd", "\u009b": `\u009b`, "a\xed\xa0\x80": `a\xed\xa0\x80`,
	} {
		got := Escape(in)
		back, ok := Unescape(got)
		if got != want || back != in || !ok {
			t.Errorf("Escape(%q) = %q, want %q; Unescape gives %q, %v", in, got, want, back, ok)
		}
	}
	for _, s := range []string{`\`, `a\`, `\q`, `\x`, `\x4`, `\xzz`, `\u12`, `\ud800`, `\U00110000`, `\u+123`} {
		if got, ok := Unescape(s); ok {
			t.Errorf("Unescape(%q) = %q", s, got)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[2J\xff\u202e\\x41")
	f.Fuzz(func(t *testing.T, s string) {
		if back, ok := Unescape(Escape(s)); back != s || !ok {
			t.Errorf("%q comes back as %q, %v", s, back, ok)
		}
		text, coded := Text(s)
		if raw, err := base64.StdEncoding.DecodeString(coded); !utf8.ValidString(text) || err != nil || coded == "" && text != s || coded != "" && string(raw) != s {
			t.Errorf("Text(%q) = %q, %q", s, text, coded)
		}
	})
}
