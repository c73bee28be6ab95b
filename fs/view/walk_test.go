package view_test

import (
	"slices"
	"strings"
	"testing"

	"slotfs/fs/view"
)

// walk visits everything, checks what must always hold, and returns the nodes by path.
func walk(t testing.TB, v *view.View) map[string]view.Node {
	t.Helper()
	root, err := v.Node(t.Context(), view.RootID)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{t: t, v: v, at: map[string]view.Node{}, ids: map[uint64]string{}}
	w.dir("", root)
	return w.at
}

type walker struct {
	t   testing.TB
	v   *view.View
	at  map[string]view.Node
	ids map[uint64]string
}

func (w *walker) dir(path string, dir view.Node) {
	last := 0
	var names []string
	for n, err := range w.v.List(w.t.Context(), &dir, 0) {
		if err != nil {
			w.t.Fatalf("list %q: %v", path, err)
		}
		if n.Next <= last {
			w.t.Errorf("%q: position %d after %d", path, n.Next, last)
		}
		last = n.Next
		names = append(names, n.Name)
		w.node(path+"/"+n.Name, dir, *n)
	}
	w.resumes(path, dir, names)
}

func (w *walker) node(path string, dir, n view.Node) {
	if n.Name == "" || strings.ContainsAny(n.Name, "/\x00") || len(n.Name) > 255 {
		w.t.Errorf("%q: impossible name", path)
	}
	if _, twice := w.at[path]; twice {
		w.t.Errorf("%q is listed twice", path)
	}
	if other, taken := w.ids[n.ID]; taken {
		w.t.Errorf("%q and %q are one node %#x", path, other, n.ID)
	}
	w.at[path], w.ids[n.ID] = n, path
	found, err := w.v.Lookup(w.t.Context(), dir.ID, n.Name)
	if err != nil || found.ID != n.ID || found.Attr != n.Attr || found.Gen != n.Gen {
		w.t.Errorf("%q: listed %+v, looked up %+v, %v", path, n.Attr, found.Attr, err)
	}
	same, err := w.v.Node(w.t.Context(), n.ID)
	if err != nil || same.Attr != n.Attr || same.Gen != n.Gen || same.Name != n.Name {
		w.t.Errorf("%q: listed %+v, by id %+v, %v", path, n.Attr, same.Attr, err)
	}
	if told := w.v.Path(w.t.Context(), n.ID); "/"+told != path {
		w.t.Errorf("%q: path by id is %q", path, told)
	}
	if n.IsDir() {
		w.dir(path, n)
	}
}

// resumes checks that a listing goes on from every position.
func (w *walker) resumes(path string, dir view.Node, names []string) {
	from := 0
	for i := range names {
		var rest []string
		for n, err := range w.v.List(w.t.Context(), &dir, from) {
			if err != nil {
				w.t.Fatal(err)
			}
			if len(rest) == 0 {
				from = n.Next
			}
			rest = append(rest, n.Name)
		}
		if !slices.Equal(rest, names[i:]) {
			w.t.Errorf("%q from %d: %q, want %q", path, i, rest, names[i:])
		}
	}
}
