package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// swap is what has to be done to put the import in the place of the live tables. It is part of the record, so that whoever finds it can
// finish it or take it back.
type swap struct {
	Database string    `json:"database"`
	Out      []string  `json:"out"` // tables that are moved from the live database to scratch.Old
	In       []string  `json:"in"`  // from scratch.New to the live database
	Before   []program `json:"before"`
	After    []program `json:"after"`
	Whole    bool      `json:"whole"` // all of the database, not some of its tables
}

// moves is the statement that moves all tables at once, with the marker.
func (w *swap) moves(x scratch) string {
	var all []string
	for _, t := range w.Out {
		all = append(all, in(w.Database, t)+" TO "+in(x.Old, t))
	}
	for _, t := range w.In {
		all = append(all, in(x.New, t)+" TO "+in(w.Database, t))
	}
	all = append(all, in(x.New, marker)+" TO "+in(x.Old, marker))
	return "RENAME TABLE " + strings.Join(all, ", ")
}

// backwards is the statement that takes moves back.
func (w *swap) backwards(x scratch) string {
	var all []string
	for _, t := range w.In {
		all = append(all, in(w.Database, t)+" TO "+in(x.New, t))
	}
	for _, t := range w.Out {
		all = append(all, in(x.Old, t)+" TO "+in(w.Database, t))
	}
	all = append(all, in(x.Old, marker)+" TO "+in(x.New, marker))
	return "RENAME TABLE " + strings.Join(all, ", ")
}

// triggersOf are the triggers among programs; of some tables, or with nil of all.
func triggersOf(programs []program, tables []string) (some []program) {
	for _, p := range programs {
		if p.Kind == "TRIGGER" && (tables == nil || slices.Contains(tables, p.Table)) {
			some = append(some, p)
		}
	}
	return some
}

// dropTriggers are the statements without which tables cannot be moved.
func dropTriggers(programs []program) (all []string) {
	for _, p := range triggersOf(programs, nil) {
		all = append(all, p.drop())
	}
	return all
}

// define are the statements that make these programs, and remove those of others that are not among them.
func define(these, others []program) (all []string) {
	for _, p := range others {
		same := func(q program) bool { return q.Kind == p.Kind && q.Name == p.Name }
		if p.Kind != "TRIGGER" && !slices.ContainsFunc(these, same) {
			all = append(all, p.drop())
		}
	}
	for _, kind := range programKinds {
		if kind == "VIEW" {
			for _, p := range these {
				if p.Kind == kind {
					all = append(all, p.placeholder())
				}
			}
		}
		for _, p := range these {
			if p.Kind == kind {
				all = append(all, p.create(p.Definer)...)
			}
		}
	}
	return all
}

// forward are all statements, in their order.
func (w *swap) forward(x scratch) []string {
	return slices.Concat(dropTriggers(w.Before), []string{w.moves(x)}, define(w.After, w.Before))
}

// hasMoved reports whether the tables were moved.
func (s *Server) hasMoved(ctx context.Context, x scratch) (bool, error) {
	found, err := s.strings(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", x.Old, marker)
	return len(found) > 0, err
}

// within opens a connection whose database is db and that takes several statements in one packet.
func (s *Server) within(ctx context.Context, db string) (*sql.Conn, func(), error) {
	c := s.Login.config(s.Login.User, s.Login.Password)
	c.DBName, c.MultiStatements, c.MaxAllowedPacket = db, true, s.maxPacket
	connector, err := mysqldriver.NewConnector(c)
	if err != nil {
		return nil, nil, err
	}
	pool := sql.OpenDB(connector)
	conn, err := pool.Conn(ctx)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); pool.Close() }, nil
}

// lockWait bounds how long moving the tables waits for who uses them, in seconds: others wait behind it.
const lockWait = "SET SESSION lock_wait_timeout = 30, foreign_key_checks = 1"

// separator stands between statements of one packet. What is before it may end with a comment.
const separator = "\n;\n"

// perform runs statements in the database, in one packet if the server takes it. Whoever is killed after the packet was sent leaves
// it to the server to run it to its end.
func (s *Server) perform(ctx context.Context, db string, statements []string) error {
	conn, done, err := s.within(ctx, db)
	if err != nil {
		return err
	}
	defer done()
	if _, err := conn.ExecContext(ctx, lockWait); err != nil {
		return err
	}
	total := 0
	for _, q := range statements {
		total += len(q) + len(separator)
	}
	if total < s.maxPacket-headroom {
		statements = []string{strings.Join(statements, separator)}
	}
	for _, q := range statements {
		if q == "" {
			continue
		}
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), q); err != nil {
			return err
		}
	}
	return nil
}

// settle brings the live database to the state after the restore if the tables were moved, else to that before.
func (s *Server) settle(ctx context.Context, w *swap, x scratch) (moved bool, err error) {
	moved, err = s.hasMoved(ctx, x)
	if err != nil {
		return moved, err
	}
	if moved {
		return true, s.perform(ctx, w.Database, define(w.After, w.Before))
	}
	return false, s.perform(ctx, w.Database, define(triggersOf(w.Before, nil), nil))
}

// back takes a swap back whose programs could not be defined.
func (s *Server) back(ctx context.Context, w *swap, x scratch) error {
	moved, err := s.hasMoved(ctx, x)
	if err != nil {
		return err
	}
	var all []string
	if moved {
		all = append(dropTriggers(w.After), w.backwards(x))
	}
	if err := s.perform(ctx, w.Database, all); err != nil {
		return fmt.Errorf("take back: %w", err)
	}
	conn, done, err := s.within(ctx, w.Database)
	if err != nil {
		return err
	}
	defer done()
	var failed error
	for _, q := range define(w.Before, w.After) { // a view may have been of no use before
		_, err := conn.ExecContext(ctx, q)
		failed = errors.Join(failed, err)
	}
	return failed
}
