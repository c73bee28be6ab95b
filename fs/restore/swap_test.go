package restore

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// back undoes a restore and wants nothing to fail.
func back(t *testing.T, home, from, to string) {
	t.Helper()
	if s, err := PutBack(t.Context(), from, Keep{Home: home, Name: to}, func(p string, err error) { t.Errorf("%s: %v", p, err) }); err != nil || s.Failed > 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := os.Lstat(filepath.Join(home, from)); err == nil {
		t.Errorf("%s is still there: %q", from, state(t, filepath.Join(home, from)))
	}
}

func liveBox(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	box := filepath.Join(home, "mail/a.example/info")
	if err := errors.Join(os.MkdirAll(box+"/cur", 0o755), os.WriteFile(box+"/cur/9", []byte("live"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return home
}

func whole(t *testing.T, home string, box *item, name string, o Options) (Summary, error) {
	t.Helper()
	o.Keep, o.Workers, o.Window = &Keep{Home: home, Name: name, Below: "mail/a.example"}, 2, 1<<20
	return RunWhole(t.Context(), Root{Source: &fake{}, Entry: box.entry(), Name: "info", Path: "info"}, o)
}

func TestADirectoryTakesThePlaceOfAnotherOneAsAWholeAndComesBack(t *testing.T) {
	home := liveBox(t)
	before := state(t, home)
	box := dir("info", dir("cur", file("1", "one")), dir("storage", file("m.1", "mdbox")))
	if s, err := whole(t, home, box, "kept-0", Options{Rehearse: true}); err != nil || s.Files != 2 || !maps.Equal(state(t, home), before) {
		t.Errorf("rehearsal: %+v, %v, %q", s, err, state(t, home))
	}
	if _, err := whole(t, home, box, "kept-1", Options{}); err != nil {
		t.Fatal(err)
	}
	after := without(t, home, "kept-1")
	if after["mail/a.example/info/storage/m.1"] != "mdbox" || after["mail/a.example/info/cur/9"] != "" {
		t.Errorf("after the restore %q", after)
	}
	if kept := state(t, home+"/kept-1"); kept["mail/a.example/info/cur/9"] != "live" || kept[stageName] != "" {
		t.Errorf("kept %q", kept)
	}
	back(t, home, "kept-1", "kept-2")
	if got := without(t, home, "kept-2"); !maps.Equal(got, before) {
		t.Errorf("undone: %q", got)
	}
	back(t, home, "kept-2", "kept-3")
	if got := without(t, home, "kept-3"); !maps.Equal(got, after) {
		t.Errorf("undone again: %q", got)
	}
}

func TestADirectoryThatWasNotThereGoesAwayAsAWhole(t *testing.T) {
	home := t.TempDir()
	box := dir("info", dir("cur", file("1", "one")))
	if _, err := whole(t, home, box, "kept-1", Options{}); err != nil {
		t.Fatal(err)
	}
	after := without(t, home, "kept-1")
	if after["mail/a.example/info/cur/1"] != "one" {
		t.Errorf("after the restore %q", after)
	}
	back(t, home, "kept-1", "kept-2")
	if got := without(t, home, "kept-2"); len(got) != 0 {
		t.Errorf("undone: %q", got)
	}
	back(t, home, "kept-2", "kept-3")
	if got := without(t, home, "kept-3"); !maps.Equal(got, after) {
		t.Errorf("undone again: %q", got)
	}
}

func TestADirectoryOfWhichNotAllCanBeReadTakesNobodysPlace(t *testing.T) {
	home := liveBox(t)
	before := state(t, home)
	box := dir("info", dir("cur", file("1", "one"), file("2", "two").with(func(it *item) { it.fails = errors.New("rotten") })))
	if _, err := whole(t, home, box, "kept-1", Options{}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("%v", err)
	}
	if got := state(t, home); !maps.Equal(got, before) {
		t.Errorf("there is %q", got)
	}
}

// TestASwapThatWasInterruptedIsTakenBack leaves what each step leaves whose end is not reached.
func TestASwapThatWasInterruptedIsTakenBack(t *testing.T) {
	for _, at := range []string{"staged", "noted", "exchanged"} {
		home := liveBox(t)
		before := state(t, home)
		k, err := newKeeper(&Keep{Home: home, Name: "kept-1"})
		if err != nil {
			t.Fatal(err)
		}
		k.used = true
		stage := home + "/kept-1/" + stageName + "/info"
		if err := errors.Join(os.MkdirAll(stage, 0o755), os.WriteFile(stage+"/half", nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		live := home + "/mail/a.example/info"
		st := stat(t, live)
		if at != "staged" {
			if err := k.note(swapped, swapNote(st.Dev, st.Ino, "mail/a.example/info")); err != nil {
				t.Fatal(err)
			}
		}
		if at == "exchanged" {
			if err := errors.Join(os.Rename(live, home+"/x"), os.Rename(stage, live), os.Rename(home+"/x", stage)); err != nil {
				t.Fatal(err)
			}
		}
		k.close()
		back(t, home, "kept-1", "kept-2")
		if got := without(t, home, "kept-2"); !maps.Equal(got, before) {
			t.Errorf("%s: undone: %q", at, got)
		}
	}
}

func TestLinesAreAddedOnceAndTakenBack(t *testing.T) {
	home := t.TempDir()
	if err := errors.Join(os.MkdirAll(home+"/etc/a.example", 0o755), os.WriteFile(home+"/etc/a.example/passwd", []byte("info:live\nsales:x"), 0o640)); err != nil {
		t.Fatal(err)
	}
	before := state(t, home)
	lines := []Lines{{Path: "etc/a.example/passwd", Lines: []string{"info:old", "gone:old", "gone:twice"}, Key: ":", Mode: 0o640},
		{Path: "etc/b.example/passwd", Lines: []string{"x:y"}, Key: ":", Mode: 0o640}}
	add := func(rehearse bool) Summary {
		t.Helper()
		s, err := AddLines(t.Context(), lines, Keep{Home: home, Name: "kept-1", More: true}, rehearse, func(p string, err error) { t.Errorf("%s: %v", p, err) })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := add(true); s.Lines != 4 && s.Lines != 2 || !maps.Equal(state(t, home), before) {
		t.Errorf("rehearsal: %+v, %q", s, state(t, home))
	}
	inode := stat(t, home+"/etc/a.example/passwd").Ino
	if s := add(false); s.Lines != 2 {
		t.Errorf("%+v", s)
	}
	if s := add(false); s.Lines != 0 {
		t.Errorf("again: %+v", s)
	}
	got := without(t, home, "kept-1")
	if got["etc/a.example/passwd"] != "info:live\nsales:x\ngone:old\n" || got["etc/b.example/passwd"] != "x:y\n" || stat(t, home+"/etc/a.example/passwd").Ino != inode {
		t.Errorf("%q", got)
	}
	file, err := os.OpenFile(home+"/etc/a.example/passwd", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("since:new\n"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	back(t, home, "kept-1", "kept-2")
	got = without(t, home, "kept-2")
	if got["etc/a.example/passwd"] != "info:live\nsales:x\nsince:new\n" || got["etc/b.example"] != "" {
		t.Errorf("undone: %q", got)
	}
}

func TestLinesGoThroughNoLink(t *testing.T) {
	home, outside := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(outside+"/passwd", []byte("a:b\n"), 0o600), os.Symlink(outside, home+"/etc"), os.Symlink(outside+"/passwd", home+"/file")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"etc/passwd", "file"} {
		s, err := AddLines(t.Context(), []Lines{{Path: p, Lines: []string{"c:d"}, Key: ":"}}, Keep{Home: home, Name: "kept"}, false, nil)
		if err != nil || s.Failed != 1 {
			t.Errorf("%s: %+v, %v", p, s, err)
		}
	}
	wantState(t, outside, map[string]string{"passwd": "a:b\n"})
}
