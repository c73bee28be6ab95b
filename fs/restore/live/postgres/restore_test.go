package postgres

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/fs/restore/live/record"
	"slotfs/fs/restore/live/servertest"
)

// real is the server of all tests of this package.
var real *servertest.Postgres

func TestMain(m *testing.M) { os.Exit(withServer(m)) }

func withServer(m *testing.M) int {
	dir, err := servertest.Dir()
	if err == nil {
		defer os.RemoveAll(dir)
		real, err = servertest.NewPostgres(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { real.Kill() }()
	return m.Run()
}

// everything has an object of each kind that an account can make.
const everything = `CREATE TABLE parent (id serial PRIMARY KEY, name text CHECK (name <> ''), big numeric, at timestamptz DEFAULT '2026-01-05');
CREATE TABLE child (id int REFERENCES parent, doubled int GENERATED ALWAYS AS (id * 2) STORED); CREATE INDEX ON parent (lower(name));
CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('a', 'b'); CREATE TABLE app."odd name.é" (m app.mood, b bytea); CREATE SEQUENCE app.counter START 7;
CREATE VIEW v AS SELECT name FROM parent; CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM parent;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END $$;
CREATE TRIGGER t BEFORE UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO parent (name) VALUES ('one'), (E'a\\b\n\\.\n''c'); INSERT INTO child VALUES (1); INSERT INTO app."odd name.é" VALUES ('b', '\x00ff'); REFRESH MATERIALIZED VIEW mv;
CREATE EXTENSION pgcrypto; GRANT SELECT ON parent TO alice_ro; GRANT SELECT ON child TO PUBLIC; COMMENT ON TABLE parent IS 'all';
`

// world is a database of alice.
type world struct {
	t     *testing.T
	s     *Server
	store *record.Store
	db    string
}

func newWorld(t *testing.T, db string) *world {
	t.Helper()
	s, err := Open(t.Context(), Login{Socket: real.Dir, Port: servertest.PostgresPort})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, s: s, db: db, store: &record.Store{Dir: t.TempDir(), Now: time.Now}}
	_, _ = real.Query("postgres", "CREATE ROLE alice LOGIN PASSWORD 'x'")
	_, _ = real.Query("postgres", "CREATE ROLE alice_ro LOGIN PASSWORD 'x'")
	_, _ = real.Query("postgres", "CREATE ROLE bob LOGIN PASSWORD 'x'")
	w.query("postgres", "CREATE DATABASE "+db+" OWNER alice; GRANT CONNECT ON DATABASE "+db+" TO alice_ro")
	w.query(db, "ALTER SCHEMA public OWNER TO alice; GRANT CREATE ON DATABASE "+db+" TO alice; SET SESSION AUTHORIZATION alice; "+everything)
	t.Cleanup(func() {
		left := w.query("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'slotfs%' OR datname = '"+db+"'")
		for _, one := range strings.Fields(left) {
			w.query("postgres", "DROP DATABASE "+one+" WITH (FORCE)")
		}
	})
	return w
}

func (w *world) query(db, sql string) string {
	w.t.Helper()
	out, err := real.Query(db, sql)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) dump(format string) string {
	w.t.Helper()
	out, err := real.Dump(w.db, format)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// text is all of the database, as two of equal content have it in common.
func (w *world) text() string {
	var lines []string
	for line := range strings.SplitSeq(w.dump("p"), "\n") {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + w.query("postgres", "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '"+w.db+"'")
}

func (w *world) options(archive string) Options {
	return Options{Database: w.db, Account: "alice", Archive: strings.NewReader(archive), As: &syscall.Credential{Uid: 65534, Gid: 65534}, Source: "x.tar",
		Note: func(_ int, text string) { w.t.Log(text) }}
}

// noSequences leaves out how far sequences are: a server that died goes on some numbers later.
func noSequences(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "pg_catalog.setval(") }), "\n")
}

// clean holds that nothing is left of restores but what they keep.
func (w *world) clean(kept int) {
	w.t.Helper()
	if got := strings.Fields(w.query("postgres", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'slotfs%' UNION SELECT datname FROM pg_database WHERE datname LIKE 'slotfs%'")); len(got) != kept {
		w.t.Errorf("left on the server: %q", got)
	}
}

func TestADatabaseComesBackAsItWasAndTheRestoreIsUndone(t *testing.T) {
	for _, format := range []string{"t", "c"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t, "alice_"+format)
			good, archive := w.text(), w.dump(format)
			w.query(w.db, "DROP TABLE child; UPDATE parent SET name = 'spoiled'; CREATE TABLE newer (i int)")
			spoiled := w.text()
			if out, err := w.s.Rehearse(t.Context(), t.TempDir(), w.options(archive)); err != nil || len(out.Tables) != 3 || w.text() != spoiled {
				t.Fatalf("dry run: %+v, %v", out, err)
			}
			out, err := w.s.Restore(t.Context(), w.store, w.options(archive))
			if err != nil || len(out.LeftOut) > 0 || len(out.Tables) != 3 {
				t.Fatalf("%+v, %v", out, err)
			}
			if got := w.text(); got != good {
				t.Errorf("restored\n%s\nwas\n%s", got, good)
			}
			if got := w.query("postgres", "SELECT has_database_privilege('alice_ro', '"+w.db+"', 'CONNECT')"); got != "t\n" {
				t.Errorf("who could connect cannot any more")
			}
			w.clean(1)
			rec, err := w.store.Open(out.ID)
			if err != nil {
				t.Fatal(err)
			}
			defer rec.Close()
			undone, err := w.s.Undo(t.Context(), w.store, rec)
			if err != nil || w.text() != spoiled {
				t.Errorf("after the undo (%v)\n%s", err, w.text())
			}
			again, err := w.store.Open(undone.ID)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if err := w.s.Expire(t.Context(), again); err != nil {
				t.Error(err)
			}
			w.clean(0)
		})
	}
}

