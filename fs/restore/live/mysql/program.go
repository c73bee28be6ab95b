package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
)

// programKey tells programs of one database apart.
type programKey struct{ kind, name string }

// program is a view, trigger, routine or event as the server itself tells it.
type program struct {
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	Table     string   `json:"table,omitempty"` // of a trigger
	Text      []byte   `json:"text"`            // CREATE ..., in the character set Charset, without its DEFINER
	Definer   account  `json:"definer"`
	Mode      string   `json:"mode"`
	Charset   string   `json:"charset"`
	Collation string   `json:"collation"`
	Zone      string   `json:"zone,omitempty"`    // of an event
	Status    string   `json:"status,omitempty"`  // that an event gets after it was made; "": that of Text
	Columns   []string `json:"columns,omitempty"` // of a view
}

// account is a user of the server.
type account struct {
	User string `json:"user"`
	Host string `json:"host"`
}

func (a account) sql() string { return id(a.User) + "@" + id(a.Host) }

// programKinds are in the order in which they are made: what uses something comes after it.
var programKinds = []string{"FUNCTION", "PROCEDURE", "VIEW", "TRIGGER", "EVENT"}

// listPrograms are the queries for name and definer (and a table) of the programs of a database.
var listPrograms = map[string]string{
	"FUNCTION":  "SELECT ROUTINE_NAME, DEFINER, '' FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_TYPE = 'FUNCTION' ORDER BY ROUTINE_NAME",
	"PROCEDURE": "SELECT ROUTINE_NAME, DEFINER, '' FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_TYPE = 'PROCEDURE' ORDER BY ROUTINE_NAME",
	"VIEW":      "SELECT TABLE_NAME, DEFINER, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME",
	"TRIGGER":   "SELECT TRIGGER_NAME, DEFINER, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
	"EVENT":     "SELECT EVENT_NAME, DEFINER, '' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? ORDER BY EVENT_NAME",
}

// programs reads all programs of a database.
func (s *Server) programs(ctx context.Context, db string) ([]program, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer discard(conn)
	if _, err := conn.ExecContext(ctx, "USE "+id(db)); err != nil {
		return nil, err
	}
	var all []program
	for _, kind := range programKinds {
		some, err := listKind(ctx, conn, db, kind)
		if err != nil {
			return nil, fmt.Errorf("list %ss of %s: %w", strings.ToLower(kind), db, err)
		}
		all = append(all, some...)
	}
	for i := range all {
		if all[i].Kind == "VIEW" {
			all[i].Columns, err = s.strings(ctx, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION", db, all[i].Name)
			if err != nil {
				return nil, err
			}
		}
	}
	// What SHOW CREATE answers is in the character set that it was defined in: nothing is converted.
	if _, err := conn.ExecContext(ctx, "SET character_set_results = NULL"); err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].show(ctx, conn); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", strings.ToLower(all[i].Kind), all[i].Name, err)
		}
	}
	return all, nil
}

func listKind(ctx context.Context, conn *sql.Conn, db, kind string) ([]program, error) {
	rows, err := conn.QueryContext(ctx, listPrograms[kind], db)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []program
	for rows.Next() {
		p := program{Kind: kind}
		var definer, more string
		if err := rows.Scan(&p.Name, &definer, &more); err != nil {
			return nil, err
		}
		p.Definer = parseAccount(definer)
		if kind == "TRIGGER" {
			p.Table = more
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// parseAccount reads USER@HOST; the user's name may have an @.
func parseAccount(s string) account {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return account{User: s}
	}
	return account{s[:i], s[i+1:]}
}

// show reads the definition.
func (p *program) show(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SHOW CREATE "+p.Kind+" "+id(p.Name))
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]sql.RawBytes, len(names))
	to := make([]any, len(names))
	for i := range cells {
		to[i] = &cells[i]
	}
	if !rows.Next() {
		return rows.Err()
	}
	if err := rows.Scan(to...); err != nil {
		return err
	}
	var text []byte
	for i, name := range names {
		switch strings.ToLower(name) {
		case "sql_mode":
			p.Mode = string(cells[i])
		case "character_set_client":
			p.Charset = string(cells[i])
		case "collation_connection":
			p.Collation = string(cells[i])
		case "time_zone":
			p.Zone = string(cells[i])
		case "sql original statement", "create view", "create procedure", "create function", "create event":
			text = append(text, cells[i]...)
		}
	}
	p.Text, err = withoutDefiner(text, p.Definer)
	return err
}

