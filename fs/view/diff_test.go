package view_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// nodeAt finds what is shown at a path.
func nodeAt(t testing.TB, v *view.View, path string) view.Node {
	t.Helper()
	n, err := v.Node(t.Context(), view.RootID)
	for element := range strings.SplitSeq(path, "/") {
		if err != nil {
			break
		}
		n, err = v.Lookup(t.Context(), n.ID, element)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return n
}

// diffLines puts what differs into lines.
func diffLines(t testing.TB, v *view.View, old, new string) []string {
	t.Helper()
	a, b := nodeAt(t, v, old), nodeAt(t, v, new)
	var all []string
	for d, err := range v.Diff(t.Context(), &a, &b) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case d.Old == nil:
			all = append(all, "+"+d.Path)
		case d.New == nil:
			all = append(all, "-"+d.Path)
		default:
			all = append(all, "~"+d.Path+" "+strings.Join(d.What(), " "))
		}
	}
	return all
}

// twoDays has two snapshots of an account whose parts are cut out of its tree.
func twoDays(t testing.TB, old, new []fstest.Member) (*fstest.World, *view.View) {
	t.Helper()
	w := fstest.NewWorld()
	for i, members := range [][]fstest.Member{old, new} {
		parts := &backup.Parts{Full: "alice", Grafts: []backup.Graft{
			{Kind: backup.Files, Path: "files", From: "alice/homedir"},
			{Kind: backup.DatabaseUsers, Path: "database-users/u.sql", Content: []byte(fmt.Sprint("GRANT ", i))},
			{Kind: backup.Email, Path: "email/example.com/info", From: "alice/homedir/mail/example.com/info"},
		}}
		w.Add(t, source("alice", fmt.Sprintf("2026-01-0%d", i+4), nil), parts, members...)
	}
	return w, show(t, w, view.Options{})
}

const day4, day5 = "box/accounts/alice/2026-01-04", "box/accounts/alice/2026-01-05"

func changedBy(m fstest.Member, change func(*backup.Entry)) fstest.Member {
	change(&m.Entry)
	return m
}

func TestDiffTellsEachDifferenceOnceUnderItsPart(t *testing.T) {
	mail := "alice/homedir/mail/example.com/info/cur/1"
	_, v := twoDays(t,
		[]fstest.Member{fstest.File("alice/version", "1"), fstest.File("alice/homedir/same", "x"), fstest.File("alice/homedir/gone/deep", "x"),
			fstest.File(mail, "old"), fstest.Link("alice/homedir/link", "a"), fstest.File("alice/homedir/kind", "x")},
		[]fstest.Member{fstest.File("alice/version", "22"), fstest.File("alice/homedir/same", "x"), fstest.File(mail, "newer"),
			fstest.Link("alice/homedir/link", "b"), fstest.Dir("alice/homedir/kind"), fstest.File("alice/homedir/kind/below", "x"), fstest.File("alice/homedir/homedir.tar\x00/hidden", "x"),
			changedBy(fstest.File("alice/homedir/device", ""), func(e *backup.Entry) { e.Mode = backup.ModeChar | 0o600 })})
	got := diffLines(t, v, day4, day5)
	var files []string
	for _, line := range got {
		if !strings.HasSuffix(line, " time") && !strings.Contains(line, "~files ") {
			files = append(files, line)
		}
	}
	slices.Sort(files)
	want := []string{"+files/kind/below", "-files/gone", "-files/gone/deep", "~database-users/u.sql content", "~files/kind type mode",
		"~files/link target", "~files/mail/example.com/info/cur/1 content", "~full/version content"}
	if !slices.Equal(files, want) {
		t.Errorf("got\n%q\nwant\n%q", files, want)
	}
	if got := diffLines(t, v, day4+"/email/example.com", day5+"/email/example.com"); !slices.Equal(got, []string{"~info/cur/1 content"}) {
		t.Errorf("email: %q", got)
	}
	if got := diffLines(t, v, day4+"/files/same", day5+"/files/link"); len(got) != 1 || !strings.HasPrefix(got[0], "~ type") {
		t.Errorf("a file and a link: %q", got)
	}
}

func TestDiffReadsOnlyWhatDiffers(t *testing.T) {
	var old []fstest.Member
	for i := range 300 {
		for j := range 5 {
			old = append(old, fstest.File(fmt.Sprintf("alice/homedir/d%03d/f%d", i, j), fmt.Sprint(i, j)))
		}
	}
	changed := slices.Clone(old)
	changed[700] = fstest.File(changed[700].Path, "another content")
	w, _ := twoDays(t, old, changed)
	v := show(t, w, view.Options{})
	a, b := nodeAt(t, v, day4), nodeAt(t, v, day5)
	before, _ := w.Store.Calls()
	n := 0
	for _, err := range v.Diff(t.Context(), &a, &b) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if after, _ := w.Store.Calls(); n != 2 || after-before > 40 {
		t.Errorf("%d differences, %d nodes read", n, after-before)
	}
}

func TestDiffTakesWholeSecondsForEqual(t *testing.T) {
	at := func(ns int64) []fstest.Member {
		return []fstest.Member{changedBy(fstest.Dir("alice"), func(e *backup.Entry) { e.MTime = 5e9 }), changedBy(fstest.Dir("alice/homedir"), func(e *backup.Entry) { e.MTime = 5e9 }),
			changedBy(fstest.File("alice/homedir/f", "x"), func(e *backup.Entry) { e.MTime = ns })}
	}
	for _, c := range []struct {
		old, new int64
		want     int
	}{{7_000_000_123, 7_000_000_000, 0}, {7_000_000_123, 7_000_000_124, 1}, {7_000_000_123, 8_000_000_000, 1}, {-1, -1e9, 0}} {
		_, v := twoDays(t, at(c.old), at(c.new))
		if got := diffLines(t, v, day4+"/files", day5+"/files"); len(got) != c.want {
			t.Errorf("%d and %d: %q", c.old, c.new, got)
		}
	}
}

func TestDiffOfWhatIsInNoSnapshotIsRefused(t *testing.T) {
	_, v := twoDays(t, []fstest.Member{fstest.File("alice/homedir/f", "x")}, []fstest.Member{fstest.File("alice/homedir/f", "x")})
	a, b := nodeAt(t, v, "box/accounts/alice"), nodeAt(t, v, day5)
	for _, err := range v.Diff(t.Context(), &a, &b) {
		if !errors.Is(err, view.ErrNoSnapshot) {
			t.Errorf("got %v", err)
		}
	}
	for d, err := range v.Diff(t.Context(), &b, &b) {
		t.Errorf("itself differs: %+v, %v", d, err)
	}
}