func TestWhatReachesOutsideFailsAndChangesNothing(t *testing.T) {
	w := newWorld(t, "alice_hostile")
	good := w.text()
	for name, does := range map[string]string{
		"program":   "CREATE TEMP TABLE x (t text); COPY x FROM PROGRAM 'id';",
		"file":      "PERFORM pg_read_file('/etc/passwd');",
		"superuser": "ALTER ROLE alice SUPERUSER;",
		"role":      "CREATE ROLE evil SUPERUSER;",
		"others":    "SET SESSION AUTHORIZATION postgres;",
		"library":   "LOAD 'auto_explain';",
		"setting":   "ALTER SYSTEM SET log_connections = on;",
		"database":  "ALTER DATABASE postgres OWNER TO alice;",
		"language":  "",
	} {
		// It does so where rows are checked as they are restored, and not while the administrator makes it here.
		sql := "CREATE FUNCTION f() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN IF current_user <> 'postgres' THEN " + does + " END IF; RETURN true; END $$; CREATE TABLE bad (i int CHECK (f())); INSERT INTO bad VALUES (1)"
		if does == "" {
			sql = "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_backend_pid'"
		}
		w.query(w.db, sql)
		archive := w.dump("t")
		w.query(w.db, "DROP TABLE IF EXISTS bad; DROP FUNCTION f")
		out, err := w.s.Restore(t.Context(), w.store, w.options(archive))
		if refused := fmt.Sprint(err); err == nil || !strings.Contains(refused, "permission denied") && !strings.Contains(refused, "must be ") && !strings.Contains(refused, "access to library") && !strings.Contains(refused, "cannot be executed from a function") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	if w.text() != good {
		t.Error("the live database is another one")
	}
	w.clean(0)
}

func TestWhatOnlyAnAdministratorCouldMakeIsLeftOutAndTold(t *testing.T) {
	w := newWorld(t, "alice_admin")
	good := w.text()
	w.query(w.db, "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER evil ON ddl_command_start EXECUTE FUNCTION e(); CREATE EXTENSION dblink; CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w")
	archive := w.dump("c")
	w.query(w.db, "DROP EVENT TRIGGER evil; DROP FUNCTION e; DROP EXTENSION dblink; DROP SERVER s; DROP FOREIGN DATA WRAPPER w")
	out, err := w.s.Restore(t.Context(), w.store, w.options(archive))
	left := strings.Join(out.LeftOut, "\n")
	if err != nil || !strings.Contains(left, "EVENT TRIGGER") || !strings.Contains(left, "dblink") || !strings.Contains(left, "SERVER") {
		t.Fatalf("%+v, %v", out, err)
	}
	w.query(w.db, "DROP FUNCTION e")
	if got := w.text(); got != good {
		t.Errorf("restored\n%s\nwas\n%s", got, good)
	}
}

func TestBrokenArchivesAndForeignDatabasesAreRefused(t *testing.T) {
	w := newWorld(t, "alice_broken")
	good, archive := w.text(), w.dump("c")
	for name, broken := range map[string]string{"empty": "", "text": "SELECT 1;", "cut": archive[:len(archive)*2/3], "cut tar": w.dump("t")[:9000]} {
		if out, err := w.s.Restore(t.Context(), w.store, w.options(broken)); err == nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
	for _, db := range []string{"postgres", "template1", "slotfs_x", "a\\b", `a"b`, ""} {
		o := w.options(archive)
		o.Database = db
		if out, err := w.s.Restore(t.Context(), w.store, o); err == nil {
			t.Errorf("%q: %+v", db, out)
		}
	}
	if own, err := w.s.Belongs(t.Context(), "bob", w.db); own || err != nil {
		t.Errorf("bob's: %v, %v", own, err)
	}
	if w.text() != good {
		t.Error("the live database is another one")
	}
	w.clean(0)
}

func TestAServerThatDiesLeavesBeforeOrAfter(t *testing.T) {
	for _, stage := range []string{"imported", "swapping", "swapped"} {
		w := newWorld(t, "alice_dies")
		good, archive := w.text(), w.dump("t")
		w.query(w.db, "DROP TABLE child")
		spoiled := w.text()
		o := w.options(archive)
		o.Reached = func(step string) {
			if step == stage {
				real.Kill()
			}
		}
		if out, err := w.s.Restore(t.Context(), w.store, o); err == nil {
			t.Errorf("%s: %+v without a server", stage, out)
		}
		if err := real.Start(); err != nil {
			t.Fatal(err)
		}
		if ids, err := w.s.Tidy(t.Context(), w.store); err != nil || len(ids) != 1 {
			t.Fatalf("%s: %v, %v", stage, ids, err)
		}
		want, kept := spoiled, 0
		if stage == "swapped" {
			want, kept = good, 1
		}
		if got := w.text(); noSequences(got) != noSequences(want) {
			t.Errorf("%s: the live database is neither as before nor as after", stage)
		}
		w.clean(kept)
		w.query("postgres", "DROP DATABASE "+w.db)
		for _, one := range strings.Fields(w.query("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'slotfs%'")) {
			w.query("postgres", "DROP DATABASE "+one)
		}
	}
}
