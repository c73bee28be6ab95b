package mysql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/fs/restore/live/dump"
	"slotfs/fs/restore/live/record"
)

// everything has an object of each kind.
const everything = `
CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(50)) ENGINE=InnoDB;
CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, twice INT GENERATED ALWAYS AS (id * 2) VIRTUAL, at DATETIME DEFAULT '0000-00-00 00:00:00',
  hidden INT INVISIBLE DEFAULT 3, CONSTRAINT link FOREIGN KEY (parent) REFERENCES parent (id)) ENGINE=InnoDB;
CREATE TABLE log (what VARCHAR(200)) ENGINE=MyISAM;
CREATE TABLE ` + "`odd name.with-things é`" + ` (b BLOB, f DOUBLE, FULLTEXT KEY (t), t TEXT) ENGINE=Aria ROW_FORMAT=PAGE;
CREATE TABLE old (t VARCHAR(20)) CHARACTER SET latin1;
CREATE SEQUENCE counter START WITH 7;
INSERT INTO parent VALUES (1, 'it''s \\ "quoted"; é'), (2, NULL);
INSERT INTO child (parent) VALUES (1), (2);
INSERT INTO ` + "`odd name.with-things é`" + ` VALUES (0x00ff275c0a, 1.5, 'text');
INSERT INTO old VALUES ('caf` + "\u00e9" + `');
DELIMITER ;;
CREATE DEFINER=root@localhost TRIGGER note AFTER INSERT ON parent FOR EACH ROW BEGIN /* a; comment */ INSERT INTO log VALUES (CONCAT('new ', NEW.id)); END;;
CREATE DEFINER=alice@localhost PROCEDURE add_one(IN n VARCHAR(20)) SQL SECURITY INVOKER BEGIN DECLARE x INT; SELECT MAX(id) + 1 INTO x FROM parent; INSERT INTO parent VALUES (x, n); -- the end
END;;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2;;
CREATE EVENT sweep ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE ENABLE COMMENT 'x;' DO DELETE FROM log;;
CREATE EVENT asleep ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO DELETE FROM log;;
DELIMITER ;
CREATE VIEW a_view AS SELECT z.id, twice(z.id) AS t FROM z_view z;
CREATE ALGORITHM=MERGE DEFINER=alice@localhost SQL SECURITY INVOKER VIEW z_view_base AS SELECT id FROM parent;
`

// world is a database with everything in it, that of another account, and the records.
type world struct {
	t     *testing.T
	s     *Server
	store *record.Store
	db    string
	other string // content of the other account's database
}

