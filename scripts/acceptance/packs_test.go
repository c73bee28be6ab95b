package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What one machine indexed another one shows, finds and restores without reading the backups, and its next pass reads nothing.
func TestAnotherMachineTakesTheIndexFromPacks(t *testing.T) {
	t.Parallel()
	one := newHost(t)
	source := hostedAccount(t, "alice")
	one.pack(source, "alice", "srv1/2026-01-05")
	one.pack(source, "alice", "srv1/2026-01-06")
	run(t, `mkdir -p "$2"; cp -a "$1/alice" "$2/"`, source, filepath.Join(one.store, "srv1/2026-01-07/accounts"))
	one.show()
	packs := filepath.Join(t.TempDir(), "packs")
	for _, fresh := range []bool{true, false} {
		var written []struct {
			Snapshots int
			Fresh     bool
		}
		if err := json.Unmarshal([]byte(one.must("index", "export", packs, "--json")), &written); err != nil || len(written) != 1 || written[0].Snapshots != 3 || written[0].Fresh != fresh {
			t.Fatalf("%v: %+v", err, written)
		}
	}
	other := newHostAt(t, one.server)
	other.store = one.store
	other.add("d")
	other.mount()
	if out := other.must("index", "import", packs); !strings.Contains(out, "1 pack: 3 snapshots new, 0 known") {
		t.Error(out)
	}
	if out := other.must("index", "import", packs); !strings.Contains(out, "1 pack: 0 snapshots new, 3 known") {
		t.Error(out)
	}
	for _, date := range []string{"2026-01-05", "2026-01-06", "2026-01-07"} {
		a, b := filepath.Join(one.account("d", "srv1", "alice"), date), filepath.Join(other.account("d", "srv1", "alice"), date)
		run(t, `rsync -aHAXcn --delete -i --exclude=snapshot.json "$1/" "$2/" | { ! grep .; }`, a, b)
	}
	run(t, `cp -a "$1" "$2" && diff -r --no-dereference "$1" "$2"`, filepath.Join(other.account("d", "srv1", "alice"), "2026-01-05/files"), filepath.Join(t.TempDir(), "restored"))
	var passes []struct{ Found, Read, Unchanged int }
	if err := json.Unmarshal([]byte(other.must("index", "d", "--json")), &passes); err != nil || len(passes) != 1 || passes[0].Found != 3 || passes[0].Read != 1 {
		t.Errorf("the pass after it: %v, %+v; the tree alone is walked again", err, passes)
	}

	found, err := filepath.Glob(filepath.Join(packs, "*.pack"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := os.Truncate(found[0], 1000); err != nil {
		t.Fatal(err)
	}
	if r := other.slotfs("index", "import", packs); r.code != 1 || !strings.Contains(r.stderr, "damaged pack") {
		t.Errorf("a damaged pack: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	third := newHostAt(t, one.server)
	if r := third.slotfs("index", "import", packs); r.code != 1 || strings.Count(r.stderr, "\n") > 2 {
		t.Errorf("without that destination: exit code %d\n%s", r.code, r.stderr)
	}
}
