package config

import (
	"strings"
	"testing"
)

func TestOtherMachinesAreReadAndChecked(t *testing.T) {
	c, err := Parse("f", []byte("[fleet.web1]\nurl = \"ssh://root@web1:2222/srv/slotfs\"\n[fleet.web2]\nurl = \"https://web2:8480\"\ntoken-file = \"/root/l\"\n"), engines)
	if err != nil || strings.Join(c.FleetNames(), " ") != "web1 web2" || c.Fleet["web2"].TokenFile != "/root/l" {
		t.Fatalf("%v, %v", c, err)
	}
	for text, want := range map[string]string{
		`url = "web1"`:                              `f:2: fleet a: url "web1": want one like ssh://root@web1`,
		`url = "ssh://"`:                            "want one like",
		`url = "ssh://-oProxyCommand=x"`:            "want one like",
		`url = "ssh://-lx@web1"`:                    "want one like",
		`url = "ssh://root:secret@web1"`:            "want no password in it",
		`url = "http://web1:8480"`:                  "want one like", // the network could read the link
		`url = "https://web1:8480"`:                 "token-file \"\": want the absolute path",
		`url = "https://web1/x"`:                    "want one like",
		"url = \"ssh://web1\"\ntoken-file = \"/x\"": "ssh has its own keys",
	} {
		_, err := Parse("f", []byte("[fleet.a]\n"+text+"\n"), engines)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
