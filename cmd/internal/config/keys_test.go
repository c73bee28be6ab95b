package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// keysOf lists the keys of the file's tables as the decoder knows them.
func keysOf(document reflect.Type) []string {
	var keys []string
	for i := range document.NumField() {
		table := document.Field(i)
		kind := table.Type
		for kind.Kind() == reflect.Map || kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		for _, field := range reflect.VisibleFields(kind) {
			if key := field.Tag.Get("toml"); key != "" {
				keys = append(keys, table.Tag.Get("toml")+"."+key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

func TestEveryKeyIsDescribed(t *testing.T) {
	var described []string
	for _, k := range Keys() {
		described = append(described, k.Path())
		if k.Text == "" || k.Example == "" || !strings.HasSuffix(k.Text, ".") {
			t.Errorf("%s: no text, no example, or no sentence", k.Path())
		}
	}
	slices.Sort(described)
	if known := keysOf(reflect.TypeFor[file]()); !slices.Equal(described, known) {
		t.Errorf("described are\n%v\nthe file has\n%v", described, known)
	}
}

func TestExamplesOfKeysAreValid(t *testing.T) {
	needed := map[string]string{
		"destination": "engine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n",
		"job":         "destination = \"own-box\"\nsource = [\"/srv/www\"]\nretention = 7\n",
		"notify":      "command = \"true\"\n",
		"fleet":       "url = \"https://web1:8480\"\n",
		"access":      "rights = []\n",
	}
	world := "[destination.own-box]\nengine = \"slots\"\nhost = \"h\"\nusername = \"u\"\n[destination.offsite]\nengine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n" +
		"[job.nightly]\ndestination = \"own-box\"\nsource = [\"/home/*\"]\nretention = 7\n"
	for _, k := range Keys() {
		head, rest := "["+k.Table+"]\n", needed[k.Table]
		if rest != "" {
			head = "[" + k.Table + ".example]\n"
		}
		if strings.HasPrefix(k.Name, "keep-") {
			rest = strings.ReplaceAll(rest, "retention = 7\n", "")
		}
		if k.Table == "notify" && slices.Contains([]string{"url", "url-file", "sendmail"}, k.Name) {
			rest = ""
		}
		if slices.Contains([]string{"window", "jitter", "max-writers", "max-wait"}, k.Name) {
			rest = strings.ReplaceAll(rest, "cpanel", "slots")
		}
		if k.Table == "web" {
			rest = "certificate = \"/c\"\nkey = \"/k\"\n"
		}
		for _, line := range strings.SplitAfter(rest, "\n") {
			if !strings.HasPrefix(line, k.Name+" =") {
				head += line
			}
		}
		example := k.Example
		if k.Name == "host-key" {
			example = `"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJb0m2yKlVx0XoNmq5Zq1yq1l0b4dPqkZ1k0v1bq3w2a"`
		}
		text := world + head + k.Name + " = " + example + "\n"
		if _, err := Parse("slotfs.toml", []byte(text), []string{"cpanel", "slots"}); err != nil {
			t.Errorf("%s: %v", k.Path(), err)
		}
	}
}

func TestKeysAreFoundByNameAndByTable(t *testing.T) {
	if found := FindKeys("max-age"); len(found) != 3 {
		t.Errorf("max-age is in %v", found)
	}
	if found := FindKeys("destination.port"); len(found) != 1 || found[0].Name != "port" {
		t.Errorf("destination.port is %v", found)
	}
	if found := FindKeys("nothing"); found != nil {
		t.Errorf("nothing is %v", found)
	}
}
