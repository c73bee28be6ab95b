package scripts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Bounds of the house style that no linter in use checks.
const (
	longestFunction = 100 // lines
	longestFile     = 400 // lines
)

// eachGoFile parses every Go file of the module.
func eachGoFile(t *testing.T, do func(path string, files *token.FileSet, f *ast.File)) {
	t.Helper()
	count := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		count++
		do(strings.TrimPrefix(path, "../"), files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 100 {
		t.Errorf("%d files found", count)
	}
}

func lines(files *token.FileSet, n ast.Node) int {
	return files.Position(n.End()).Line - files.Position(n.Pos()).Line + 1
}

func TestFunctionsAndFilesAreShort(t *testing.T) {
	eachGoFile(t, func(path string, files *token.FileSet, f *ast.File) {
		length := files.Position(f.FileEnd).Line - 1
		if length > longestFile {
			t.Errorf("%s has %d lines", path, length)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && lines(files, fn) > longestFunction {
				t.Errorf("%s: %s has %d lines", path, fn.Name.Name, lines(files, fn))
			}
		}
	})
}

func TestHeadersOfIfsTest(t *testing.T) {
	var found []string
	eachGoFile(t, func(path string, files *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if strings.HasSuffix(path, "_test.go") {
				return false
			}
			if header, ok := n.(*ast.IfStmt); ok && mutates(header.Init) {
				found = append(found, files.Position(n.Pos()).String())
			}
			return true
		})
	})
	if len(found) > 0 {
		t.Errorf("headers of ifs change something besides err:\n%s", strings.Join(found, "\n"))
	}
}

// mutates reports whether a statement assigns to a variable that was there before, other than err.
func mutates(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.IncDecStmt:
		return true
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE && !slices.ContainsFunc(s.Lhs, isErr)
	}
	return false
}

func isErr(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && (name.Name == "err" || strings.HasSuffix(name.Name, "Err"))
}

func TestArchitectureSaysWhatEachPackageKnows(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{} // first cells of the table: whole paths, or the ends of some
	for line := range strings.Lines(string(text)) {
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok {
			for i, name := range strings.Split(cell, "`") {
				known[name] = known[name] || i%2 == 1
			}
		}
	}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "slotfs/")
		if strings.HasSuffix(name, "test") || below(name, "scripts") {
			continue
		}
		for end := name; !known[end]; {
			var ok bool
			if _, end, ok = strings.Cut(end, "/"); !ok {
				t.Errorf("%s is not in the table of docs/architecture.md", name)
				break
			}
		}
	}
}
