package view

import (
	"context"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// grafts shows the parts. A graft that cannot be shown is left out: its piece may not have arrived, and
// everything is in full/ anyway.
func (b *snapshotView) grafts(ctx context.Context, parts *backup.Parts) error {
	o := &occupied{}
	home := joinPath(strings.TrimSuffix(parts.Full, "/"), "homedir")
	for _, at := range []string{home, home + ".tar" + backup.NestedSuffix} {
		it, ok, err := b.resolve(ctx, at)
		if err != nil {
			return err
		}
		if ok {
			b.homes = append(b.homes, numberRange{it.Number, it.Number + it.Count})
		}
	}
	for i, kind := range backup.PartKinds() {
		for j := range parts.Grafts {
			g := &parts.Grafts[j]
			if g.Kind != kind {
				continue
			}
			elements, ok := graftPath(g)
			if !ok {
				continue
			}
			if err := b.graft(ctx, g, elements, firstKind+i, home, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// graftPath splits the place of a graft, and checks that it can be shown below its kind's directory.
func graftPath(g *backup.Graft) ([]string, bool) {
	elements := strings.Split(g.Path, "/")
	if elements[0] != string(g.Kind) || slices.ContainsFunc(elements, func(e string) bool { return !showable(e) }) {
		return nil, false
	}
	return elements, true
}

// graft shows one piece or generated file.
func (b *snapshotView) graft(ctx context.Context, g *backup.Graft, elements []string, view int, home string, o *occupied) error {
	whole := len(elements) == 1
	if g.From == "" && !(whole && len(g.Content) == 0) {
		if at := b.mkdirAll(elements); at != nil {
			b.generated(at, elements[len(elements)-1], g)
		}
		return nil
	}
	// A kind's own directory with neither a source nor a content is the tree itself.
	from := strings.TrimSuffix(g.From, "/")
	it, ok, err := b.resolve(ctx, from)
	if err != nil || !ok {
		return err
	}
	if whole && it.IsDir() && it.Count == 0 {
		return nil
	}
	view, ok = o.take(view, from)
	if !ok {
		return nil
	}
	if at := b.mkdirAll(elements); at != nil {
		b.open = b.open || whole && from == "" && g.Kind == backup.Files && !g.Secret
		b.place(at, elements[len(elements)-1], &mapping{view: view, item: it, from: from, secret: g.Secret,
			home: within(home, from), kind: g.Kind, part: g.Kind != backup.Files})
	}
	return nil
}

// generated puts a generated file in its place.
func (b *snapshotView) generated(at *node, name string, g *backup.Graft) {
	s := &node{name: name, number: b.next, data: g.Content, mode: backup.ModeRegular | 0o644, secret: g.Secret}
	if g.Secret {
		s.mode = backup.ModeRegular | 0o400
	}
	if s.data == nil {
		s.data = []byte{}
	}
	b.next++
	b.put(at, s)
}

// mkdirAll makes the directories on the way to a place. nil says that it cannot be had: it is taken, or a file or a piece of
// the tree is in the way.
func (b *snapshotView) mkdirAll(elements []string) *node {
	at, missing := b.directory, -1
	for i, e := range elements[:len(elements)-1] {
		next, ok := at.names[e]
		if !ok {
			missing = i
			break
		}
		if next.names == nil {
			return nil
		}
		at = next
	}
	last := elements[len(elements)-1]
	if missing < 0 {
		if _, taken := at.names[last]; taken {
			return nil
		}
		return at
	}
	for _, e := range elements[missing : len(elements)-1] {
		s := &node{name: e, number: b.next, names: map[string]*node{}, mode: backup.ModeDir | 0o755}
		b.next++
		b.put(at, s)
		at = s
	}
	return at
}

// resolve finds a path of the tree; false if there is none, or its number cannot be shown.
func (b *snapshotView) resolve(ctx context.Context, at string) (tree.Item, bool, error) {
	it, err := b.tree.Resolve(ctx, at)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return tree.Item{}, false, nil
	case err != nil:
		return tree.Item{}, false, err
	}
	switch it.Mode & backup.ModeType {
	case backup.ModeChar, backup.ModeBlock:
		return tree.Item{}, false, nil
	}
	return it, it.Number+it.Count <= maxNumber, nil
}

// occupied remembers what each view shows, because no view may show one directory twice.
type occupied [viewEnd]struct{ roots, above map[string]struct{} }

// take finds a view that can show the piece at from: the kind's own, or a spare one if it would overlap there.
func (o *occupied) take(view int, from string) (int, bool) {
	if o.free(view, from) {
		o.add(view, from)
		return view, true
	}
	for view = firstKind + len(backup.PartKinds()); view < viewEnd; view++ {
		if o.free(view, from) {
			o.add(view, from)
			return view, true
		}
	}
	return 0, false
}

func (o *occupied) free(view int, from string) bool {
	if _, ok := o[view].above[from]; ok {
		return false
	}
	for p := from; ; p = parent(p) {
		if _, ok := o[view].roots[p]; ok {
			return false
		}
		if p == "" {
			return true
		}
	}
}

func (o *occupied) add(view int, from string) {
	at := &o[view]
	if at.roots == nil {
		at.roots, at.above = map[string]struct{}{}, map[string]struct{}{}
	}
	at.roots[from] = struct{}{}
	for p := from; p != ""; {
		p = parent(p)
		at.above[p] = struct{}{}
	}
}

// parent is the path of the directory that holds path; "" for that of the top too.
func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// within reports whether path is dir, the members of an archive of that name, or below one of them.
func within(dir, path string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	if !ok {
		return false
	}
	rest = strings.TrimPrefix(rest, ".tar"+backup.NestedSuffix)
	return rest == "" || rest[0] == '/'
}
