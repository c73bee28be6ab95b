package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"slotfs/sftpdest/slot/retention"
)

const box = "[destination.box]\nengine = \"slots\"\nhost = \"h\"\nusername = \"u\"\n" +
	"[destination.whm]\nengine = \"cpanel\"\nhost = \"h\"\nusername = \"u\"\n"

const good = "destination = \"box\"\nsource = [\"/home/*\"]\nretention = 7\n"

func job(lines string) string { return box + "[job.a]\n" + lines }

func TestJobErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{job(good + "sorce = 1\n"), `f.toml:13: unknown key "sorce"`},
		{job(good + "mode = \"fast\"\n"), `f.toml:13: job a: mode "fast": want incremental or compressed`},
		{job(good + "fill = \"x\"\n"), "f.toml:13: job a: fill"},
		{job(good + "bandwidth = \"fast\"\n"), "f.toml:13: job a: bandwidth"},
		{job(good + "bandwidth = \"12\"\n"), "f.toml:13: job a: bandwidth"},
		{job(good + "concurrency = 0\n"), "f.toml:13: job a: concurrency 0"},
		{job(good + "parallel-accounts = 65\n"), "f.toml:13: job a: parallel-accounts 65"},
		{job(good + "exclude = [\"\"]\n"), "f.toml:13: job a: exclude"},
		{job(good + "exclude-file = \"../x\"\n"), "f.toml:13: job a: exclude-file"},
		{job(good + "prefix = \"../x\"\n"), "f.toml:13: job a: prefix"},
		{job(good + "prefix = \"/x\"\n"), "f.toml:13: job a: prefix"},
		{job(good + "account-name = \"x\"\n"), "f.toml:13: job a: account-name"},
		{job(good + "before = \"a\\u0000\"\n"), "f.toml:13: job a: before"},
		{job(strings.Replace(good, "7", "1000", 1)), "f.toml:12: job a: retention 1000: want 1 to 999"},
		{job(strings.Replace(good, "7", "0", 1)), "f.toml:12: job a: retention 0"},
		{job(strings.Replace(good, "/home", "home", 1)), "f.toml:11: job a: source"},
		{job(strings.Replace(good, "/home/*", "/home/[", 1)), "f.toml:11: job a: source"},
		{job(strings.Replace(good, "/home/*", "/", 1)), "f.toml:11: job a: source /"},
		{job(strings.Replace(good, "box", "nobody", 1)), `f.toml:10: job a: destination "nobody": unknown`},
		{job(strings.Replace(good, "box", "whm", 1)), "f.toml:10: job a: destination whm: its engine is cpanel: backups on it are made by cPanel itself"},
		{job("destination = \"box\"\nsource = [\"/a\"]\n"), "f.toml:9: job a: retention is missing: give the number of backups, or keep-daily"},
		{job(good + "keep-daily = 7\n"), "f.toml:12: job a: retention beside keep-daily: give the number of backups alone"},
		{job(strings.Replace(good, "retention = 7", "keep-daily = 0", 1)), "f.toml:9: job a: no backup would be kept"},
		{job(strings.Replace(good, "retention = 7", "keep-daily = 7\nkeep-weekly = -1", 1)), "f.toml:13: job a: keep-weekly -1: want 0 to 999"},
		{job(strings.Replace(good, "retention = 7", "keep-daily = 500\nkeep-yearly = 500", 1)), "f.toml:12: job a: 1000 backups in all: want at most 999"},
		{job(good + "gone-after = \"23h\"\n"), `f.toml:13: job a: gone-after "23h": want at least a day`},
		{job(good + "gone-after = \"soon\"\n"), `f.toml:13: job a: gone-after "soon": want 1d to 400d`},
		{job(good + "stall-timeout = \"soon\"\n"), `f.toml:13: job a: stall-timeout "soon"`},
		{job(good + "stall-timeout = \"0s\"\n"), `f.toml:13: job a: stall-timeout "0s"`},
		{job(good + "stall-timeout = \"1ms\"\n"), "f.toml:13: job a: stall-timeout 1ms: want 1s to 24h0m0s"},
		{job("destination = \"box\"\nsource = [{path = \"/a\", may-be-empty = true}]\nretention = 1\n"),
			`f.toml:11: job a: source "/a": unknown key "may-be-empty"`},
		{job("destination = \"box\"\nsource = [{path = \"/a\", allow-empty = 1}]\nretention = 1\n"), `f.toml:11: job a: source "/a": allow-empty`},
		{job("destination = \"box\"\nsource = [7]\nretention = 1\n"), "f.toml:11: job a: source 7: want a text or a table"},
		{job("destination = \"box\"\nretention = 1\n"), "f.toml:9: job a: source is missing"},
		{job("source = [\"/a\"]\nretention = 1\n"), "f.toml:9: job a: destination is missing"},
		{box + "[job.A]\n" + good, "f.toml:9: job A: name"},
		{box + "[job.\"../x\"]\n" + good, "f.toml:9: job ../x: name"},
	} {
		_, err := Parse("f.toml", []byte(c.text), engines)
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestAddingAndRemovingAJobLeavesTheRestAlone(t *testing.T) {
	text := "# ours\n" + box + "# last"
	j := &Job{Name: "www.one", Destination: "box", Source: []string{"/srv/we\"ird", "/home/*"}, Policy: retention.Policy{Daily: 3, Yearly: 1}, Mode: "compressed",
		Prefix: "homedir", Exclude: []string{"*.log", "a,b", `\*`}, ExcludeFile: "skip", ExcludeCaches: true, OneFileSystem: true,
		Before: "a \"b\"\n\tc", After: "true", Fill: "link", Bandwidth: 3 << 20, Concurrency: 8, Parallel: 7,
		AllowEmpty: []string{"/home/*"}, NetworkFS: true, StallTimeout: 90 * time.Second, GoneAfter: 90 * 24 * time.Hour}
	added, err := AddJob("x", []byte(text), j, engines)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(added), text+"\n") {
		t.Fatalf("adding changed what was there:\n%s", added)
	}
	c, err := Parse("x", added, engines)
	if err != nil || !reflect.DeepEqual(c.Jobs["www.one"], j) {
		t.Fatalf("became %+v, %v:\n%s", c.Jobs["www.one"], err, added)
	}
	if _, err := AddJob("x", added, j, engines); err == nil {
		t.Error("the same name was added twice")
	}
	if _, err := Remove("x", added, "box", engines); err == nil || !strings.Contains(err.Error(), "job www.one writes to it") {
		t.Errorf("a destination in use was removed: %v", err)
	}
	removed, err := RemoveJob("x", added, "www.one", engines)
	if err != nil || string(removed) != text+"\n" {
		t.Errorf("adding and removing left, %v\n%s", err, removed)
	}
	if _, err := RemoveJob("x", removed, "www.one", engines); err == nil {
		t.Error("an unknown job was removed")
	}
}

