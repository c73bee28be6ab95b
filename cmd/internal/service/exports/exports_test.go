package exports

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slotfs/cmd/internal/exit"
	"slotfs/fs/export"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

func rootsAt(paths ...string) []restore.Root {
	var all []restore.Root
	for _, p := range paths {
		all = append(all, restore.Root{Path: p})
	}
	return all
}

func TestWhatLiesInAnotherPathIsNotExportedTwice(t *testing.T) {
	var got []string
	for _, r := range outermost(rootsAt("d/a/x", "d/a", "d/a/x/y", "d/ab", "d/a", "e", "e")) {
		got = append(got, r.Path)
	}
	if want := []string{"d/a", "d/ab", "e"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if all := outermost(rootsAt("", "d/a")); len(all) != 1 || all[0].Path != "" {
		t.Errorf("%+v", all)
	}
}

func TestTopDirectoriesKeepDatesAndAccountsApart(t *testing.T) {
	for want, paths := range map[string][]string{
		"d/accounts/a":         {"d/accounts/a/1/files", "d/accounts/a/2/files"},
		"d/accounts":           {"d/accounts/a/1/files", "d/accounts/b/1/files"},
		"d/accounts/a/1/files": {"d/accounts/a/1/files/x", "d/accounts/a/1/files/xy"},
		"":                     {"d/accounts", "e/accounts"},
	} {
		if got := commonDirectory(rootsAt(paths...)); got != want {
			t.Errorf("%q: %q, want %q", paths, got, want)
		}
	}
}

func TestFileNamesTellWhatIsInThem(t *testing.T) {
	for want, paths := range map[string][]string{
		"alice-2026-01-05-public_html": {"d/accounts/alice/2026-01-05/files/public_html"},
		"alice-2026-01-05":             {"d/accounts/alice/2026-01-05"},
		"alice-2026-01-04":             {"d/accounts/alice/2026-01-04/files", "d/accounts/alice/2026-01-04/email"},
		"alice":                        {"d/accounts/alice/2026-01-04/files", "d/accounts/alice/2026-01-05/files"},
		"backups":                      {"d/accounts/alice/2026-01-04/files", "d/accounts/bob/2026-01-05/files"},
	} {
		if got := fileName(paths); got != want {
			t.Errorf("%q: %q, want %q", paths, got, want)
		}
	}
	if got := fileName([]string{"d/accounts/a/1/" + strings.Repeat("x", 1<<16)}); len(got) > 200 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestWhatCannotBeReadIsExitCode3OrThatOfItsCause(t *testing.T) {
	for code, cause := range map[int]error{exit.Partial: backup.ErrCorrupt, exit.Unreachable: dest.ErrUnreachable, exit.Refused: dest.ErrAuth} {
		err := explain(&export.ReadError{Path: "d/a", Err: fmt.Errorf("read: %w", cause)})
		if exit.Code(err) != code || !errors.Is(err, cause) {
			t.Errorf("%v: %d", err, exit.Code(err))
		}
	}
	if err := explain(os.ErrClosed); exit.Code(err) != exit.Failed {
		t.Error(err)
	}
}

func TestFileHasNoNameBeforeItIsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	begin := func(overwrite bool) *File {
		t.Helper()
		f, err := Create(path, overwrite)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("whole"); err != nil {
			t.Fatal(err)
		}
		return f
	}
	entries := func(want int) {
		t.Helper()
		all, err := os.ReadDir(dir)
		if err != nil || len(all) != want {
			t.Errorf("%v, %v", all, err)
		}
	}
	f := begin(false)
	entries(0)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	entries(0)
	f, late := begin(false), begin(false)
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
	if err := late.Commit(); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that appeared meanwhile: %v", err)
	}
	if _, err := Create(path, false); !errors.Is(err, os.ErrExist) || exit.Hint(err) == "" {
		t.Error(err)
	}
	if err := begin(true).Commit(); err != nil {
		t.Error(err)
	}
	entries(1)
	if data, err := os.ReadFile(path); string(data) != "whole" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := Create(dir, true); exit.Code(err) != exit.Usage {
		t.Error(err)
	}
}
