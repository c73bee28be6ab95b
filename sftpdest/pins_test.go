package sftpdest

import (
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/sshdtest"
)

// authorityMark stands before the key of an authority in Settings.HostKeys.
const authorityMark = "@cert-authority "

func TestCertificateIsTakenFromAKnownAuthorityOnly(t *testing.T) {
	t.Parallel()
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
