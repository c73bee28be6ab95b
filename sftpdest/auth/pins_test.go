package auth

import (
	"strings"
	"testing"

	"slotfs/sftpdest/settings"
	"slotfs/sftpdest/sshdtest"
)

func TestHostAuthoritiesAreReadFromTheUsualFiles(t *testing.T) {
	_, line, err := sshdtest.NewKey(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	want := authorityMark + line
	for _, text := range []string{line, "# c\n\n" + line + " comment\n", "@cert-authority *.example.com,10.* " + line} {
		if got, err := HostAuthorities([]byte(text)); err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "# c\n", "junk", "@cert-authority", "@cert-authority *", line + "\nhost " + line[:20]} {
		if got, err := HostAuthorities([]byte(text)); err == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzHostAuthorities(f *testing.F) {
	f.Add([]byte("@cert-authority * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBKMzVvvSBhTPDTSzhZpq1tGdS0KLFGAXmDtCfbVqZqZ x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := HostAuthorities(text)
		if err != nil {
			return
		}
		if _, err := ParsePins(settings.Settings{Host: "h", HostKeys: lines}); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	})
}
