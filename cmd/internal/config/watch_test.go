package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// boxes is a configuration with a destination and a job.
const boxes = `[destination.box]
engine = "slots"
host = "h"
username = "u"

[job.nightly]
destination = "box"
source = "/home/*"
retention = 7
`

func TestWatchMetricsAndNotifyAreRead(t *testing.T) {
	text := strings.Replace(strings.Replace(boxes, `"/home/*"`, `["/home/*"]`, 1), "retention = 7", "retention = 7\nmax-age = \"8d\"\nping = \"https://hc-ping.com/x\"", 1) + `
[watch]
max-age = "never"
unreachable-after = "30m"
nearly-full = 90

[metrics]
listen = "127.0.0.1:9812"
textfile = "/tmp/a.prom"

[notify.ops]
sendmail = "ops@example.com, Boss <boss@example.com>"
events = ["failed", "silence"]
jobs = ["nightly"]
destinations = ["box"]
min-interval = "0s"

[notify.phone]
url = "ntfy://ntfy.sh/topic"
`
	c, err := Parse("f", []byte(text), engines)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Watch{MaxAge: Never, UnreachableAfter: 30 * time.Minute, NearlyFull: 90, DumpShrinks: 10, HomeShrinks: 50}); c.Watch != want {
		t.Errorf("watch %+v", c.Watch)
	}
	if want := (Metrics{"127.0.0.1:9812", "/tmp/a.prom"}); c.Metrics != want {
		t.Errorf("metrics %+v", c.Metrics)
	}
	if j := c.Jobs["nightly"]; j.MaxAge != 8*24*time.Hour || j.Ping == "" || c.Watch.Age(j.MaxAge) != j.MaxAge || c.Watch.Age(0) != Never {
		t.Errorf("job %+v", j)
	}
	want := &Notify{Name: "ops", Sendmail: "ops@example.com, Boss <boss@example.com>", Events: []string{"failed", "silence"}, Jobs: []string{"nightly"},
		Destinations: []string{"box"}}
	if !reflect.DeepEqual(c.Notify["ops"], want) || c.Notify["phone"].MinInterval != DefaultMinInterval {
		t.Errorf("notify %+v %+v", c.Notify["ops"], c.Notify["phone"])
	}
}

func TestNothingIsWatchedWithoutItsTablesButTheDefaults(t *testing.T) {
	c, err := Parse("f", nil, engines)
	if err != nil || c.Watch != (Watch{DefaultMaxAge, DefaultUnreachableAfter, DefaultNearlyFull, DefaultDumpShrinks, DefaultHomeShrinks}) || c.Metrics != (Metrics{}) || c.Notify != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatIsWrongIsNamedWithoutItsSecrets(t *testing.T) {
	base := strings.Replace(boxes, `"/home/*"`, `["/home/*"]`, 1)
	for _, c := range []struct{ text, want string }{
		{"[watch]\nmax-age = \"soon\"", `f:11: max-age "soon": want an age`},
		{"[watch]\nmax-age = \"1s\"", "f:11: max-age \"1s\": want 1m to 400d"},
		{"[watch]\nmax-age = \"99999999999d\"", "f:11: max-age"},
		{"[watch]\nmax-age = \"-1d\"", "f:11: max-age"},
		{"[watch]\nnearly-full = 0", "f:11: nearly-full 0"},
		{"[watch]\nunreachable-after = \"x\"", "f:11: unreachable-after"},
		{"[metrics]\nlisten = \":9812\"", "f:11: listen"},
		{"[metrics]\nlisten = \"127.0.0.1\"", "f:11: listen"},
		{"[metrics]\ntextfile = \"a.prom\"", "f:11: textfile"},
		{"[metrics]\ntextfile = \"/a/slotfs.txt\"", "f:11: textfile"},
		{"[notify.x]", "f:10: notify x: want one of url"},
		{"[notify.x]\nurl = \"ntfy://a/b\"\ncommand = \"true\"", "f:10: notify x: want one of url"},
		{"[notify.x]\nurl = \"SECRET\"", "f:11: notify x: url: want one as shoutrrr"},
		{"[notify.x]\nurl = \"://SECRET\"", "f:11: notify x: url"},
		{"[notify.x]\nurl-file = \"a\"", "f:11: notify x: url-file"},
		{"[notify.x]\nsendmail = \"nobody\"", "f:11: notify x: sendmail"},
		{"[notify.x]\nsendmail = \"a@b\\nBcc: c@d\"", "f:11: notify x: sendmail"},
		{"[notify.x]\ncommand = \"true\"\nevents = [\"fire\"]", `f:12: notify x: events: "fire" is unknown; there is failed`},
		{"[notify.x]\ncommand = \"true\"\njobs = [\"none\"]", `f:12: notify x: jobs: "none" is unknown; there is nightly`},
		{"[notify.x]\ncommand = \"true\"\nmin-interval = \"-1s\"", "f:12: notify x: min-interval"},
		{"[notify.X]\ncommand = \"true\"", "f:10: notify X: name"},
		{"[job.b]\ndestination = \"box\"\nsource = [\"/a\"]\nretention = 1\nping = \"ftp://SECRET\"", "f:14: job b: ping: want a URL"},
		{"[job.b]\ndestination = \"box\"\nsource = [\"/a\"]\nretention = 1\nmax-age = \"x\"", "f:14: job b: max-age"},
		{"[destination.b]\nengine = \"slots\"\nhost = \"h\"\nusername = \"u\"\nmax-age = \"x\"", "f:14: destination b: max-age"},
	} {
		_, err := Parse("f", []byte(base+c.text+"\n"), engines)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestAgesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, text := range []string{"never", "26h", "3d", "48h", "1h30m0s", "400d"} {
		d, err := ParseAge(text)
		if err != nil || FormatAge(d) != text {
			t.Errorf("%s became %s, %v", text, FormatAge(d), err)
		}
	}
}

func TestMaxAgeAndPingSurviveEdits(t *testing.T) {
	base := []byte(strings.Replace(boxes, `"/home/*"`, `["/home/*"]`, 1))
	c, err := Parse("f", base, engines)
	if err != nil {
		t.Fatal(err)
	}
	j, d := *c.Jobs["nightly"], *c.Destinations["box"]
	j.Name, j.MaxAge, j.Ping, d.MaxAge = "weekly", 8*24*time.Hour, "https://hc-ping.com/x", Never
	if base, err = AddJob("f", base, &j, engines); err != nil {
		t.Fatal(err)
	}
	if base, err = Set("f", base, &d, engines); err != nil || !strings.Contains(string(base), "max-age = \"never\"") {
		t.Fatalf("%v\n%s", err, base)
	}
}
