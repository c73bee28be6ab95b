package sftpdest

import (
	"strings"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
)

func TestCertificateIsTakenFromAKnownAuthorityOnly(t *testing.T) {
	dir := t.TempDir()
	authority, line, err := sshdtest.NewKey(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := sshdtest.NewKey(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	signed := startSSHD(t, sshdtest.Options{HostCA: authority})
	elsewhere := startSSHD(t, sshdtest.Options{HostCA: authority, Principal: "other.example"})
	plain := startSSHD(t, sshdtest.Options{})
	for name, c := range map[string]struct {
		server *sshdtest.Server
		known  []string
		word   string // "": accepted
	}{
		"signed":               {signed, []string{authorityMark + line}, ""},
		"signed or known":      {signed, append([]string{authorityMark + other}, signed.HostKeys...), ""},
		"known key":            {signed, signed.HostKeys, ""},
		"other authority":      {signed, []string{authorityMark + other}, "certificate"},
		"other host":           {elsewhere, []string{authorityMark + line}, "principal"},
		"no certificate":       {plain, []string{authorityMark + line}, "SHA256:"},
		"authority is no host": {signed, []string{line}, "changed"},
	} {
		s := settingsOf(c.server)
		s.HostKeys, s.Directory = c.known, dir
		err := newDest(t, s, Options{}).Connect(t.Context())
		if c.word != "" {
			hinted(t, err, dest.ErrAuth, c.word, "SHA256:")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
		if _, err := parsePins(Settings{Host: "h", HostKeys: lines}); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
	})
}
