package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	mysqldriver "github.com/go-sql-driver/mysql"

	"slotfs/fs/restore/live/dump"
	"slotfs/indexer/contain"
)

// Progress hears how an import gets on.
type Progress interface {
	Imported(bytes int64) // of the dump, since the last call
	Table(name string)
}

// load imports a dump into the scratch database.
type load struct {
	s        *Server
	x        scratch
	conn     *sql.Conn
	o        *Options
	programs map[programKey]origin
	tables   map[string]bool
	leftOut  []string
	told     int64
}

// origin is what a dump says of a program and the server does not: who had defined it, and whether an event ran.
type origin struct {
	definer string
	status  string
}

// headroom is what of a packet is not the statement.
const headroom = 4 << 10

// largest bounds a statement, whatever the server takes.
const largest = 256 << 20

// importDump runs the statements of a dump as the user of the scratch database.
func (s *Server) importDump(ctx context.Context, x scratch, password string, o *Options) (*load, error) {
	c := s.Login.config(x.User, password)
	c.DBName = x.New
	c.MaxAllowedPacket = s.maxPacket
	c.Params = map[string]string{"sql_mode": "'NO_AUTO_VALUE_ON_ZERO'", "foreign_key_checks": "0", "unique_checks": "0"}
	connector, err := mysqldriver.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	l := &load{s: s, x: x, o: o, programs: map[programKey]origin{}, tables: map[string]bool{}}
	if l.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	defer l.conn.Close()
	src, err := dump.Decompress(o.Dump)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if err := l.run(ctx, src); err != nil {
		return nil, err
	}
	_, err = l.conn.ExecContext(ctx, "COMMIT")
	return l, err
}

// batch is a statement on its way from the reader to the server.
type batch struct {
	statement dump.Statement
	read      int64
	err       error
}

// ahead is how many statements are read while the server runs another one.
const ahead = 1

// run reads statements and runs them side by side.
func (l *load) run(ctx context.Context, src io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan batch, ahead)
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	r := dump.NewReader(src, dump.Options{Server: l.s.Info, Database: l.o.Dumped, MaxStatement: min(l.s.maxPacket-headroom, largest), Note: l.o.Note})
	go func() {
		defer close(ended)
		defer close(ready)
		err := contain.Do(func() error { return l.read(ctx, r, ready) })
		select {
		case ready <- batch{err: err, read: r.Offset()}:
		case <-ctx.Done():
		}
	}()
	for b := range ready {
		if b.err != nil && !errors.Is(b.err, io.EOF) {
			return b.err
		}
		if b.err == nil {
			if err := l.one(ctx, &b.statement); err != nil {
				return fmt.Errorf("line %d: %w", b.statement.Line, err)
			}
		}
		l.tell(b.read)
	}
	return ctx.Err()
}

// read reads statements ahead of the server.
func (l *load) read(ctx context.Context, r *dump.Reader, ready chan<- batch) error {
	for {
		s, err := r.Next()
		if err != nil {
			return err
		}
		b := batch{statement: *s, read: r.Offset()}
		b.statement.Text = slices.Clone(s.Text)
		select {
		case ready <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wanted reports whether a statement concerns what is restored.
func (l *load) wanted(q *dump.Statement) bool {
	if len(l.o.Tables) == 0 {
		return true
	}
	switch q.Kind {
	case dump.Setting:
		return true
	case dump.Other:
		return q.Table == "" || slices.Contains(l.o.Tables, q.Table)
	case dump.Table, dump.Rows, dump.Trigger:
		return slices.Contains(l.o.Tables, q.Table) || q.Kind == dump.Trigger && !q.Create
	}
	return false
}

// one runs one statement.
func (l *load) one(ctx context.Context, q *dump.Statement) error {
	if !l.wanted(q) || l.o.undo != nil && q.Kind.Program() {
		return nil
	}
	if q.Kind == dump.Table && q.Create {
		l.tables[q.Name] = true
		if l.o.Progress != nil {
			l.o.Progress.Table(q.Name)
		}
	}
	_, err := l.conn.ExecContext(ctx, string(q.Text))
	if isError(err, errLogBin, errLogBinRoutine) && q.Create {
		err = l.asAdministrator(ctx, q)
	}
	if q.Kind == dump.View && isError(err, errNoTable, errTableDenied, errColumnDenied, errViewInvalid, errDatabaseDenied, errNoDatabase) {
		l.leftOut = append(l.leftOut, fmt.Sprintf("view %s: %v", q.Name, err))
		return nil
	}
	if err == nil && q.Kind.Program() && q.Create {
		l.programs[programKey{q.Kind.String(), q.Name}] = origin{q.Definer, q.Status}
	}
	return err
}

// discard closes a connection whose session is not as others expect it.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	c.Close()
}

// Numbers of errors (https://mariadb.com/kb/en/mariadb-error-code-reference/).
const (
	errDatabaseDenied = 1044
	errNoDatabase     = 1049
	errTableDenied    = 1142
	errColumnDenied   = 1143
	errNoTable        = 1146
	errViewInvalid    = 1356
	errLogBinRoutine  = 1418
	errLogBin         = 1419
)

var createWords = regexp.MustCompile(`(?i)^\s*CREATE(\s+OR\s+REPLACE)?\s`)

// asAdministrator defines a function or trigger where the binary log lets nobody else. The server has parsed the statement by then,
// so that it is no other one; whose it is is compared after.
func (l *load) asAdministrator(ctx context.Context, q *dump.Statement) error {
	begin := createWords.FindIndex(q.Text)
	if begin == nil || q.Kind != dump.Function && q.Kind != dump.Trigger && q.Kind != dump.Procedure {
		return fmt.Errorf("%s %s: not by way of the administrator", q.Kind, q.Name)
	}
	conn, err := l.s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	var mode, charset, collation string
	err = l.conn.QueryRowContext(ctx, "SELECT @@sql_mode, @@character_set_client, @@collation_connection").Scan(&mode, &charset, &collation)
	if err != nil {
		return err
	}
	text := string(q.Text[:begin[1]]) + "DEFINER=" + l.x.account() + " " + string(q.Text[begin[1]:])
	for _, statement := range []string{"USE " + id(l.x.New), session(mode, charset, collation), text} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return l.s.checkDefiners(ctx, l.x)
}
