package jobs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/state"
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
		found := Discover(&config.Job{Source: sources}, nil)
		var out []string
		for _, a := range found.Accounts {
			if a.Err != nil {
				a.Name += "!"
			}
			out = append(out, a.Name)
		}
		return strings.Join(append(out, found.Warnings...), " ")
	}
	for _, c := range []struct {
		want    string
		sources []string
	}{
		{"alice bob", []string{dir + "/a/*"}},
		{"alice bob bob! carol", []string{dir + "/a/*", dir + "/b/*"}},
		{"alice", []string{dir + "/a/al*", dir + "/a/alice"}},
		{"carol", []string{dir + "/a/carol"}},
		{"source " + dir + "/c/*: matches nothing", []string{dir + "/c/*"}},
		{".cpan!", []string{dir + "/a/.*"}},
		{"alice source " + dir + "/nobody: file does not exist", []string{dir + "/a/al*", dir + "/nobody"}},
		{"alice source " + dir + "/a/file: open " + dir + "/a/file: not a directory", []string{dir + "/a/al*", dir + "/a/file"}},
	} {
		if got := names(c.sources...); got != c.want {
			t.Errorf("%v: %q, want %q", c.sources, got, c.want)
		}
	}
}

// TestSourcesThatMayBeEmptyAreNoWarning is about allow-empty, which holds for the source that has it alone.
func TestSourcesThatMayBeEmptyAreNoWarning(t *testing.T) {
	dir := directories(t, "home/alice", "home2/")
	sources := []string{dir + "/home/*", dir + "/home2/*", dir + "/srv"}
	last := LastRun{
		"alice": {Source: dir + "/home/alice", From: sources[0]}, "bob": {Source: dir + "/home/bob", From: sources[0]},
		"carol": {Source: dir + "/home2/carol", From: sources[1]}, "old": {Source: "/gone/old", From: "/gone/*"},
	}
	for _, c := range []struct {
		allow []string
		want  string
	}{
		{nil, "source 1: matches nothing; source 2: none; source 0: the last run had 1 account that is gone: bob; " +
			"source 1: the last run had 1 account that is gone: carol"},
		{sources[1:], "source 0: the last run had 1 account that is gone: bob"},
		{sources, ""},
	} {
		found := Discover(&config.Job{Source: sources, AllowEmpty: c.allow}, last)
		got := strings.ReplaceAll(strings.Join(found.Warnings, "; "), ": file does not exist", ": none")
		for i, s := range sources {
			got = strings.ReplaceAll(got, "source "+s+":", "source "+strconv.Itoa(i)+":")
		}
		if got != c.want || len(found.Names()) != 1 {
			t.Errorf("allowed %q: %q, %q\nwant %q", c.allow, found.Names(), got, c.want)
		}
	}
}

// TestNobodyTakesAnAccountsName has customers make directories with the names of others.
func TestNobodyTakesAnAccountsName(t *testing.T) {
	dir := directories(t, "alice/domains/own", "alice/domains/shop", "bob/domains/shop")
	j := &config.Job{Source: []string{dir + "/*/domains/*"}}
	for _, holder := range []string{"alice", "bob"} {
		last := LastRun{"shop": {Source: dir + "/" + holder + "/domains/shop", From: j.Source[0]}}
		found := Discover(j, last)
		a, ok := found.Named("shop")
		if !ok || a.Err != nil || a.Source != last["shop"].Source || len(found.Warnings) != 0 {
			t.Errorf("%s had it, and it is %+v, %q", holder, a, found.Warnings)
		}
		if !slices.Equal(found.Names(), []string{"own", "shop"}) || len(found.Accounts) != 3 {
			t.Errorf("found %+v", found.Accounts)
		}
	}
	if a, ok := new(Discovery).Named("shop"); ok {
		t.Errorf("found %+v in nothing", a)
	}
	moved := Discover(j, LastRun{"own": {Source: dir + "/bob/domains/own", From: j.Source[0]}})
	if len(moved.Warnings) != 1 || !strings.Contains(moved.Warnings[0], "account own: it was") {
		t.Errorf("an account that another directory has taken over: %q", moved.Warnings)
	}
}

// TestPatternsThatEndWithANameAreNamedByTheirWildcard would give all accounts one name else.
func TestPatternsThatEndWithANameAreNamedByTheirWildcard(t *testing.T) {
	dir := directories(t, "alice/public_html", "bob/public_html", "carol/")
	found := Discover(&config.Job{Source: []string{dir + "/*/public_html"}}, nil)
	if got := found.Names(); !slices.Equal(got, []string{"alice", "bob"}) || len(found.Accounts) != 2 {
		t.Errorf("found %+v", found.Accounts)
	}
}

func TestLastRunIsKept(t *testing.T) {
	d, j := state.Dir(t.TempDir()), &config.Job{Name: "j", Destination: "d"}
	if last, err := LoadLastRun(d, j); err != nil || len(last) != 0 {
		t.Errorf("before the first run: %v, %v", last, err)
	}
	err := SaveLastRun(d, j, LastRun{}.with([]Account{{Name: "a", Source: "/s/a", From: "/s/*"}, {Name: "b", Err: os.ErrInvalid}}, 1, time.Unix(7, 0)))
	last, loadErr := LoadLastRun(d, j)
	if err != nil || loadErr != nil || len(last) != 1 || last["a"] != (lastAccount{"/s/a", "/s/*", 7}) {
		t.Errorf("kept %v, %v, %v", last, err, loadErr)
	}
	if err := os.WriteFile(lastRunFile(d, j), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if last, err := LoadLastRun(d, j); err != nil || len(last) != 0 {
		t.Errorf("a damaged file is %v, %v", last, err)
	}
}

// directories makes directories below a new one.
func directories(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPatternsCountFromTheSource(t *testing.T) {
	got := excludes(&config.Job{Prefix: "home[1]", Exclude: []string{"- /tmp/", "+ a*"}, ExcludeFile: "skip"})
	want := []string{`- /home\[1]/tmp/`, `+ /home\[1]/a*`, `+ /home\[1]/**/a*`}
	if !slices.Equal(got, want) {
		t.Errorf("%q; want\n%q", got, want)
	}
}
