package dump

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

var (
	maria = Server{MariaDB: true, Version: 101119}
	mysql = Server{Version: 80036}
)

// read reads all statements of a dump, as "KIND name: text".
func read(t *testing.T, o Options, sql string) (all []string, notes []string, err error) {
	t.Helper()
	o.Note = func(line int, text string) { notes = append(notes, fmt.Sprintf("%d: %s", line, text)) }
	r := NewReader(strings.NewReader(sql), o)
	for {
		s, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, notes, nil
		}
		if err != nil {
			return all, notes, err
		}
		all = append(all, strings.Join(strings.Fields(string(s.Text)), " "))
	}
}

func TestStatementsAreWhatTheServerWouldExecute(t *testing.T) {
	for _, c := range []struct {
		name, sql string
		server    Server
		want      []string
	}{
		{"sandbox line", "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\nSELECT SETVAL(`s`, 1, 0);", maria, []string{"SELECT SETVAL(`s`, 1, 0)"}},
		{"sandbox line on MySQL", "/*M!999999\\- enable the sandbox mode */ \nCOMMIT;", mysql, []string{"COMMIT"}},
		{"versions", "/*!50003 CREATE*/ /*!99999 TABLE */ TABLE `a` (/*!80023 x */ i int /*M!100400 , j int*/) /*! ENGINE=InnoDB */;", maria,
			[]string{"CREATE TABLE `a` ( i int , j int ) ENGINE=InnoDB"}},
		{"versions on MySQL", "CREATE TABLE `a` (i int /*!80023 INVISIBLE */ /*M! , j int*/);", mysql, []string{"CREATE TABLE `a` (i int INVISIBLE )"}},
		{"nested in what is left out", "COMMIT /*!99999 a /* b */ c */;", mysql, []string{"COMMIT"}},
		{"quotes", "INSERT INTO `a;b``c` VALUES ('a;\\'b''c','\\\\',\"x;\"),(0x00,_binary 'x',NULL,\\N);", maria,
			[]string{"INSERT INTO `a;b``c` VALUES ('a;\\'b''c','\\\\',\"x;\"),(0x00,_binary 'x',NULL,\\N)"}},
		{"no backslash escapes", "SET sql_mode='NO_BACKSLASH_ESCAPES';INSERT INTO t VALUES ('\\');SET sql_mode='';INSERT INTO t VALUES ('\\';');", maria,
			[]string{"SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'", "INSERT INTO t VALUES ('\\')", "SET SESSION sql_mode = ''", "INSERT INTO t VALUES ('\\';')"}},
		{"mode that was saved", "SET @old=@@sql_mode, sql_mode='ANSI_QUOTES';INSERT INTO \"t\\\" VALUES (1);SET sql_mode=@OLD;INSERT INTO t VALUES (\"\\\";\");", maria,
			[]string{"SET @old = @@sql_mode, SESSION sql_mode = 'ANSI_QUOTES'", "INSERT INTO \"t\\\" VALUES (1)", "SET SESSION sql_mode = @OLD", "INSERT INTO t VALUES (\"\\\";\")"}},
		{"delimiter", "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON `t` FOR EACH ROW BEGIN /* ; */ SET NEW.a=1; -- ;;\nEND */;;\nDELIMITER ;\nCOMMIT;", maria,
			[]string{"CREATE TRIGGER tr BEFORE INSERT ON `t` FOR EACH ROW BEGIN /* ; */ SET NEW.a=1; -- ;; END", "COMMIT"}},
		{"dollars", "delimiter $$\nCREATE PROCEDURE `p`() BEGIN SELECT $a$$\nCOMMIT$$", maria, []string{"CREATE PROCEDURE `p`() BEGIN SELECT $a", "COMMIT"}},
		{"event", "CREATE DEFINER=CURRENT_USER() EVENT e ON SCHEDULE EVERY (1) HOUR ON COMPLETION PRESERVE ENABLE DO DELETE FROM t;", maria,
			[]string{"CREATE EVENT e ON SCHEDULE EVERY (1) HOUR ON COMPLETION PRESERVE DISABLE DO DELETE FROM t"}},
		{"event on a replica", "CREATE EVENT e ON SCHEDULE EVERY 1 HOUR DISABLE ON SLAVE DO DELETE FROM t;CREATE EVENT f ON SCHEDULE EVERY 1 HOUR DO DO 1;", maria,
			[]string{"CREATE EVENT e ON SCHEDULE EVERY 1 HOUR DISABLE DO DELETE FROM t", "CREATE EVENT f ON SCHEDULE EVERY 1 HOUR DISABLE DO DO 1"}},
		{"view", "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER='a'@'%' SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 AS `DEFINER` */;", maria,
			[]string{"CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1 AS `DEFINER`"}},
		{"own database", "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;\nUSE `shop`;\nDROP DATABASE IF EXISTS shop;INSERT INTO `shop`.`t` VALUES (1);ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_swedish_ci;", maria,
			[]string{"INSERT INTO `t` VALUES (1)", "ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_swedish_ci"}},
		{"binary log", "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5';SET @t = @@SESSION.SQL_LOG_BIN;SET @@SESSION.SQL_LOG_BIN= 0;CHANGE MASTER TO MASTER_LOG_POS=4;", mysql,
			[]string{"SET @t = @@SESSION.SQL_LOG_BIN"}},
		{"modes of old servers", "SET SQL_MODE='NO_AUTO_CREATE_USER,NO_ZERO_DATE';", mysql, []string{"SET SESSION sql_mode = 'NO_ZERO_DATE'"}},
		{"names and lists", "/*!40101 SET NAMES utf8mb4 */;SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0, time_zone = '+00:00', sql_log_off=1;", maria,
			[]string{"SET NAMES utf8mb4", "SET @OLD_SQL_NOTES = @@SQL_NOTES, SESSION sql_notes = 0, SESSION time_zone = '+00:00'"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := read(t, Options{Server: c.server, Database: "shop"}, c.sql)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("error %v\n got %q\nwant %q", err, got, c.want)
			}
		})
	}
}

