// Lint finds faults in the packages of the module by the linters that .golangci.yml enables. It is run in the module's directory:
//
//	go -C scripts/lint build -o FILE . && FILE ./...
//
// It does what golangci-lint does with the same file, without building a hundred linters that are not asked for. Packages outside of the
// module are known by their types alone, not by facts about their functions.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gordonklaus/ineffassign/pkg/ineffassign"
	"github.com/kisielk/errcheck/errcheck"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
	"honnef.co/go/tools/analysis/lint"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
)

func main() {
	flag.Parse()
	found, err := run(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(2)
	}
	for _, line := range found {
		fmt.Println(line)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

// run returns what was found, a line each.
func run(patterns []string) ([]string, error) {
	c, err := readConfiguration(".golangci.yml")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lint")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	linters, err := c.analyzers(dir)
	if err != nil {
		return nil, err
	}
	pkgs, err := load(patterns)
	if err != nil {
		return nil, err
	}
	var all []*analysis.Analyzer
	for a := range linters {
		all = append(all, a)
	}
	graph, err := checker.Analyze(all, pkgs, nil)
	if err != nil {
		return nil, err
	}
	return c.findings(graph, linters)
}

// analyzers are those of the enabled linters, with the linter's name. dir is for files that they read.
func (c *configuration) analyzers(dir string) (map[*analysis.Analyzer]string, error) {
	all := map[*analysis.Analyzer]string{}
	for _, name := range c.Linters.Enable {
		switch name {
		case "errcheck":
			if err := c.setErrcheck(dir); err != nil {
				return nil, err
			}
			all[errcheck.Analyzer] = name
		case "ineffassign":
			all[ineffassign.Analyzer] = name
		case "staticcheck":
			for _, a := range slices.Concat([]*lint.Analyzer{}, staticcheck.Analyzers, stylecheck.Analyzers) {
				if c.wanted(a.Analyzer.Name) {
					all[a.Analyzer] = name
				}
			}
		default:
			return nil, fmt.Errorf("linter %s: not known here", name)
		}
	}
	return all, nil
}

// setErrcheck hands the functions whose errors do not count to errcheck, which reads them from a file when it runs.
func (c *configuration) setErrcheck(dir string) error {
	name := filepath.Join(dir, "excluded")
	if err := os.WriteFile(name, []byte(strings.Join(c.Linters.Settings.Errcheck.ExcludeFunctions, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return errcheck.Analyzer.Flags.Set("exclude", name)
}

// load reads the module's packages. What they import is known by its types.
func load(patterns []string) ([]*packages.Package, error) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax | packages.NeedModule, Tests: true}, patterns...)
	if err != nil {
		return nil, err
	}
	if packages.PrintErrors(pkgs) > 0 || len(pkgs) == 0 {
		return nil, fmt.Errorf("%d packages, not all of which can be read", len(pkgs))
	}
	packages.Visit(pkgs, nil, func(p *packages.Package) {
		if p.TypesInfo == nil { // analyzers see a package without files
			p.TypesInfo, p.Fset = &types.Info{}, pkgs[0].Fset
		}
	})
	return pkgs, nil
}

// findings are what counts of what was found, a line each, sorted. A file of a package is seen again with the package's tests.
func (c *configuration) findings(graph *checker.Graph, linters map[*analysis.Analyzer]string) ([]string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	var lines []string
	sources := sources{}
	for action := range graph.All() {
		if action.Err != nil && action.IsRoot {
			return nil, fmt.Errorf("%s of %s: %w", action.Analyzer, action.Package, action.Err)
		}
		linter := linters[action.Analyzer]
		if !action.IsRoot || linter == "" {
			continue
		}
		for _, d := range action.Diagnostics {
			at := action.Package.Fset.Position(d.Pos)
			path, err := filepath.Rel(dir, at.Filename)
			if err != nil || strings.HasPrefix(path, "..") {
				continue // made by the build
			}
			if !c.excluded(linter, filepath.ToSlash(path), sources.line(at)) {
				lines = append(lines, fmt.Sprintf("%s:%d:%d: %s (%s)", path, at.Line, at.Column, d.Message, action.Analyzer.Name))
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// sources are files, by name, in lines.
type sources map[string][][]byte

func (s sources) line(at token.Position) string {
	if s[at.Filename] == nil {
		data, err := os.ReadFile(at.Filename)
		if err != nil {
			return ""
		}
		s[at.Filename] = bytes.Split(data, []byte("\n"))
	}
	if at.Line > len(s[at.Filename]) {
		return ""
	}
	return string(s[at.Filename][at.Line-1])
}
