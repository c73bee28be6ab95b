package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostedAccount makes a small account as pkgacct leaves it, and returns its parent.
func hostedAccount(t *testing.T, user string, args ...string) string {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "src")
	run(t, `make=$1 parent=$2 user=$3; shift 3; "$make" -user "$user" -size 3 "$@" "$parent"`, append([]string{accountMaker, parent, user}, args...)...)
	return parent
}

// pack lays a compressed backup of parent/user on the host's store.
func (h *host) pack(parent, user, directory string) string {
	h.t.Helper()
	dir := filepath.Join(h.store, directory, "accounts")
	run(h.t, `mkdir -p "$3"; tar -C "$1" -cf - "$2" | pigz -6 --processes 1 --blocksize 4096 --rsyncable >"$3/$2.tar.gz"`, parent, user, dir)
	return filepath.Join(dir, user+".tar.gz")
}

func TestPartsAreWherePeopleLookForThem(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"archive", "tree"} {
		t.Run(kind, func(t *testing.T) {
			h := newHost(t)
			parent := hostedAccount(t, "alice")
			if kind == "tree" {
				run(t, `mkdir -p "$2"; cp -a "$1/alice" "$2/"`, parent, filepath.Join(h.store, "srv1/2026-01-05/accounts"))
			} else {
				h.pack(parent, "alice", "srv1/2026-01-05")
			}
			h.show()
			checkParts(t, filepath.Join(parent, "alice"), filepath.Join(h.account("d", "srv1", "alice"), "latest"))
		})
	}
}

func checkParts(t *testing.T, source, snapshot string) {
	t.Helper()
	for shown, from := range map[string]string{
		"files":                              "homedir",
		"email/example.com/info":             "homedir/mail/example.com/info",
		"databases/alice_wp.sql":             "mysql/alice_wp.sql",
		"databases/alice_wp.create":          "mysql/alice_wp.create",
		"dns/example.com.db":                 "dnszones/example.com.db",
		"cron/alice":                         "cron/alice",
		"forwarders/example.com":             "va/example.com",
		"autoresponders/info@example.com":    "homedir/.autorespond/info@example.com",
		"full/homedir/public_html/index.php": "homedir/public_html/index.php",
	} {
		run(t, `diff -r --no-dereference "$1" "$2"`, filepath.Join(source, from), filepath.Join(snapshot, shown))
	}
	for _, gone := range []string{"databases/roundcube.sql", "email/info@example.com", "email/example.com/new"} {
		if _, err := os.Lstat(filepath.Join(snapshot, gone)); !os.IsNotExist(err) {
			t.Errorf("%s: %v, want it not to be there", gone, err)
		}
	}
	grants := run(t, `cat "$1"`, filepath.Join(snapshot, "database-users/alice_u1.sql"))
	if strings.Count(grants, "alice_u1") < 2 || strings.Contains(grants, "alice_u2") {
		t.Errorf("grants of alice_u1:\n%s", grants)
	}
	var about struct {
		Status string
		Counts map[string]int
	}
	if err := json.Unmarshal([]byte(run(t, `cat "$1"`, filepath.Join(snapshot, "snapshot.json"))), &about); err != nil {
		t.Fatal(err)
	}
	if about.Status != "complete" || about.Counts["databases"] != 2 || about.Counts["email"] != 2 || about.Counts["database-users"] != 2 {
		t.Errorf("snapshot.json: %+v", about)
	}
}

func TestOriginalArchiveIsByteForByte(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	archive := h.pack(hostedAccount(t, "alice"), "alice", "2026-01-05")
	h.show()
	run(t, `cmp "$1" "$2"`, archive, filepath.Join(h.account("d", "", "alice"), "latest/archive/alice.tar.gz"))
}

func TestNestedHomeArchiveIsTheHomeDirectory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	run(t, `cd "$1/alice"; touch -d @1700000000 homedir; cp -a homedir "$1/home-was"; tar -C homedir -cf homedir.tar .; rm -r homedir`, parent)
	h.pack(parent, "alice", "2026-01-05")
	h.show()
	snapshot := filepath.Join(h.account("d", "", "alice"), "latest")
	compareTrees(t, filepath.Join(parent, "home-was"), filepath.Join(snapshot, "files"), false, true)
	run(t, `cmp "$1/alice/homedir.tar" "$2/full/homedir.tar"; diff -r "$1/home-was/mail/example.com/info" "$2/email/example.com/info"`, parent, snapshot)
}

func TestLooseAndSplitArchivesAndSystemBackups(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	parent := hostedAccount(t, "alice")
	run(t, `
tar -C "$1" --transform 's,^alice,cpmove-alice,' -czf "$2/cpmove-alice.tar.gz" alice
tar -C "$1" -cf "$2/backup-1.2.2026_10-15-00_alice.tar" alice
mkdir -p "$2/deep/er"
tar -C "$1/alice" -czf - . | split -b 400k -d -a 5 --numeric-suffixes=1 - "$2/deep/er/cpmove-alice.tar.gz.part"
mkdir -p "$2/2026-01-05/system/files"; echo secret >"$2/2026-01-05/system/files/_etc_shadow.gz"
mkdir -p "$2/2026-01-06/accounts" "$2/weekly/2026-01-04/accounts"
`, parent, h.store)
	h.show()
	full, _ := filepath.Glob(filepath.Join(h.mnt, "d", "accounts/alice/2*/full"))
	deep, _ := filepath.Glob(filepath.Join(h.mnt, "d", "deep/er/accounts/alice/2*/full"))
	if len(full) != 2 || len(deep) != 1 {
		t.Fatalf("snapshots: %q %q\n%s", full, deep, run(t, `find "$1" -maxdepth 6 | head -50`, h.mnt))
	}
	for _, dir := range append(full, deep...) {
		run(t, `diff -r --no-dereference "$1/alice" "$2"`, parent, dir)
	}
	run(t, `cmp "$1/2026-01-05/system/files/_etc_shadow.gz" "$2/d/system/2026-01-05/full/files/_etc_shadow.gz"; [ "$(stat -c %a:%u "$2/d/system")" = 700:0 ]`, h.store, h.mnt)
}
