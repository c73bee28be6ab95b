package indexer_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

//check:without needs xz and pigz
func TestPiecesOfASplitArchiveBeforeAMissingOneAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	parent := w.account("alice", map[string]string{"homedir/aa": "first"})
	w.incompressible(filepath.Join(parent, "alice/homedir/zz"), 300<<10)
	dir := filepath.Join(w.root, "2026-01-01", "accounts")
	w.sh(`mkdir -p "$2"; cd "$1"; tar --sort=name -czf - alice | split -b 100K -a 5 --numeric-suffixes=1 - "$2/alice.tar.gz.part"; rm "$2/alice.tar.gz.part00003"`, parent, dir)
	w.mustPass()
	s := w.only()
	if s.Status != backup.Truncated || !strings.Contains(s.Detail, "part00003 is missing") || len(s.Affected.First) < 2 ||
		s.Affected.First[0] != "alice/homedir/zz" || !slices.Contains(s.Affected.First[1:], "alice/homedir/aa") {
		t.Fatalf("%s: %s, %+v", s.Status, s.Detail, s.Affected)
	}
	if it := w.resolve(s, "alice/homedir/aa"); it.Size != 5 {
		t.Errorf("%+v", it)
	}
}