func TestWhatReachesOutsideIsRefusedWithItsLine(t *testing.T) {
	for _, sql := range []string{
		"USE otherdb;", "use `mysql`;", "CREATE USER a;", "CREATE /*!50003 USER */ a;", "GRANT ALL ON *.* TO a;", "SET GLOBAL general_log=1;", "SET @@global.general_log=1;",
		"SET PERSIST x=1;", "SET @a=1, GLOBAL x=2;", "SET @@ GLOBAL . x = 1;", "SET PASSWORD='x';", "LOAD DATA INFILE '/etc/passwd' INTO TABLE t;", "LOAD/**/DATA LOCAL INFILE 'x' INTO TABLE t;",
		"SELECT 1 INTO OUTFILE '/tmp/x';", "INSERT INTO t SELECT 1 INTO DUMPFILE '/tmp/x';", "CREATE VIEW v AS SELECT 1 INTO OUTFILE 'x';",
		"\\! id\n;", "SELECT SETVAL(1) \\! id;", "\\. /etc/passwd\n", "source /etc/passwd\n;", "system id\n;", "CREATE FUNCTION f RETURNS STRING SONAME 'x.so';",
		"INSTALL PLUGIN x SONAME 'y';", "SHUTDOWN;", "PREPARE s FROM 'x';", "CREATE DATABASE other;", "DROP DATABASE mysql;", "DROP USER root;", "ALTER USER root IDENTIFIED BY 'x';",
		"INSERT INTO mysql.user VALUES (1);", "CREATE TABLE `mysql`.x (i int);", "CREATE TRIGGER t BEFORE INSERT ON other.x FOR EACH ROW SET @a=1;",
		"SET NAMES gbk;", "SET character_set_client='sjis';", "SET sql_mode=@x;", "SET sql_mode=CONCAT(@@sql_mode,',ANSI');", "SET @x=(SELECT 1);",
		"DROP TABLE \x00a;", "COMMIT /*!50000 /*!50000 x */ */;", "/*!50000 COMMIT; */", "DELIMITER a\n", "COMMIT /* x", "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x');",
		"DELIMITER $$\nDROP TABLE a; DROP TABLE b$$", "INSERT INTO t VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaa') ON DUPLICATE KEY UPDATE a=1;",
		"INSERT INTO t VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),;",
	} {
		_, _, err := read(t, Options{Server: maria, Database: "shop", Piece: 20}, "COMMIT;\n\n"+sql)
		var r *RefusedError
		if !errors.As(err, &r) || r.Line < 3 || r.Line > 4 {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

func TestWhatEndsEarlyIsNotWhole(t *testing.T) {
	for _, sql := range []string{"COMMIT", "INSERT INTO t VALUES (1),", "INSERT INTO t VALUES ('a", "/*!50003 COMMIT", "INSERT INTO t VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaa')", "COMMIT '\\"} {
		_, _, err := read(t, Options{Server: maria, Piece: 20}, sql)
		if !errors.Is(err, ErrEndsEarly) {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

func TestLongInsertsAreCutBetweenRows(t *testing.T) {
	var sql strings.Builder
	sql.WriteString("INSERT INTO `t` (`a`, `values`) VALUES ")
	const rows = 5000
	for i := range rows {
		if i > 0 {
			sql.WriteString(",\n")
		}
		fmt.Fprintf(&sql, "(%d,'),(x\\'',(1))", i)
	}
	sql.WriteString(";\nCOMMIT;")
	got, _, err := read(t, Options{Server: maria, Piece: 1000, MaxStatement: 1100}, sql.String())
	if err != nil || len(got) < 80 || got[len(got)-1] != "COMMIT" {
		t.Fatalf("%d statements, %v", len(got), err)
	}
	n := 0
	for _, s := range got[:len(got)-1] {
		rest, ok := strings.CutPrefix(s, "INSERT INTO `t` (`a`, `values`) VALUES (")
		if !ok || len(s) > 1100 {
			t.Fatalf("piece %q", s)
		}
		for part := range strings.SplitSeq("("+rest, ",(1)), (") {
			if want := fmt.Sprintf("%d,'),(x\\''", n); !strings.HasPrefix(strings.TrimPrefix(part, "("), want) {
				t.Fatalf("row %d: %q", n, part)
			}
			n++
		}
	}
	if n != rows {
		t.Errorf("%d rows", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	for _, begin := range []string{"INSERT INTO t VALUES ('", "CREATE TABLE ", "INSERT INTO t VALUES (1", "-- ", "/* ", "CREATE PROCEDURE p() /* ", "CREATE PROCEDURE p() -- "} {
		endless := io.MultiReader(strings.NewReader(begin), io.LimitReader(filler{}, 8<<20))
		r := NewReader(endless, Options{Server: maria, MaxStatement: 1 << 20})
		_, err := r.Next()
		if c := cap(r.lex.out); c > 4<<20 {
			t.Errorf("%q: %d bytes, %v", begin, c, err)
		}
	}
}

type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestUnknownCollationsAreReplacedAndTold(t *testing.T) {
	known := func(c string) bool {
		return c == "utf8mb4_unicode_520_ci" || c == "utf8mb4_bin" || c == "utf8_general_ci"
	}
	got, notes, err := read(t, Options{Server: Server{MariaDB: true, Version: 100300, Collations: known}},
		"CREATE TABLE t (a text COLLATE utf8mb4_0900_ai_ci, b text COLLATE 'utf8mb4_0900_as_cs') COLLATE=utf8mb3_general_ci;SET collation_connection=utf8mb4_uca1400_ai_ci;")
	want := []string{"CREATE TABLE t (a text COLLATE utf8mb4_unicode_520_ci, b text COLLATE utf8mb4_bin) COLLATE=utf8_general_ci",
		"SET SESSION collation_connection = utf8mb4_unicode_520_ci"}
	if err != nil || !slices.Equal(got, want) || len(notes) != 4 {
		t.Errorf("%v\n got %q\nnotes %q", err, got, notes)
	}
}

func TestWhoDefinedAProgramIsTold(t *testing.T) {
	for clause, want := range map[string]string{"`ro``ot`@`%`": "ro`ot@%", "'a'@'localhost'": "a@localhost", "a@h.example": "a@h.example", "CURRENT_USER": "CURRENT_USER", "role": "role"} {
		r := NewReader(strings.NewReader("CREATE DEFINER="+clause+" PROCEDURE p() SELECT 1;"), Options{Server: maria})
		s, err := r.Next()
		if err != nil || s.Definer != want || s.Kind != Procedure || s.Name != "p" || !s.Create || strings.Contains(string(s.Text), "DEFINER") {
			t.Errorf("%s: %+v, %v", clause, s, err)
		}
	}
}
