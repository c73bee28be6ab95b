package auth

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/ssh"
)

func FuzzWithout(f *testing.F) {
	key, err := NewKey("x")
	if err != nil {
		f.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key.Line))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("# a\nssh-rsa AAAA b\n"), uint8(0))
	f.Add([]byte("x"), uint8(1))
	f.Add([]byte("\n\n\n"), uint8(2))
	f.Fuzz(func(t *testing.T, before []byte, form uint8) {
		if kept, found := without(before, public); found || !bytes.Equal(kept, before) {
			t.Fatal("took a line that is not there")
		}
		added := []byte("\n" + []string{"", restricted, `command="a b",no-pty `}[form%3] + key.Line + "\n")
		kept, found := without(append(bytes.Clone(before), added...), public)
		if !found || !bytes.HasPrefix(append(kept, '\n'), before) && !bytes.HasPrefix(kept, bytes.TrimSuffix(before, []byte("\n"))) {
			t.Fatalf("%q became %q", before, kept)
		}
	})
}
