package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheModulesConfigurationIsUnderstood(t *testing.T) {
	c, err := readConfiguration("../../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	linters, err := c.analyzers(t.TempDir())
	if err != nil || len(linters) < 80 {
		t.Errorf("%d analyzers, %v", len(linters), err)
	}
	for _, f := range []struct {
		linter, path, source string
		excluded             bool
	}{
		{"errcheck", "fs/fs.go", "f.Sync()", false}, {"errcheck", "fs/fs.go", "defer f.Close()", true}, {"errcheck", "fs/fs_test.go", "f.Sync()", true},
		{"staticcheck", "fs/fs_test.go", "f.Close()", false}, {"errcheck", "scripts/bench.go", "f.Sync()", false},
	} {
		if got := c.excluded(f.linter, f.path, f.source); got != f.excluded {
			t.Errorf("%+v: %v", f, got)
		}
	}
	if c.wanted("QF1001") || !c.wanted("SA4006") || !c.wanted("ST1005") {
		t.Error("checks of staticcheck")
	}
}

func TestWhatIsNotKnownHereIsRefused(t *testing.T) {
	const sound = "version: \"2\"\nlinters:\n  default: none\n"
	for name, text := range map[string]string{
		"a key":               sound + "  fast: true\n",
		"a linter":            sound + "  enable: [gocyclo]\n",
		"all linters":         strings.Replace(sound, "none", "all", 1),
		"everything excluded": sound + "  exclusions:\n    rules:\n      - linters: [errcheck]\n",
		"a pattern":           sound + "  exclusions:\n    rules:\n      - linters: [errcheck]\n        path: '('\n",
	} {
		path := filepath.Join(t.TempDir(), ".golangci.yml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readConfiguration(path)
		if err == nil {
			_, err = c.analyzers(t.TempDir())
		}
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