func newWorld(t *testing.T, db string) *world {
	t.Helper()
	s, err := Open(t.Context(), Login{Socket: real.Socket, User: "root"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{t: t, s: s, db: db, store: &record.Store{Dir: t.TempDir(), Now: time.Now}}
	w.query("DROP DATABASE IF EXISTS " + db + "; CREATE DATABASE " + db + "; CREATE DATABASE IF NOT EXISTS bob_shop; CREATE OR REPLACE USER alice@localhost IDENTIFIED BY 'x';" +
		"GRANT ALL ON `" + strings.ReplaceAll(db, "_", `\_`) + "`.* TO alice@localhost; CREATE TABLE IF NOT EXISTS bob_shop.secret (i INT)")
	setup := strings.Replace(everything, "CREATE VIEW a_view AS", "CREATE VIEW z_view AS SELECT id FROM parent;\nCREATE VIEW a_view AS", 1)
	if out, err := real.Import(db, "SET sql_mode='';"+setup); err != nil {
		t.Fatal(out, err)
	}
	w.other = w.dump("bob_shop")
	return w
}

func (w *world) query(sql string) string {
	w.t.Helper()
	out, err := real.Query(sql)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// dump is the content of a database. Who defined what does not count, nor when events begin.
func (w *world) dump(db string) string {
	w.t.Helper()
	out, err := real.Dump(db)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.NewReplacer("`root`@`localhost`", "`alice`@`localhost`").Replace(out)
}

func (w *world) options(sql string) Options {
	return Options{Database: w.db, Dumped: w.db, Account: "alice", Dump: strings.NewReader(sql), Source: "test", Note: func(int, string) {}}
}

// clean fails the test if a restore left anything on the server, or changed what is another account's.
func (w *world) clean() {
	w.t.Helper()
	if left := w.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'slotfs%' UNION SELECT User FROM mysql.user WHERE User LIKE 'slotfs%'"); left != "" {
		w.t.Errorf("left behind: %s", left)
	}
	if now := w.dump("bob_shop"); now != w.other {
		w.t.Errorf("another account's database: %s", now)
	}
}

func (w *world) expect(what, want string) {
	w.t.Helper()
	if got := w.dump(w.db); got != want {
		w.t.Errorf("%s: the live database is\n%s\nnot\n%s", what, got, want)
	}
}

// spoil changes the live database in each kind of thing.
func (w *world) spoil() string {
	w.t.Helper()
	if out, err := real.Import(w.db, `DROP TABLE child, log; DROP PROCEDURE add_one; DROP EVENT sweep; DROP TRIGGER note; UPDATE parent SET name='spoiled';
CREATE TABLE newer (i INT); CREATE DEFINER=root@localhost TRIGGER other BEFORE INSERT ON newer FOR EACH ROW SET NEW.i = 1; CREATE VIEW newer_view AS SELECT * FROM newer; DROP VIEW a_view;
CREATE EVENT newer_event ON SCHEDULE EVERY 1 DAY ENABLE DO DELETE FROM newer; CREATE OR REPLACE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 3;`); err != nil {
		w.t.Fatal(out, err)
	}
	return w.dump(w.db)
}

func TestADatabaseComesBackAsItWasAndTheRestoreIsUndone(t *testing.T) {
	w := newWorld(t, "alice_round")
	raw, err := real.Dump(w.db)
	if err != nil {
		t.Fatal(err)
	}
	good, spoiled := w.dump(w.db), w.spoil()
	out, err := w.s.Restore(t.Context(), w.store, w.options(raw))
	if err != nil {
		t.Fatal(err)
	}
	w.expect("after the restore", good)
	w.clean()
	if len(out.Tables) != 6 || len(out.Removed) != 1 || out.Programs != 8 || len(out.LeftOut) != 0 {
		t.Errorf("%+v", out)
	}
	if who := w.query("SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='alice_round' UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='alice_round' UNION SELECT DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA='alice_round' UNION SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA='alice_round'"); who != "alice@localhost\n" {
		t.Errorf("definers: %s", who)
	}
	if refs := w.query("SELECT UNIQUE_CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA='alice_round'"); refs != "alice_round\n" {
		t.Errorf("foreign key leads to %s", refs)
	}
	rec, err := w.store.Open(out.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	again, err := w.s.Undo(t.Context(), w.store, rec, w.options(""))
	if err != nil {
		t.Fatal(err)
	}
	w.expect("after the undo", spoiled)
	w.clean()
	if who := w.query("SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='alice_round'"); who != "root@localhost\n" {
		t.Errorf("definer after the undo: %s", who)
	}
	back, err := w.store.Open(again.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if _, err := w.s.Undo(t.Context(), w.store, back, w.options("")); err != nil {
		t.Fatal(err)
	}
	w.expect("after the undo was undone", good)
}

func TestWhatWasKeptIsADumpThatAnybodyCanUse(t *testing.T) {
	w := newWorld(t, "alice_kept")
	before := w.dump(w.db)
	out, err := w.s.Restore(t.Context(), w.store, w.options("CREATE TABLE only (i INT);"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(w.store.Dir, out.ID, out.Before))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := dump.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	w.query("DROP DATABASE alice_kept; CREATE DATABASE alice_kept")
	if said, err := real.Import(w.db, string(text)); err != nil {
		t.Fatal(said, err)
	}
	w.expect("after mariadb < before.sql", before)
}

func TestSomeTablesComeBackAlone(t *testing.T) {
	w := newWorld(t, "alice_some")
	raw, err := real.Dump(w.db)
	if err != nil {
		t.Fatal(err)
	}
	w.query("USE alice_some; UPDATE parent SET name='spoiled'; DROP TRIGGER note; DROP TABLE old; CREATE TABLE newer (i INT)")
	spoiled := w.dump(w.db)
	o := w.options(raw)
	o.Tables = []string{"parent", "old"}
	if _, err := w.s.Restore(t.Context(), w.store, o); err == nil || !strings.Contains(err.Error(), "foreign key of child") {
		t.Error(err)
	}
	w.expect("after a table that another one needs", spoiled)
	o = w.options(raw)
	o.Tables = []string{"parent", "old", "child"}
	out, err := w.s.Restore(t.Context(), w.store, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.query("USE alice_some; SELECT COUNT(*) FROM parent WHERE name='spoiled'; SELECT COUNT(*) FROM newer; SELECT HEX(t) FROM old; SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='alice_some'"); got != "0\n0\n636166E9\nnote\n" {
		t.Errorf("%q", got)
	}
	rec, err := w.store.Open(out.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if _, err := w.s.Undo(t.Context(), w.store, rec, w.options("")); err != nil {
		t.Fatal(err)
	}
	w.expect("after the undo", spoiled)
	o = w.options(raw)
	o.Tables = []string{"nosuch"}
	if _, err := w.s.Restore(t.Context(), w.store, o); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Error(err)
	}
	w.expect("after a table that is not there", spoiled)
	w.clean()
}

func TestADatabaseThatIsGoneComesBackAndGoesAgain(t *testing.T) {
	w := newWorld(t, "alice_gone")
	raw, err := real.Dump(w.db)
	if err != nil {
		t.Fatal(err)
	}
	good := w.dump(w.db)
	w.query("DROP DATABASE alice_gone")
	out, err := w.s.Restore(t.Context(), w.store, w.options(raw))
	if err != nil {
		t.Fatal(err)
	}
	w.expect("after the restore", good)
	rec, err := w.store.Open(out.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if _, err := w.s.Undo(t.Context(), w.store, rec, w.options("")); err != nil {
		t.Fatal(err)
	}
	if left := w.query("SHOW DATABASES LIKE 'alice_gone'"); left != "" {
		t.Error("the database is still there")
	}
	w.clean()
}

func TestHostileAndDamagedDumpsLeaveTheLiveDatabaseAsItWas(t *testing.T) {
	w := newWorld(t, "alice_hostile")
	before := w.dump(w.db)
	for _, sql := range []string{
		"INSERT INTO bob_shop.secret VALUES (1);", "USE bob_shop;", "CREATE TABLE x AS SELECT * FROM mysql.user;", "CREATE TABLE x AS SELECT * FROM bob_shop.secret;", "DROP TABLE bob_shop.secret;",
		"INSERT INTO alice_hostile_x.t VALUES (1);", "CREATE TABLE t (a TEXT); LOAD DATA INFILE '/etc/passwd' INTO TABLE t;", "CREATE TABLE t (a TEXT); INSERT INTO t SELECT LOAD_FILE('/etc/passwd'); SELECT * FROM t INTO OUTFILE '/tmp/slotfs-stolen';",
		"SET GLOBAL event_scheduler=OFF;", "CREATE USER x;", "GRANT ALL ON *.* TO alice@localhost;", "\\! touch /tmp/slotfs-stolen\n",
		"CREATE TABLE t (a INT); RENAME TABLE t TO bob_shop.t;", "CREATE TABLE t (a INT); ALTER TABLE t RENAME bob_shop.t;", "CREATE TABLE t LIKE bob_shop.secret;",
		"CREATE TABLE slotfs_restore_marker (i INT);", "DROP TABLE slotfs_restore_marker; CREATE TABLE t (i INT);", "CREATE TABLE t (i INT); INSERT INTO t VALUES (1), (2", "CREATE TABLE t (i INT); nonsense;", "CREATE TABLE t (i INT PRIMARY KEY); INSERT INTO t VALUES (1), (1);", "",
		"CREATE TABLE t (i INT); CREATE TRIGGER x BEFORE INSERT ON bob_shop.secret FOR EACH ROW SET @a=1;",
	} {
		if out, err := w.s.Restore(t.Context(), w.store, w.options(sql)); err == nil {
			t.Errorf("%q: restored as %+v", sql, out)
		}
		w.clean()
	}
	w.expect("after all of them", before)
	if _, err := os.Stat("/tmp/slotfs-stolen"); err == nil {
		t.Error("a file was written")
	}
}

func TestProgramsOfADumpRunAsTheAccountAlone(t *testing.T) {
	w := newWorld(t, "alice_power")
	sql := "DELIMITER ;;\nCREATE TABLE t (i INT);;\nCREATE DEFINER=root@localhost PROCEDURE steal() SELECT * FROM bob_shop.secret;;\nCREATE DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW peek AS SELECT * FROM bob_shop.secret;;\nCREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM t;;\n"
	out, err := w.s.Restore(t.Context(), w.store, w.options(sql))
	if err != nil || len(out.LeftOut) != 1 || !strings.HasPrefix(out.LeftOut[0], "view peek") {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := real.Query("CALL alice_power.steal()"); err == nil {
		t.Error("the procedure reads another account's table")
	}
	if got := w.query("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA='alice_power'"); got != "ENABLED\n" {
		t.Errorf("event %s", got)
	}
	w.query("GRANT SELECT ON bob_shop.* TO alice@localhost") // whoever reaches others is no definer any more
	if out, err := w.s.Restore(t.Context(), w.store, w.options(sql)); err == nil {
		t.Errorf("%+v", out)
	}
	w.clean()
}

func TestLargeRowsAndLongInserts(t *testing.T) {
	w := newWorld(t, "alice_large")
	var sql strings.Builder
	sql.WriteString("CREATE TABLE t (i INT PRIMARY KEY, d LONGBLOB);\nINSERT INTO t VALUES (0,'" + strings.Repeat("x", 12<<20) + "')")
	for i := range 20000 {
		fmt.Fprintf(&sql, ",(%d,'%s')", i+1, strings.Repeat(`\'`, 500))
	}
	sql.WriteString(";\n")
	if _, err := w.s.Restore(t.Context(), w.store, w.options(sql.String())); err != nil {
		t.Fatal(err)
	}
	if got := w.query("SELECT COUNT(*), SUM(LENGTH(d)) FROM alice_large.t"); got != fmt.Sprintf("20001\t%d\n", 12<<20+20000*500) {
		t.Error(got)
	}
}

const (
	stageVariable = "SLOTFS_TEST_KILLED_AT"
	dirVariable   = "SLOTFS_TEST_DIRECTORY"
)

// killedAt restores in a process that kills itself.
func killedAt() int {
	dir := os.Getenv(dirVariable)
	sql, err := os.ReadFile(filepath.Join(dir, "dump.sql"))
	if err != nil {
		return 1
	}
	socket, err := os.ReadFile(filepath.Join(dir, "socket"))
	if err != nil {
		return 1
	}
	s, err := Open(context.Background(), Login{Socket: string(socket), User: "root"})
	if err != nil {
		return 1
	}
	o := Options{Database: "alice_killed", Account: "alice", Dump: strings.NewReader(string(sql)), Reached: func(step string) {
		if step == os.Getenv(stageVariable) {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
	}}
	_, _ = s.Restore(context.Background(), &record.Store{Dir: filepath.Join(dir, "records"), Now: time.Now}, o)
	return 1
}

func TestWhoeverIsKilledLeavesBeforeOrAfterAndTheNextOneTidiesUp(t *testing.T) {
	w := newWorld(t, "alice_killed")
	raw, err := real.Dump(w.db)
	if err != nil {
		t.Fatal(err)
	}
	good, spoiled := w.dump(w.db), w.spoil()
	for _, stage := range []string{"recorded", "scratch", "imported", "swapping", "swapped", "kept", "dropped"} {
		dir := t.TempDir()
		for name, text := range map[string]string{"dump.sql": raw, "socket": real.Socket} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), stageVariable+"="+stage, dirVariable+"="+dir)
		var end *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &end) || end.ExitCode() != -1 {
			t.Fatalf("%s: %v", stage, err)
		}
		want := good
		switch stage {
		case "recorded", "scratch", "imported", "swapping":
			want = spoiled
		}
		w.expect("killed when "+stage, want)
		store := &record.Store{Dir: filepath.Join(dir, "records"), Now: time.Now}
		ids, err := w.s.Tidy(t.Context(), store)
		if err != nil || len(ids) != 1 {
			t.Fatalf("%s: %v, %v", stage, ids, err)
		}
		w.expect("tidied up when "+stage, want)
		w.clean()
		if want == good {
			rec, err := store.Open(ids[0])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.s.Undo(t.Context(), store, rec, w.options("")); err != nil {
				t.Fatal(err)
			}
			rec.Close()
			w.expect("undone when "+stage, spoiled)
		}
	}
}
