package view_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/fs/fstest"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// users are the local users of the tests.
func users(s *backup.Snapshot) view.Local {
	switch s.Account {
	case "alice":
		return view.Local{UID: 5001, GID: 5002, OK: true}
	case "root":
		return view.Local{OK: true}
	}
	return view.Local{}
}

// show makes a View of everything in w.
func show(t testing.TB, w *fstest.World, o view.Options) *view.View {
	t.Helper()
	o.Nodes = w.Store
	o.Now = func() time.Time { return fstest.Time }
	v := view.New(o)
	update(t, v, w)
	return v
}

func update(t testing.TB, v *view.View, w *fstest.World) view.Changes {
	t.Helper()
	all, err := w.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return v.Update([]string{"box"}, all)
}

func paths(at map[string]view.Node, prefix string) []string {
	var found []string
	for p := range at {
		if rest, ok := strings.CutPrefix(p, prefix); ok && rest != "" {
			found = append(found, rest)
		}
	}
	slices.Sort(found)
	return found
}

func source(account, name string, change func(*backup.Snapshot)) backup.Snapshot {
	s := fstest.Source(account, name)
	if change != nil {
		change(&s)
	}
	return s
}

func TestSnapshotsAreShownByDestinationOriginAndAccount(t *testing.T) {
	w := fstest.NewWorld()
	file := fstest.File("x", "1")
	w.Add(t, source("alice", "2026-01-05", nil), nil, file)
	w.Add(t, source("alice", "2026-01-04.weekly", func(s *backup.Snapshot) { s.Time = s.Time.Add(-24 * time.Hour) }), nil, file)
	w.Add(t, source("alice", "2026-01-06", func(s *backup.Snapshot) {
		s.Time, s.Status = s.Time.Add(24*time.Hour), backup.Truncated
	}), nil, file)
	w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) { s.Origin = "srv1/a" }), nil, file)
	w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) { s.Origin = "accounts" }), nil, file)
	w.Add(t, source("accounts", "latest", func(s *backup.Snapshot) { s.Origin = "system" }), nil, file)
	w.Add(t, source("", "2026-01-05", func(s *backup.Snapshot) { s.System, s.Kind = true, backup.Tree }), nil, file)
	bad := source("bob", "2026-01-05", func(s *backup.Snapshot) { s.Status, s.Destination = backup.Unreadable, ".slotfs" })
	w.AddBare(bad)

	at := walk(t, show(t, w, view.Options{}))
	want := []string{
		"/.slotfs", "/.slotfs/errors.log", "/.slotfs/status.json", "/.slotfs~", "/.slotfs~/accounts", "/.slotfs~/accounts/bob",
		"/.slotfs~/accounts/bob/2026-01-05.unreadable", "/.slotfs~/accounts/bob/2026-01-05.unreadable/archive",
		"/.slotfs~/accounts/bob/2026-01-05.unreadable/archive/bob.tar.gz",
		"/.slotfs~/accounts/bob/2026-01-05.unreadable/snapshot.json", "/box",
	}
	for _, account := range []string{
		"/accounts/alice/2026-01-04.weekly", "/accounts/alice/2026-01-05", "/accounts/alice/2026-01-06.truncated",
		"/accounts/alice/latest", "/accounts~/accounts/alice/2026-01-05", "/accounts~/accounts/alice/latest",
		"/srv1/a/accounts/alice/2026-01-05", "/srv1/a/accounts/alice/latest", "/system/2026-01-05", "/system/latest",
		"/system~/accounts/accounts/latest", "/system~/accounts/accounts/latest~",
	} {
		for i := range account {
			if p := "/box" + account[:i]; i > 0 && account[i] == '/' && !slices.Contains(want, p) {
				want = append(want, p)
			}
		}
		want = append(want, "/box"+account)
		if strings.HasSuffix(account, "/latest") {
			continue
		}
		want = append(want, "/box"+account+"/snapshot.json", "/box"+account+"/full", "/box"+account+"/full/x")
		if !strings.HasPrefix(account, "/system/") {
			name := strings.Split(account, "/")[len(strings.Split(account, "/"))-2]
			want = append(want, "/box"+account+"/archive", "/box"+account+"/archive/"+name+".tar.gz")
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(at)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if latest := at["/box/accounts/alice/latest"]; latest.Target != "2026-01-05" {
		t.Errorf("latest is %q", latest.Target)
	}
}

func TestSnapshotsOfOneNameAreToldApart(t *testing.T) {
	build := func(order []int) []string {
		w := fstest.NewWorld()
		for _, i := range order {
			w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) {
				s.Kind = []backup.Kind{backup.Tar, backup.TarGzip, backup.Tree, backup.TarGzip, backup.TarGzip}[i]
				s.Files[0].Path = fmt.Sprintf("%d/alice", i)
				if i == 4 {
					s.Status = backup.Corrupt
				}
			}), nil, fstest.File(fmt.Sprint("x", i), "1"))
		}
		var found []string
		for _, p := range paths(walk(t, show(t, w, view.Options{})), "/box/accounts/alice/") {
			if strings.Contains(p, "/full/") {
				found = append(found, p)
			}
		}
		return found
	}
	want := []string{"2026-01-05.corrupt/full/x4", "2026-01-05.tar.gz/full/x3", "2026-01-05.tar/full/x0",
		"2026-01-05.tree/full/x2", "2026-01-05/full/x1"}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 4, 0, 1, 3}} {
		if got := build(order); !slices.Equal(got, want) {
			t.Errorf("order %v: %q, want %q", order, got, want)
		}
	}
}

