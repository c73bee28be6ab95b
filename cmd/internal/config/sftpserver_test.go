package config

import (
	"strings"
	"testing"
)

func TestSFTPServer(t *testing.T) {
	parse := func(text string) (*Config, error) {
		return Parse("slotfs.toml", []byte("[sftp-server]\n"+text), []string{"cpanel"})
	}
	c, err := parse("listen = \":2022\"\nkeys = {alice = \"ssh-ed25519 AAAAC3 mine\", root = [\"ssh-ed25519 AAAAC3\", \"ssh-rsa AAAAB3\"]}\n")
	if err != nil || c.SFTPServer.Listen != ":2022" || len(c.SFTPServer.Keys["root"]) != 2 || c.SFTPServer.Keys["alice"][0] != "ssh-ed25519 AAAAC3 mine" {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		`listen = "2022"`:                       ":2: listen",
		`listen = ":70000"`:                     "70000",
		`listen = "a b:22"`:                     "listen",
		"listen = \":1\"\nkeys = {a = \"key\"}": "no public key",
		`keys = {a = []}`:                       `keys of "a"`,
		`keys = {a = 7}`:                        "want text",
		`port = 7`:                              "unknown key",
	} {
		if _, err := parse(text + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
