package config

import (
	"strings"
	"testing"
	"time"
)

func TestSetChangesOneTableAndKeepsTheRestAsItIs(t *testing.T) {
	const text = `# ours
[destination.a] # the box
engine = "cpanel"   # by cPanel
host = "old.example.com" # moved in spring
username = 'u'
host-key = [
  "ssh-ed25519 AAAA", # old
  "ssh-rsa BBBB",
]
port = 23

# the other one
[destination.b]
engine = "slots"
host = "old.example.com"
username = "v"
`
	c, err := Parse("f.toml", []byte(text), engines)
	if err != nil {
		t.Fatal(err)
	}
	d := *c.Destinations["a"]
	d.Host, d.HostKeys, d.Port, d.ConnectionTimeout, d.LegacyAlgorithms = "new.example.com", []string{"ssh-ed25519 CCCC"}, DefaultPort, time.Minute, true
	out, err := Set("f.toml", []byte(text), &d, engines)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(`host = "old.example.com" # moved`, `host = "new.example.com" # moved`,
		"[\n  \"ssh-ed25519 AAAA\", # old\n  \"ssh-rsa BBBB\",\n]", `"ssh-ed25519 CCCC"`, "port = 23\n", "",
		"# the box\n", "# the box\nlegacy-algorithms = true\nconnection-timeout = \"1m0s\"\n").Replace(text)
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if same, err := Set("f.toml", out, &d, engines); err != nil || string(same) != string(out) {
		t.Errorf("setting nothing: %v\n%s", err, same)
	}
	if _, err := Set("f.toml", []byte("[destination]\na = {engine = \"cpanel\", host = \"h\", username = \"u\"}\n"), &d, engines); err == nil {
		t.Error("an inline table was changed")
	}
}

func TestSetWorksOnATableAtTheEndWithoutANewline(t *testing.T) {
	c, err := Parse("x", []byte(sample), engines)
	if err != nil {
		t.Fatal(err)
	}
	for name := range c.Destinations {
		d := *c.Destinations[name]
		d.MaxRetries, d.Username = 77, "other"
		if _, err := Set("x", []byte(strings.TrimRight(sample, "\n")), &d, engines); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
