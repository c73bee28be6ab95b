// Package scripts holds what surrounds the program: the demo, benchmarks, packaging, and the test of the
// rules that no compiler checks.
package scripts

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// only says which packages may import a library or a part of the module (with all below it).
var only = map[string][]string{
	"github.com/hanwen/go-fuse":   {"slotfs/fs"},
	"github.com/dgraph-io/badger": {"slotfs/cache/index"},
	"golang.org/x/crypto/ssh":     {"slotfs/sftpdest", "slotfs/cmd/internal/sftpserver"},
	"github.com/pkg/sftp":         {"slotfs/sftpdest", "slotfs/cmd/internal/sftpserver"},
	"github.com/urfave/cli":       {"slotfs/cmd"},
	"slotfs/cmd":                  {"slotfs/cmd"},

	"github.com/go-sql-driver/mysql":     {"slotfs/fs/restore/live/mysql"},
	"github.com/nicholas-fedor/shoutrrr": {"slotfs/cmd/internal/service/alarm/send"},
	"github.com/prometheus":              {"slotfs/cmd/internal/service/metrics"},
	"slotfs/fs":                          {"slotfs/cmd", "slotfs/fs"},
	"slotfs/sftpdest":                    {"slotfs/cmd", "slotfs/sftpdest", "slotfs/scripts"},
	"slotfs/cache":                       {"slotfs/cmd", "slotfs/cache"},
}

// everywhere may be imported by all packages: they import none themselves.
var everywhere = []string{"slotfs/indexer/contain", "slotfs/indexer/durable", "slotfs/indexer/lru", "slotfs/indexer/varint"}

