package scripts

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A mark that stands anywhere but directly before a test would have `make check` run what it cannot.
func TestMarksOfTheCheckStandBeforeTests(t *testing.T) {
	mark := regexp.MustCompile(`(?m)^\s*//\s*check:without.*\n(.*)`)
	marked := regexp.MustCompile(`(?m)^//check:without \S.*\nfunc (Test|Fuzz)\w+\(`)
	total := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "check_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		right := len(marked.FindAll(text, -1))
		total += right
		if all := len(mark.FindAll(text, -1)); all != right {
			t.Errorf("%s: %d marks check:without, %d of them before a test and with a reason", path, all, right)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if total == 0 {
		t.Error("no mark found")
	}
}
