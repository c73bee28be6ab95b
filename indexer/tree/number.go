package tree

import (
	"context"
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

// Item finds an entry by number, in time proportional to its depth. fs.ErrNotExist beyond the last.
func (t *Tree) Item(ctx context.Context, number uint64) (Item, error) {
	var found Item
	err := t.descend(ctx, number, func(it *Item) { found = *it })
	return found, err
}

// Trail returns the entries on the way from the root to the one with that number, both included.
func (t *Tree) Trail(ctx context.Context, number uint64) ([]Item, error) {
	var all []Item
	if err := t.descend(ctx, number, func(it *Item) { all = append(all, *it) }); err != nil {
		return nil, err
	}
	return all, nil
}

// Path tells the path of an entry by number ("" for the root).
func (t *Tree) Path(ctx context.Context, number uint64) (string, error) {
	var names []string
	err := t.descend(ctx, number, func(it *Item) { names = append(names, it.Name) })
	if err != nil {
		return "", err
	}
	return strings.Join(names[1:], "/"), nil
}

// StoredPath is Path with the names that the entries have on the destination.
func (t *Tree) StoredPath(ctx context.Context, number uint64) (string, error) {
	var names []string
	err := t.descend(ctx, number, func(it *Item) {
		if it.Stored != "" {
			names = append(names, it.Stored)
		} else {
			names = append(names, it.Name)
		}
	})
	if err != nil {
		return "", err
	}
	return strings.Join(names[1:], "/"), nil
}

// descend calls pass for every entry from the root to the one with that number.
func (t *Tree) descend(ctx context.Context, number uint64, pass func(*Item)) error {
	at := t.Root()
	pass(&at)
	for at.Number != number {
		if number-at.Number > at.Count {
			return fmt.Errorf("entry %d: %w", number, fs.ErrNotExist)
		}
		next, err := t.step(ctx, &at, number)
		if err != nil {
			return fmt.Errorf("entry %d: %w", number, err)
		}
		at = next
		pass(&at)
	}
	return nil
}

// step goes from dir, which has the number below it, to the child that has it or is it. Each step's
// directory claims fewer entries than the one before, and claims are checked, so that steps come to
// an end whatever nodes say.
func (t *Tree) step(ctx context.Context, dir *Item, number uint64) (Item, error) {
	d, err := t.open(ctx, dir)
	if err != nil {
		return Item{}, err
	}
	n := 0
	if d.index != nil {
		n = d.index.pageAt(number - dir.Number - 1)
	}
	p, err := t.readPage(ctx, &d, n)
	if err != nil {
		return Item{}, err
	}
	i, before := p.at(number - p.number)
	var it Item
	err = p.item(i, before, &it)
	return it, err
}

// at finds the entry of the page that is, or has below it, what is number rel, the page's first
// entry being 0. It also tells how many entries stand in directories before it.
func (p *page) at(rel uint64) (i int, before uint64) {
	d := searchDirs(p.dirs, func(m dirMark) bool { return uint64(m.at)+m.before > rel }) - 1
	if d < 0 {
		return int(rel), 0
	}
	m := p.dirs[d]
	count := p.recs[m.at].more.count
	if rel-uint64(m.at)-m.before <= count {
		return int(m.at), m.before
	}
	before = m.before + count
	return int(rel - before), before
}

// searchDirs is the number of the first mark that after holds for.
func searchDirs(marks []dirMark, after func(dirMark) bool) int {
	return sort.Search(len(marks), func(i int) bool { return after(marks[i]) })
}