func TestNamesThatCannotBeAreEscaped(t *testing.T) {
	w := fstest.NewWorld()
	for _, account := range []string{"", ".", "..", "a/b", "a\x00b", strings.Repeat("l", 300), "..~", "latest"} {
		w.Add(t, source(account, "..", func(s *backup.Snapshot) { s.Files[0].Path = "x/" + account }), nil, fstest.File("x", "1"))
	}
	at := walk(t, show(t, w, view.Options{}))
	for _, want := range []string{"~", ".~", "..~", "..~~", "latest"} {
		if _, ok := at["/box/accounts/"+want+"/..~/full/x"]; !ok {
			t.Errorf("account %q is not shown", want)
		}
	}
}

func TestIdsSurviveARestart(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", nil), parts(), members()...)
	first, second := walk(t, show(t, w, view.Options{})), walk(t, show(t, w, view.Options{}))
	for p, n := range first {
		if second[p].ID != n.ID {
			t.Errorf("%s was %#x, is %#x", p, n.ID, second[p].ID)
		}
	}
}

func TestAnIdOfNothingIsGone(t *testing.T) {
	w := fstest.NewWorld()
	s := w.Add(t, source("alice", "2026-01-05", nil), parts(), members()...)
	v := show(t, w, view.Options{})
	at := walk(t, v)
	w.Remove(s.Serial)
	update(t, v, w)
	for p, n := range at {
		if !strings.HasPrefix(p, "/box/") {
			continue
		}
		if _, err := v.Node(t.Context(), n.ID); !errors.Is(err, view.ErrGone) {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, id := range []uint64{0, 2, 1 << 37, 1 << 62, 1 << 63, ^uint64(0), ^uint64(0) >> 1} {
		if _, err := v.Node(t.Context(), id); !errors.Is(err, view.ErrGone) {
			t.Errorf("%#x: %v", id, err)
		}
		if _, err := v.Lookup(t.Context(), id, "x"); !errors.Is(err, view.ErrGone) {
			t.Errorf("%#x: %v", id, err)
		}
	}
}

func TestUpdateTellsWhatChanged(t *testing.T) {
	w := fstest.NewWorld()
	old := w.Add(t, source("alice", "2026-01-04", func(s *backup.Snapshot) { s.Time = s.Time.Add(-time.Hour) }), nil, fstest.File("x", "1"))
	v := show(t, w, view.Options{})
	if c := update(t, v, w); len(c.Names)+len(c.Nodes) > 0 {
		t.Errorf("nothing changed, and yet %+v", c)
	}
	account := walk(t, v)["/box/accounts/alice"].ID
	w.Add(t, source("alice", "2026-01-05", nil), nil, fstest.File("x", "1"))
	names := changed(update(t, v, w))
	for _, want := range []string{"2026-01-05", "latest"} {
		if names[want] != account {
			t.Errorf("%s came without a word: %v", want, names)
		}
	}
	w.Remove(old.Serial)
	c := update(t, v, w)
	if names := changed(c); len(names) != 1 || names["2026-01-04"] != account {
		t.Errorf("a snapshot went: %+v", c)
	}
	if !slices.Contains(c.Nodes, account) {
		t.Errorf("the listing of the account's directory changed without a word: %+v", c)
	}
}

func changed(c view.Changes) map[string]uint64 {
	names := map[string]uint64{}
	for _, n := range c.Names {
		names[n.Name] = n.Parent
	}
	return names
}

func TestManyWhoOpenOneSnapshotWaitForOneBuild(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", nil), parts(), members()...)
	v := show(t, w, view.Options{})
	id := firstSnapshot(t, v)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := v.Lookup(t.Context(), id, "full"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func firstSnapshot(t testing.TB, v *view.View) uint64 {
	t.Helper()
	at := uint64(view.RootID)
	for _, name := range []string{"box", "accounts", "alice", "2026-01-05"} {
		n, err := v.Lookup(t.Context(), at, name)
		if err != nil {
			t.Fatal(err)
		}
		at = n.ID
	}
	return at
}

func TestADamagedIndexIsAnErrorAndNotAnAbsence(t *testing.T) {
	w := fstest.NewWorld()
	s := w.Add(t, source("alice", "2026-01-05", nil), parts(), members()...)
	for name, hash := range map[string]backup.Hash{"parts": s.Parts, "root": s.Root.Child} {
		v := show(t, w, view.Options{})
		id := firstSnapshot(t, v)
		data, err := w.Store.Get(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		w.Store.Drop(hash)
		_, err = v.Lookup(t.Context(), id, "full")
		if err == nil || errors.Is(err, iofs.ErrNotExist) || errors.Is(err, view.ErrGone) {
			t.Errorf("%s missing: %v", name, err)
		}
		w.Store.Damage(hash, data)
		if _, err := v.Lookup(context.Background(), id, "full"); err != nil {
			t.Errorf("%s is back: %v", name, err)
		}
	}
}

func TestSnapshotJSONTellsAll(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", func(s *backup.Snapshot) {
		s.Origin, s.Detail, s.Counts = "srv\xff", "a \xe9", backup.Counts{backup.Email: 2}
	}), parts(), members()...)
	at := walk(t, show(t, w, view.Options{}))
	for p, n := range at {
		if !strings.HasSuffix(p, "/snapshot.json") {
			continue
		}
		var j map[string]any
		if err := json.Unmarshal(n.Data, &j); err != nil || int64(len(n.Data)) != n.Attr.Size {
			t.Fatalf("%d bytes, %v", n.Attr.Size, err)
		}
		if from := j["source"].(map[string]any); from["origin"] != `srv\xff` || j["detail"] != `a \xe9` {
			t.Errorf("raw bytes: %s", n.Data)
		}
		if fmt.Sprint(j["parts"]) != "[files email ssl config]" || fmt.Sprint(j["counts"]) != "map[email:2]" {
			t.Errorf("parts and counts: %s", n.Data)
		}
		return
	}
	t.Error("no snapshot.json")
}

func TestErrorsLogIsBoundedAndSaysThingsOnce(t *testing.T) {
	v := view.New(view.Options{Now: func() time.Time { return fstest.Time }})
	if !v.Report("a\nb", errors.New("broken")) || v.Report("a\nb", errors.New("broken")) {
		t.Error("an error is new once")
	}
	for i := range 5000 {
		v.Report(fmt.Sprint("p", i), errors.New("x"))
	}
	v.Report("last", errors.New("y"))
	meta, err := v.Lookup(t.Context(), view.RootID, ".slotfs")
	if err != nil {
		t.Fatal(err)
	}
	log, err := v.Lookup(t.Context(), meta.ID, "errors.log")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(log.Data, []byte("\n"))
	if lines > 1000 || !bytes.HasSuffix(log.Data, []byte(" last: y\n")) {
		t.Errorf("%d lines, the end is %q", lines, log.Data[max(0, len(log.Data)-100):])
	}
}

func TestStatusJSONKnowsDestinationsAndPasses(t *testing.T) {
	w := fstest.NewWorld()
	w.Add(t, source("alice", "2026-01-05", nil), nil, fstest.File("x", "1"))
	w.AddBare(source("bob", "2026-01-05", func(s *backup.Snapshot) { s.Status = backup.Unreadable }))
	at := walk(t, show(t, w, view.Options{Status: func(d string) any { return map[string]string{"of": d} }}))
	text := string(at["/.slotfs/status.json"].Data)
	for _, want := range []string{`"name": "box"`, `"complete": 1`, `"unreadable": 1`, `"of": "box"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
