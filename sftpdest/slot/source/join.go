package source

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// join is a path at which, or below which, other directories stand in the tree.
type join struct {
	directory *os.File // nil: it only leads to others
	name      string   // of the local directory
	children  map[string]*join
}

// join makes the local directory appear at path.
func (t *Tree) join(path, directory string) error {
	names := strings.Split(path, "/")
	if slices.ContainsFunc(names, func(name string) bool { return name == "" || name == "." || name == ".." }) {
		return fmt.Errorf("%q is no path in a backup", path)
	}
	if t.joined == nil {
		t.joined = &join{}
	}
	at := t.joined
	for _, name := range names {
		if at.directory != nil {
			return fmt.Errorf("%q lies in another joined directory", path)
		}
		if at.children == nil {
			at.children = map[string]*join{}
		}
		if at.children[name] == nil {
			at.children[name] = &join{}
		}
		at = at.children[name]
	}
	if at.directory != nil || at.children != nil {
		return fmt.Errorf("another joined directory is at or below %q", path)
	}
	var err error
	at.directory, err = openRoot(directory)
	at.name = directory
	return err
}

func (j *join) close() error {
	var err error
	if j.directory != nil {
		err = j.directory.Close()
	}
	for _, child := range j.children {
		err = errors.Join(err, child.close())
	}
	return err
}

// each calls do for the directories that are joined at or below a path.
func (j *join) each(path string, do func(path string, directory *os.File)) {
	if j == nil {
		return
	}
	if j.directory != nil {
		do(path, j.directory)
	}
	for name, child := range j.children {
		child.each(strings.TrimPrefix(path+"/"+name, "/"), do)
	}
}

// child is what stands at a name; nil: nothing joined.
func (j *join) child(name string) *join {
	if j == nil {
		return nil
	}
	return j.children[name]
}

// names lists what is joined below.
func (j *join) names() []string {
	if j == nil {
		return nil
	}
	return slices.Collect(maps.Keys(j.children))
}

// locate tells below which directory a path lies, and its path from there.
func (t *Tree) locate(path string) (*os.File, string) {
	at, rest := t.joined, path
	for at != nil && at.directory == nil {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		at = at.children[name]
	}
	if at == nil {
		return t.root, path
	}
	return at.directory, rest
}
