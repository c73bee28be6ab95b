package cpanel

import (
	"slices"
	"strings"
)

// Bounds of the search for the root.
const (
	maxRootDepth = 3
	maxVisited   = 256
)

// rootKind is how much of an account stands at a root.
type rootKind int

const (
	noRoot      rootKind = iota
	fullRoot             // cp/ and what belongs to it
	partialRoot          // some of the directories of an account
	homeRoot             // a home directory alone
)

// root is where an account's data begin.
type root struct {
	located
	kind  rootKind
	shape shape
}

// findRoot searches the tree level by level. Below a home directory nothing is searched: what stands
// there is the customer's, who could place anybody's account in it.
func (c *partitioner) findRoot(account string) root {
	level := []located{{Item: c.tree.Root()}}
	visited := 0
	for depth := 0; depth <= maxRootDepth && len(level) > 0; depth++ {
		best := root{}
		var next []located
		for _, at := range level {
			visited++
			if visited > maxVisited {
				break
			}
			found := c.judge(at)
			if better(found, best, account) {
				best = found
			}
			if found.kind == noRoot {
				next = append(next, c.directoriesBelow(at)...)
			}
		}
		if best.kind != noRoot {
			return best
		}
		level = next
	}
	return root{located: located{Item: c.tree.Root()}}
}

// better reports whether a is the better root of two on one level.
func better(a, b root, account string) bool {
	switch {
	case a.kind == noRoot:
		return false
	case b.kind == noRoot || a.kind < b.kind:
		return true
	}
	return a.kind == b.kind && isDirectoryOf(a.Name, account) && !isDirectoryOf(b.Name, account)
}

func isDirectoryOf(directory, account string) bool {
	return strings.TrimPrefix(directory, "cpmove-") == account
}

// judge tells what kind of root a directory is.
func (c *partitioner) judge(at located) root {
	s := shapeOf(nil)
	seen := map[string]bool{}
	for _, name := range slices.Concat(markers, accountDirs, []string{homedirArchive}) {
		if it, ok := c.in(at, name); ok && !seen[name] {
			seen[name] = true
			s.add(name, it.Mode)
		}
	}
	r := root{located: at, shape: s}
	switch {
	case s.dirs["public_html"]: // no account has it beside cp/, and every home has it
		r.kind = homeRoot
	case s.account():
		r.kind = fullRoot
	case s.home() && s.known == 0:
		r.kind = homeRoot
	case s.dirs["cp"] || s.dirs["homedir"] || s.files[homedirArchive] || s.known >= 2:
		r.kind = partialRoot
	}
	return r
}

// directoriesBelow lists the directories in which a root may be, as many as the search can visit.
func (c *partitioner) directoriesBelow(at located) []located {
	var dirs []located
	for it := range c.each(at) {
		if len(dirs) == maxVisited {
			break
		}
		if it.IsDir() {
			dirs = append(dirs, it)
		}
	}
	return dirs
}

// fullPath tells what full/ shows: the root, unless anything stands beside the path to it.
func (c *partitioner) fullPath(r root) string {
	at := located{Item: c.tree.Root()}
	for rest := r.path; rest != ""; {
		if n, err := c.tree.Len(c.ctx, at.Item); c.failed(err) || n != 1 {
			return ""
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		next, ok := c.in(at, name)
		if !ok {
			return ""
		}
		at = next
	}
	return r.path
}

// canonical is the name of the account: that of the file in cp/. Where there are several and none is the
// one that was expected, the tree does not tell.
func (c *partitioner) canonical(r root, expected string) string {
	cp, ok := c.in(r.located, "cp")
	if !ok || r.kind == homeRoot {
		return ""
	}
	name, names := "", 0
	for it := range c.each(cp) {
		if !it.IsRegular() || !validAccount(it.Name) {
			continue
		}
		if it.Name == expected {
			return expected
		}
		name = it.Name
		names++
	}
	if names != 1 {
		return ""
	}
	return name
}
