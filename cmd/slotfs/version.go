package main

import (
	"runtime/debug"
	"strings"
)

// version is that of the program, not of the index. CHANGELOG.md begins with it.
const version = "0.2.0"

// fullVersion is the version with the commit and its date, where the program was built in a git checkout:
// "0.2.0 (0123456789ab, 2026-01-05)".
func fullVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	return versionWith(info.Settings)
}

// versionWith adds what the Go toolchain recorded of the checkout. "modified" tells of changes that no commit has.
func versionWith(settings []debug.BuildSetting) string {
	recorded := map[string]string{}
	for _, s := range settings {
		recorded[s.Key] = s.Value
	}
	commit := recorded["vcs.revision"]
	if len(commit) < 12 {
		return version
	}
	details := []string{commit[:12]}
	day, _, isTime := strings.Cut(recorded["vcs.time"], "T")
	if isTime {
		details = append(details, day)
	}
	if recorded["vcs.modified"] == "true" {
		details = append(details, "modified")
	}
	return version + " (" + strings.Join(details, ", ") + ")"
}