// pure says which packages of the module a package may import at most, besides everywhere.
var pure = map[string][]string{
	"slotfs/indexer/contain":        {},
	"slotfs/indexer/durable":        {},
	"slotfs/indexer/lru":            {},
	"slotfs/indexer/varint":         {},
	"slotfs/indexer/backup":         {},
	"slotfs/indexer/dest":           {},
	"slotfs/indexer/dest/retry":     {"slotfs/indexer/dest"},
	"slotfs/indexer/sqldump":        {},
	"slotfs/indexer/tree":           {"slotfs/indexer/backup"},
	"slotfs/indexer/concern":        {"slotfs/indexer/backup"},
	"slotfs/indexer/archive/gzseek": {},
	"slotfs/indexer/scrub":          {"slotfs/indexer/archive/gzseek", "slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/tree"},
	"slotfs/indexer/archive":        {"slotfs/indexer/backup", "slotfs/indexer/archive/gzseek"},
	"slotfs/indexer/engine": {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/tree",
		"slotfs/indexer/archive/gzseek"}, // whose seek points the record of an archive may bring
	"slotfs/sftpdest/foreign":  {},
	"slotfs/sftpdest/settings": {},
	"slotfs/sftpdest/wire":     {},
	"slotfs/sftpdest/session":  {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/sftpdest/foreign", "slotfs/sftpdest/wire"},
	"slotfs/sftpdest/auth": {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/sftpdest/foreign", "slotfs/sftpdest/settings",
		"slotfs/sftpdest/session", "slotfs/sftpdest/wire"},
	"slotfs/sftpdest/pool":          {"slotfs/indexer/dest", "slotfs/sftpdest/auth", "slotfs/sftpdest/session", "slotfs/sftpdest/settings", "slotfs/sftpdest/wire"},
	"slotfs/sftpdest/slot/parallel": {},
	"slotfs/sftpdest/slot/prefetch": {},
	"slotfs/sftpdest/slot/progress": {},
	"slotfs/sftpdest/slot/spool":    {"slotfs/indexer/dest", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/prefetch"},
	"slotfs/sftpdest/slot/plan": {"slotfs/indexer/backup", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/prefetch",
		"slotfs/sftpdest/slot/progress", "slotfs/sftpdest/slot/source", "slotfs/sftpdest/slot/spool"},
	"slotfs/sftpdest/slot/store": {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/dest/retry", "slotfs/indexer/manifest",
		"slotfs/sftpdest/slot/parallel", "slotfs/sftpdest/slot/spool"},
	"slotfs/sftpdest/slot/lease":     {"slotfs/indexer/dest", "slotfs/sftpdest/slot/parallel", "slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/retention": {},
	"slotfs/sftpdest/slot/state":     {"slotfs/indexer/dest", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/journal": {"slotfs/indexer/dest", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/plan",
		"slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/verify": {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/manifest",
		"slotfs/sftpdest/slot/prefetch", "slotfs/sftpdest/slot/spool", "slotfs/sftpdest/slot/state", "slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/upload": {"slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/dest/retry", "slotfs/indexer/manifest",
		"slotfs/sftpdest/slot/plan", "slotfs/sftpdest/slot/progress", "slotfs/sftpdest/slot/source", "slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/place": {"slotfs/indexer/dest", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/journal",
		"slotfs/sftpdest/slot/lease", "slotfs/sftpdest/slot/parallel", "slotfs/sftpdest/slot/plan", "slotfs/sftpdest/slot/progress",
		"slotfs/sftpdest/slot/spool", "slotfs/sftpdest/slot/store"},
	"slotfs/sftpdest/slot/archive": {"slotfs/indexer/archive/pax", "slotfs/indexer/backup", "slotfs/indexer/dest", "slotfs/indexer/manifest", "slotfs/sftpdest/slot/plan",
		"slotfs/sftpdest/slot/prefetch", "slotfs/sftpdest/slot/progress", "slotfs/sftpdest/slot/source", "slotfs/sftpdest/slot/spool",
		"slotfs/sftpdest/slot/store", "slotfs/sftpdest/slot/verify"},
	"slotfs/fs/export":                {"slotfs/fs/restore", "slotfs/indexer/archive/pax", "slotfs/indexer/backup", "slotfs/indexer/manifest"},
	"slotfs/fs/restore/live/dump":     {},
	"slotfs/fs/restore/live/record":   {},
	"slotfs/fs/restore/live/mysql":    {"slotfs/fs/restore/live/dump", "slotfs/fs/restore/live/record"},
	"slotfs/fs/restore/live/postgres": {"slotfs/fs/restore/live/record"},
	"slotfs/fs/view":                  {"slotfs/indexer/backup", "slotfs/indexer/tree"},
	"slotfs/fs":                       {"slotfs/fs/view", "slotfs/indexer/backup", "slotfs/indexer/tree"},
}

// directories are the only ones at the top.
var directories = []string{"cmd", "fs", "indexer", "sftpdest", "cache", "scripts", "docs"}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "slotfs/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(directories) {
		t.Fatalf("go list knows %d packages", len(all))
	}
	return all
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for target, importers := range only {
				allowed := func(root string) bool { return below(p.ImportPath, root) }
				if below(imported, target) && !slices.ContainsFunc(importers, allowed) {
					t.Errorf("%s imports %s, which only %v may", p.ImportPath, imported, importers)
				}
			}
		}
	}
}

func TestPurePackagesKnowNothingElse(t *testing.T) {
	for _, p := range packages(t) {
		allowed, ok := pure[p.ImportPath]
		for _, imported := range p.Imports {
			if ok && below(imported, "slotfs") && !slices.Contains(everywhere, imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s; it may know only %v", p.ImportPath, imported, allowed)
			}
		}
	}
}

func TestVocabularyNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "slotfs/indexer/backup" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("backup imports %s", imported)
			}
		}
	}
}

func TestPackagesStandInTheAgreedDirectories(t *testing.T) {
	for _, p := range packages(t) {
		top := strings.Split(strings.TrimPrefix(p.ImportPath, "slotfs/"), "/")[0]
		if !slices.Contains(directories, top) {
			t.Errorf("%s is not below one of %v", p.ImportPath, directories)
		}
	}
}