// definerClause is how servers write it.
var definerClause = regexp.MustCompile("^(CREATE(?: OR REPLACE)?(?: ALGORITHM=[A-Z]+)?) DEFINER=`")

// withoutDefiner takes the definer out of a definition by the server, in which he stands at a known place.
func withoutDefiner(text []byte, who account) ([]byte, error) {
	at := definerClause.FindSubmatchIndex(text)
	if at == nil {
		return nil, fmt.Errorf("a definition that is not understood: %.60q", text)
	}
	rest := text[at[1]-1:]
	for _, clause := range []string{who.sql(), id(who.User)} {
		if after, ok := strings.CutPrefix(string(rest), clause+" "); ok {
			return append(append(append([]byte(nil), text[:at[3]]...), ' '), after...), nil
		}
	}
	return nil, fmt.Errorf("a definition whose definer is not understood: %.60q", text)
}

// session is the statement that sets what a definition is read by.
func session(mode, charset, collation string) string {
	return "SET SESSION sql_mode = " + literal(mode) + ", character_set_client = " + literal(charset) + ", collation_connection = " + literal(collation)
}

// drop is the statement that removes the program, if it is there.
func (p *program) drop() string { return "DROP " + p.Kind + " IF EXISTS " + id(p.Name) }

// placeholder is a view with the same columns, which others can be defined by before it is.
func (p *program) placeholder() string {
	columns := make([]string, 0, len(p.Columns))
	for _, c := range p.Columns {
		columns = append(columns, "1 AS "+id(c))
	}
	if len(columns) == 0 {
		columns = append(columns, "1")
	}
	return "CREATE OR REPLACE VIEW " + id(p.Name) + " AS SELECT " + strings.Join(columns, ", ")
}

// create are the statements that define the program with a definer, in whichever database is in use.
func (p *program) create(who account) []string {
	all := []string{session(p.Mode, p.Charset, p.Collation)}
	begin, rest := "CREATE", strings.TrimPrefix(string(p.Text), "CREATE")
	if p.Kind == "VIEW" {
		begin = "CREATE OR REPLACE"
		if algorithm, after, ok := strings.Cut(rest, " SQL SECURITY"); ok && strings.HasPrefix(algorithm, " ALGORITHM=") {
			begin, rest = begin+algorithm, " SQL SECURITY"+after
		}
	} else {
		all = append(all, p.drop())
	}
	if p.Zone != "" {
		all = append(all, "SET SESSION time_zone = "+literal(p.Zone))
	}
	all = append(all, begin+" DEFINER="+who.sql()+rest)
	if p.Status != "" {
		all = append(all, "ALTER DEFINER="+who.sql()+" EVENT "+id(p.Name)+" "+p.Status)
	}
	return all
}

// checkDefiners ends what somebody else than the scratch user has defined in the scratch database.
func (s *Server) checkDefiners(ctx context.Context, x scratch) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, kind := range programKinds {
		all, err := listKind(ctx, conn, x.New, kind)
		if err != nil {
			return err
		}
		for _, p := range all {
			if p.Definer.User != x.User {
				return fmt.Errorf("%s %s would run as %s", strings.ToLower(kind), p.Name, p.Definer.User)
			}
		}
	}
	return nil
}

// moveFrom changes the name of the database, where the server has written it into a view that has tables of others too.
func (p *program) moveFrom(scratch, live string) {
	if p.Kind == "VIEW" {
		p.Text = bytes.ReplaceAll(p.Text, []byte(id(scratch)+"."), []byte(id(live)+"."))
	}
}
