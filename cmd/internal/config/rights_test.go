package config

import (
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

func TestOwnersMayLookAndDownloadUnlessATableSaysOtherwise(t *testing.T) {
	c, err := Parse("slotfs.toml", []byte(`[access.z-all]
rights = ["view", "download", "restore"]
[access.keys]
parts = ["ssl", "dkim"]
rights = []
[access.a-shops]
accounts = ["shop*", "alice"]
parts = ["email", "ssl"]
rights = ["view"]
`), []string{"cpanel"})
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range []struct {
		account string
		kind    backup.PartKind
		want    Rights
	}{
		{"bob", backup.Files, Rights{true, true, true}}, {"bob", backup.SSL, Rights{}}, {"shop7", backup.SSL, Rights{View: true}},
		{"shop7", backup.DKIM, Rights{}}, {"alice", backup.Email, Rights{View: true}}, {"alice2", backup.Email, Rights{true, true, true}},
	} {
		if got := c.RightsOf(is.account, is.kind); got != is.want {
			t.Errorf("%s of %s: %+v, want %+v", is.kind, is.account, got, is.want)
		}
	}
	var none Config
	if got := none.RightsOf("alice", backup.Files); got != (Rights{View: true, Download: true}) || none.MayRestore("alice") || !c.MayRestore("alice") {
		t.Errorf("%+v", got)
	}
}

func TestWrongAccessTablesNameTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"[access.a]\n":                                  ":1: access a: rights",
		"[access.a]\nrights = [\"download\"]\n":         ":2: access a: rights: download without view",
		"[access.a]\nrights = [\"write\"]\n":            `:2: access a: rights: "write" is unknown`,
		"[access.a]\nrights = []\nparts = [\"mail\"]\n": `:3: access a: parts: "mail" is unknown`,
		"[access.a]\nrights = []\naccounts = [\"[\"]\n": ":3: access a: accounts",
		"[access.a]\nright = []\n":                      "unknown key",
		"[access]\nview = true\n":                       "",
	} {
		if _, err := Parse("slotfs.toml", []byte(text), []string{"cpanel"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
