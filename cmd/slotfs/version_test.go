package main

import (
	"regexp"
	"runtime/debug"
	"testing"
)

func TestNewestEntryOfTheChangelogIsTheVersion(t *testing.T) {
	entry := regexp.MustCompile(`(?m)^## \[([0-9]+\.[0-9]+\.[0-9]+)\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	newest := entry.FindStringSubmatch(readDocument(t, "CHANGELOG.md"))
	if newest == nil || newest[1] != version {
		t.Errorf("the newest entry of CHANGELOG.md is %q, the program is %s", newest, version)
	}
}

func TestVersionTellsCommitAndDate(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	date := debug.BuildSetting{Key: "vcs.time", Value: "2026-01-05T23:10:00Z"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, c := range []struct {
		want     string
		settings []debug.BuildSetting
	}{
		{version, nil},
		{version, []debug.BuildSetting{date}},
		{version + " (0123456789ab)", []debug.BuildSetting{revision}},
		{version + " (0123456789ab, 2026-01-05)", []debug.BuildSetting{revision, date}},
		{version + " (0123456789ab, 2026-01-05, modified)", []debug.BuildSetting{revision, date, modified}},
	} {
		if got := versionWith(c.settings); got != c.want {
			t.Errorf("version %q, want %q", got, c.want)
		}
	}
}
