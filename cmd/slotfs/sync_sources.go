package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slotfs/cmd/internal/config"
)

// account is one thing that a job backs up.
type account struct {
	name   string
	source string // absolute path of its folder
	err    error  // why it cannot be backed up
}

// notAccounts lie beside accounts in /home and are none: cPanel's jails, which have the whole system mounted
// below them, and what mkfs makes.
var notAccounts = []string{"virtfs", "lost+found"}

// sourcesOf finds the accounts of a job, in the order of their names. Two folders that would be the same account are
// an error of that account.
func sourcesOf(j *config.Job) ([]account, error) {
	found := map[string]account{}
	for _, source := range j.Source {
		folders, err := foldersOf(source)
		if err != nil {
			return nil, err
		}
		for _, folder := range folders {
			a := account{name: filepath.Base(folder), source: folder}
			if j.AccountName != "" {
				a.name = j.AccountName
			}
			if err := config.AccountName(a.name); err != nil {
				a.err = err
			}
			if before, ok := found[a.name]; ok && before.source != a.source {
				a.err = fmt.Errorf("both %s and %s", before.source, a.source)
			}
			found[a.name] = a
		}
	}
	out := make([]account, 0, len(found))
	for _, a := range found {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b account) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// foldersOf are the folders that a source stands for. A pattern matches folders alone: no links, because two names
// of one folder would be two accounts, and no hidden ones unless it says so.
func foldersOf(source string) ([]string, error) {
	if !config.Pattern(source) {
		info, err := os.Stat(source)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("source %s: not there", source)
		case err != nil:
			return nil, fmt.Errorf("source: %w", err)
		case !info.IsDir():
			return nil, fmt.Errorf("source %s: not a folder", source)
		}
		return []string{filepath.Clean(source)}, nil
	}
	matches, err := filepath.Glob(source)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", source, err)
	}
	hidden := strings.HasPrefix(filepath.Base(source), ".")
	var folders []string
	for _, m := range matches {
		name := filepath.Base(m)
		info, err := os.Lstat(m)
		if err != nil || !info.IsDir() || slices.Contains(notAccounts, name) || strings.HasPrefix(name, ".") && !hidden {
			continue
		}
		folders = append(folders, filepath.Clean(m))
	}
	return folders, nil
}

func accountNames(all []account) []string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.name
	}
	return names
}
