package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/cmd/internal/service/live"
	"slotfs/fs/restore/live/servertest"
)

func TestAPostgreSQLDatabaseIsPutBackAndTheRestoreIsUndone(t *testing.T) {
	dir, err := servertest.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := servertest.NewPostgres(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	query := func(db, sql string) string {
		t.Helper()
		out, err := p.Query(db, sql)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	query("postgres", "CREATE ROLE alice LOGIN; CREATE DATABASE alice_pg OWNER alice")
	query("alice_pg", "SET SESSION AUTHORIZATION alice; CREATE SCHEMA s; CREATE TABLE s.posts (i int); INSERT INTO s.posts VALUES (1), (2)")
	archive, err := p.Dump("alice_pg", "t")
	if err != nil {
		t.Fatal(err)
	}
	query("alice_pg", "DELETE FROM s.posts")
	w := newWorld(t)
	src := filepath.Join(w.dir, "src", "2026-01-05")
	w.account(src, "alice", "x")
	if err := os.MkdirAll(filepath.Join(src, "alice/psql"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "alice/psql/alice_pg.tar"), []byte(archive), 0o644); err != nil {
		t.Fatal(err)
	}
	w.pack("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite", "--local-origin", "")...)
	w.configure(fmt.Sprintf("\n[live]\npostgresql-socket = %q\npostgresql-port = %d\n", dir, servertest.PostgresPort))
	w.must(0, "index")
	admin, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	w.users("alice:x:30001:30001::"+w.dir+"/home/alice:/bin/sh", "postgres:x:"+admin.Uid+":"+admin.Gid+"::/:/bin/sh")
	const dump = "offsite/accounts/alice/latest/databases/alice_pg.tar"
	if r := w.among("restore", "--live", "--dry-run", dump); r.code != 0 || !strings.Contains(r.out, "would restore databases alice_pg: 1 table") {
		t.Errorf("%+v", r)
	}
	var all []live.Outcome
	r := w.among("--json", "restore", "--live", dump)
	if err := json.Unmarshal([]byte(r.out), &all); err != nil || r.code != 0 || len(all) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := query("alice_pg", "SELECT sum(i) FROM s.posts; SELECT tableowner FROM pg_tables WHERE tablename = 'posts'"); got != "3\nalice\n" {
		t.Errorf("after the restore: %q", got)
	}
	if r := w.among("restore", "--undo", all[0].ID); r.code != 0 || query("alice_pg", "SELECT count(*) FROM s.posts") != "0\n" {
		t.Errorf("%+v", r)
	}
	if r := w.among("restore", "--live", "--table", "posts", dump); r.code != 2 {
		t.Errorf("%+v", r)
	}
}
