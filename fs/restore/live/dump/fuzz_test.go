package dump

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzReader holds that what is passed on is one statement that is read again in the same way, without comments that are executed, and
// that memory is bounded.
func FuzzReader(f *testing.F) {
	for _, sql := range []string{
		"/*M!999999\\- enable the sandbox mode */ \nSET @old=@@sql_mode, sql_mode='ANSI_QUOTES';\nINSERT INTO t VALUES (1,'a\\'b'),(2,\"x\");",
		"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON `t` FOR EACH ROW BEGIN SET NEW.a=1; END */;;\nDELIMITER ;\n",
		"CREATE TABLE t (a text COLLATE utf8mb4_0900_ai_ci) /*!50100 PARTITION BY KEY (a) */;\nLOCK TABLES `t` WRITE;\nCOMMIT;\n-- end",
		"CREATE DEFINER=a@b EVENT e ON SCHEDULE EVERY 1 HOUR DISABLE ON SLAVE DO DELETE FROM t; DROP VIEW IF EXISTS v; USE shop;",
	} {
		f.Add(sql, true)
	}
	f.Fuzz(func(t *testing.T, sql string, isMaria bool) {
		o := Options{Server: mysql, Database: "shop", MaxStatement: 4096, Piece: 64}
		if isMaria {
			o.Server = maria
		}
		r := NewReader(strings.NewReader(sql), o)
		for {
			s, err := r.Next()
			if cap(r.lex.out) > 1<<20 {
				t.Fatalf("%d bytes", cap(r.lex.out))
			}
			if err != nil {
				return
			}
			again(t, r, s)
		}
	})
}

// again reads a statement that was passed on.
func again(t *testing.T, from *Reader, s *Statement) {
	o := from.o
	o.Piece, o.MaxStatement = o.MaxStatement, 2*o.MaxStatement
	const end = "\x01"
	r := NewReader(strings.NewReader(string(s.Text)+"\n"+end), o)
	r.lex.delimiter = end
	r.modes.now = from.lex.mode
	r.modes.saved = from.modes.saved
	if s.Kind == Setting {
		return // it changes how it would be read itself
	}
	n, err := r.Next()
	if err != nil {
		t.Fatalf("%q: %v", s.Text, err)
	}
	if strings.TrimSpace(string(n.Text)) != strings.TrimSpace(string(s.Text)) || n.Kind != s.Kind || n.Definer != "" {
		t.Fatalf("%v %q\nis read as\n%v %q", s.Kind, s.Text, n.Kind, n.Text)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("%q: more than one", s.Text)
	}
}