func TestRates(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "500K": 500 << 10, "10m": 10 << 20, " 2G ": 2 << 30, "": 0, "K": 0, "-1M": 0, "1.5M": 0,
		"9999999999G": 0, "10MB": 0} {
		got, err := ParseRate(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
		if err == nil {
			if again, err := ParseRate(FormatRate(got)); err != nil || again != got {
				t.Errorf("%d is written as %s", got, FormatRate(got))
			}
		}
	}
}

func FuzzParseJobs(f *testing.F) {
	f.Add([]byte(box+"[job.a]\ndestination='box'\nsource=['/a']\nretention=1\n"), "a")
	f.Add([]byte(box+"[job]\na.destination='box'\na.source=['/a']\na.retention=1\n[job.b]\n"), "a")
	f.Add([]byte(box+"job.a={destination='box',source=['/a'],retention=1}"), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		c, err := Parse("x", data, engines)
		if err != nil {
			return
		}
		out, err := RemoveJob("x", data, name, engines)
		if err != nil {
			return
		}
		left, err := Parse("x", out, engines)
		if err != nil || len(left.Jobs) != len(c.Jobs)-1 || left.Jobs[name] != nil || len(left.Destinations) != len(c.Destinations) {
			t.Fatalf("removing %q from %q left %q: %v", name, data, out, err)
		}
	})
}

func TestAccountsSideBySide(t *testing.T) {
	for more, want := range map[string]int{"": 4, "before = \"x\"\n": 1, "after = \"x\"\n": 1, "mode = \"compressed\"\n": 1,
		"parallel-accounts = 9\nbefore = \"x\"\n": 9, "parallel-accounts = 1\n": 1} {
		c, err := Parse("f.toml", []byte(job(good+more)), engines)
		if err != nil || c.Jobs["a"].Parallel != want {
			t.Errorf("%q: %+v, %v; want %d", more, c, err, want)
		}
	}
}
