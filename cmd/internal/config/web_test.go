package config

import (
	"strings"
	"testing"
)

func TestWeb(t *testing.T) {
	parse := func(text string) (*Config, error) {
		return Parse("slotfs.toml", []byte("[web]\n"+text), []string{"cpanel"})
	}
	for text, want := range map[string]string{
		`listen = "127.0.0.1:8480"`: "http://127.0.0.1:8480",
		`listen = "[::1]:8480"`:     "http://[::1]:8480",
		"listen = \"192.0.2.1:443\"\ncertificate = \"/a.pem\"\nkey = \"/a.key\"":      "https://192.0.2.1:443",
		"listen = \"localhost:8480\"\nurl = \"https://backup.example.com/\"":          "https://backup.example.com",
		"listen = \":8480\"\ncertificate = \"/a\"\nkey = \"/b\"\nurl = \"https://h\"": "https://h",
	} {
		c, err := parse(text + "\n")
		if err != nil || c.Web.Address() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`listen = "8480"`:                                                  ":2: listen",
		`listen = ":8480"`:                                                 "want certificate and key",
		`listen = "192.0.2.1:8480"`:                                        "want certificate and key",
		"listen = \"127.0.0.1:1\"\ncertificate = \"/a\"":                   "want both or none",
		"listen = \":1\"\ncertificate = \"a\"\nkey = \"/b\"":               "absolute path",
		"listen = \"127.0.0.1:1\"\nurl = \"javascript:alert(1)\"":          "url",
		"listen = \"127.0.0.1:1\"\nurl = \"https://user@backup.example/\"": "url",
		"listen = \"127.0.0.1:1\"\nurl = \"https://backup.example/page\"":  "url",
		`port = 7`: "unknown key",
	} {
		if _, err := parse(text + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
