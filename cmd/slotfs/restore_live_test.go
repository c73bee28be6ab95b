package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slotfs/cmd/internal/service/live"
	"slotfs/fs/restore/live/servertest"
)

// database runs a MariaDB server for the test that the commands of the world use.
func (w *world) database() *servertest.MariaDB {
	w.t.Helper()
	dir, err := servertest.Dir()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(dir) })
	m, err := servertest.NewMariaDB(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(m.Kill)
	options := filepath.Join(w.dir, "my.cnf")
	if err := os.WriteFile(options, []byte("[client]\nuser=root\nsocket="+m.Socket+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.configure("\n[live]\nmysql-defaults-file = \"" + options + "\"\n")
	return m
}

// databaseUsers has the database users of alice put back, and undoes it.
func (w *world) databaseUsers(query func(string) string) {
	t := w.t
	t.Helper()
	var users []live.Outcome
	if err := json.Unmarshal([]byte(w.among("--json", "restore", "--live", "offsite/accounts/alice/latest/database-users/").out), &users); err != nil || len(users) != 1 || users[0].Code != 3 ||
		!slices.Equal(users[0].Users, []string{"alice_wp@localhost"}) || len(users[0].Grants) != 1 || len(users[0].LeftOut) != 1 || !strings.Contains(users[0].LeftOut[0], "bob") {
		t.Errorf("database users: %+v, %v", users, err)
	}
	if got := query("SHOW GRANTS FOR alice_wp@localhost"); !strings.Contains(got, "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19") || !strings.Contains(got, "_shop`.*") || strings.Contains(got, "bob") {
		t.Errorf("database user: %s", got)
	}
	if r := w.among("restore", "--undo", users[0].ID); r.code != 0 || query("SELECT COUNT(*) FROM mysql.user WHERE User = 'alice_wp'") != "0" {
		t.Errorf("%+v", r)
	}
}

func TestADatabaseIsPutBackIntoTheLiveAccountAndTheRestoreIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	src := filepath.Join(w.dir, "src", "2026-01-05")
	w.account(src, "alice", "x")
	for name, sql := range map[string]string{
		"alice_shop.sql": "-- MySQL dump 10.13\nUSE `alice_shop`;\nCREATE TABLE `posts` (i INT);\nINSERT INTO `posts` VALUES (1),(2);\nCREATE DEFINER=`root`@`localhost` VIEW v AS SELECT i FROM posts;\n-- Dump completed\n",
		"alice_two.sql":  "-- MySQL dump 10.13\n--\n-- Host: localhost\n\n--\n-- Table structure for table `bad`\n--\nCREATE TABLE `bad` (broken;\n--\n-- Table structure for table `good`\n--\nCREATE TABLE `good` (i INT);\nINSERT INTO `good` VALUES (5);\n-- Dump completed\n",
		"alice_evil.sql": "CREATE TABLE t (i INT);\nGRANT ALL ON *.* TO alice@localhost;\n-- Dump completed\n",
		"bob_shop.sql":   "CREATE TABLE t (i INT);\n-- Dump completed\n",
	} {
		if err := os.WriteFile(filepath.Join(src, "alice/mysql", name), []byte(sql), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const grants = "GRANT USAGE ON *.* TO 'alice_wp'@'localhost' IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19';\nGRANT ALL PRIVILEGES ON `alice\\_shop`.* TO 'alice_wp'@'localhost';\n" +
		"GRANT SELECT ON `bob\\_shop`.* TO 'alice_wp'@'localhost';\n"
	if err := os.WriteFile(filepath.Join(src, "alice/mysql.sql"), []byte(grants), 0o644); err != nil {
		t.Fatal(err)
	}
	w.pack("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite", "--local-origin", "")...)
	m := w.database()
	w.must(0, "index")
	w.users("alice:x:30001:30001::"+w.dir+"/home/alice:/bin/sh", "bob:x:30002:30002::"+w.dir+"/home/bob:/bin/sh")
	query := func(sql string) string {
		t.Helper()
		out, err := m.Query(sql)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	query("CREATE DATABASE alice_shop; CREATE TABLE alice_shop.posts (i INT); INSERT INTO alice_shop.posts VALUES (9); CREATE TABLE alice_shop.newer (i INT);" +
		"CREATE DATABASE bob_shop; CREATE USER alice@localhost; GRANT ALL ON `alice\\_shop`.* TO alice@localhost")
	const dumps = "offsite/accounts/alice/latest/databases/"
	if r := w.among("restore", "--live", "--dry-run", dumps+"alice_shop.sql"); r.code != 0 || !strings.Contains(r.out, "would restore databases alice_shop: 1 table, 1 view") || !strings.Contains(r.out, "newer") {
		t.Errorf("%+v", r)
	}
	if got := query("SELECT i FROM alice_shop.posts"); got != "9" {
		t.Errorf("after the dry run: %q", got)
	}
	r := w.among("--json", "restore", "--live", dumps+"alice_shop.sql")
	var all []live.Outcome
	if err := json.Unmarshal([]byte(r.out), &all); err != nil || r.code != 0 || len(all) != 1 || all[0].ID == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := query("SELECT SUM(i) FROM alice_shop.v; SHOW TABLES IN alice_shop"); got != "3\nposts\nv" {
		t.Errorf("after the restore: %q", got)
	}
	// Of a dump whose tables the index knows nothing else is read.
	if r := w.among("restore", "--live", "--table", "good", dumps+"alice_two.sql"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if got := query("SELECT i FROM alice_two.good; DROP DATABASE alice_two"); got != "5" {
		t.Errorf("the table that was asked for: %q", got)
	}
	w.databaseUsers(query)
	for _, refused := range []struct {
		code int
		want string
		args []string
	}{
		{1, `line 2: "GRANT ALL", which no dump has need of`, []string{"--live", dumps + "alice_evil.sql"}},
		{1, "nothing says that it belongs to alice", []string{"--live", dumps + "bob_shop.sql"}},
		{1, "it is the server's own", []string{"--live", "--database", "mysql", dumps + "alice_shop.sql"}},
		{1, "table nosuch: not in the dump", []string{"--live", "--table", "nosuch", dumps + "alice_shop.sql"}},
		{2, "no such user", []string{"--live", "--account", "carol", dumps + "alice_shop.sql"}},
		{2, "not a part that restore --live can put back", []string{"--live", "offsite/accounts/alice/latest/config"}},
		{2, "only with --live", []string{"--table", "x", dumps, w.dir}},
		{2, "not with --live", []string{"--live", "--overwrite", dumps}},
		{1, "no such restore", []string{"--undo", "20260101T000000-aaaaaaaa"}},
		{1, "no such restore", []string{"--undo", "../../etc"}},
	} {
		if r := w.among(append([]string{"restore"}, refused.args...)...); r.code != refused.code || !strings.Contains(r.err, refused.want) {
			t.Errorf("%v: %+v", refused.args, r)
		}
	}
	if r := w.among("restore", "--undo", all[0].ID); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if got := query("SELECT i FROM alice_shop.posts; SHOW TABLES IN alice_shop; SHOW TABLES IN bob_shop; SHOW DATABASES LIKE 'slotfs%'"); got != "9\nnewer\nposts" {
		t.Errorf("after the undo: %q", got)
	}
	if r := w.among("restore", "--undo", all[0].ID); r.code != 1 || !strings.Contains(r.err, "undone already") {
		t.Errorf("%+v", r)
	}
	log, err := filepath.Glob(w.state + "/audit/*")
	if err != nil || len(log) == 0 {
		t.Fatalf("audit records: %v, %v", log, err)
	}
	text, err := os.ReadFile(log[0])
	if err != nil || !strings.Contains(string(text), `"restore-live"`) || !strings.Contains(string(text), `"undo"`) {
		t.Errorf("audit records: %s, %v", text, err)
	}
	w.must(0, "destination", "set", "offsite", "local-origin=srv9")
	if r := w.among("restore", "--live", dumps+"alice_shop.sql"); r.code != 2 || !strings.Contains(r.err, "nothing says that the account alice is one of this machine") {
		t.Errorf("%+v", r)
	}
}

func TestFilesAndMailboxesArePutBackAsTheAccountAndTheRestoreIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	src := filepath.Join(w.dir, "src", "2026-01-05")
	w.account(src, "alice", "backup")
	home, outside := filepath.Join(w.dir, "home/alice"), filepath.Join(w.dir, "outside")
	write := func(p, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	const box = "mail/alice.example/info/"
	for _, name := range []string{"cur/1.M1.h:2,S", "cur/2.M2.h:2,S", ".Sent/cur/3.M3.h:2,S"} {
		write(filepath.Join(src, "alice/homedir", box, name), name)
	}
	write(src+"/alice/homedir/deep/er/file", "deep")
	w.pack("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite", "--local-origin", "")...)
	w.must(0, "index")
	give(t, outside, 0)
	for name, text := range map[string]string{"public_html/index.php": "live", box + "cur/1.M1.h:2,RS": "read and answered", box + "new/9.M9.h": "came since", "deep2": "x"} {
		write(filepath.Join(home, name), text)
	}
	if err := filepath.WalkDir(home, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(p, aliceUID, aliceUID))
	}); err != nil {
		t.Fatal(err)
	}
	w.users("alice:x:30001:30001::"+home+":/bin/sh", "bob:x:30002:30002::"+w.dir+"/home/bob:/bin/sh")
	content := func(name string) string {
		data, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			return ""
		}
		return string(data)
	}
	const snapshot = "offsite/accounts/alice/latest/"
	restored := func(args ...string) live.Outcome {
		t.Helper()
		var all []live.Outcome
		r := w.among(append([]string{"--json", "restore"}, args...)...)
		if err := json.Unmarshal([]byte(r.out), &all); err != nil || r.code != 0 || len(all) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		return all[0]
	}
	if out := restored("--live", "--dry-run", snapshot+"files/public_html"); out.Files.Replace != 1 || content("public_html/index.php") != "live" {
		t.Errorf("dry run: %+v", out)
	}
	files := restored("--live", snapshot+"files/public_html")
	if got := content("public_html/index.php"); !strings.Contains(got, "backup") {
		t.Errorf("after the restore: %q", got)
	}
	kept := filepath.Join(files.Before, "public_html/index.php")
	info, err := os.Stat(kept)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != aliceUID {
		t.Errorf("kept %s: %v", kept, err)
	}
	restored("--live", snapshot+"files/deep/er/file")
	if content("deep/er/file") != "deep" {
		t.Error("a file whose directories were gone did not come back")
	}
	mail := restored("--live", snapshot+"email/alice.example/info")
	if content(box+"cur/1.M1.h:2,RS") == "" || content(box+"cur/1.M1.h:2,S") != "" || content(box+"cur/2.M2.h:2,S") == "" || content(box+"new/9.M9.h") == "" || content(box+".Sent/cur/3.M3.h:2,S") == "" {
		t.Errorf("the mailbox is not merged: %+v", mail)
	}
	restored("--undo", mail.ID)
	if content(box+"cur/2.M2.h:2,S") != "" || content(box+"new/9.M9.h") == "" {
		t.Error("the mailbox is not as before")
	}
	restored("--undo", files.ID)
	if got := content("public_html/index.php"); got != "live" {
		t.Errorf("after the undo: %q", got)
	}
	// What the owner of the home prepares leads nowhere.
	if err := errors.Join(os.RemoveAll(home+"/public_html"), os.Symlink(outside, home+"/public_html")); err != nil {
		t.Fatal(err)
	}
	if r := w.among("restore", "--live", snapshot+"files/public_html/index.php"); r.code == 0 {
		t.Errorf("%+v", r)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}
