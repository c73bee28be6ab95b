package indexer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/backup"
)

//check:without it takes seconds
func TestALooseBackupIsWhoseFileNameSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := w.account("bob", nil)
	for _, name := range []string{"backup-1.5.2026_10-15-00_alice", "cpmove-alice", "alice", "bob", "cpmove-bob", "backup-1.5.2026_10-15-00", "2026-01-05",
		"backup-example.com-1-5-2026_1"} {
		w.sh(`tar -C "$1" -czf "$2" bob`, bob, filepath.Join(w.root, name+".tar.gz"))
	}
	w.sh(`mkdir "$2/d"; for n in carl cpmove-carl backup-1.5.2026_10-15-00_carl backup-1.5.2026_10-15-00_bob; do cp -r "$1/bob" "$2/d/$n"; done`, bob, w.root)
	w.mustPass()
	for key, want := range map[string]struct {
		account   string
		unclaimed bool
		note      string
	}{
		"backup-1.5.2026_10-15-00_alice.tar.gz": {"alice", true, "bob"}, "cpmove-alice.tar.gz": {"alice", true, "bob"}, "alice.tar.gz": {"alice", true, "bob"},
		"bob.tar.gz": {"bob", false, ""}, "cpmove-bob.tar.gz": {"bob", false, ""},
		"backup-1.5.2026_10-15-00.tar.gz": {"bob", true, ""}, "2026-01-05.tar.gz": {"bob", true, ""},
		"backup-example.com-1-5-2026_1.tar.gz": {"example.com", true, ""},
		"d/carl":                               {"carl", true, "bob"}, "d/cpmove-carl": {"carl", true, "bob"},
		"d/backup-1.5.2026_10-15-00_carl": {"carl", true, "bob"}, "d/backup-1.5.2026_10-15-00_bob": {"bob", false, ""},
	} {
		s := w.snapshots()[key]
		if s == nil {
			t.Errorf("%s is not there", key)
			continue
		}
		note := ""
		for _, n := range s.Notes {
			note += n.Example
		}
		if s.Account != want.account || s.Unclaimed != want.unclaimed || note != want.note {
			t.Errorf("%s: account %q, unclaimed %v, notes %v; want %v", key, s.Account, s.Unclaimed, s.Notes, want)
		}
	}
}

func TestALooseBackupThatIsMisplacedIsReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sh(`tar -C "$1" -czf "$2" bob`, w.account("bob", nil), filepath.Join(w.root, "cpmove-alice.tar.gz"))
	w.mustPass()
	s := w.only()
	s.Account, s.Unclaimed = "bob", false // as earlier readers recorded it
	if err := w.index.PutSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if sum := w.mustPass(); sum.Read != 1 || w.only().Account != "alice" {
		t.Errorf("%+v, account %q", sum, w.only().Account)
	}
	if sum := w.mustPass(); sum.Read != 0 {
		t.Errorf("read again: %+v", sum)
	}
}

//check:without needs xz and pigz
func TestArchivesThatArePackedOtherwiseSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := filepath.Join(w.root, "2026-01-05", "accounts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.sh(`tar -C "$1" -cf "$2/a.tar" bob; cd "$2"; gzip -c a.tar | gzip >twice.tar.gz; bzip2 -c a.tar >bz.tar.gz; xz -c a.tar >x.tar; xz -c a.tar >y.tar.xz; rm a.tar`,
		w.account("bob", nil), dir)
	w.mustPass()
	for name, want := range map[string]string{"twice.tar.gz": "gzip -d", "bz.tar.gz": "bzip2 -d", "x.tar": "xz -d", "y.tar.xz": "xz -d"} {
		s := w.snapshots()["2026-01-05/accounts/"+name]
		if s == nil || s.Status != backup.Unreadable || !strings.Contains(s.Detail, want) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
