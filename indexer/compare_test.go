package indexer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
)

// dump is what mysqldump writes of a database with so many rows.
func dump(rows int) string {
	return "-- MySQL dump 10.13  Distrib 8.0.36\n" + strings.Repeat("INSERT INTO t VALUES (1);\n", rows) + "-- Dump completed on 2026-01-05\n"
}

// concernsOf tells those of alice's backup of a day, "; " between them.
func concernsOf(w *world, date string) string {
	w.t.Helper()
	for key, s := range w.snapshots() {
		if strings.Contains(key, date) && strings.Contains(key, "alice") {
			var texts []string
			for _, c := range s.Concerns {
				texts = append(texts, c.Text)
			}
			return strings.Join(texts, "; ")
		}
	}
	w.t.Fatalf("no backup of %s", date)
	return ""
}

//check:without it takes seconds
func TestABackupThatIsPoorerThanTheOneBeforeIsAConcernOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice", map[string]string{"mysql/alice_shop.sql": dump(2000), "mysql/alice_wp.sql": dump(2000), "cron/alice": "* * * * * x\n"})
	w.archive(alice, "alice", "2026-01-04")
	for name, content := range map[string]string{"mysql/alice_wp.sql": dump(20), "mysql/alice_cut.sql": strings.TrimSuffix(dump(50_000), "-- Dump completed on 2026-01-05\n")} {
		if err := os.WriteFile(filepath.Join(alice, "alice", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.sh(`rm "$1/alice/mysql/alice_shop.sql" "$1/alice/cron/alice"`, alice)
	w.archive(alice, "alice", "2026-01-05")
	w.archive(alice, "alice", "2026-01-06")
	const cut = "dumps without their end: alice_cut.sql"
	told := strings.Join(w.mustPass().Concerns, "\n")
	for _, want := range []string{"2026-01-05/accounts/alice.tar.gz: databases 2 -> 2", "2026-01-06/accounts/alice.tar.gz: " + cut} {
		if strings.Count(told, want) != 1 {
			t.Errorf("the summary tells %q", told)
		}
	}
	for date, want := range map[string]string{
		"2026-01-04": "",
		"2026-01-05": cut + "; databases 2 -> 2: missing alice_shop; cron tables 1 -> 0: missing alice; dumps much smaller: alice_wp (52068 -> 588 bytes)",
		"2026-01-06": cut,
	} {
		if got := concernsOf(w, date); got != want {
			t.Errorf("%s: %q, want %q", date, got, want)
		}
	}
	if s := w.mustPass(); s.Read != 0 || len(s.Concerns) > 0 {
		t.Errorf("second pass: %+v", s)
	}
}

// packedDumps plants dumps that gzip packed: one is whole, one lacks its last line, one is cut within gzip's data.
func packedDumps(w *world) (parent string) {
	alice := w.account("alice", nil)
	dir := filepath.Join(alice, "alice/mysql")
	for name, content := range map[string]string{"whole": dump(50_000), "unended": strings.TrimSuffix(dump(50_000), "-- Dump completed on 2026-01-05\n"), "cut": dump(9)} {
		w.write(filepath.Join(dir, name+".sql"), content)
		w.sh(`gzip "$1"`, filepath.Join(dir, name+".sql"))
	}
	w.sh(`truncate -s -9 "$1"`, filepath.Join(dir, "cut.sql.gz"))
	return alice
}

const packedConcern = "dumps without their end: cut.sql.gz (does not unpack), unended.sql.gz"

//check:without it takes seconds
func TestPackedDumpsThatEndEarlyAreConcernsInAllKindsOfBackups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := packedDumps(w)
	w.archive(alice, "alice", "2026-01-04")
	w.sh(`mkdir -p "$2/2026-01-05/accounts" "$2/2026-01-06/accounts"
		tar -C "$1" -cf "$2/2026-01-05/accounts/alice.tar" alice
		cp -a "$1/alice" "$2/2026-01-06/accounts/alice"`, alice, w.root)
	w.mustPass()
	for _, date := range []string{"2026-01-04", "2026-01-05", "2026-01-06"} {
		if got := concernsOf(w, date); !strings.HasPrefix(got, packedConcern) { // trees have no headers: fewer bytes
			t.Errorf("%s: %q", date, got)
		}
	}
}

//check:without it takes seconds
func TestAPassThatIsCutOffWithinAPackedDumpGoesOnThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := packedDumps(w)
	w.incompressible(filepath.Join(alice, "alice/mysql/large.sql"), 12<<20)
	w.sh(`mv "$1/large.sql" "$1/large.sql.gz"; printf '\x1f\x8b\x08\x00' | dd of="$1/large.sql.gz" conv=notrunc status=none`, filepath.Join(alice, "alice/mysql"))
	name := filepath.Join(w.root, "2026-01-04/accounts/alice.tar.gz")
	w.sh(`mkdir -p "$(dirname "$2")"; cd "$1"; tar -cf - alice/mysql/large.sql.gz alice --exclude large.sql.gz | gzip -1 >"$2"`, alice, name)
	w.dest.SetFault(func(_ context.Context, c desttest.Call) error {
		if c.Op == desttest.OpRead && c.Off >= 8<<20 {
			return dest.ErrUnreachable
		}
		return nil
	})
	if _, err := w.pass(); !errors.Is(err, dest.ErrUnreachable) {
		t.Fatal(err)
	}
	w.dest.SetFault(nil)
	w.dest.Reset()
	w.mustPass()
	if read := w.dest.Counts().Bytes; read > 10<<20 {
		t.Errorf("%d bytes were read again", read)
	}
	if got := concernsOf(w, "2026-01-04"); got != packedConcern {
		t.Errorf("%q %+v", got, w.only())
	}
}

//check:without it takes seconds
func TestCopiesOfADaysBackupLackWhatItLacks(t *testing.T) {
	w := newWorld(t)
	alice := w.account("alice", map[string]string{"mysql/alice_shop.sql": dump(10)})
	w.archive(alice, "alice", "2026-01-04")
	w.sh(`rm "$1/alice/mysql/alice_shop.sql"`, alice)
	w.sh(`mkdir -p "$(dirname "$2")"; cp "$1" "$2"`, w.archive(alice, "alice", "2026-01-11"), filepath.Join(w.root, "weekly/2026-01-11/accounts/alice.tar.gz"))
	w.mustPass()
	if n := len(w.snapshots()); n != 3 {
		t.Fatalf("%d snapshots", n)
	}
	for key, s := range w.snapshots() {
		if lacks := strings.Contains(key, "2026-01-11"); lacks != (len(s.Concerns) == 1) {
			t.Errorf("%s: %+v", key, s.Concerns)
		}
	}
}

//check:without it takes seconds
func TestABackupThatComesLateIsComparedWithItsNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.account("alice", map[string]string{"mysql/alice_shop.sql": dump(10)})
	w.archive(alice, "alice", "2026-01-04")
	w.sh(`rm "$1/alice/mysql/alice_shop.sql"`, alice)
	w.archive(alice, "alice", "2026-01-06")
	w.mustPass()
	if got := concernsOf(w, "2026-01-06"); got != "databases 1 -> 0: missing alice_shop" {
		t.Errorf("%q", got)
	}
	w.archive(alice, "alice", "2026-01-05") // without it already
	w.mustPass()
	if five, six := concernsOf(w, "2026-01-05"), concernsOf(w, "2026-01-06"); five != "databases 1 -> 0: missing alice_shop" || six != "" {
		t.Errorf("%q, %q", five, six)
	}
}
