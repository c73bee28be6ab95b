package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var engines = []string{"cpanel", "slots"}

const sample = `# our backups
[destination.offsite] # the box in the cellar
engine = "cpanel"
host = "backup.example.com"   # moved in March
username = "backup"
directory = "backups"

# the second one
[destination."old.box"]
engine = "cpanel"
port = 2222
host = "old"
username = "u"
connection-timeout = "5s"
max-retries = 0
# end of file`

func TestParseFillsDefaultsIn(t *testing.T) {
	c, err := Parse("x", []byte(sample), engines)
	if err != nil {
		t.Fatal(err)
	}
	off, old := c.Destinations["offsite"], c.Destinations["old.box"]
	if off.Port != 22 || off.MaxRetries != 5 || off.MaxConnections != 4 || off.ConnectionTimeout != 30*time.Second {
		t.Errorf("defaults: %+v", off)
	}
	if old.Port != 2222 || old.MaxRetries != 0 || old.ConnectionTimeout != 5*time.Second {
		t.Errorf("written settings: %+v", old)
	}
	if got := strings.Join(c.Names(), " "); got != "offsite old.box" {
		t.Errorf("names: %s", got)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	good := "\n[destination.a]\nengine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n"
	for _, c := range []struct{ text, want string }{
		{good + "pot = 1\n", `f.toml:6: unknown key "pot"`},
		{good + "[jobs]\n", `f.toml:6: unknown key "jobs"`},
		{good + "port = \"x\"\n", "f.toml:6: port: want a whole number, not a text in quotes"},
		{good + "host-key = 5\n", "f.toml:6: "},
		{good + "[job.j]\nsource = \"/home/*\"\n", `f.toml:7: source: want a list like ["..."], not a text in quotes`},
		{good + "[job.j]\nretention = \"7\"\n", "f.toml:7: retention: want a whole number, not a text in quotes"},
		{good + "[notify.n]\ncommand = [\"a\", \"b\"]\n", "f.toml:7: command: want a text in quotes, not a list"},
		{good + "[metrics]\nlisten = 9812\n", "f.toml:7: listen: want a text in quotes, not a whole number"},
		{good + "[job.j]\nretention = 7.5\n", "f.toml:7: retention: want a whole number, not a number"},
		{good + "[watch]\nmax-age = true\n", "f.toml:7: max-age: want a text in quotes, not true or false"},
		{good + "[watch]\nmax-age = {a = 1}\n", "f.toml:7: max-age: want a text in quotes, not a table"},
		{good + "[metrics]\ntextfile = 2026-01-05\n", "f.toml:7: textfile: want a text in quotes"},
		{good + "port = 70000\n", "f.toml:6: destination a: port 70000"},
		{good + "port = \n", "f.toml:6: "},
		{good + "max-retries = -1\n", "f.toml:6: destination a: max-retries -1"},
		{good + "max-connections = 1000\n", "f.toml:6: destination a: max-connections"},
		{good + "connection-timeout = \"soon\"\n", "f.toml:6: destination a: connection-timeout"},
		{good + "connection-timeout = \"1ms\"\n", "f.toml:6: destination a: connection-timeout"},
		{good + "reindex = \"never\"\n", "f.toml:6: destination a: reindex"},
		{good + "directory = \"a/../b\"\n", "f.toml:6: destination a: directory"},
		{good + "identity-file = \"id\"\n", "f.toml:6: destination a: identity-file"},
		{good + "host-key = \"SHA256:abc\"\n", "f.toml:6: destination a: host-key \"SHA256:abc\": a fingerprint; want the key"},
		{good + "host-key = \"a\\nb\"\n", "f.toml:6: destination a: host-key"},
		{strings.Replace(good, `"h"`, `"-oProxyCommand=x"`, 1), "f.toml:4: destination a: host"},
		{strings.Replace(good, "cpanel", "plesk", 1), `f.toml:3: destination a: engine "plesk": unknown; there is cpanel, slots`},
		{"[destination.a]\nengine = \"cpanel\"\nusername = \"u\"\n", "f.toml:1: destination a: host is missing"},
		{"[destination.A]\n", "f.toml:1: destination A: name"},
		{"[destination.\"../x\"]\n", "f.toml:1: destination ../x: name"},
		{"[destination.\"\"]\n", "f.toml:1: destination : name"},
		{"[destination." + strings.Repeat("a", 41) + "]\n", "f.toml:1: destination aaaa"},
	} {
		_, err := Parse("f.toml", []byte(c.text), engines)
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAddAndRemoveLeaveTheRestOfTheFileAlone(t *testing.T) {
	d := &Destination{Name: "new.one", Engine: "cpanel", Directory: `we"ird\dir`, Host: "h", Port: 23, Username: "u",
		ConnectionTimeout: time.Minute, MaxRetries: 0, MaxConnections: 1, Reindex: "every 6h", HostKeys: []string{"ssh-ed25519 AAAA"},
		IdentityFile: "/k", PasswordFile: "/p"}
	added, err := Add("x", []byte(sample), d, engines)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(added), sample+"\n") {
		t.Fatalf("adding changed what was there:\n%s", added)
	}
	if _, err := Add("x", added, d, engines); err == nil {
		t.Error("the same name was added twice")
	}
	removed, err := Remove("x", added, "new.one", engines)
	if err != nil {
		t.Fatal(err)
	}
	if string(removed) != sample+"\n" {
		t.Errorf("adding and removing left\n%s", removed)
	}
	removed, err = Remove("x", removed, "offsite", engines)
	if err != nil {
		t.Fatal(err)
	}
	for _, comment := range []string{"# our backups", "# the second one", "# end of file"} {
		if !strings.Contains(string(removed), comment) {
			t.Errorf("the comment %q is gone:\n%s", comment, removed)
		}
	}
	if strings.Contains(string(removed), "cellar") {
		t.Errorf("the header stayed:\n%s", removed)
	}
}

func TestEditRefusesWhatItCannotCut(t *testing.T) {
	for _, text := range []string{
		"destination.a.engine = \"cpanel\"\ndestination.a.host = \"h\"\ndestination.a.username = \"u\"\n",
		"[destination]\na = {engine = \"cpanel\", host = \"h\", username = \"u\"}\n",
		"[destination]\na.host = \"h\"\na.engine = \"cpanel\"\na.username = \"u\"\n",
	} {
		if out, err := Remove("x", []byte(text), "a", engines); !errors.Is(err, errByHand) {
			t.Errorf("%s\nbecame %q, %v", text, out, err)
		}
	}
	if _, err := Remove("x", []byte(sample), "nobody", engines); err == nil {
		t.Error("an unknown destination was removed")
	}
}

func TestHostKeysAreOneOrSeveral(t *testing.T) {
	for text, want := range map[string]int{`"a"`: 1, `["a", "b"]`: 2, "[\n  \"a\", # old\n  \"b\",\n]": 2, "[]": 0} {
		c, err := Parse("x", []byte(sample+"\nhost-key = "+text+"\n"), engines)
		if err != nil || len(c.Destinations["old.box"].HostKeys) != want {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{"1", "[1]", `[""]`, `{a = "b"}`} {
		if _, err := Parse("x", []byte(sample+"\nhost-key = "+text+"\n"), engines); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestSeveralHostKeysAreWrittenAndRemoved(t *testing.T) {
	c, err := Parse("x", []byte(sample), engines)
	if err != nil {
		t.Fatal(err)
	}
	d := *c.Destinations["offsite"]
	d.Name, d.HostKeys = "many", []string{"ssh-ed25519 AAAA", "@cert-authority ssh-rsa BBBB"}
	out, err := Add("x", []byte(sample), &d, engines)
	if err != nil {
		t.Fatal(err)
	}
	left, err := Remove("x", out, "many", engines)
	if err != nil || strings.TrimSpace(string(left)) != sample {
		t.Errorf("%v, left\n%s", err, left)
	}
}

func TestUpdateKeepsModeAndIsAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etc", "slotfs.toml")
	add := func(data []byte) ([]byte, error) { return append(data, "# more\n"...), nil }
	if err := Update(path, add); err != nil {
		t.Fatal(err)
	}
	check := func(mode os.FileMode, want string) {
		t.Helper()
		info, err := os.Stat(path)
		data, _ := os.ReadFile(path)
		if err != nil || info.Mode() != mode || string(data) != want {
			t.Errorf("mode %v, content %q, %v; want %v, %q", info.Mode(), data, err, mode, want)
		}
	}
	check(0o600, "# more\n")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Update(path, add); err != nil {
		t.Fatal(err)
	}
	check(0o640, "# more\n# more\n")
	refuse := errors.New("no")
	if err := Update(path, func([]byte) ([]byte, error) { return nil, refuse }); !errors.Is(err, refuse) {
		t.Errorf("a refused edit gives %v", err)
	}
	check(0o640, "# more\n# more\n")
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("left beside the file: %v", left)
	}
}

func TestUpdateFollowsALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.toml"), filepath.Join(dir, "link.toml")
	if err := os.WriteFile(real, []byte("# a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := Update(link, func(d []byte) ([]byte, error) { return append(d, "# b\n"...), nil }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if data, _ := os.ReadFile(real); string(data) != "# a\n# b\n" {
		t.Errorf("the file holds %q", data)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample), "offsite")
	f.Add([]byte("destination.a = {}\n[x]\n[[destination.b]]\n"), "a")
	f.Add([]byte("[destination.a]\nengine=\"cpanel\"\nhost=\"\"\"h\n[destination.b]\n\"\"\"\nusername='u'"), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		c, err := Parse("x", data, engines)
		if err != nil {
			return
		}
		out, err := Remove("x", data, name, engines)
		if err != nil {
			return
		}
		left, err := Parse("x", out, engines)
		if err != nil || len(left.Destinations) != len(c.Destinations)-1 || left.Destinations[name] != nil {
			t.Fatalf("removing %q from %q left %q: %v", name, data, out, err)
		}
	})
}
