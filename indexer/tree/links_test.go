package tree

import (
	"bytes"
	"context"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree/treetest"
)

// linkStep is a member of the cases below: a file, or a hard link if link is set, or a directory if
// its path ends with '/'.
type linkStep struct{ path, link string }

// linkName is what a name is in the end.
type linkName struct {
	nlink uint32
	link  string
	size  int64 // number of the member that brought the content, from 1
}

var linkCases = map[string]struct {
	steps []linkStep
	want  map[string]linkName
}{
	"two names": {
		[]linkStep{{"a", ""}, {"d/b", "a"}},
		map[string]linkName{"a": {2, "", 1}, "d/b": {2, "a", 1}}},
	"link to a link": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"c", "b"}},
		map[string]linkName{"a": {3, "", 1}, "b": {3, "a", 1}, "c": {3, "a", 1}}},
	"link to itself": {
		[]linkStep{{"a", ""}, {"a", "a"}},
		map[string]linkName{"a": {1, "", 1}}},
	"same link twice": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"b", "a"}},
		map[string]linkName{"a": {2, "", 1}, "b": {2, "a", 1}}},
	"first name replaced": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"c", "a"}, {"a", ""}},
		map[string]linkName{"b": {2, "", 1}, "c": {2, "b", 1}, "a": {1, "", 4}}},
	"first name replaced, then linked again": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"c", "a"}, {"a", ""}, {"d", "a"}, {"e", "c"}},
		map[string]linkName{"b": {3, "", 1}, "c": {3, "b", 1}, "e": {3, "b", 1}, "a": {2, "", 4}, "d": {2, "a", 4}}},
	"first name comes back as a link": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"a", ""}, {"a", "b"}},
		map[string]linkName{"a": {2, "", 1}, "b": {2, "a", 1}}},
	"link replaced": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"b", ""}},
		map[string]linkName{"a": {1, "", 1}, "b": {1, "", 3}}},
	"directory that is not empty stays": {
		[]linkStep{{"d/a", ""}, {"b", "d/a"}, {"d", ""}, {"d", "b"}},
		map[string]linkName{"b": {2, "d/a", 1}, "d/a": {2, "", 1}}},
	"only name left": {
		[]linkStep{{"a", ""}, {"b", "a"}, {"a/", ""}},
		map[string]linkName{"b": {1, "", 1}}},
	"target is no folder of its link": {
		[]linkStep{{"a", ""}, {"a/b", "a"}},
		map[string]linkName{"a": {1, "", 1}}},
	"target missing": {
		[]linkStep{{"b", "a"}, {"c", "c"}},
		map[string]linkName{}},
	"target is a directory": {
		[]linkStep{{"a/", ""}, {"b", "a"}},
		map[string]linkName{}},
}

func TestHardLinksKeepTheFileTheyWereMadeOf(t *testing.T) {
	for title, c := range linkCases {
		t.Run(title, func(t *testing.T) {
			store := treetest.NewStore()
			b := NewBuilder(store, backup.Entry{})
			for i, s := range c.steps {
				at := int64(i) * 2 * block
				path, e := s.path, backup.Entry{Mode: backup.ModeRegular | 0o600, Size: int64(i + 1), Offset: at + block}
				if path[len(path)-1] == '/' {
					path, e = path[:len(path)-1], backup.Entry{Mode: backup.ModeDir | 0o755}
				}
				if s.link != "" {
					e = backup.Entry{Link: s.link}
				}
				if _, err := b.Add(context.Background(), path, e, at); err != nil {
					t.Fatal(err)
				}
			}
			got := map[string]linkName{}
			for path, e := range byPath(t, New(store, finish(t, b), NewCache(0))) {
				if e.IsDir() {
					continue
				}
				got[path] = linkName{e.Nlink, e.Link, e.Size}
				if e.Offset != 2*block*(e.Size-1)+block {
					t.Errorf("%s is at %d, content of member %d", path, e.Offset, e.Size)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for path, want := range c.want {
				if got[path] != want {
					t.Errorf("%s is %+v, want %+v", path, got[path], want)
				}
			}
		})
	}
}

func TestFinishWithoutHardLinksReadsNothingButTheRoot(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	for _, s := range mailSteps(2000) {
		if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := store.Calls()
	finish(t, b)
	if after, _ := store.Calls(); after-before > 1 {
		t.Errorf("%d nodes read", after-before)
	}
}

func TestFinishedTreeDoesNotTellThatItWasFlushed(t *testing.T) {
	store := treetest.NewStore()
	b := NewBuilder(store, backup.Entry{})
	for i, s := range []step{
		{"d/e/a", backup.Entry{Mode: backup.ModeRegular, Offset: block}, 0},
		{"d/b", backup.Entry{Link: "d/e/a"}, block},
		{"d/b", backup.Entry{Mode: backup.ModeRegular, Offset: 3 * block}, 2 * block},
	} {
		if _, err := b.Add(context.Background(), s.path, s.e, s.at); err != nil {
			t.Fatal(i, err)
		}
	}
	got := finish(t, b)
	want := buildSteps(t, store, []step{
		{"d/e/a", backup.Entry{Mode: backup.ModeRegular, Offset: block}, 0},
		{"d/b", backup.Entry{Mode: backup.ModeRegular, Offset: 3 * block}, 2 * block}})
	if got.Child != want.Child {
		t.Error("a link that is gone left a trace in the nodes")
	}
}

func TestNamesOfOneFileWithDifferentContentAreTwoFiles(t *testing.T) {
	sums := func(b byte) backup.Checksums { return backup.Checksums(bytes.Repeat([]byte{b}, 32)) }
	file := backup.Entry{Mode: backup.ModeRegular | 0o600, Size: 3, Checksums: sums(1)}
	b := NewBuilder(treetest.NewStore(), backup.Entry{})
	for path, c := range map[string]struct {
		link  string
		sums  backup.Checksums
		added bool
	}{"same": {"a", sums(1), true}, "unknown": {"a", "", true}, "other": {"a", sums(2), false}} {
		if _, err := b.Add(context.Background(), "a", file, 0); err != nil {
			t.Fatal(err)
		}
		e := file
		e.Link, e.Checksums = c.link, c.sums
		if added, err := b.Add(context.Background(), path, e, 0); err != nil || added.OK != c.added {
			t.Errorf("%s: added %v, %v", path, added, err)
		}
	}
}
