package scripts

import (
	"cmp"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// built is a package with its compiled form.
type built struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// compiled lists packages and all that they import.
func compiled(t *testing.T, pattern string) map[string]built {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", pattern).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]built{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p built
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// call is a use of a function of another file.
type call struct{ from, to, of string }

// calls are those between the files of a package.
func calls(t *testing.T, p built, all map[string]built) []call {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(all[path].Export) })}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	if _, err := conf.Check(p.ImportPath, fset, files, info); err != nil {
		t.Fatal(err)
	}
	in := func(pos token.Pos) string { return filepath.Base(fset.Position(pos).Filename) }
	var found []call
	for id, used := range info.Uses {
		f, ok := used.(*types.Func)
		if ok && f.Pkg() != nil && f.Pkg().Path() == p.ImportPath && in(f.Pos()) != in(id.Pos()) {
			found = append(found, call{in(id.Pos()), in(f.Pos()), f.Name()})
		}
	}
	return found
}

// reaches reports whether calls lead from one file to another.
func reaches(all []call, from, to string) bool {
	seen := map[string]bool{}
	var walk func(at string) bool
	walk = func(at string) bool {
		for _, c := range all {
			if c.from != at || seen[c.to] {
				continue
			}
			seen[c.to] = true
			if c.to == to || walk(c.to) {
				return true
			}
		}
		return false
	}
	return walk(from)
}

func TestFilesOfTheWriterCallDownOnly(t *testing.T) {
	all := compiled(t, "slotfs/sftpdest/slot/...")
	looked := 0
	for path, p := range all {
		if !below(path, "slotfs/sftpdest/slot") {
			continue
		}
		between := calls(t, p, all)
		looked += len(between)
		slices.SortFunc(between, func(a, b call) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.of, b.of))
		})
		for _, c := range slices.Compact(between) {
			if reaches(between, c.to, c.from) {
				t.Errorf("%s: %s calls %s in %s, which calls back up", path, c.from, c.of, c.to)
			}
		}
	}
	if looked < 200 {
		t.Errorf("only %d calls between files were found", looked)
	}
}
