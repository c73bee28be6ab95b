package term

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCleanLeavesNothingThatMovesTheCursor(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"alice", "alice"}, {"müller", "müller"}, {"a\x1b[2Jb", `a\x1b[2Jb`}, {"a\nb\r", `a\nb\r`},
		{"\xff\xfe", `\xff\xfe`}, {"a\u202eb", `a\u202eb`}, {"\u009b31m", `\u009b31m`}, {"a\x00", `a\x00`},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[2J\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !printable(r) }) {
			t.Errorf("Clean(%q) = %q", s, got)
		}
	})
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 10: "10 KiB", 1023 << 10: "1.0 MiB",
		1536 << 20: "1.5 GiB", 1 << 62: "4.0 EiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{12 * time.Millisecond: "12ms", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		3*time.Hour + 12*time.Minute: "3h12m", 50 * time.Hour: "2d02h"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := Cut("größer als", 5); got != "größ…" {
		t.Errorf("got %q", got)
	}
	if got := Cut("ab", 2); got != "ab" {
		t.Errorf("got %q", got)
	}
}

func TestTableAlignsAndCleans(t *testing.T) {
	var b bytes.Buffer
	if err := Table(&b, [][]string{{"NAME", "HOST"}, {"a\x1b", "h"}}); err != nil {
		t.Fatal(err)
	}
	if want := "NAME   HOST\na\\x1b  h\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	term := New(r, w)
	if _, err := term.Confirm(context.Background(), "sure?"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("Confirm: %v", err)
	}
	if _, err := term.Secret(context.Background(), "password: "); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("Secret: %v", err)
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "\n": false, "n\n": false, "": false, "yep\n": false} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString(answer)
		w.Close()
		var asked bytes.Buffer
		term := &Terminal{In: r, Err: &asked, Interactive: true}
		got, err := term.Confirm(context.Background(), "sure?")
		if got != want || err != nil || asked.String() != "sure? [y/N] " {
			t.Errorf("answer %q: %v, %v, asked %q", answer, got, err, asked.String())
		}
		r.Close()
	}
}

func TestConfirmEndsWithItsContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	term := &Terminal{In: r, Err: &bytes.Buffer{}, Interactive: true}
	if _, err := term.Confirm(ctx, "sure?"); !errors.Is(err, context.Canceled) {
		t.Errorf("Confirm: %v", err)
	}
}
