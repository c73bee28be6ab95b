package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/config"
)

func TestPatternsMatchAccountsAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/alice", "a/bob", "a/.cpan", "a/virtfs", "a/lost+found", "b/carol", "b/bob"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "b/carol"), filepath.Join(dir, "a/carol")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names := func(sources ...string) string {
		all, err := sourcesOf(&config.Job{Source: sources})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, a := range all {
			if a.err != nil {
				a.name += "!"
			}
			out = append(out, a.name)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		want    string
		sources []string
	}{
		{"alice bob", []string{dir + "/a/*"}},
		{"alice bob! carol", []string{dir + "/a/*", dir + "/b/*"}},
		{"alice", []string{dir + "/a/al*", dir + "/a/alice"}},
		{"carol", []string{dir + "/a/carol"}},
		{"", []string{dir + "/c/*"}},
		{".cpan!", []string{dir + "/a/.*"}},
	} {
		if got := names(c.sources...); got != c.want {
			t.Errorf("%v: %q, want %q", c.sources, got, c.want)
		}
	}
	for _, source := range []string{dir + "/nobody", dir + "/a/file"} {
		if _, err := sourcesOf(&config.Job{Source: []string{source}}); err == nil {
			t.Errorf("%s is taken for a folder", source)
		}
	}
}

func TestPatternsCountFromTheSource(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "skip"), []byte("# no\n/cache/\r\n\n*.log\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := excludes(&config.Job{Prefix: "home[1]", Exclude: []string{"- /tmp/", "+ a*"}, ExcludeFile: "skip"}, dir)
	want := []string{`- /home\[1]/tmp/`, `+ /home\[1]/a*`, `+ /home\[1]/**/a*`, `/home\[1]/cache/`, `/home\[1]/*.log`, `/home\[1]/**/*.log`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want\n%q", got, err, want)
	}
}

func TestExcludeFileOfItsOwnerLeadsNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "fifo"} {
		if lines, err := excludeLines(dir, name); err == nil {
			t.Errorf("%s was read: %q", name, lines)
		}
	}
	if lines, err := excludeLines(dir, "none"); err != nil || len(lines) != 0 {
		t.Errorf("without a file: %q, %v", lines, err)
	}
}
