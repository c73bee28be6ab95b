package restore

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// without is what is there besides what was kept.
func without(t *testing.T, home string, kept ...string) map[string]string {
	t.Helper()
	all := state(t, home)
	maps.DeleteFunc(all, func(p, _ string) bool {
		for _, k := range kept {
			if p == k || strings.HasPrefix(p, k+"/") {
				return true
			}
		}
		return false
	})
	return all
}

func TestWhatIsReplacedIsKeptAndComesBack(t *testing.T) {
	home := t.TempDir()
	web := filepath.Join(home, "web")
	if err := errors.Join(os.MkdirAll(web+"/sub", 0o755), os.WriteFile(web+"/index", []byte("live"), 0o644), os.WriteFile(web+"/way", []byte("in the way"), 0o644),
		os.WriteFile(web+"/own", []byte("own"), 0o644), os.Symlink("live", web+"/link")); err != nil {
		t.Fatal(err)
	}
	before := state(t, home)
	backup := dir("top", file("index", "backup"), dir("way", file("in", "x")), file("new", "y"), link("link", "elsewhere"), dir("sub", file("deep", "z"), dir("er", file("est", "zz"))))
	well(t, backup, Options{Place: place(t, web), Overwrite: true, Keep: &Keep{Home: home, Name: "kept-1", Below: "web"}})
	after := without(t, home, "kept-1")
	if after["web/index"] != "backup" || after["web/way/in"] != "x" || after["web/sub/er/est"] != "zz" {
		t.Errorf("after the restore %q", after)
	}
	if kept := state(t, home+"/kept-1"); kept["web/index"] != "live" || kept["web/way"] != "in the way" || kept["web/link"] != "-> live" {
		t.Errorf("kept %q", kept)
	}
	if err := os.WriteFile(web+"/new", []byte("changed since"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed := without(t, home, "kept-1")
	back := func(from, to string) {
		t.Helper()
		if s, err := PutBack(t.Context(), from, Keep{Home: home, Name: to}, func(p string, err error) { t.Errorf("%s: %v", p, err) }); err != nil || s.Failed > 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		if _, err := os.Lstat(filepath.Join(home, from)); err == nil {
			t.Errorf("%s is still there: %q", from, state(t, filepath.Join(home, from)))
		}
	}
	back("kept-1", "kept-2")
	if got := without(t, home, "kept-2"); !maps.Equal(got, before) {
		t.Errorf("undone:\n%q\nnot\n%q", got, before)
	}
	back("kept-2", "kept-3")
	if got := without(t, home, "kept-3"); !maps.Equal(got, changed) {
		t.Errorf("undone again:\n%q\nnot\n%q", got, changed)
	}
	if err := Discard(home, "kept-3"); err != nil {
		t.Fatal(err)
	}
	if got := state(t, home); !maps.Equal(got, changed) {
		t.Errorf("discarded:\n%q\nnot\n%q", got, changed)
	}
}

func TestARestoreThatReplacesNothingKeepsNothing(t *testing.T) {
	home := t.TempDir()
	well(t, dir("top"), Options{Place: place(t, home), Overwrite: true, Keep: &Keep{Home: home, Name: "kept"}})
	wantState(t, home, map[string]string{})
}

func TestLinksInTheWayOfWhatIsPutBackLeadNowhere(t *testing.T) {
	home, outside := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(home+"/a/b", 0o755); err != nil {
		t.Fatal(err)
	}
	well(t, dir("top", dir("a", dir("b", file("made", "x"))), file("f", "y")), Options{Place: place(t, home), Overwrite: true, Keep: &Keep{Home: home, Name: "kept-1", Below: ""}})
	// The owner of the home prepares the way: a link in place of a directory, and a list of what was made that leads outside.
	if err := errors.Join(os.WriteFile(outside+"/made", []byte("foreign"), 0o644), os.RemoveAll(home+"/a"), os.Symlink(outside, home+"/a"), os.Mkdir(home+"/kept-1/a", 0o755),
		os.WriteFile(home+"/kept-1/a/made", []byte("evil"), 0o644)); err != nil {
		t.Fatal(err)
	}
	list, err := os.OpenFile(home+"/kept-1/"+madeName, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(outside)
	fmt.Fprintf(list, "+a/made\x00+../%s/made\x00=0:0:../%s/made\x00=1:2:a/made\x00=x\x00>../%s/made\nforeign\x00>a/made\nforeign\x00+../../etc/passwd\x00\x00+..\x00+a\x00nonsense\x00+", base, base, base)
	list.Close()
	_, _ = PutBack(t.Context(), "kept-1", Keep{Home: home, Name: "kept-2"}, func(string, error) {})
	wantState(t, outside, map[string]string{"made": "foreign"})
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Fatal(err)
	}
}
